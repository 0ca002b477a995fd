"""What `python -m minirnn watch` shows is what minirnn computes: each number, equation and line of code."""

import hashlib
import inspect
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from accidents import interrupted
from matplotlib import pyplot
from matplotlib.backend_bases import KeyEvent
from matplotlib.figure import Figure
from PIL import Image

from minirnn import gradcheck
from minirnn.__main__ import main
from minirnn.activations import sigmoid
from minirnn.commands import moments as content
from minirnn.commands import networks, watch

COUNT = {"rnn": 3 * 1 + 3 * 6 + 5, "lstm": 2 * 7 + 2 * 11 + 5, "gru": 2 * 6 + 2 * 11 + 5}  # 5: start, signs, L, dL, end
each_network = pytest.mark.parametrize("name", COUNT)
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    yield
    pyplot.close("all")


@pytest.fixture
def brief(monkeypatch):
    """Four moments only: to draw one takes a while."""
    monkeypatch.setattr(watch, "moments", lambda *args: content.moments(*args)[:2] + content.moments(*args)[-2:])


def network(name, T):
    """The layer, its parameters, x (1, T, 1), and the states by name."""
    net = networks.NETWORKS[name]
    return (net.layer, {key: np.array(value) for key, value in net.params.items()},
            np.resize(net.x, (1, T, 1)).astype(float), {key: np.full((1, 1), v) for key, v in net.state.items()})


def expected(name, T):
    """What the boxes hold, and gradients before the sum is whole: forward and backward run a step at a time, with the
    state and its gradient carried on by hand, as gradient_through_time does."""
    layer, params, x, states = network(name, T)
    pair = lambda state: state if len(states) > 1 else (state,)
    state, caches, right, partly = tuple(states.values()), [], {f"{key}_0": s for key, s in states.items()}, {}
    right |= {"L_0": 0, "dL_0": np.ones(1)}
    for t in range(1, T + 1):
        h, state, cache = layer.forward(params, x[:, t - 1:t], state if len(states) > 1 else state[0])
        state = pair(state)
        caches.append(cache)
        right |= {f"{key}_{t}": s for key, s in zip(states, state)}
        right |= {f"x_{t}": x[:, t - 1], "L_0": right["L_0"] + h[:, 0]}
        if name == "lstm":
            right |= {f"{key}_{t}": value for key, value in layer.trace(cache).items()}
        if name == "gru":
            right |= {f"{key}_{t}": value for key, value in zip("rzn", cache[4:7])} | {f"u_n_{t}": cache[7][0, 2]}
    right[f"dh_{T}"], dstate, total = np.ones(1), None, {key: 0 for key in params}
    for t in range(T, 0, -1):
        grads, right[f"dx_{t}"], dstate = layer.backward(caches[t - 1], np.ones((1, 1, 1)), dstate)
        for key, d in zip(states, pair(dstate)):
            right[f"d{key}_{t - 1}"] = d + (key == "h" and t > 1)  # 1 more from outside
        so_far = [float(t > 1)] + [(t > 1) + right[f"dh_{t}"] * right[f"z_{t}"] for _ in range(name == "gru")]
        partly |= {f"dh_{t - 1}": so_far, f"dc_{t - 1}": [pair(dstate)[-1]]}
        if name == "lstm":
            right[f"dc_{t}"] = dstate[1] / right[f"f_{t}"]  # what backward sends on by c_{t-1} is dc_t f_t
        arguments = {"rnn": ["da"], "lstm": ["da_i", "da_f", "da_g", "da_o"], "gru": ["da_r", "da_z", "da_n"]}[name]
        right |= {f"{argument}_{t}": value for argument, value in zip(  # of one step, the gradient of a bias is da
            arguments, grads[{"rnn": "b_h", "lstm": "b", "gru": "b_x"}[name]])}
        if name == "gru":
            right[f"du_n_{t}"] = grads["b_h"][2]
        total = {key: total[key] + grad for key, grad in grads.items()}
        right |= {f"d{key} after {t}": value for key, value in total.items()}
    return right, partly


