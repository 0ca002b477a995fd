"""The command line: what it prints and writes, and that a mistake costs one line and nothing else."""

import contextlib
import functools
import io
import json
import os
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from accidents import Killed, at, full_disk, interrupted
from matplotlib import image

from minirnn import baselines, embedding, gru, lstm, metrics, models, optim, rnn
from minirnn.commands import gradcheck as proof
from minirnn.__main__ import main

N, H, SEASON = 90, 4, 7
SERIES = 20 + 5 * np.sin(np.arange(N) * 2 * np.pi / SEASON) + np.random.default_rng(0).normal(size=N).round(2)
ERRORS = {f"{kind}_{ending}" for kind in ("rmse", "mae", "mase") for ending in ("1", "h")}


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def brief(monkeypatch):
    """Train for three epochs only."""
    monkeypatch.setattr(models.Forecaster, "fit", functools.partialmethod(models.Forecaster.fit, epochs=3))


@pytest.fixture
def always(monkeypatch):
    """The networks count, however little they learned."""
    monkeypatch.setattr(models.Forecaster, "_better", lambda *_: True)


@pytest.fixture
def untrained(monkeypatch):
    """Training would be an error."""
    def fit(*args, **kwargs):
        raise AssertionError("trained before the mistake was noticed")
    monkeypatch.setattr(models.Forecaster, "fit", fit)


def forecast(*options, series=SERIES, horizon=H):
    """Run the command on a series; the exit status."""
    rows = [f"{day},{value!r}\n" for day, value in enumerate(np.asarray(series).tolist())]
    Path("series.csv").write_text("day,temperature\n" + "".join(rows))
    return main(["forecast", "series.csv", "--column", "temperature", "--horizon", str(horizon), *options])


def written(name="out.json"):
    return json.loads(Path(name).read_text())


def failed(capsys):
    """The one line that a mistake gets, on stderr and with nothing on stdout."""
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("minirnn: error: ") and err.count("\n") == 1
    return err


# --- The main job

@pytest.fixture(scope="module")
def main_job(tmp_path_factory):
    """What the command without any argument but the place of the picture prints, line by line, and the picture."""
    picture, stdout = tmp_path_factory.mktemp("main") / "picture.png", sys.stdout
    sys.stdout = io.StringIO()
    try:
        assert main(["--plot", str(picture)]) == 0
        return sys.stdout.getvalue().splitlines(), picture
    finally:
        sys.stdout = stdout


def line(lines, start):
    found, = (text for text in lines if text.strip().startswith(start))
    return found


def test_the_main_job_proves_the_gradients(main_job):
    for layer, tensors in (("rnn ", 5), ("rnn, sigmoid", 5), ("lstm", 6)):
        errors = [float(error) for error in re.findall(r" (\de-\d\d)", line(main_job[0], layer))]
        assert len(errors) == tensors and max(errors) <= 1e-7


def test_the_main_job_compares_the_lstm_with_simpler_forecasts(main_job):
    lines, _ = main_job
    assert line(lines, "persistence").split()[-2:] == ["0.416", "0.940"]
    assert line(lines, "AR(9), least squares").split()[-2:] == ["0.123", "0.342"]
    means = [float(error) for error in line(lines, "LSTM, mean of 5 seeds").split()[-2:]]
    spans = [[float(error) for error in span.split("-")] for span in line(lines, "LSTM, best and worst").split()[-2:]]
    assert all(low <= mean <= high for mean, (low, high) in zip(means, spans))
    assert means[0] < 0.13 and means[1] < 0.55  # far below persistence


def test_the_main_job_says_who_wins_in_each_period(main_job):
    lines, _ = main_job
    for start, column in (("1921-1955", -2), ("1956-1979", -1)):
        network, linear_model = (float(line(lines, name).split()[column]) for name in ("LSTM, mean", "AR(9)"))
        winner = "LSTM" if network < linear_model else "linear AR(9)"
        assert line(lines, start).strip() == f"{start}: the {winner} is better"


def test_the_main_job_draws_a_picture(main_job):
    lines, picture = main_job
    pixels = image.imread(picture)
    assert pixels.shape[0] > 1000 and pixels.shape[1] > 1500 and pixels[..., :3].std() > 0.1
    assert str(picture) in lines[-1] and os.listdir(picture.parent) == [picture.name]


def doubled(layer):
    """Its backward with one gradient twice what it should be."""
    right = layer.backward

    def backward(*args):
        grads, *rest = right(*args)
        return {name: 2 * grad if name.startswith(("U", "W")) else grad for name, grad in grads.items()}, *rest
    return backward


