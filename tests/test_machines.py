"""On anybody's machine: encodings, pipes that close, places that cannot be written, runs that were killed, fonts."""

import functools
import io
import json
import multiprocessing
import os
import re
import subprocess
import sys
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest

from minirnn import files, models, plots, printing, weights

ROOT = Path(__file__).parent.parent
CSV = "温度,day\n" + "".join(f"{20 + 5 * np.sin(k / 3):.3f},{k}\n" for k in range(60))


def run(*arguments, cwd, shell=None, **environment):
    """Python with these arguments, every warning an error; with `shell`, as a part of that command line."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg", "MPLCONFIGDIR": str(cwd)} | environment
    command = [sys.executable, "-X", "dev", "-W", "error", *arguments]
    if shell:
        command = ["bash", "-o", "pipefail", "-c", shell.format('"$@"'), "bash", *command]
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, stdin=subprocess.DEVNULL)
    output = done.stdout + done.stderr
    assert b"Traceback" not in output and b"Exception ignored" not in output, output.decode(errors="replace")
    return done.returncode, output


# --- Printing

@pytest.mark.parametrize("encoding, printed", [
    ("cp1252", b"\\u6e29 sigma(W x\x80)^T -> \xb2 10^20 f\xb9 c~ m_hat Andr\xe9\r"),
    ("ascii", b"\\u6e29 sigma(W x\\u20ac)^T -> ^2 10^20 f^1 c~ m_hat Andre\r"),
    ("gbk", "温 σ(W x\\u20ac)^T → ^2 10^20 f^1 c~ m_hat Andr".encode("gbk") + b"\xa8\xa6\r"),
    ("utf-8", "温 σ(W x€)ᵀ → ² 10²⁰ f¹ c̃ m̂ André\r".encode())])
def test_what_an_encoding_lacks_is_written_in_plain_letters(encoding, printed):
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    print("温 σ(W x€)ᵀ → ² 10²⁰ f¹ c̃ m̂ André", end="\r", file=printing.Steady(stream), flush=True)
    assert stream.buffer.getvalue() == printed


@pytest.mark.parametrize("encoding, plain", [("gbk", "dL/dh 1/2 λ mu"), ("cp1252", "dL/dh ½ lambda µ"),
                                             ("ascii", "dL/dh 1/2 lambda mu")])
def test_the_signs_of_the_pages_stay_legible(encoding, plain):
    assert printing.plain("∂L/∂h ½ λ µ", encoding) == plain


def test_without_a_stream_or_with_a_closed_one_nothing_is_printed():
    closed = io.StringIO()
    closed.close()
    for stream in (None, closed):
        steady = printing.Steady(stream)
        print("nobody reads this", file=steady, flush=True)
        assert not steady.isatty()


@pytest.mark.parametrize("encoding", ["cp1252", "gbk", "ascii"])
def test_the_command_line_prints_in_any_encoding(encoding, tmp_path):
    (tmp_path / "a.csv").write_text(CSV.replace("温度", "温ᵀ"), encoding="utf-8")
    status, output = run("-m", "minirnn", "forecast", "a.csv", "--column", "none of these", "--horizon", "2",
                         cwd=tmp_path, PYTHONIOENCODING=encoding)
    assert status == 2 and b"no columns named" in output


@pytest.mark.skipif(os.name != "posix", reason="a shell of its own")
@pytest.mark.parametrize("shell", ["{} | head -c 1 > /dev/null", "{} >&-", "{} 2>&-", "{} >&- 2>&- <&-"])
def test_a_run_whose_output_is_closed_ends_well(shell, tmp_path):
    program = ("import sys; from minirnn import printing\n"
               "with printing.steady():\n"
               "    for k in range(3000): print(k, 'ᵀ' * 50, flush=True)\n"
               "    print('e' * 90000, file=sys.stderr)\n"
               "open('kept', 'w').close()")
    assert run("-c", program, cwd=tmp_path, shell=shell, PYTHONIOENCODING="cp1252")[0] == 0
    assert (tmp_path / "kept").exists()


def test_fit_runs_without_stderr(tmp_path):
    program = ("import sys, numpy as np; sys.stderr = None; from minirnn import linear, optim, training\n"
               "x = np.ones((4, 2)); p = linear.init(0, 2, 1)\n"
               "print(len(training.fit(linear, p, optim.Adam(), (x, x[:, :1]), rng=0, epochs=2)['train']))")
    assert run("-c", program, cwd=tmp_path) == (0, b"2\n")


# --- Writing

def test_an_error_names_the_file_and_leaves_nothing(tmp_path):
    (tmp_path / "a file").touch()
    for place in (tmp_path / "a file" / "a", tmp_path / "no folder" / "a", tmp_path / ("n" * 250)):
        with pytest.raises(ValueError, match="cannot be written") as caught:
            files.check_writable(place)
        assert str(place) in str(caught.value)
        with pytest.raises(OSError) as caught, files.replacing(place):
            pass
        assert caught.value.filename == str(place)
    with pytest.raises(OSError) as caught, files.replacing(tmp_path / "a"):
        raise OSError(28, "No space left on device")
    assert caught.value.filename == str(tmp_path / "a") and [path.name for path in tmp_path.iterdir()] == ["a file"]


@pytest.mark.skipif(os.name != "posix", reason="elsewhere a process that ended cannot be told")
def test_what_killed_runs_left_is_removed_and_nothing_else(tmp_path):
    done = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True)
    ended = done.stdout.strip()
    kept = {f".a.{os.getppid()}.part", f".b.{ended}.part", ".a.part", "a", ".a.x.part"}
    for name in kept | {f".a.{ended}.part"}:
        (tmp_path / name).touch()
    weights.save(tmp_path / "a", {})
    assert {path.name for path in tmp_path.iterdir()} == kept


def add(path, number):
    for k in range(10):
        with files.alone(path):
            found = json.loads(path.read_text()) if path.exists() else []
            with files.replacing(path) as file:
                file.write(json.dumps([*found, (number, k)]).encode())


def test_two_processes_lose_nothing_of_each_other(tmp_path):
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=functools.partial(add, tmp_path / "a", number)) for number in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert len(json.loads((tmp_path / "a").read_text())) == 20 and [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_lock_that_a_killed_run_left_does_not_stop_the_next(tmp_path):
    lock = tmp_path / ".a.lock"
    lock.touch()
    os.utime(lock, (0, 0))
    with files.alone(tmp_path / "a"):
        assert lock.exists()
    assert not lock.exists()


def test_two_runs_of_the_experiments_keep_each_others_results(tmp_path, monkeypatch):
    sys.path.insert(0, str(ROOT / "tutorials"))
    import hochreiter1997 as paper
    path = tmp_path / "a.json"

    def solve(name, kind, seed, budget):
        if seed == 1 and kind == "lstm":  # the other one, meanwhile
            paper.measure([name], 1, 7, paper.read(path), path)
        return {"solved": True, "sequences": seed, "test": 0, "seconds": 0.0, "curve": []}
    monkeypatch.setattr(paper, "solve", solve)
    paper.measure(["6a"], 2, 0, {}, path)
    assert {seed: set(runs) for seed, runs in paper.read(path)["6a"]["trials"].items()} == {
        seed: {"lstm", "rnn"} for seed in "017"}


# --- Reading

def test_a_file_that_would_fill_the_memory_is_refused(tmp_path):
    weights.save(tmp_path / "a", {"w": np.zeros(1000)})
    with pytest.raises(ValueError, match="limit=.*if you trust it"):
        weights.load(tmp_path / "a", limit=5000)
    assert weights.load(tmp_path / "a", limit=10**5)["w"].shape == (1000,)
    with zipfile.ZipFile(tmp_path / "b", "w") as archive:  # a header that claims more than the file holds
        header = io.BytesIO()
        np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (10**12,)})
        archive.writestr("w.npy", header.getvalue())
        archive.writestr("minirnn.npy", header.getvalue())
    with pytest.raises(ValueError, match="GiB"):
        weights.load(tmp_path / "b")


@pytest.mark.parametrize("change", [
    lambda m: m["settings"].update(hidden=10**6), lambda m: m["settings"].update(num_layers=10**6),
    lambda m: m.update(vocabulary=None),
    lambda m: m.update(vocabulary=["a"] * 10**5), lambda m: m["settings"].update(hidden=-1),
    lambda m: m.update(params=None),
    lambda m: m.update(settings=[]), lambda m: m.pop("characters")])
def test_a_language_model_made_by_hand_gets_one_line(change, tmp_path):
    models.LanguageModel("rnn", hidden=4).fit("abcd" * 40, epochs=1, batch_size=2).save(tmp_path / "a")
    saved = weights.load(tmp_path / "a")
    change(saved["language_model"])
    weights.save(tmp_path / "a", saved)
    with pytest.raises(ValueError, match="holds no language model, expected"):
        models.LanguageModel.load(tmp_path / "a")


# --- Pictures

def drawn(text):
    from matplotlib.figure import Figure
    figure = Figure(figsize=(1, 1))
    figure.text(0.2, 0.4, text)
    file = io.BytesIO()
    plots.save(figure, file, format="png")
    return file.getvalue()


def test_letters_that_the_usual_font_lacks_come_from_another(capsys):
    """STIXGeneral comes with matplotlib and has the letter 𝔄, which DejaVu Sans lacks."""
    from matplotlib import font_manager, ft2font  # noqa: F401
    usual = font_manager.get_font(font_manager.findfont("DejaVu Sans")).get_charmap()
    other = font_manager.get_font(font_manager.findfont("STIXGeneral")).get_charmap()
    letter = chr(min(other.keys() - usual.keys()))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture = drawn(letter)
    assert capsys.readouterr().err == "" and picture.startswith(b"\x89PNG") and picture.count(b"IEND") == 1


def test_a_font_that_has_boxes_for_all_letters_is_none():
    """matplotlib brings such a one from 3.11 on. The letter is for private use, and no usual font has it."""
    assert plots._font_with({0x10FFFD, ord("A")}) is None


def test_letters_that_no_font_has_are_told_once(monkeypatch, capsys):
    monkeypatch.setattr(plots, "_font_with", lambda letters: None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drawn("温度 温度")
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and re.search("No installed font has 度?温度?: .*fonts-noto-cjk", told)


# --- Tutorials

@pytest.fixture
def checkout(tmp_path):
    """Two pages of the tutorials where the folder of figures cannot be made, for there is a file of that name."""
    (tmp_path / "tutorials").mkdir()
    for name in ("common.py", "hochreiter1997.py", "04_is_it_right.py"):
        (tmp_path / "tutorials" / name).write_bytes((ROOT / "tutorials" / name).read_bytes())
    (tmp_path / "tutorials" / "figures").touch()
    return tmp_path


@pytest.mark.parametrize("page", ["04_is_it_right.py", "hochreiter1997.py"])
def test_a_page_says_at_once_where_it_cannot_write(page, checkout):
    status, output = run(f"tutorials/{page}", "--quick", cwd=checkout)
    assert status == 1 and output.count(b"\n") == 1
    assert b"cannot be written: choose another folder with --into" in output


@pytest.mark.parametrize("encoding", ["cp1252"])
def test_a_page_prints_in_any_encoding_and_draws_elsewhere(encoding, checkout):
    status, output = run("tutorials/04_is_it_right.py", "--quick", "--into", "elsewhere", cwd=checkout,
                         PYTHONIOENCODING=encoding)
    assert status == 0 and (checkout / "elsewhere").is_dir(), output