@each_network
@pytest.mark.parametrize("T", [1, 2, 3])
def test_every_number_is_that_of_forward_and_backward_run_a_step_at_a_time(name, T):
    right, partly = expected(name, T)
    places, _ = networks.layout(name, T)
    compared = set()
    for moment in content.moments(name, T):
        for box in places:
            for key in (box, networks.gradient(box)):
                if key in moment.known:
                    np.testing.assert_allclose(moment.known[key].ravel(), np.ravel(right[key]), rtol=1e-12, err_msg=key)
                    compared.add(key)
                elif key in moment.partly:
                    assert any(np.allclose(moment.partly[key], one, rtol=1e-12) for one in partly[key]), key
        if moment.lines[0].count("Σ"):
            name_of, *_ = re.findall(r"d\w+", moment.lines[0])
            total, parts = right[f"{name_of} after {moment.t}"], moment.lines[-1].split(" ≈ ")[-2:]
            np.testing.assert_allclose(moment.known[name_of].ravel(), total.ravel(), rtol=1e-12)
            if moment.t < T:
                assert parts[1] == networks.number(total) and parts[0].count(" + ") == T - moment.t
            compared.add(f"{name_of} after {moment.t}")
    assert compared == right.keys()


@each_network
def test_the_gradients_are_those_of_the_loss_moved_a_little(name):
    T = len(networks.NETWORKS[name].x)
    layer, params, x, states = network(name, T)
    known = content.moments(name)[-1].known
    loss = lambda _: layer.forward(params, x, tuple(states.values()) if len(states) > 1 else states["h"])[0].sum()
    for key, array in [*params.items(), *((f"{key}_0", array) for key, array in states.items())]:
        numerical = gradcheck.numerical(loss, array).ravel()
        np.testing.assert_allclose(known[f"d{key}"].ravel(), numerical, atol=1e-9, rtol=1e-7)
    np.testing.assert_allclose([known[f"dx_{t}"].item() for t in range(1, T + 1)],
                               gradcheck.numerical(loss, x).ravel(), rtol=1e-7)


@each_network
def test_the_numbers_of_an_equation_give_what_stands_behind_it(name):
    def value(text):
        for symbol, python in (("·", "*"), ("²", "**2"), ("σ", "sigmoid"), ("tanh**2", "tanh2")):
            text = text.replace(symbol, python)
        text = re.sub(r"(\([-\d., ]+,[-\d., ]+\))", r"np.array(\1)", text)
        return np.ravel(eval(text, {"np": np, "sigmoid": sigmoid, "tanh": np.tanh, "tanh2": lambda c: np.tanh(c)**2}))

    checked = 0
    for moment in content.moments(name)[2:-1]:
        for line in [*moment.lines[1:], *(words for words, _ in moment.rows)]:
            if " ≈ " in line:
                line = re.split("   |,   so far", re.sub(r"^\w+ ≈ ", "= ", line))[0]
                *formulas, result = line.split("= ")[-1].split(" ≈ ")
                for formula in formulas:
                    np.testing.assert_allclose(value(formula), value(result), atol=4e-3, err_msg=line)
                assert not re.search(r"[·+] -|- -", line) and formulas
                checked += 1
    assert checked > COUNT[name] / 2


@each_network
def test_the_factor_on_an_arrow_stands_in_a_formula(name):
    checked = 0
    for moment in content.moments(name)[2:-1]:
        for words in filter(None, moment.lit.values()):
            factor = words.removeprefix("× ").split(" → ")[0]
            text = "\n".join([*moment.lines, *(row for row, _ in moment.rows)])
            assert re.search(rf"(?<![\w.]){re.escape(factor)}(?![\w.])", text), (moment.title, words)
            checked += 1
    assert checked > COUNT[name] / 3


@each_network
def test_the_moments_are_the_lines_of_the_layer(name):
    layer, shown = networks.NETWORKS[name].layer, content.moments(name)
    assert len(shown) == COUNT[name]
    source = Path(inspect.getfile(layer)).read_text(encoding="utf-8").splitlines()
    for moment in shown[2:-1]:
        lines = [re.fullmatch(rf"{name}\.py:(\d+)  (?:step \d  )?(.*)", code).groups() for _, code in moment.rows]
        for number, text in lines:
            assert source[int(number) - 1].strip().split("  #")[0] == text
        assert moment.tag == "L" or lines
        assert moment.forward or f"({moment.tag})" in source[int(lines[-1][0]) - 1]
        equation = re.sub(r"^\(B\d+\)   |,   d\w = \[.*", "", moment.lines[0])
        said = layer.__doc__ + layer.backward.__doc__
        assert moment.tag == "L" or re.sub(r"\s", "", equation) in re.sub(r"\s", "", said)
    numbered = {tag for line in source for tag in re.findall(r"# \((B\d+)\)", line) if "concatenate" not in line}
    assert {moment.tag for moment in shown if moment.tag[0] == "B"} == numbered