def test_the_main_job_stops_at_a_wrong_gradient(monkeypatch, untrained, capsys):
    monkeypatch.setattr(lstm, "backward", doubled(lstm))
    assert main([]) == 1
    assert "U_h 5e-01" in capsys.readouterr().out and os.listdir() == []


def test_ctrl_c_in_the_main_job_ends_it(monkeypatch, capsys):
    monkeypatch.setattr(optim.Adam, "step", interrupted)
    assert main([]) == 130
    assert capsys.readouterr().err == "minirnn: interrupted\n" and os.listdir() == []


def test_a_picture_that_cannot_be_written_is_known_before_anything_is_done(untrained, capsys):
    assert main(["--plot", "no such folder/picture.png"]) == 2
    assert "no such folder/picture.png cannot be written" in failed(capsys)


# --- gradcheck

@pytest.fixture
def few_cases(monkeypatch):
    """Only single layers are checked, and not the deep models that take most of the time: see test_gradients."""
    cases = proof.cases
    monkeypatch.setattr(proof, "cases", lambda rng: cases(rng)[:11])


def test_gradcheck_shows_every_layer_and_tensor(few_cases, capsys):
    assert main(["gradcheck"]) == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert {name for name, *_ in proof.cases(np.random.default_rng(0))} < set(lines) and err == ""
    assert lines[-1] == "all right" and lines[-2].startswith("largest: central ")
    errors = [float(error) for error in re.findall(r"\d\.\de[-+]\d\d", out)]
    assert len(errors) > 35 and max(errors) < 1e-7


@pytest.mark.parametrize("layer, name", [(rnn, "rnn"), (lstm, "lstm"), (gru, "gru"), (embedding, "embedding")])
def test_gradcheck_names_a_broken_layer_and_fails(layer, name, few_cases, monkeypatch, capsys):
    monkeypatch.setattr(layer, "backward", doubled(layer))
    assert main(["gradcheck"]) == 1
    last = capsys.readouterr().out.splitlines()[-1]
    wrong = last.removeprefix("WRONG: ").split(", ")
    assert last.startswith("WRONG: ") and name in wrong and "linear" not in wrong


def test_gradcheck_with_another_seed_checks_other_numbers(few_cases, capsys):
    tables = []
    for seed in ("0", "0", "1"):
        assert main(["gradcheck", "--seed", seed]) == 0
        tables.append(capsys.readouterr().out)
    assert tables[0] == tables[1] != tables[2]


# --- forecast

NAMES = {"model", "line", "persistence", "ridge_ar", "seasonal_naive"}
ELSE = {"forecast", "ahead", "dates", "stopped", "epochs", "covered", "best"}


def test_forecast_writes_all_it_was_asked_for(brief, always, capsys):
    assert forecast("--json", "out.json", "--save", "model.npz", "--plot", "out.PNG", "--season", str(SEASON)) == 0
    result, (out, err) = written(), capsys.readouterr()
    assert set(result) == NAMES | ELSE and err == ""
    assert all(set(result[name]) == ERRORS | {"rmse_validation"} for name in NAMES)
    assert all(np.isfinite(error) for name in NAMES for error in result[name].values())
    assert sorted(os.listdir()) == ["model.npz", "out.PNG", "out.json", "series.csv"]

    model = models.Forecaster.load("model.npz")
    assert model.predict(H).tolist() == model.observe(SERIES).predict(H).tolist() == result["forecast"]
    rows = out.split("by model:\n")[1].splitlines()[1:H + 1]
    printed = np.array([[float(cell) for cell in row.replace("..", " ").split()] for row in rows])
    assert printed[:, 0].tolist() == list(range(N + 1, N + H + 1))
    np.testing.assert_allclose(printed[:, 1], result["forecast"], atol=0.01)
    for level, low in (("80%", 2), ("95%", 4)):
        np.testing.assert_allclose(printed[:, low:low + 2], result["ahead"]["model"]["intervals"][level], atol=0.01)
    assert image.imread("out.PNG").std() > 0.05

    lowest = min(result[name]["rmse_h"] for name in NAMES)
    best = [name for name in result if name in NAMES and result[name]["rmse_h"] == lowest]
    assert f"best over steps 1..{H}: {' and '.join(best)}\n" in out
    assert result["best"] == min(NAMES, key=lambda name: (result[name]["rmse_validation"], list(result).index(name)))
    assert f"the next {H} by {result['best']}:" in out
    assert result["model"]["rmse_h"] < result["persistence"]["rmse_h"]


