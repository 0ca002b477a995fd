"""The exercises' checker is itself checked: right answers pass, each known mistake is named, nothing takes it down."""

import ast
import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import types
from pathlib import Path

import numpy as np
import pytest

TUTORIALS = Path(__file__).parent.parent / "tutorials"
sys.path.insert(0, str(TUTORIALS))

import check  # noqa: E402
from checks import answer, attempt, diagnosis, load  # noqa: E402

NAMES = sorted(path.stem for path in (TUTORIALS / "exercises").glob("ex*.py"))
MUTANTS = [(name, k) for name in NAMES for k in range(len(load(name).MUTANTS))]
ANSWERED = [name for name in NAMES if answer(name)]
each_exercise = pytest.mark.parametrize("name", NAMES)
BPTT = "ex07_rnn_bptt"


def text(folder, name):
    return (TUTORIALS / folder / f"{name}.py").read_text(encoding="utf-8")


def verdict(name, source, seed=0, pairs=False):
    return diagnosis.judge(name, list(attempt.records(load(name), source, seed=seed)), seed, pairs)


def function_of(source, name):
    return next(node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef) and node.name == name)


# --- every exercise

def test_each_exercise_is_whole():
    assert NAMES
    assert sorted(path.stem for path in (TUTORIALS / "checks").glob("ex*.py")) == NAMES
    assert sorted(path.stem for path in (TUTORIALS / "answers").glob("ex*.py")) == ANSWERED
    assert [name for name in NAMES if name not in ANSWERED] == ["ex18_your_own_cell"]
    for folder, names in (("exercises", NAMES), ("answers", ANSWERED), ("checks", NAMES)):
        for name in names:
            assert max(map(len, text(folder, name).splitlines())) <= 120, f"{folder}/{name}"


@each_exercise
def test_it_keeps_the_contract(name):
    exercise = load(name)
    stub = function_of(text("exercises", name), exercise.FUNCTION)
    assert not answer(name) or ast.dump(stub.args) == ast.dump(function_of(answer(name), exercise.FUNCTION).args)
    assert "bout" in ast.get_docstring(stub) and ast.get_docstring(ast.parse(text("exercises", name)))
    assert exercise.TITLE and exercise.CASES and exercise.OUTPUTS
    for _, _, inputs in attempt.calls(exercise, 0):
        assert list(inputs) == [argument.arg for argument in stub.args.args]
    assert len(exercise.HINTS) == 3 and all(hint.strip() for hint in exercise.HINTS) and exercise.ALTERNATIVES
    assert len({message for _, _, message, _ in exercise.MUTANTS}) == len(exercise.MUTANTS)
    assert bool(exercise.MUTANTS) == bool(answer(name))
    assert all(message and question for _, _, message, question in exercise.MUTANTS)
    assert not re.search(r"answers/|import answer|answer\(", text("checks", name))  # grading stands without them


@each_exercise
def test_the_stub_is_to_do(name):
    assert verdict(name, text("exercises", name))["status"] == "todo"


@each_exercise
@pytest.mark.parametrize("seed", range(5))
def test_the_answer_and_the_alternatives_pass(name, seed):
    for source in filter(None, [answer(name), *load(name).ALTERNATIVES]):
        judged = verdict(name, source, seed)
        assert judged["status"] == "pass", f"{judged}\n{source}"


@pytest.mark.parametrize("name, k", MUTANTS, ids=[f"{name[:4]}: {load(name).MUTANTS[k][2]}" for name, k in MUTANTS])
def test_the_mistake_is_named_and_no_other(name, k):
    exercise, plan = load(name), diagnosis.planned(name)
    right, _, message, question = exercise.MUTANTS[k]
    assert answer(name).count(right) == 1
    judged = verdict(name, plan.version([k]))
    equal = next((group for group in getattr(exercise, "EQUAL", []) if message in group), {message})
    assert judged["status"] == "fail" and judged["observation"] and judged["question"]
    assert set(judged["causes"]) == {plan.sentence([m]) for m, row in enumerate(exercise.MUTANTS) if row[2] in equal}