def test_the_network_and_its_numbers_are_those_of_the_tutorial():
    page = (Path(__file__).parents[1] / "tutorials" / "13_the_lstms_backward_pass.py").read_text(encoding="utf-8")
    lstm, params, _, _ = network("lstm", 2)
    rows = re.findall(r"^(W_x\w), (U_\w), (b_\w) = (\S+), (\S+), (\S+)$", page, re.M)
    assert {name: float(value) for row in rows for name, value in zip(row[:3], row[3:])} == {
        name: value.item() for name, value in lstm.gates(params).items()}
    known = {key: round(value.item(), 3) for key, value in content.moments("lstm")[-1].known.items() if value.size == 1}
    paper = dict(c_1=0.826, h_1=0.339, dc_2=0.632, da_i_2=-0.056, da_f_2=0.130, da_g_2=0.145, da_o_2=0.065, dh_1=1.120,
                 dc_1=0.640, da_f_1=0.029, dc_0=0.576, dh_0=0.249, L_0=0.554)
    assert {key: known[key] for key in paper} == paper


def test_where_gradients_meet_each_part_stands_with_its_line_of_code():
    first, complete = (m for m in content.moments("lstm") if (m.t, m.tag) == (1, "B2"))
    assert first.title == "Backward, step 2: the first part of dc_1, from c_2 through the forget gate f_2"
    assert first.lines[1].endswith("so far 0.338: a part is still to come") and "dc_1" in first.partly
    assert complete.title == "Backward, step 1: dc_1 complete, with its second part, from h_1"
    assert complete.lines[1].endswith(" ≈ 0.338 + 0.303 ≈ 0.640")
    assert [(words, code.split("  ", 1)[1]) for words, code in complete.rows] == [
        ("0.632 · 0.534 ≈ 0.338   from c_2", "step 2  dc_prev[t] += dc[t] * f[t]"),
        ("1.120 · 0.270 ≈ 0.303   from h_1", "step 1  dc[t] += dh[t] * o[t] * (1 - tanh_c**2)")]
    assert complete.lit == {("c_1", "c_2"): "× 0.534 → 0.338", ("c_1", "h_1"): "× 0.270 → 0.303", "c_1": None}
    dh_1, = (m for m in content.moments("lstm") if (m.t, m.tag) == (1, "B1"))
    assert [words for words, _ in dh_1.rows] == ["1   from L", "0.120   from step 2 through U_h"]
    assert dh_1.lit["h_1", "L_0"] == "× 1 → 1"
    dc_2, = (m for m in content.moments("lstm") if (m.t, m.tag) == (2, "B2"))
    dc_0, = (m for m in content.moments("lstm") if (m.t, m.tag) == (0, "B2"))
    assert dc_2.lines[2] == "0 from outside: L does not use c_2.   0 from step 3: there is none."
    assert dc_0.lines[2] == "0 from outside: L does not use c_0.   0 through h_0: it is given, not made from c_0."


@each_network
def test_what_a_gradient_is_times_the_number_on_an_arrow_arrives(name):
    checked = 0
    for moment in content.moments(name)[:-1]:
        for (_, start), words in ((edge, words) for edge, words in moment.lit.items() if words and " → " in words):
            number, arrives = map(float, re.sub("[×()]", "", words).split("→")) if "ᵀ" not in words else (0, 0)
            came = moment.known[networks.gradient(start)].item()
            assert "ᵀ" in words or abs(came * number - arrives) < 2e-3, (moment.title, words)
            checked += 1
    assert checked >= 2


def test_a_vector_of_the_gru_comes_by_the_arrows_of_its_equation():
    v, u = (next(m for m in content.moments("gru") if (m.t, m.tag) == (1, tag)) for tag in "vu")
    assert v.lit.keys() == {("x_1", "r_1"), ("x_1", "z_1"), ("x_1", "n_1"), "r_1", "z_1", "n_1"}
    assert u.lit.keys() == {("h_0", "r_1"), ("h_0", "z_1"), ("h_0", "u_n_1"), "r_1", "z_1", "u_n_1"}