def test_intervals_say_how_many_errors_they_rest_on_and_how_often_they_held(brief, capsys):
    assert forecast("--json", "out.json") == 0
    result, out = written(), capsys.readouterr().out
    assert f"measured on {result['ahead']['model']['measured_on']} errors of each step" in out
    covered = result["covered"]["model"]
    assert f"they held {covered['0.8']:.0%} for 80% and {covered['0.95']:.0%} for 95% of the values\n" in out
    assert forecast("--json", "out.json", series=SERIES[:30], horizon=3) == 0
    out, bands = capsys.readouterr().out, written()["ahead"]["model"]
    assert bands["measured_on"] == 3 and "intervals: measured on 3 errors of each step" in out
    assert "80% needs 4 errors or more: here it is the largest error\n95% needs 19 errors" in out
    assert bands["intervals"]["80%"] == bands["intervals"]["95%"]


def test_a_saved_model_forecasts_a_file(brief, always, capsys):
    forecast("--json", "one.json", "--save", "model.npz")
    assert forecast("--load", "model.npz", "--json", "other.json", "--plot", "out.png") == 0
    assert written("one.json")["forecast"] == written("other.json")["forecast"] and Path("out.png").exists()
    longer = np.append(SERIES, written("one.json")["forecast"])
    capsys.readouterr()
    assert forecast("--load", "model.npz", series=longer, horizon=9) == 0
    assert "the next 9 by model:" in capsys.readouterr().out
    assert forecast("--load", "series.csv") == 2
    assert "series.csv is not a whole file written by minirnn" in failed(capsys)


def test_dates_go_on_after_the_last(brief, capsys):
    days = np.datetime64("2024-01-01") + np.arange(N)
    Path("dated.csv").write_text("日期;Wert\n" + "".join(f"{day};{value:.2f}".replace(".", ",") + "\n"
                                                          for day, value in zip(days, SERIES)), encoding="gb18030")
    asked = "--column", "Wert", "--time", "日期", "--horizon", "2", "--json", "out.json"
    assert main(["forecast", "dated.csv", *asked]) == 0
    assert written()["dates"] == [str(day) for day in days[-1] + np.arange(1, 3)]
    out = capsys.readouterr().out
    assert out.startswith("dated.csv: read as GB18030, separated by semicolon, decimal ,\n")
    assert f"\n{days[-1] + 1} " in out


@pytest.mark.parametrize("scale, shown", [(1, r"\d\d\.\d\d+"), (1e8, r"\d{9,10}"), (1e3, r"\d{5}(\.\d+)?")])
def test_numbers_are_printed_so_that_they_are_recognizable(scale, shown, brief, capsys):
    forecast(series=scale * SERIES)
    row = capsys.readouterr().out.split("by model:\n")[1].splitlines()[1]
    assert re.fullmatch(shown, row.split()[1])


def test_what_was_asked_for_is_kept_before_anything_is_printed(brief, monkeypatch):
    def gone(*args, **settings):
        raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr("builtins.print", gone)
    with contextlib.suppress(BrokenPipeError):
        forecast("--json", "out.json", "--save", "model.npz", "--plot", "out.png")
    assert sorted(os.listdir()) == ["model.npz", "out.json", "out.png", "series.csv"]


def test_the_errors_are_those_of_the_last_15_percent(brief):
    forecast("--json", "out.json", "--season", str(SEASON))
    start, result = round(0.85 * N), written()
    past = SERIES[:start]
    for steps, ending in ((1, "1"), (H, "h")):
        guess, truth = baselines.seasonal_naive(SERIES, start, steps, SEASON), baselines.truth(SERIES, start, steps)
        assert result["seasonal_naive"][f"rmse_{ending}"] == metrics.rmse(guess, truth)
        assert result["seasonal_naive"][f"mae_{ending}"] == metrics.mae(guess, truth)
        assert result["seasonal_naive"][f"mase_{ending}"] == metrics.mase(guess, truth, past, SEASON)


def test_the_last_15_percent_neither_train_nor_choose(brief, monkeypatch):
    chosen, chosen_ar = [], baselines.chosen_ar
    monkeypatch.setattr(baselines, "chosen_ar", lambda *args: chosen.append(chosen_ar(*args)) or chosen[-1])
    changed = SERIES.copy()
    changed[round(0.85 * N):] += 100
    forecast("--save", "one.npz")
    forecast("--save", "other.npz", series=changed)
    one, other = (models.Forecaster.load(name).observe(SERIES) for name in ("one.npz", "other.npz"))
    assert one.predict(H).tolist() == other.predict(H).tolist() and one.line.mean == other.line.mean
    np.testing.assert_array_equal(chosen[0].w, chosen[1].w)