@pytest.mark.parametrize("name", ANSWERED)
def test_the_mistake_is_named_on_other_numbers_too(name):
    plan = diagnosis.planned(name)
    k = len(plan.known) // 2
    assert plan.sentence([k]) in verdict(name, plan.version([k]), seed=7)["causes"]


def test_the_clinic_is_that_of_the_catalogue():
    from checks import clinic
    made = clinic.files(clinic.stored()["number"])
    assert len(made) == 3
    for path, words in made.items():
        if path != clinic.STORED:  # there the numbers have all their digits
            assert path.read_text(encoding="utf-8") == words, "run `python -m checks.clinic` in tutorials/"
    new, old = json.loads(made[clinic.STORED]), clinic.stored()
    for letter, bug in old["bugs"].items():
        assert bug.pop("row") == pytest.approx(new["bugs"][letter].pop("row"), rel=1e-9, abs=0)
    assert new == old


def test_where_there_is_no_answer_it_says_what_it_sees():
    """Derivatives of a cell without its peephole, taken by the complex step: no backward pass is written down."""
    [source] = load("ex18_your_own_cell").ALTERNATIVES
    for right, wrong, words in ((" - p[:, None] * c", "", "dp is exactly zero"),
                                ("(dc * c).sum()", "0", "Wrong: dx, dW")):
        judged = verdict("ex18_your_own_cell", source.replace(right, wrong), pairs=True)
        assert judged["status"] == "fail" and judged["map"] and not judged["causes"] and words in judged["observation"]


def test_no_call_is_no_pass():
    with pytest.raises(AssertionError, match="not a check"):
        diagnosis.judge(BPTT, [{"end": True}])
    records = list(attempt.records(load(BPTT), answer(BPTT)))
    with pytest.raises(AssertionError, match="not a check"):
        diagnosis.judge(BPTT, [*records[:-2], records[-1]])


def test_no_case_is_no_pass(monkeypatch):
    monkeypatch.setattr(load(BPTT), "CASES", {})
    monkeypatch.setattr(diagnosis, "planned", diagnosis.Plan)
    with pytest.raises(AssertionError, match="not a check"):
        verdict(BPTT, answer(BPTT))


# --- two mistakes at once