def test_the_first_moment_says_what_is_meant_and_the_last_what_was_lost():
    start, signs, *_, end = content.moments("lstm")
    said = " ".join(start.lines + signs.lines)
    for words in "L = h_1 + h_2", "dX = dL/dX", "step 1 is t = 0", "It is g in the code", "those of tutorial 13":
        assert words in said
    assert end.title == "What arrived at step 0: dh_0 = 0.249, dc_0 = 0.576"
    assert end.lines == (
        "Of dc_2 = 0.632 the forget gate f_2 takes away 47%: 0.338 is left.  Add 0.303 from h_1.  So dc_1 ≈ 0.640.",
        "Of dc_1 = 0.640 the forget gate f_1 takes away 10%: 0.576 is left.",
        "So along the cell line 0.534 · 0.900 ≈ 48% of dc_2 came to dc_0: 0.304.",
        "The other 0.272 comes from what was added. A part of that began at dc_2 too, and came through the gates.",
        "dh_0 = 0.249 came another way: from the gates of step 1 through U_h.")
    assert end.lit == {"h_0": None, "c_0": None, ("c_1", "c_2"): "× 0.534 → 0.338",
                       ("c_0", "c_1"): "× 0.900 → 0.576", ("c_1", "h_1"): "× 0.270 → 0.303"}


@each_network
def test_a_picture_says_what_its_moment_holds(name):
    figure = Figure(figsize=watch.size(name, len(networks.NETWORKS[name].x)))
    for moment in content.moments(name)[::5]:
        watch.draw(figure, name, moment, "3 of 4")
        texts = [text.get_text() for text in figure.axes[0].texts]
        for key in (key for box in networks.layout(name, moment.T)[0] for key in (box, networks.gradient(box))):
            if key in moment.known and key[:2] != "x_":
                assert f"{networks.label(key)} = {networks.number(moment.known[key])}" in texts
        assert {moment.title, *moment.lines, *filter(None, moment.lit.values()), "3 of 4"} <= set(texts)
        assert {code for _, code in moment.rows} <= set(texts)
        assert sum(" so far" in text for text in texts if "," not in text) == len(moment.partly.keys() - moment.known)


def test_forget_biases_side_by_side_multiply_by_their_own_gates():
    shown = content.side_by_side([-1.0, 3.0], 3)
    assert [moment.t for moment, _ in shown] == [3, 3, 2, 1, 0]
    small, large = (moment.known["dc_0"].item() / moment.known["dc_3"].item() for moment in shown[-1])
    assert small < 0.06 and large > 0.8


def test_the_trace_of_a_debugger_is_given_back():
    import sys
    mine, before = (lambda *_: None), sys.gettrace()
    sys.settrace(mine)
    try:
        content.moments("rnn", 1)
        assert sys.gettrace() is mine
    finally:
        sys.settrace(before)


@pytest.mark.parametrize("options, count", [(["rnn"], 4), (["lstm", "--forget", "-1", "--steps", "2"], 4)])
def test_a_gif_loops_and_gives_time_to_read(options, count, brief, capsys):
    assert main(["watch", *options, "--out", "film.gif"]) == 0
    with Image.open("film.gif") as film:
        pauses = []
        for k in range(film.n_frames):
            film.seek(k)
            pauses.append(film.info["duration"])
        assert sum(pauses) >= 1500 * count and min(pauses) >= 1500 and film.info["loop"] == 0
        assert film.n_frames in (count, count - 1)  # two that look alike are one, which stays for as long
    assert f"{count} moments" in capsys.readouterr().out


@pytest.mark.parametrize("options", ["watch.gif", "forget.gif --forget -1 1 3"])
def test_the_gif_of_the_readme_is_that_of_today(options, monkeypatch):
    """Its comment is the hash of all its words, so of the numbers of the lines of lstm.py too."""
    file, drawn = options.split()[0], []
    monkeypatch.setattr(watch, "_gif", lambda _, figure, show, pauses: drawn.extend(
        text.get_text() for k in range(len(pauses)) for text in (show(k), figure.axes[0].texts)[1]))
    assert main(["watch", "--out", *options.split()]) == 0
    with Image.open(Path(__file__).parents[1] / ".github" / file) as film:
        assert film.info["comment"].decode() == hashlib.sha256("\n".join(drawn).encode()).hexdigest(), (
            f"draw it again: python -m minirnn watch --out .github/{options}")