def test_without_a_season_there_is_no_seasonal_forecast(brief):
    assert forecast("--json", "out.json") == 0
    assert set(written()) == NAMES - {"seasonal_naive"} | ELSE


def test_the_same_seed_gives_the_same_file_and_another_another(brief, always):
    for name, seed in (("one", "3"), ("same", "3"), ("other", "4")):
        forecast("--json", name, "--seed", seed)
    one, same, other = (written(name) for name in ("one", "same", "other"))
    assert one == same and one["model"] != other["model"] and one["persistence"] == other["persistence"]


@pytest.mark.parametrize("call", [1, 45, 75], ids=["in the first epoch", "in the first training", "in the second"])
def test_a_killed_command_given_again_writes_the_same_file(call, brief, always, monkeypatch):
    forecast("--json", "uninterrupted")
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(optim.AdamW, "step", at(call, optim.AdamW.step))
        forecast("--json", "again", "--checkpoint", "checkpoint")
    assert not Path("again").exists()
    assert forecast("--json", "again", "--checkpoint", "checkpoint") == 0
    assert written("again") == written("uninterrupted")


@pytest.mark.parametrize("call", [1, 45], ids=["before the first epoch ends", "later"])
def test_ctrl_c_in_training_forecasts_with_the_best_so_far_and_says_so(call, brief, monkeypatch, capsys):
    monkeypatch.setattr(optim.AdamW, "step", at(call, optim.AdamW.step, KeyboardInterrupt))
    assert forecast("--json", "out.json") == 0
    assert capsys.readouterr().err == "minirnn: training was interrupted, this is the best model until then\n"
    result = written()
    assert np.isfinite(result["forecast"]).all() and result["stopped"] == "interrupted"
    assert call > 1 or result["model"] == result["line"] and result["epochs"] == 0


def test_ctrl_c_elsewhere_ends_the_command(brief, monkeypatch, capsys):
    monkeypatch.setattr(baselines, "chosen_ar", interrupted)
    assert forecast("--json", "out.json") == 130
    assert capsys.readouterr().err == "minirnn: interrupted\n" and os.listdir() == ["series.csv"]


def test_a_constant_series_is_forecast_as_it_is(brief, capsys):
    assert forecast("--json", "out.json", series=np.full(60, 0.1)) == 0
    result = written()
    np.testing.assert_allclose(result["forecast"], 0.1, atol=1.0)
    assert result["persistence"]["rmse_h"] == 0 and result["model"]["mase_1"] is None
    assert "none" in capsys.readouterr().out


@pytest.mark.parametrize("ending", ["pdf", "svg", "jpg", "eps"])
def test_pictures_come_in_other_formats_too(ending, brief):
    assert forecast("--plot", f"out.{ending}") == 0
    assert Path(f"out.{ending}").stat().st_size > 5000


# --- Mistakes

@pytest.mark.parametrize("options, says", [
    (["--json", "no such folder/out.json"], "no such folder/out.json cannot be written: expected a file name"),
    (["--save", "."], ". cannot be written"),
    (["--plot", "no such folder/out.png"], "no such folder/out.png cannot be written"),
    (["--checkpoint", "no such folder/c"], "no such folder/c cannot be written"),
    (["--json", "/dev/null"], "/dev/null cannot be written"),
    (["--plot", "out.xyz"], "out.xyz is no picture that can be drawn, expected a name that ends in .png, .jpg, .pdf"),
    (["--plot", "out"], "out is no picture that can be drawn"),
    (["--plot", "png"], "png is no picture that can be drawn"),
    (["--json", "series.csv"], "two of the files named are the same: one would overwrite the other"),
    (["--json", "a", "--save", "../" + "{here}/a"], "two of the files named are the same"),
    (["--season", "99"], "too few for a horizon of 4 and a season of 99: expected 198 or more, or a smaller"),
    (["--horizon", "15"], "series.csv has 90 values of temperature, too few for a horizon of 15 and a season"),
    (["--column", "humidity"], "no columns named 'humidity', expected exactly one; it has 'day', 'temperature'"),
])
def test_mistakes_are_refused_before_training(options, says, untrained, capsys, tmp_path):
    assert forecast(*(option.format(here=tmp_path.name) for option in options)) == 2
    assert says in failed(capsys) and os.listdir() == ["series.csv"]