def test_two_mistakes_in_bptt_are_named():
    """A pair is named when it runs and no single mistake gives the same numbers; some go the whole way."""
    plan = diagnosis.planned(BPTT)
    last = len(plan.calls) - 1
    flat = lambda outputs: np.concatenate([np.ravel(array) for array in outputs.values()])
    singles = np.array([flat(plan.outputs[which][last]) for which in plan.known])
    pairs, named = plan.twos, []
    for two in pairs:
        outputs = diagnosis.Lazily(plan, two)
        try:
            numbers, likely = flat(outputs[last]), plan.likely(outputs)
        except UnboundLocalError:
            continue
        if np.abs(np.vstack([singles, flat(plan.right[last])]) - numbers).max(axis=1).min() > 1e-9:
            named += [two] if two in likely else []
    print(f"{len(named)} of {len(pairs)} pairs in {BPTT} are named: {len(named) / len(pairs):.1%}")
    assert len(named) >= 0.8 * len(pairs) > 100
    assert len(named) >= 0.8 * len(plan.known) * (len(plan.known) - 1) / 2  # also of those that cannot be combined
    for two in named[::len(named) // 6]:
        judged = verdict(BPTT, plan.version(two), pairs=True)
        assert plan.sentence(two) in judged["causes"]


def test_two_mistakes_in_the_lstm_are_named_from_a_few_tried():
    plan = diagnosis.planned("ex13_lstm_bptt")
    pairs = plan.twos[::97]
    tried = [plan.likely(diagnosis.Lazily(plan, two)) for two in pairs]
    assert np.mean([two in few for two, few in zip(pairs, tried)]) > 0.9
    assert np.mean([len(few) for few in tried]) < 0.1 * len(plan.twos)


def test_three_mistakes_are_not_explained_away():
    source = answer(BPTT)
    for right, wrong in (("W_ih.T @ da_t", "W_ih.T @ dh_t"), ("da_t @ h_prev.T", "h_prev @ da_t.T"),
                         ("da_t.sum(axis=1)", "da_t.mean(axis=1)")):
        source = source.replace(right, wrong)
    causes = verdict(BPTT, source, pairs=True)["causes"]
    assert len(causes) == 3 and all(cause.startswith("Taken alone") for cause in causes)


# --- what is observed where no mistake is known

@pytest.mark.parametrize("right, wrong, words", [
    ("dW_ih, dU_h, db_h, dh0", "dW_ih, dU_h, db_h, 0 * dh0", "dh0 is exactly zero"),
    ("return dx, dW_ih, dU_h, db_h, dh0", "return 0 * dx, 0 * dW_ih, 0 * dU_h, 0 * db_h, 0 * dh0",
     "All that you return"),
    ("return dx,", "return dx / len(h0),", "right but for a factor, the same everywhere: 1/H (H = 4)"),
    ("dU_h, db_h, dh0\n", "-dU_h, db_h, -dh0\n", "dU_h and dh0 have the wrong sign everywhere"),
    ("dU_h, db_h, dh0\n", "dU_h * 3.7, db_h, dh0\n", "the same everywhere: 3.7."),
    ("dU_h, db_h, dh0\n", "dU_h.T, db_h, dh0\n", "dU_h is the transpose"),
    ("return dx,", "return np.roll(dx, -1, axis=0),", "dx at a step belongs to one step later"),
    ("return dx,", "return np.concatenate([dx[:3], -2 * dx[3:] + 1]),", "right at the first 3 steps"),
    ("return dx,", "dx[2:3] += 1\n    return dx,", "wrong at t = 2 only"),
    ("dh0 = dh_next", "dh0 = dh_next.copy(); dh0[2] += 1", "dh0 is wrong only at index 2 of its axis H (4 long)"),
    ("dh0 = dh_next", "dh0 = dh_next * np.linspace(1 + 1e-7, 1 + 2e-7, 3)", "nearly right"),
    ("return dx,", "return dx * dx.shape[1] ** 0.5,", "the same everywhere: √D (D = 7)"),
])
def test_what_is_seen(right, wrong, words):
    source = answer(BPTT).replace(right, wrong)
    assert words in verdict(BPTT, source)["observation"]


def test_what_is_shown_is_of_what_is_spoken_of():
    source = answer(BPTT).replace("return dx, dW_ih,", "return dx + 1, 0 * dW_ih,")
    assert "dW_ih is exactly zero.\nFor example: dW_ih[0, 0] is 0, right" in verdict(BPTT, source)["observation"]


@pytest.mark.parametrize("late, status, words", [
    ("dh0 = dh0 / 0", "fail", "dh0 is not finite, in the case: five steps"), ("return None", "fail", "returns None"),
    ("raise ValueError('No.')", "error", "ValueError: No. It came up")])
def test_what_is_known_of_earlier_cases_is_told(late, status, words):
    source = answer(BPTT).replace("    return", f"    if len(x) > 1:\n        {late}\n    return")
    judged = verdict(BPTT, source)
    assert judged["status"] == status and judged["map"] == ["a single step: right"] and words in judged["observation"]
    judged = verdict(BPTT, source.replace("(1 - h[t] ** 2)", "(1 - 3 * h[t])"), pairs=True)
    assert judged["status"] == status and judged["map"][0] == "a single step:"
    assert judged["unnamed"] == diagnosis.INCOMPLETE
    assert "For example: dx[0, 0, 0] is" in judged["observation"] or status == "error"
    assert judged["causes"][0] == ("In the case: a single step: your dW_ih is (dh) x_0ᵀ - 3 (dh ⊙ h) x_0ᵀ; "
                                   "right is (dh) x_0ᵀ - (dh ⊙ h²) x_0ᵀ.")


def test_a_sum_is_written_out_once_not_for_each_case():
    judged = verdict("ex04_cross_entropy", answer("ex04_cross_entropy").replace("(p - onehot)", "(p - 2.5 * onehot)"))
    assert judged["causes"] == ["In the case: three sequences, all equally long: your dlogits is p / N - 2.5 onehot / "
                                "N; right is p / N - onehot / N."]


def test_a_sum_of_terms_is_written_out():
    judged = verdict("ex06_rnn_step", answer("ex06_rnn_step").replace("(1 - h ** 2)", "(1 - 3 * h + h ** 2)"))
    assert judged["causes"][0].endswith(
        ": your dx is W_ihᵀ (dh) - 3 W_ihᵀ (dh ⊙ h) + W_ihᵀ (dh ⊙ h²); right is W_ihᵀ (dh) - W_ihᵀ (dh ⊙ h²).")


def test_a_sum_is_written_out_for_each_gate(monkeypatch):
    def terms(x, y):
        return {"da": {"s": x, "s²": x * x}}
    monkeypatch.setitem(sys.modules, "checks.ex99_gates", types.SimpleNamespace(**GATED, terms=terms))
    judged = verdict("ex99_gates", "def f(x, y):\n    a = x.copy()\n    a[:3] -= 2 * x[:3] ** 2\n    a[3:9] *= 3\n"
                                   "    a[9:] **= 3\n    return a, x.sum(1), y")
    assert judged["causes"] == ["In the case: one: in your da, the blocks of f and g are 3 s; right is s.",
                                "In the case: one: in your da, the block of i is s - 2 s²; right is s."]


GATED = {"FUNCTION": "f", "OUTPUTS": {"da": "4H B", "db": "4H", "dc": "T H B"}, "MUTANTS": [],
         "CASES": {"one": lambda rng: {"x": rng.standard_normal((12, 5)), "y": rng.standard_normal((4, 3, 5))}},
         "reference": lambda x, y: (x, x.sum(1), y)}


@pytest.mark.parametrize("lines, row, words", [
    ("x = x.reshape(4, 3, 5)[[0, 2, 1, 3]].reshape(12, 5)", "da  i ok  f x   g x   o ok",
     "In da, block f holds what belongs in g, block g holds what belongs in f."),
    ("x = np.concatenate([2 * x[:3], x[3:]])", "db  i x   f ok  g ok  o ok", "Wrong: da and db. All else is right"),
    ("y = y[::-1]", "dc  t=0 x  1 x  2 x  3 x", "dc is right, but in reversed order of time."),
    ("y = y * np.arange(1, 5)[:, None, None]", "dc  t=0 ok 1 x  2 x  3 x", "dc: right at the first step, wrong at"),
    ("y = np.concatenate([y[:2], 3 + y[2:3], y[3:]])", "dc  t=0 ok 1 ok 2 x  3 ok", "dc: wrong at t = 2 only."),
])
def test_the_map_by_gate_and_time(lines, row, words, monkeypatch):
    monkeypatch.setitem(sys.modules, "checks.ex99_gates", types.SimpleNamespace(**GATED))
    judged = verdict("ex99_gates", f"import numpy as np\ndef f(x, y):\n    {lines}\n    return x, x.sum(1), y")
    assert row in [line.strip() for line in judged["map"]] and words in judged["observation"]


# --- whatever a learner writes

RIGHT = "\n" + answer(BPTT)
CALLED = "def rnn_backward(*arguments):\n    "
HOSTILE = {  # source, status, words of the observation
    "asks": (CALLED + "input()", "error", "EOFError"),
    "a loop without end": (CALLED + "while True: pass", "timeout", "Stopped after 2 s"),
    "a loop without end on import": ("while True: pass", "timeout", "Stopped after 2 s"),
    "a loop that prints": (CALLED + "while True: print('x' * 10**6)", "timeout", "Stopped after 2 s"),
    "a megabyte below Python": ("import os; os.write(1, b'x' * 10**6); os.write(2, b'x' * 10**6)" + RIGHT, "pass", ""),
    "interrupt": (CALLED + "raise KeyboardInterrupt", "error", "Your line 2:  raise KeyboardInterrupt"),
    "os._exit": (CALLED + "import os; os._exit(0)", "error", "ended the whole Python process"),
    "killed": (CALLED + "import os; os.kill(os.getpid(), 9)", "error", "ended the whole Python process"),
    "memory": (CALLED + "x = []\n    while True: x.append(bytes(10**8))", "error", "MemoryError"),
    "NumPy taken apart": ("import numpy as np; del np.asarray, np.ndarray" + RIGHT, "error", "AttributeError"),
    "json taken apart": ("import json; json.dumps = None" + RIGHT, "error", "TypeError"),
    "streams closed": ("import sys; sys.stdout.close(); sys.stdout = sys.stderr = None" + RIGHT, "pass", ""),
    "a thread without end": ("import threading, time\nthreading.Thread(target=time.sleep, args=[99]).start()" + RIGHT,
                             "pass", ""),
    "a process without end": ("import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', 'import time; "
                              "time.sleep(99)'])" + RIGHT, "pass", ""),
}
ODD = {  # the same, but it can do no harm to this process
    "a megabyte": ("print('x' * 10**6)" + RIGHT.replace("    dh0 =", "    print('y' * 10**6)\n    dh0 ="), "pass", ""),
    "exit": (CALLED + "import sys; sys.exit(0)", "error", "ends the program in the case: a single step: SystemExit."),
    "exception": (CALLED + "return 1 / 0", "error", "ZeroDivisionError: division by zero. It came up in the case"),
    "exception in NumPy": ("import numpy as np\n" + CALLED + "return np.ones(2) @ np.ones(3)", "error", "Your line 3:"),
    "exception without text": ("class E(Exception):\n    def __str__(self): 1/0\n" + CALLED + "raise E", "error", "E."),
    "no end of calls": (CALLED + "return rnn_backward()", "error", "RecursionError"),
    "not Python": ("def rnn_backward(:", "error", "SyntaxError"),
    "not text": (b"\xff\xfe\x00", "error", "Error"),
    "no function": ("x = 1", "error", "There is no function rnn_backward"),
    "other parameters": ("def rnn_backward(x): return x", "error", "takes 1 positional argument but 6 were given"),
    "nothing": (CALLED + "pass", "fail", "returns None, expected 5 values: dx, dW_ih, dU_h, db_h, dh0. Is there"),
    "text": (CALLED + "return 'x'", "fail", "returns one str"),
    "too few": (CALLED + "return 1, 2", "fail", "returns 2 values, expected 5"),
    "objects": (CALLED + "return [object()] * 5", "fail", "dx is object of object, expected numbers"),
    "a None among them": (CALLED + "return [None] * 5", "fail", "dx is NoneType"),
    "ragged": (CALLED + "return [[[1], [1, 2]]] * 5", "fail", "dx is list, its rows not equally long"),
    "scalars": (CALLED + "return [1.0] * 5", "fail", "dx has shape (), expected (T, D, B) = (1, 7, 3); dW_ih has"),
    "huge": ("import numpy as np\n" + CALLED + "return [np.zeros((10**4, 10**3))] * 5", "fail", "dx has shape (10000,"),
    "an array that lies": ("class A:\n    def __array__(self, *a, **k): raise OSError('no')\n" + CALLED +
                           "return [A()] * 5", "error", "OSError: no"),
    "float32": (RIGHT.replace("return dx", "return dx.astype('f')"), "fail", "dx is of float32"),
    "complex": (RIGHT.replace("dh0 = dh_next", "dh0 = dh_next + 0j"), "fail", "dh0 is of complex128"),
    "nan": (RIGHT.replace("dh0 = dh_next", "dh0 = dh_next / 0"), "fail", "dh0 is not finite, in the case"),
    "an input changed": (RIGHT.replace("dh_t = dh[t] + dh_next", "dh[t] += dh_next; dh_t = dh[t]"), "fail",
                         "changes its input dh in place"),
    "an input put back": (RIGHT.replace("    dh0 =", "    x += 0.1; x -= 0.1\n    dh0 ="), "fail",
                          "leaves its input x changed, by rounding only"),
    "memory of the last call": (RIGHT.replace("):\n", ", total=[0]):\n    total[0] += 1\n", 1).replace(
        "dh0 = dh_next", "dh0 = dh_next * total[0]"), "fail", "Called twice with equal inputs"),
    "a dict": (RIGHT.replace("return dx, dW_ih, dU_h, db_h, dh0",
                             "return dict(dh0=dh0, dx=dx, dW_ih=dW_ih, dU_h=dU_h, db_h=db_h)"), "pass", ""),
}


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """The verdict on each; while one runs, the next is starting."""
    folder, results, starting = tmp_path_factory.mktemp("hostile"), {}, None
    for k, words in enumerate([*HOSTILE, None]):
        following = None
        if words:
            path = folder / f"{k}.py"
            path.write_text(HOSTILE[words][0])
            following = words, check.Attempt(BPTT, path, 0)
        if starting:
            results[starting[0]] = starting[1].run(2 if HOSTILE[starting[0]][1] == "timeout" else 20)
        starting = following
    return results


def assert_clear(judged, status, said):
    assert judged["status"] == status and said in judged["observation"], judged
    assert len(judged["observation"]) < 700 and len(judged["printed"]) < 2_200


@pytest.mark.parametrize("words", HOSTILE)
def test_nothing_takes_it_down(words, hostile):
    assert_clear(hostile[words], *HOSTILE[words][1:])
    assert hostile[words]["seconds"] < 10


@pytest.mark.parametrize("words", ODD)
def test_whatever_it_is_there_is_a_clear_line(words):
    source, status, said = ODD[words]
    assert_clear(verdict(BPTT, source), status, said)


# --- the command

@pytest.fixture
def copied(tmp_path):
    """The tutorials with two exercises only, so that nothing of a learner is touched."""
    for folder in ("exercises", "answers", "checks"):
        shutil.copytree(TUTORIALS / folder, tmp_path / "tutorials" / folder, ignore=lambda _, names: [
            name for name in names if name == "__pycache__" or name[:2] == "ex" and name[:4] not in ("ex06", "ex07")])
    shutil.copy(TUTORIALS / "check.py", tmp_path / "tutorials")
    return tmp_path / "tutorials"


def started(copied, *arguments):
    environment = os.environ | {"PYTHONPATH": str(TUTORIALS.parent), "PYTHONIOENCODING": "utf-8"}
    return subprocess.Popen([sys.executable, "-W", "error", "tutorials/check.py", *map(str, arguments)],
                            cwd=copied.parent, env=environment, encoding="utf-8", stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def run(copied, *arguments):
    """Exit status, and what it printed."""
    process = started(copied, *arguments)
    output, errors = process.communicate(timeout=60)
    assert "Traceback" not in errors, errors
    return process.returncode, output + errors


def test_from_the_first_run_to_the_last_exercise(copied):
    status, said = run(copied)
    assert status == 1 and len(said.strip().splitlines()) == 3 and "tutorials/my/ex06_rnn_step.py" in said
    mine, bptt = copied / "my" / "ex06_rnn_step.py", copied / "my" / f"{BPTT}.py"
    status, said = run(copied)
    assert status == 1 and said.startswith("ex06 rnn_step: to do")

    mine.write_text(answer("ex06_rnn_step"))
    status, said = run(copied)
    assert status == 0 and "right, all of h, dx" in said and "check.py 07" in said

    wrong = answer(BPTT).replace(" + dh_next", "")
    for changes in range(3):  # the first unfinished is 07 now
        bptt.write_text(wrong + "#" * changes)
        status, said = run(copied)
        assert status == 1 and "a single step: right" in said and "t=0 x  1 x  2 x  3 x  4 ok" in said
        assert ("a version that never adds dh_next" in said) == (changes == 2)  # unasked only after three
        assert ("Which quantity" in said) == (changes < 2)
    assert "1 + 2" not in said and bptt.read_text() == wrong + "##"
    assert "07  backpropagation through time" in run(copied, "--list")[1]
    assert [run(copied, "7", "--hint")[1].split(":")[0] for _ in range(3)] == [
        f"ex07, hint {k} of 3" for k in (1, 2, 3)]  # remembered from run to run
    assert f"the answer is in tutorials/answers/{BPTT}.py" in run(copied, "--hint", "07")[1]

    for k in (1, 2):
        status, said = run(copied, "--reset", "07")
        assert status == 0 and f"before_reset_{k}" in said and bptt.read_text() == text("exercises", BPTT)
        bptt.write_text(f"second {k}")
    kept = [path.read_text() for path in sorted((copied / "my").glob("*.bak"))]
    assert kept == [wrong + "##", "second 1"]


def test_why_prints_and_mistakes_of_use(copied):
    run(copied)
    (copied / "my" / f"{BPTT}.py").write_text(answer(BPTT).replace(" + dh_next", "").replace(
        "    dh0 =", "    print('T is', len(x))\n    dh0 ="))
    status, said = run(copied, "07", "--why")
    assert status == 1 and "a version that never adds dh_next" in said and "| T is 5" in said
    (copied / "my" / ".state.json").write_text("{broken")
    assert run(copied, "--list")[0] == 0
    for arguments, words in ((["99"], "there is no exercise 99"), (["--json", "x"], "--json goes with --all"),
                             (["--all", "--json", "no/x"], "there is no folder no"),
                             (["--reset"], "--reset needs a number"), (["--class", "nowhere"], "is not a folder")):
        status, said = run(copied, *arguments)
        assert status != 0 and words in said


def test_grading_needs_no_answers(copied):
    shutil.rmtree(copied / "answers")
    run(copied)
    for name, source in (("ex06_rnn_step", answer("ex06_rnn_step")), (BPTT, answer(BPTT).replace(" + dh_next", ""))):
        (copied / "my" / f"{name}.py").write_text(source)
    status, _ = run(copied, "--all", "--json", "out.json")
    right, wrong = json.loads((copied.parent / "out.json").read_text(encoding="utf-8"))
    assert status == 1 and (right["status"], wrong["status"]) == ("pass", "fail")
    assert right.keys() == wrong.keys() == {"id", "status", "diagnoses", "seed", "seconds", "hash"}
    assert right["diagnoses"] == []
    assert wrong["diagnoses"] == ["dx: right at the last step, wrong at every earlier one."]
    assert len(right["hash"]) == 64 and right["seed"] == 0 < right["seconds"]
    assert diagnosis.NO_ANSWER[:50] in run(copied, "07", "--why")[1]
    for _ in range(4):
        said = run(copied, "07", "--hint")[1]
    assert said.endswith("There are no more.\n")
    (copied / "my" / f"{BPTT}.py").write_text(answer(BPTT))
    assert run(copied, "--all")[0] == 0


def test_a_class(copied, tmp_path):
    sources = {"ann": (answer("ex06_rnn_step"), answer(BPTT)), "bob": (None, answer(BPTT).replace(" + dh_next", "")),
               'eve, "e"': ("while True: pass", "def rnn_backward(*a): raise SystemExit"), "zoe": ()}
    for learner, files in sources.items():
        (tmp_path / "class" / learner).mkdir(parents=True)
        for name, source in zip(("ex06_rnn_step", BPTT), files):
            if source:
                (tmp_path / "class" / learner / f"{name}.py").write_text(source)
    status, said = run(copied, "--class", "class", "--csv", "out.csv", "--limit", "2")
    assert status == 1 and "no sandbox" in said and "ex07  Your numbers equal those of a version that never" in said
    rows = list(csv.reader((tmp_path / "out.csv").read_text(encoding="utf-8").splitlines()))
    assert rows == [["learner", "passed", "ex06", "ex07"], ["ann", "2", "pass", "pass"], ["bob", "0", "todo", "fail"],
                    ['eve, "e"', "0", "timeout", "error"], ["zoe", "0", "todo", "todo"]]
    assert re.search("zoe +nothing: no file in this folder has a name like ex06_rnn_step.py", said)
    assert not (copied / "my").exists()


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C is sent otherwise there")
def test_watch_answers_each_save(copied):
    run(copied)
    process = started(copied, "07", "--watch")
    read_until = lambda words: next(line for line in process.stdout if words in line)
    read_until("to do")
    for source, words in ((answer(BPTT).replace(" + dh_next", ""), "not yet"), (answer(BPTT), "right, all of")):
        beside = copied / "my" / "beside"
        beside.write_text(source)
        start = time.perf_counter()
        os.replace(beside, copied / "my" / f"{BPTT}.py")
        read_until(words)
        print(f"{time.perf_counter() - start:.2f} s from saving to feedback")
        assert time.perf_counter() - start < 5
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    assert process.returncode == 0
