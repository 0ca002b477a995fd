"""Every tutorial runs, from any directory and through the stepper, and the gallery shows what it draws."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from matplotlib import image

TUTORIALS = Path(__file__).parent.parent / "tutorials"
sys.path.insert(0, str(TUTORIALS))

import cells  # noqa: E402

NUMBERED = sorted(TUTORIALS.glob("[0-9][0-9]_*.py"))
STEPPED = {path.name for path in NUMBERED[::3]}  # the others take the same way through the stepper
FIGURE = re.compile(r"figures/(\w+\.png)")
each_tutorial = pytest.mark.parametrize("name", [path.name for path in NUMBERED])


def figures(name):
    return set(FIGURE.findall((TUTORIALS / name).read_text(encoding="utf-8")))


def copy_into(folder):
    """The tutorials in a folder without figures, so that nothing committed is overwritten."""
    left_out = shutil.ignore_patterns("figures", "my", "__pycache__")
    return shutil.copytree(TUTORIALS, folder / "tutorials", ignore=left_out)


@pytest.fixture
def copied(tmp_path):
    return copy_into(tmp_path)


def start(*arguments, cwd, stdin=subprocess.DEVNULL):
    environment = os.environ | {"MPLBACKEND": "Agg", "PYTHONPATH": str(TUTORIALS.parent), "PYTHONIOENCODING": "utf-8"}
    return subprocess.Popen([sys.executable, "-W", "error", *arguments], cwd=cwd, env=environment, encoding="utf-8",
                            stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def finished(*processes, status=0):
    """What each process printed, once all have ended."""
    outputs = []
    for process in processes:
        with process:
            try:
                outputs.append(process.communicate(timeout=240)[0])
            finally:
                process.kill()
    for process, output in zip(processes, outputs):
        assert process.returncode == status, output[-3000:]
    return outputs


@each_tutorial
def test_it_runs_alone_and_through_the_stepper(name, copied, tmp_path):
    finished(start(str(copied / name), "--quick", cwd="/"))
    drawn = {path.name: image.imread(path).std() for path in (copied / "figures" / "quick").iterdir()}
    assert drawn.keys() == figures(name) and drawn
    assert min(drawn.values()) > 0.02, f"one of {drawn} is blank"
    if name in STEPPED:
        output, = finished(start("tutorials/step.py", name[:2], "--quick", cwd=tmp_path))
        title = (TUTORIALS / name).read_text(encoding="utf-8").split("# # ", 1)[1].split("\n", 1)[0]
        assert title in output


def test_they_are_numbered_and_the_gallery_shows_each():
    assert [path.name[:2] for path in NUMBERED] == [f"{n:02}" for n in range(1, len(NUMBERED) + 1)]
    gallery = (TUTORIALS / "README.md").read_text(encoding="utf-8")
    committed = {path.name for path in (TUTORIALS / "figures").glob("*.png")}
    assert committed == set(FIGURE.findall(gallery))
    for path in NUMBERED:
        assert f"({path.name})" in gallery
        assert figures(path.name) and figures(path.name) <= committed, path.name
        text = path.read_text(encoding="utf-8")
        assert "# PREDICT:" in text and "**To take away:**" in text, path.name


def test_no_line_is_wider_than_a_page_of_code():
    root = TUTORIALS.parent
    for path in [path for folder in ("minirnn", "tests", "tutorials") for path in (root / folder).rglob("*.py")]:
        if "my" not in path.parts:  # a learner's own
            assert max(map(len, path.read_text(encoding="utf-8").splitlines()), default=0) <= 120, path


def page_of(path):
    """(header, text) of each cell, as the stepper and the notebooks read it."""
    return [(cell.header.removeprefix("# %%").strip("\n"), cell.text) for cell in cells.read(path)]


@pytest.mark.parametrize("path", NUMBERED, ids=lambda path: path.stem)
def test_a_question_comes_before_its_numbers_and_asserts_stand_apart(path):
    page = page_of(path)
    for k, (header, text) in enumerate(page):
        if "[markdown]" in header:
            if "PREDICT:" in text:
                assert "PREDICT:" in text.strip().split("\n#\n")[-1], f"prose after the question: {text[-300:]}"
                following, code = page[k + 1]
                assert following == "", f"no code to run after the question: {text[-300:]}"
        elif "proof" not in header:
            assert not re.search(r"^\s*assert ", text, re.M), f"an assert among what is to be read: {text[:300]}"
    headers = [header.strip() for header, _ in page]
    assert headers.count('[markdown] tags=["answer"]') == 1
    assert sum('"proof"' in header for header in headers) >= 2


@pytest.mark.parametrize("path", NUMBERED, ids=lambda path: path.stem)
def test_prose_stands_in_cells_of_prose(path):
    for cell in cells.read(path):
        if not cell.is_prose:
            comments = re.findall(r"(?:^#.*\n){3,}", cell.text, re.M)
            assert not comments, f"line {cell.line}: a cell of code, without `[markdown]`, says {comments[0]}"


@pytest.mark.parametrize("path", NUMBERED, ids=lambda path: path.stem)
def test_sentences_are_short(path):
    for header, text in page_of(path):
        if "[markdown]" in header:
            prose = re.sub(r"^# ?", "", text, flags=re.M)
            for part in re.split(r"\n\s*\n|\n(?=- )", prose):
                if not part.startswith(("    ", "#", "![", "|")):
                    sentences = re.split(r"(?<=[.?!:])[)*\"]*\s+", part)
                    assert max(len(one.split()) for one in sentences) <= 25, part


def test_a_run_leaves_the_committed_figures_alone(copied):
    for option, folder in ((), "run"), (("--figures",), "."):
        finished(start(str(copied / "12_the_lstm_cell.py"), *option, cwd="/"))
        drawn = copied / "figures" / folder / "12_the_lstm_cell.png"
        beside = [path.name for path in (copied / "figures").glob("*.png")]
        assert drawn.exists() and beside == [drawn.name] * bool(option)


def test_an_error_in_a_tutorial_is_shown_at_its_own_line(tmp_path, copied):
    (copied / "99_broken.py").write_text("# %% [markdown]\n# # 99. Broken\n\n# %%\nx = 1\n\n# %%\nx / 0\n")
    output, = finished(start("tutorials/step.py", "99", cwd=tmp_path), status=1)
    assert '99_broken.py", line 8' in output and "x / 0" in output and "ZeroDivisionError" in output


def test_an_unknown_number_gets_one_line(tmp_path, copied):
    output, = finished(start("tutorials/step.py", "77", cwd=tmp_path), status=2)
    assert "there is no tutorial 77, expected 01 to" in output


def typed(keys, source, copied):
    """What the stepper shows of a tutorial with this source when these keys are pressed on a terminal."""
    pty = pytest.importorskip("pty", reason="no terminals here")
    (copied / "99_keys.py").write_text(source)
    ours, theirs = pty.openpty()
    os.write(ours, keys)
    output, = finished(start("tutorials/step.py", "99", cwd=copied.parent, stdin=theirs))
    os.close(ours), os.close(theirs)
    return output


def test_the_keys_of_the_stepper(copied):
    source = "# %%\nimport numpy as np\nx = {'W': np.ones((2, 3))}\n\n# %%\nprint('last', seen)\n"
    output = typed(b"\ns\np\nseen = x['W'].sum()\n\x04\n", source, copied)  # run, shapes, a prompt that sets it, run
    assert re.search(r"x\.W +float64\(2, 3\)", output) and "last 6.0" in output


def test_what_is_claimed_runs_unseen_and_the_answer_waits(copied):
    source = ('# %%\nx = 2\n\n# %% tags=["proof"]\nassert x == 2  # unseen\n\n'
              '# %% [markdown] tags=["answer"]\n# forty-two\n')
    output = typed(b"\nq\n", source, copied)
    assert "unseen" not in output and "line" in output and "holds" in output
    assert "forty-two" not in output and "forty-two" in typed(b"\n\n", source, copied)
    false = source.replace("== 2", "== 3")
    (copied / "99_keys.py").write_text(false)
    output, = finished(start("tutorials/step.py", "99", cwd=copied.parent), status=1)
    assert "line 5 does not hold: assert x == 3  # unseen" in output and "forty-two" in output


def test_q_quits_before_the_next_cell(copied):
    assert "ran" not in typed(b"q\n", "# %%\nprint('r' + 'an')\n", copied)