def test_a_png_is_one_moment():
    for at in ("t=1,B2", "t=1,h"):
        assert main(["watch", "rnn", "--steps", "1", "--at", at, "--out", "a.png"]) == 0
    with Image.open("a.png") as picture:
        assert picture.size[0] > 1000


def test_the_page_links_nothing(brief):
    assert main(["watch", "rnn", "--steps", "1", "--out", "page.html"]) == 0
    page = Path("page.html").read_text(encoding="utf-8")
    assert page.count("data:image/png;base64") == 4 and not re.search(r"https?:|<link|src=\"(?!data)|fa-", page)


@pytest.mark.parametrize("ending, step", [("gif", "quantize"), ("html", "draw"), ("png", "draw")])
def test_a_file_is_written_whole_or_not_at_all(ending, step, monkeypatch):
    path = Path(f"film.{ending}")
    path.write_text("what was there")
    monkeypatch.setattr(*((Image.Image, step) if step == "quantize" else (watch, step)), interrupted)
    assert main(["watch", "rnn", "--steps", "1", "--out", str(path)]) == 130
    assert path.read_text() == "what was there" and [file.name for file in Path().iterdir()] == [path.name]


@pytest.mark.parametrize("options, said", [
    (["--out", "film.mp4"], "ends in .gif, .html or .png"),
    (["--steps", "9", "--out", "a.png"], "--steps of at most 4"),
    (["--at", "t=9,B3", "--out", "a.png"], "--at is t=9,B3, expected t=STEP,NAME"),
    (["--at", "B3", "--out", "a.png"], "t=1,B2"),
    (["--at", "t=1,B3", "--out", "a.gif"], "is one operation"), (["--out", "no/a.png"], "cannot be written"),
    (["rnn", "--forget", "1", "--out", "a.png"], "with rnn, expected finite numbers such as -1 1 3, and the lstm"),
    (["--forget", "nan", "--out", "a.png"], "--forget is nan with lstm, expected finite numbers"),
    ([], "no screen for a window: write a file with --out")])
def test_a_mistake_gets_one_line(options, said, capsys):
    assert main(["watch", *options]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("minirnn: error: ") and err.count("\n") == 1 and said in err
    assert list(Path().iterdir()) == []


def test_keys_step_jump_and_play(monkeypatch):
    drawn, figure = [], pyplot.figure()
    watch.keys(figure, drawn.append, 9)
    for key in ("right", "right", "left", "left", "left", "end", "right", "home", "x", " "):
        figure.canvas.callbacks.process("key_press_event", KeyEvent("key_press_event", figure.canvas, key))
    assert drawn == [0, 1, 2, 1, 0, 0, 8, 8, 0]


@pytest.mark.skipif(not CHROMIUM, reason="no Chromium")
def test_a_browser_shows_the_next_moment_without_a_request_or_an_error(brief, tmp_path):
    assert main(["watch", "rnn", "--steps", "1", "--out", "page.html"]) == 0
    page = Path("page.html").read_text(encoding="utf-8")
    listen = "<script>window.onerror = m => document.title += 'ERROR ' + m</script>"
    Path("page.html").write_text(listen + page + """<script>
        setTimeout(() => {
            const image = document.querySelector(".animation img");
            const next = document.querySelector('[title="Next frame"]');
            const seen = [];
            document.querySelector('[title="First frame"]').click(); seen.push(image.src);
            next.click(); seen.push(image.src); next.click(); seen.push(image.src);
            const asked = performance.getEntriesByType("resource").filter(entry => !entry.name.startsWith("data:"));
            document.title += `different ${new Set(seen).size} asked ${asked.length} letters ${next.innerText}`;
        }, 1000)</script>""", encoding="utf-8")
    result = subprocess.run([CHROMIUM, "--headless", "--no-sandbox", f"--user-data-dir={tmp_path}/profile",
                             "--virtual-time-budget=4000", "--dump-dom", f"file://{tmp_path}/page.html"],
                            capture_output=True, text=True, timeout=100)
    assert re.findall("<title>(.*?)</title>", result.stdout) == ["different 3 asked 0 letters ▶|"]