@pytest.mark.parametrize("series, says", [
    ([], "series.csv has 0 values of temperature, too few for a horizon of 4 and a season of 1: expected 28 or more"),
    ([5.0], "series.csv has 1 values of temperature, too few"),
    (SERIES[:20], "series.csv has 20 values of temperature, too few"),
    ([1.0, np.nan] * 30, "series.csv line 3: temperature is 'nan', expected a number: fill the gap or drop the row"),
    ([1.0, np.inf] * 30, "series.csv line 3: temperature is 'inf'"),
    ([1e200, 0.0] * 30, "values go from 0 to 1e+200, expected squares that float64 can hold"),
])
def test_series_that_cannot_be_forecast(series, says, capsys):
    assert forecast("--json", "out.json", series=series) == 2
    assert says in failed(capsys) and os.listdir() == ["series.csv"]


def test_as_many_values_as_the_message_asks_for_are_enough(brief):
    assert forecast(series=SERIES[:28]) == 0
    assert forecast("--season", "14", series=SERIES[:28]) == 0


def test_files_of_before_are_not_harmed_by_a_run_that_fails(capsys):
    names = ["out.json", "out.png", "model.npz", "checkpoint"]
    for name in names:
        Path(name).write_text("of before")
    assert forecast("--json", names[0], "--plot", names[1], "--save", names[2], "--checkpoint", names[3]) == 2
    assert "checkpoint is not a whole file written by minirnn" in failed(capsys)
    assert [Path(name).read_text() for name in names] == ["of before"] * 4


def test_a_picture_that_fails_half_way_leaves_the_one_before(brief, monkeypatch, capsys):
    Path("out.png").write_text("of before")
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", lambda figure, file, **settings: full_disk(file))
    assert forecast("--plot", "out.png") == 2
    assert capsys.readouterr().err == "minirnn: error: out.png: No space left on device\n"
    assert Path("out.png").read_text() == "of before" and sorted(os.listdir()) == ["out.png", "series.csv"]


def test_a_mistake_costs_one_line_in_a_process_of_its_own_too(python):
    done = python("-m", "minirnn", "forecast", "missing.csv", "--column", "a", "--horizon", "3", "--json", "out.json")
    assert (done.returncode, done.stdout) == (2, "") and os.listdir() == []
    assert done.stderr == "minirnn: error: missing.csv: No such file or directory\n"


@pytest.mark.parametrize("arguments, says", [
    (["--horizon", "0"], "argument --horizon: '0' is not a whole number of at least 1"),
    (["--horizon", "-3"], "argument --horizon: '-3' is not a whole number of at least 1"),
    (["--horizon", "two"], "argument --horizon: 'two' is not a whole number of at least 1"),
    (["--horizon", "1.5"], "argument --horizon: '1.5' is not a whole number of at least 1"),
    (["--season", "0"], "argument --season: '0' is not a whole number of at least 1"),
    (["--seed", "-1"], "argument --seed: '-1' is not a whole number of at least 0"),
    (["--epochs", "3"], "unrecognized arguments: --epochs 3"),
])
def test_options_that_are_no_numbers(arguments, says, untrained, capsys):
    with pytest.raises(SystemExit) as caught:
        forecast(*arguments)
    assert caught.value.code == 2 and capsys.readouterr().err.splitlines()[-1].endswith(says)


@pytest.mark.parametrize("arguments, says", [
    (["forecast", "series.csv"], "the following arguments are required: --column, --horizon"),
    (["forecast", "--column", "a", "--horizon", "1"], "the following arguments are required: FILE.csv"),
    (["learn"], "invalid choice: 'learn'"),
])
def test_arguments_that_are_missing_or_unknown(arguments, says, capsys):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2 and says in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize("command, mentions", [
    ([], ["gradcheck", "forecast", "--plot"]),
    (["gradcheck"], ["--seed"]),
    (["forecast"], ["FILE.csv", "--column", "--horizon", "--season", "--seed", "--plot", "--save", "--json",
                    "--checkpoint", "--time", "--fill", "--where", "--encoding", "--separator", "--decimal", "--load"]),
])
def test_help_mentions_every_option(command, mentions, capsys):
    with pytest.raises(SystemExit) as caught:
        main([*command, "--help"])
    out = capsys.readouterr().out
    assert caught.value.code == 0 and all(option in out for option in mentions)
