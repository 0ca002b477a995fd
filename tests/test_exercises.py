"""The exercises' checker is itself checked: right answers pass, each known mistake is named, nothing takes it down."""

import ast
import copy
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
from checks import answer, attempt, classroom, diagnosis, families, load, versions  # noqa: E402

import sentences  # noqa: E402

NAMES = sorted(path.stem for path in (TUTORIALS / "exercises").glob("ex*.py"))
ANSWERED = [name for name in NAMES if answer(name)]
each_exercise = pytest.mark.parametrize("name", NAMES)
BPTT = "ex07_rnn_bptt"


@pytest.fixture(scope="module", autouse=True)
def compiled_once(tmp_path_factory):
    """So that not each of many processes compiles all modules again, where Python is told to keep nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
        patch.setenv("PYTHONPYCACHEPREFIX", str(tmp_path_factory.mktemp("compiled")))
        yield


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
    assert len({row[-2] for row in exercise.MUTANTS}) == len(exercise.MUTANTS)
    assert bool(exercise.MUTANTS) == bool(answer(name))
    for *patch, message, question in exercise.MUTANTS:
        assert message and question
        for right in patch[0] if isinstance(patch[0], dict) else patch[:1]:
            assert answer(name).count(right) == 1, right
    assert not re.search(r"answers/|import answer|answer\(", text("checks", name))  # grading stands without them


@each_exercise
def test_what_is_asked_uses_the_stubs_own_names(name):
    """A question or a hint may bring in a name only by saying what it is: `name = ...`."""
    stub, exercise = text("exercises", name), load(name)
    code = re.compile(r"(?<![\w`])(?:d[A-Z]\w*|[A-Za-z]+_[A-Za-z]\w*)")
    for words in [*exercise.HINTS, *(row[-1] for row in exercise.MUTANTS)]:
        for used in code.findall(words):
            word = re.sub("_t?s?$", "", used)  # dw_ts is dw, at t and s
            known = re.search(rf"(?<!\w)({word}|{used})(?!\w)", stub) or re.search(
                rf"called [^.]*\b{used}\b|(?<!\w){used}(?:, \w+)* (?:= |likewise)", " ".join(exercise.HINTS))
            assert known or hasattr(np, used), f"{used}: {words}"


@each_exercise
def test_the_stub_is_to_do(name):
    assert verdict(name, text("exercises", name))["status"] == "todo"


@each_exercise
@pytest.mark.parametrize("seed", [0, 2, 4])  # each with the numbers of two seeds: 0 to 5 in all
def test_the_answer_and_the_alternatives_pass(name, seed):
    for source in filter(None, [answer(name), *load(name).ALTERNATIVES]):
        judged = verdict(name, source, seed)
        assert judged["status"] == "pass", f"{judged}\n{source}"


def records_of(plan, which):
    """What an attempt that is this version would have reported."""
    exercise, lines = plan.exercise, []
    for call, (words, seed, _) in enumerate(plan.calls):
        outputs = tuple(plan.returned(which)[call].values())
        lines.append({"case": words, "seed": seed, "printed": "", "changed": {}, "differs": False,
                      "outputs": attempt.described(outputs if len(outputs) > 1 else outputs[0], exercise.OUTPUTS)})
    return [*lines, {"end": True}]


HINTED = "Nan and inf prove little, but this is a hint: the same places are nan or inf in a version that "


def only_nan(outputs, plan):
    """Whether each output that is wrong has no number at all, in no case: then equal numbers prove nothing."""
    wrong = {name for got, right in zip(outputs, plan.right) for name in right if not sentences.close(
        got[name], right[name], 1e-9)}
    return not any(np.isfinite(got[name]).any() for got in outputs for name in wrong)


@pytest.mark.parametrize("seed", [0, 2])  # each with the numbers of two seeds: 0, 1 and 2, 3
@pytest.mark.parametrize("name", ANSWERED)
def test_each_mistake_is_named_and_all_that_is_said_is_true(name, seed):
    """Each sentence about each listed mistake, computed again from the numbers; and the mistake is named, no other."""
    exercise, plan = load(name), versions.planned(name, seed)
    for k, mistake in enumerate(plan.listed):
        judged = diagnosis.judge(name, records_of(plan, [k]), seed)
        equal = next((group for group in getattr(exercise, "EQUAL", []) if mistake.message in group), {mistake.message})
        assert judged["status"] == "fail" and judged["observation"] and judged["question"], mistake.message
        outputs = [plan.returned([k])[call] for call in range(len(plan.calls))]
        said = HINTED + f"{mistake.message}." if only_nan(outputs, plan) else None
        assert set(judged["causes"]) == ({said} if said else {
            plan.sentence([m]) for m, other in enumerate(plan.listed) if other.message in equal}), mistake.message
        sentences.check(judged, sentences.Numbers(exercise, plan.calls, outputs, plan.right))


@pytest.mark.parametrize("name", [name for name in ANSWERED if not hasattr(load(name), "LISTED_ONLY")])
def test_what_is_made_by_rule_is_named_and_said_truly_too(name):
    """Every 83rd, or 24 of them: it is right, or it fails, is named as itself or as an equal, and all said is true."""
    plan, named = versions.planned(name), 0
    for k in range(len(plan.listed), len(plan.mistakes), max(83, len(plan.mistakes) // 24)):
        try:
            records = records_of(plan, [k])
        except Exception:
            continue  # it does not run: Python says so
        outputs = [plan.returned([k])[call] for call in range(len(plan.calls))]
        if any(array.dtype.kind != right.dtype.kind for got, rights in zip(outputs, plan.right)
               for array, right in zip(got.values(), rights.values())):
            continue
        judged = diagnosis.judge(name, records, pairs=True)
        numbers = sentences.Numbers(load(name), plan.calls, outputs, plan.right)
        if judged["status"] == "fail":
            sentences.check(judged, numbers)
            finite = all(np.isfinite(array).all() for got in outputs for array in got.values())
            assert not finite or any("numbers equal" in cause for cause in judged["causes"]), plan.mistakes[k].message
            named += bool(judged["causes"])
        else:
            assert not any(map(numbers.bad, range(len(plan.calls))))
    assert named


def test_families_reach_each_kind_of_place():
    """Each kind of mistake is made for the LSTM, where all of them can be."""
    plan = versions.planned("ex13_lstm_bptt")
    words = "\n".join(mistake.message for mistake in families.made(plan.source, plan.exercise,
    plan.calls[-1][2])) + "\n"
    for kind in ("has the wrong sign in dx", "divides by B (a mean", "clips to -5 .. 5 in dc_t",
    "does not transpose U_h",
                 "assigns at each turn instead of adding, in dW_x, dU_h and db\n", "takes only the first of B",
                 "leaves out the last of B", "goes through B backwards", "takes the tanh of c[t] twice",
                 "forgets tanh' of c̃_t", "takes σ' twice", "takes c[t - 1] where c[t] belongs",
                 "does not multiply by o_t", "multiplies by o_t twice", "takes i_t where f_t belongs in dc_next",
                 "too by what belongs to dh_t * o_t", "lacks the brackets around 1 - tanh(c_t)",
                 "starts dh_next from dh[-1] instead of from zero", "walks from the first to the last",
                 "leaves out the step t = 0", "returns dh0 and dc0 in each other's place", "one place too early",
                 "takes h[t - 1], whether t > 0 or not, in h_{t-1}, and takes c[t - 1], whether t > 0 or not, in"):
        assert kind in words, kind


@pytest.mark.parametrize("name, kinds, least", [
    ("ex03_linear_backward", {"reshapes to another order of the axes, T, B, D": 1, "brings the axes into": 1}, 3),
    (BPTT, {"carries da_t to the next turn where dh_next": 1, "brings the axes into another order": 1}, 5),
    ("ex09_gradient_flow", {"limit and each later turn use the changed U_h": 1}, 1),
    ("ex10_truncated_bptt", {"carries h0 to the next turn where state": 2}, 3),
    ("ex12_lstm_step_backward", {"changes dc itself for the block of i, to dc * c̃, so that the block of f, the": 1,
                                 "multiplies only dc_next by f, and adds all of dc, in dc_prev": 1}, 5),
    ("ex15_adam", {"carries v̂ to the next turn where m": 1, "so that m uses the changed m": 1}, 3),
    ("ex17_attention_backward", {"reshapes to another order of the axes": 5}, 6)])
def test_arrays_in_others_places(name, kinds, least):
    """Changed in place, carried, reshaped in another order, a factor at one of two terms: each fails and is named."""
    plan, named = versions.planned(name), []
    of = re.compile("^changes .* itself for|^carries .* to the next turn|another order|^adds up along|, as if there "
                    "were|^multiplies .* too in|^multiplies only .* by .*, (not|and adds)|once more, without")
    several = [k for k in range(len(plan.listed), len(plan.mistakes)) if of.search(plan.mistakes[k].message)]
    for k in [k for at, k in enumerate(several) if at % 13 == 0 or any(w in plan.mistakes[k].message for w in kinds)]:
        try:
            judged = diagnosis.judge(name, records_of(plan, [k]))
        except Exception:
            continue  # it does not run: Python says so
        finite = all(np.isfinite(a).all() for call in range(len(plan.calls)) for a in plan.returned([k])[call].values())
        if judged["status"] == "fail" and finite:
            assert any("numbers equal" in cause for cause in judged["causes"]), plan.mistakes[k].message
            named.append(plan.mistakes[k].message)
    assert len(named) >= least
    for words, count in kinds.items():
        assert sum(words in message for message in named) >= count, words


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


def test_where_there_is_no_answer_it_says_what_becomes_right():
    """Derivatives of a cell without its peephole, taken by the complex step: no backward pass is written down."""
    [source] = load("ex18_your_own_cell").ALTERNATIVES
    for right, wrong, words, why in ((" - p[:, None] * c", "", "dp is exactly zero", "Where p is zero"),
                                     ("(dc * c).sum()", "0", "dx, dW", "Where dc is zero, all of a single step"),
                                     ("c * (1 + c * c) ** -0.5", "c * (1 + c * c) ** -1", "dx, dW",
                                      "Where dh is zero"
                                      )):
        judged = checked("ex18_your_own_cell", source.replace(right, wrong))
        assert judged["status"] == "fail" and judged["map"] and words in judged["observation"]
        assert any(cause.startswith(why) for cause in judged["causes"]), judged["causes"]


def checked(name, source, seed=0):
    """The verdict, once all that it says is computed again."""
    plan, records = versions.planned(name, seed), list(attempt.records(load(name), source, seed=seed))
    judged = diagnosis.judge(name, records, seed, pairs=True)
    got = [{output: np.array(part["values"]).reshape(part["shape"]) for output, part in zip(
        load(name).OUTPUTS, record["outputs"])} for record in records[:-1]]
    sentences.check(judged, sentences.Numbers(load(name), plan.calls, got, plan.right))
    return judged


def test_no_call_is_no_pass():
    with pytest.raises(AssertionError, match="not a check"):
        diagnosis.judge(BPTT, [{"end": True}])
    records = list(attempt.records(load(BPTT), answer(BPTT)))
    with pytest.raises(AssertionError, match="not a check"):
        diagnosis.judge(BPTT, [*records[:-2], records[-1]])


def test_no_case_is_no_pass(monkeypatch):
    monkeypatch.setattr(load(BPTT), "CASES", {})
    monkeypatch.setattr(diagnosis, "planned", versions.Plan)
    with pytest.raises(AssertionError, match="not a check"):
        verdict(BPTT, answer(BPTT))


# --- two mistakes at once

@pytest.mark.parametrize("name", ["ex04_cross_entropy", BPTT, "ex16_attention"])
def test_two_mistakes_are_named(name, monkeypatch):
    """Pairs of listed mistakes, drawn by lot: what is named has equal numbers."""
    monkeypatch.setattr(versions, "SECONDS", 1.5)
    plan, rng, named, tried = versions.planned(name), np.random.default_rng(5), 0, 0
    while tried < 3:
        two = sorted(int(k) for k in rng.choice(len(plan.listed), 2, replace=False))
        if not plan.combine(*two):
            continue
        try:
            records = records_of(plan, two)
        except Exception:
            continue
        judged = diagnosis.judge(name, records, pairs=True)
        tried += 1
        named += any("numbers equal" in cause for cause in judged["causes"])
    assert named >= 2


def test_two_mistakes_within_one_expression():
    plan = versions.planned("ex04_cross_entropy")
    source = answer("ex04_cross_entropy").replace("(p - onehot) * counts / N", "(onehot - p) * counts")
    [cause] = verdict("ex04_cross_entropy", source, pairs=True)["causes"]
    assert cause.startswith("Two things at once") and "does not divide dlogits by N" in cause and "wrong sign" in cause
    assert len(plan.likely([plan.returned([0])[call] for call in range(len(plan.calls))]).__next__()) == 2


def test_one_misconception_is_one_entry():
    """It touches several lines and is not called two things."""
    for name, patches, words in (
            ("ex13_lstm_bptt", {"h[t - 1] if t > 0 else h0": "h[t - 1]", "c[t - 1] if t > 0 else c0": "c[t - 1]"},
             "takes h[-1] and c[-1]"),
            ("ex13_lstm_bptt", {"i, f, g, o =": "i, f, o, g =", "[da_i, da_f, da_c, da_o]": "[da_i, da_f, da_o, da_c]"},
             "reads the blocks and stacks them in the order i, f, o, c̃"),
            ("ex12_lstm_step_backward", {"dc * g": "dc * i", "dc * i": "dc * g"}, "has i and c̃ swapped"),
            (BPTT, {"dW_ih +=": "dW_ih =", "dU_h +=": "dU_h =", "db_h +=": "db_h ="}, "assigns the gradients of all")):
        plan = versions.planned(name)
        patch = plan.patch(patches, "", "")
        judged = verdict(name, families.edited(plan.source, patch.edits))
        assert [words in cause and "Two" not in cause for cause in judged["causes"]] == [True], judged["causes"]


STARTED = {"np.zeros_like(x), h0": "np.zeros_like(x), np.zeros_like(h0)"}
FROM_ZERO, WRONG_ORDER = "starts the first chunk from zero", "multiplies the Jacobians in the wrong order"


@pytest.mark.parametrize("name, patches, words", [
    ("ex10_truncated_bptt", STARTED, [FROM_ZERO]),
    ("ex10_truncated_bptt", STARTED | {"total[name] +=": "total[name] ="}, [FROM_ZERO, "assigns the gradients"]),
    ("ex10_truncated_bptt", STARTED | {"grads, dx_part, dstate = rnn": "state = h[:, 0]; grads, dx_part, dstate = rnn"},
     [FROM_ZERO, "after a chunk's first step"]),
    ("ex10_truncated_bptt", {"range(0, T, k)": "range(0, T, k - 1)"}, ["moves on by k - 1 steps"]),
    ("ex02_central_difference", {"        slope[index] =": "        if index[0]:\n            return slope\n"
                                                            "        slope[index] ="}, ["visits the first row only"]),
    ("ex02_central_difference", {"f_up - f_down": "f_down - f_up", "/ (2 * eps)": "/ eps"},
     ["divides by eps, not by 2 eps", "subtracts f(x + eps)"]),
    ("ex04_cross_entropy", {"    dlogits = (p - onehot) * counts": "    p[:, :, target_ids] -= 1\n"
                                                                    "    dlogits = p * counts"}, ["target anywhere"]),
    ("ex16_attention", {"-np.inf": "-800.0"}, ["one finite score, such as"]),
    ("ex01_slopes_from_outputs", {"s * (1 - s)": "s ** 2 * (1 / s - 1)"}, ["far out s is 0, and nan comes up"]),
    ("ex03_linear_backward", {"x.reshape(-1, D)": "x.reshape(D, -1).T"}, ["reshapes x to (D, -1) and transposes"]),
    ("ex05_embedding_backward", {"np.ndindex(ids.shape)": "[(b, t) for b, t in np.ndindex(ids.shape) if t]"},
     ["leaves out the step t = 0"]),
    (BPTT, {"dW_ih += ": "dW_ih += (t > 0) * ", "dU_h += ": "dU_h += (t > 0) * ", "db_h += ": "db_h += (t > 0) * "},
     ["leaves out t = 0 in dW_ih, dU_h and db_h"]),
    (BPTT, {"    dh_next = np": "    late = np.zeros_like(h0)\n    dh_next = np", "dh[t] + dh_next": "dh[t] + late",
            "        dh_next = U": "        late = dh_next\n        dh_next = U"}, ["uses dh_next one turn late"]),
    (BPTT, {"        dh_next = U": "        unused = U"}, ["never passes dh_next on"]),
    (BPTT, {"1 - h[t] ** 2": "1 - np.tanh(W_ih @ x[t] + U_h @ h_prev) ** 2"}, ["without b_h"]),
    ("ex09_gradient_flow", {"norm(product, 2)": "norm(product)", "np.ones((T, B))": "np.ones((T, B)) * H ** 0.5"},
     ["Frobenius norm of the product, at the last step too"]),
    ("ex09_gradient_flow", {"h[t + 1, :, b] ** 2": "h[t + 1].mean(axis=1) ** 2"}, ["takes the mean of h over all b"]),
    ("ex13_lstm_bptt", {"dh_t * tanh_c": "dh_t * np.tanh(c_prev)"}, ["but only where the block of o uses it"]),
    ("ex13_lstm_bptt", {"        dc_next = dc_t": "        unused = dc_t"}, ["never passes dc_t on as dc_next"]),
    ("ex13_lstm_bptt", {"dc_next + dh_t": "dh_t", "dc_t * f": "(dc_t + dc_next) * f"},
     ["leaves dc_next out in dc_t, except where dc_next uses it"]),
    ("ex13_lstm_bptt", {"(1 - g ** 2)": "(1 - g)", "db +=": "db ="},
     ["takes 1 - c̃_t for tanh'", "assigns db at each"]),
    ("ex17_attention_backward", {"weights * (dw - (weights * dw).sum(axis=-1, keepdims=True))": "weights - dw"},
     ["has weights - dw, and nothing else, in dscore"]),
    ("ex17_attention_backward", {"dv = weights.swapaxes(1, 2) @ dcontext": "dv = np.broadcast_to((weights.swapaxes("
                                 "1, 2) @ dcontext).sum(axis=0), v.shape)"}, ["sums over B, so that all along B get"]),
    ("ex17_attention_backward", {"dv = weights.swapaxes(1, 2)": "dv = (dcontext @ v.swapaxes(1, 2) + dweights)"
                                 ".swapaxes(1, 2)"}, ["takes dw where weights belongs in dv"])])
def test_what_else_learners_wrote_is_named(name, patches, words):
    source = answer(name)
    for right, wrong in patches.items():
        assert source.count(right) == 1
        source = source.replace(right, wrong)
    [cause] = verdict(name, source, pairs=True)["causes"]
    assert "numbers equal" in cause and ("Two things" in cause) == (len(words) > 1)
    assert all(word in cause for word in words), cause


def test_what_is_asked_says_where_to_look():
    """Also where the mistake is made by rule; the question does not give it away."""
    for name, right, wrong, words in (
            ("ex06_rnn_step", "dh_prev = U_h.T @ da", "dh_prev = U_h.T @ da + dh", "Look at dh_prev. What is it"),
            ("ex12_lstm_step_backward", "dc_next + dh * o * (1", "(dc_next + dh * o) * (1", "Look at dc. Write it"),
            ("ex15_adam", "v = beta2 * v + (1 - beta2)", "v = beta1 * v + (1 - beta1)", "Look at v. Which number"),
            ("ex15_adam", "beta1 ** n", "beta1 * n", "Compute 1 - β₁ⁿ by hand")):
        assert answer(name).count(right) == 1
        assert verdict(name, answer(name).replace(right, wrong))["question"].startswith(words)


def test_what_explains_several_outputs_is_said_once():
    source = answer("ex13_lstm_bptt").replace("(1 - g ** 2)", "(1 - g)").replace("dc0\n", "dc0 + 1\n").replace(
        "dh_next, dc_next\n", "dh_next, dc_next + dh[-1] ** 2\n")
    causes = verdict("ex13_lstm_bptt", source, pairs=True)["causes"]
    alone = [cause for cause in causes if "alone" in cause]
    assert len(alone) == 1
    assert "your dx, dW_x, dU_h, db and dh0 equal those of a version that takes 1 - c̃_t" in alone[0]


def test_what_one_mistake_takes_out_the_other_does_not_speak_of():
    """Without dc_next in dc_t it is not counted twice in what is carried, whatever the numbers."""
    plan = versions.planned("ex13_lstm_bptt")
    at = {mistake.message: k for k, mistake in enumerate(plan.listed)}
    twice = next(k for words, k in at.items() if words.startswith("counts dc_next twice"))
    assert not plan.combine(at["never adds dc_next"], twice) and not plan.combine(twice, at["never adds dc_next"])


def test_versions_that_are_compiled_together_return_what_each_returns_alone():
    for name in ("ex04_cross_entropy", "ex13_lstm_bptt", "ex17_attention_backward"):
        plan = versions.planned(name)
        grouped = plan.grouped(True) | plan.grouped(False)
        for k in list(grouped)[::37]:
            inputs = lambda: copy.deepcopy(list(plan.calls[-1][2].values()))
            try:
                alone = plan.compiled(plan.version([k]))[plan.exercise.FUNCTION](*inputs())
            except Exception:
                continue
            right = versions.arrays(alone, plan.exercise)
            together = versions.arrays(plan.function((k,))(*inputs()), plan.exercise)
            assert all(np.array_equal(together[output], right[output], equal_nan=True) for output in right)
    assert len(grouped) > 0.8 * len(plan.mistakes)


def test_pairs_that_are_equal_are_both_named():
    source = answer("ex09_gradient_flow").replace("product @ J", "J @ product").replace("norm(U_h, 2)", "norm(U_h)")
    one, two = verdict("ex09_gradient_flow", source, pairs=True)["causes"]
    assert WRONG_ORDER in one and "transposes every Jacobian as a whole" in two
    assert all("takes the Frobenius norm of U_h for the limit" in cause for cause in (one, two))


def test_one_entry_is_no_shift():
    """With two steps one entry meets another by chance, and what is a shift is one in every case."""
    source = answer("ex09_gradient_flow")
    for T in (2, 6):
        wrong = f"norm = np.roll(norm, 1, axis=0) if T == {T} else 0.5 * norm"
        assert "belongs to" not in verdict("ex09_gradient_flow", source.replace(
            "    return", f"    {wrong}\n    return"))["observation"]
    shifted = source.replace("    return", "    norm = np.roll(norm, 1, axis=0)\n    return")
    assert "at a step belongs to one step earlier" in verdict("ex09_gradient_flow", shifted)["observation"]


def test_a_size_that_is_counted_elsewhere_is_told():
    source = answer("ex11_lstm_step").replace(
        " = np.split(a, 4)", " = a[:H], a[H:2 * H], a[2 * H:3 * H], a[3 * H:]").replace(
        "    a_i,", "    H = len(x)\n    a_i,")
    judged = verdict("ex11_lstm_step", source)
    assert judged["status"] == "error" and "but the axis H is" in judged["observation"]
    source = source.replace("len(x)", "len(c_prev)").replace("o * np.tanh(c)", "o @ np.tanh(c)")
    assert "but the axis" not in verdict("ex11_lstm_step", source)["observation"]


def test_an_input_in_a_list_is_named_as_it_is_written():
    source = answer("ex14_clipping").replace("    norm =", "    grads[0] *= 2\n    norm =")
    assert "changes its input grads[0] in place" in verdict("ex14_clipping", source)["observation"]


def test_one_array_of_all_the_outputs_is_taken_apart():
    right = "return one, two, three, four, five, six"
    source = answer("ex08_bug_clinic").replace(right, right.replace("one", "np.array([one") + "])")
    assert source.endswith("six])\n")
    assert verdict("ex08_bug_clinic", "import numpy as np\n" + source)["status"] == "pass"


def test_patches_that_change_one_another_are_not_combined():
    """The second uses a name which the first redefines: together they would be something else than both."""
    plan = versions.planned("ex12_lstm_step_backward")
    at = {mistake.message: k for k, mistake in enumerate(plan.listed)}
    assert not plan.combine(at["forgets σ' in i, f and o"], at["takes c̃ (1 - c̃), which is σ', for tanh' in c̃"])
    source = plan.source.replace("s * (1 - s)", "1").replace("(1 - g ** 2)", "1")
    [cause] = verdict("ex12_lstm_step_backward", source, pairs=True)["causes"]
    assert "forgets σ' and tanh' in all four blocks" in cause


@pytest.mark.parametrize("name, lines, words", [
    ("ex05_embedding_backward", ("dW[ids[b, t]]", "dW[list(np.unique(ids)).index(ids[b, t])]"),
     "as np.unique(ids) counts"),
    ("ex05_embedding_backward", ("    return dW", "    dW = np.eye(len(W))[ids].reshape(len(W), -1) @ dx.reshape(-1, "
                                 "dx.shape[-1])\n    return dW"), "reshapes the onehot of ids"),
    ("ex13_lstm_bptt", ("dh_next = U_h.T @ da_t", "dh_next = U_h.T @ da_t if t else dh_next"),
     "in the last turn of the loop (t = 0) keeps the old dh_next"),
    ("ex06_rnn_step", ("    return h", "    dx, dh_prev = W_ih.T @ dh, U_h.T @ dh\n    return h"),
     "computes dx and dh_prev from dh instead of da"),
    ("ex03_linear_backward", ("    return dx, dW", "    dW, db = np.outer(rows_dy[-1], rows_x[-1]), rows_dy[-1]\n"
                              "    return dx, dW"), "keeps only the last place in dW and db"),
    ("ex08_bug_clinic", ("return one, two, three", "return three, one, two"), "names right bugs in another order"),
])
def test_kinds_that_touch_several_lines_are_one(name, lines, words):
    source = answer(name)
    assert source.count(lines[0]) == 1
    judged = checked(name, source.replace(*lines))
    assert any(words in cause for cause in judged["causes"]), judged["causes"]
    assert all(cause.startswith("Your numbers equal") for cause in judged["causes"]) and judged["question"]


def test_arrays_of_all_steps_reshaped_where_axes_should_change_places():
    source = answer(BPTT).replace("da_t = ", "kept[t] = da_t = ").replace(
        "    for t in", "    kept = np.zeros_like(h)\n    for t in").replace(
        "    dh0 =", "    before, H = np.concatenate([h0[None], h[:-1]]), len(h0)\n    dW_ih = kept.reshape(H, -1) @ "
        "x.reshape(x.shape[1], -1).T\n    dU_h = kept.reshape(H, -1) @ before.reshape(H, -1).T\n    dh0 =")
    [cause] = checked(BPTT, source)["causes"]
    assert "reshapes the arrays of all steps for dW_ih and dU_h, where the axes should change places" in cause


def test_nan_proves_nothing():
    """An answer that is nan everywhere is no mistake that gives nan everywhere."""
    for name in ("ex15_adam", "ex04_cross_entropy"):
        source = re.sub("    return (\\w+)", r"    return np.nan * \1", answer(name))
        judged = checked(name, source)
        assert judged["status"] == "fail" and not any("equal" in cause for cause in judged["causes"]), judged["causes"]


def test_the_line_where_nan_comes_up_is_told():
    judged = verdict("ex15_adam", answer("ex15_adam").replace("n = t + 1", "n = t"))
    assert "the first nan or inf comes up in your line 13: m_hat = m / (1 - beta1 ** n)" in judged["observation"]


def test_a_version_that_breaks_what_is_right_is_not_named():
    source = answer("ex03_linear_backward").replace("rows_dy.sum(axis=0)", "rows_dy.mean(axis=0)").replace(
        "dx = dy @ W", "dx = 1.1 * (dy @ W) + 1")
    causes = checked("ex03_linear_backward", source)["causes"]
    assert any("mean over B and T in db" in cause for cause in causes) and not any("all three" in c for c in causes)


def test_a_changed_input_stands_beside_wrong_numbers():
    source = answer(BPTT).replace("    dx, dW_ih, dU_h", "    if len(x) == 5:\n        x *= 2\n    dx, dW_ih, dU_h",
                                  1).replace("dU_h, db_h, dh0\n", "0 * dU_h, db_h, dh0\n")
    observation = verdict(BPTT, source)["observation"]
    assert "dU_h is exactly zero" in observation
    assert 'changes its input x in place, in the case "five steps".' in observation


def test_insertions_at_one_place_go_together():
    source = answer("ex05_embedding_backward").replace("+= dx[b, t]", "+= dx[b, t] * (ids[b, t] != 0) / "
                                                       "(ids == ids[b, t]).sum()")
    [cause] = verdict("ex05_embedding_backward", source, pairs=True)["causes"]
    assert "leaves out the id 0" in cause and "mean over the places" in cause


def test_three_mistakes_are_not_explained_away():
    source = answer(BPTT)
    for right, wrong in (("W_ih.T @ da_t", "W_ih.T @ dh_t"), ("da_t @ h_prev.T", "h_prev @ da_t.T"),
                         ("da_t.sum(axis=1)", "da_t.mean(axis=1)")):
        source = source.replace(right, wrong)
    causes = verdict(BPTT, source, pairs=True)["causes"]
    assert len(causes) == 3 and all(cause.startswith("Taken alone") for cause in causes)


# --- shortcuts of shape, stability and size

SHORTCUTS = {  # right as far as tame numbers tell
    "ids only up to the largest": ("ex05_embedding_backward", "np.zeros_like(W)",
    "np.zeros((ids.max() + 1, dx.shape[2]))"),
    "one max for all": ("ex04_cross_entropy", "logits.max(axis=2, keepdims=True)", "logits.max()"),
    "one max a sequence": ("ex04_cross_entropy", "logits.max(axis=2, keepdims=True)",
                           "logits.max(axis=(1, 2), keepdims=True)"),
    "one max a step": ("ex04_cross_entropy", "logits.max(axis=2, keepdims=True)",
                       "logits.max(axis=(0, 2), keepdims=True)"),
    "a constant off the logits": ("ex04_cross_entropy", "logits.max(axis=2, keepdims=True)", "700"),
    "no max": ("ex04_cross_entropy", " - logits.max(axis=2, keepdims=True)", ""),
    "log(p + 1e-12)": ("ex04_cross_entropy", "onehot * log_p", "onehot * np.log(p + 1e-12)"),
    "log(p + 1e-20)": ("ex04_cross_entropy", "onehot * log_p", "onehot * np.log(p + 1e-20)"),
    "p clipped": ("ex04_cross_entropy", "onehot * log_p", "onehot * np.log(np.clip(p, 1e-7, 1))"),
    "one max for all scores": ("ex16_attention", "scores.max(axis=-1, keepdims=True)", "scores.max()"),
    "one max a sequence of scores": ("ex16_attention", "scores.max(axis=-1, keepdims=True)",
                                     "scores.max(axis=(1, 2), keepdims=True)"),
    "700 off the scores": ("ex16_attention", "scores.max(axis=-1, keepdims=True)", "700"),
    "the first score off": ("ex16_attention", "scores.max(axis=-1, keepdims=True)", "scores[..., :1]"),
    "the scores clipped": ("ex16_attention", "scores - scores.max(axis=-1, keepdims=True)",
                           "np.clip(scores, -700, 700)"),
    "hidden by -100": ("ex16_attention", "-np.inf", "-100.0"),
    "dx clipped": ("ex03_linear_backward", "dx = dy @ W", "dx = np.clip(dy @ W, -10, 10)"),
    "dW clipped in 3": ("ex03_linear_backward", "rows_dy.T @ rows_x", "np.clip(rows_dy.T @ rows_x, -10, 10)"),
    "rows clipped": ("ex05_embedding_backward", "return dW", "return np.clip(dW, -10, 10)"),
    "the step clipped": ("ex06_rnn_step", "dh * (1 - h ** 2)", "np.clip(dh * (1 - h ** 2), -5, 5)"),
    "weights clipped in 7": (BPTT, "return dx, dW_ih,", "return dx, np.clip(dW_ih, -10, 10),"),
    "the chunk clipped": ("ex10_truncated_bptt", "total[name] += grads[name]",
                          "total[name] += np.clip(grads[name], -5, 5)"),
    "da clipped in 12": ("ex12_lstm_step_backward", "    dx = W_x", "    da = np.clip(da, -5, 5)\n    dx = W_x"),
    "weights clipped in 12": ("ex12_lstm_step_backward", "dW_x = da @ x.T", "dW_x = np.clip(da @ x.T, -5, 5)"),
    "weights clipped in 13": ("ex13_lstm_bptt", "return dx, dW_x, dU_h, db,",
                              "return dx, *(np.clip(d, -5, 5) for d in (dW_x, dU_h, db)),"),
    "clipped to 10 in 13": ("ex13_lstm_bptt", "return dx, dW_x,", "return dx, np.clip(dW_x, -10, 10),"),
    "scores clipped in 17": ("ex17_attention_backward", "dq = dscores @ k", "dq = np.clip(dscores @ k, -5, 5)"),
    "three for the batch": ("ex10_truncated_bptt", "range(0, T, k)", "range(0, T, 4)"),
    "3 for B": (BPTT, "da_t.sum(axis=1)", "da_t.mean(axis=1) * 3"),
    "eps of Adam by other hands": ("ex15_adam", "np.sqrt(v_hat) + eps", "np.maximum(np.sqrt(v_hat), eps)"),
    "1e-8 in the norm": ("ex14_clipping", "max_norm / max(norm, max_norm)", "min(1.0, max_norm / (norm + 1e-8))"),
    "0 / 0 where all is zero": ("ex14_clipping", "g * scale", "g / norm * min(norm, max_norm)"),
    "as many steps as sequences": ("ex05_embedding_backward", "np.ndindex(ids.shape)",
    "np.ndindex(len(ids), len(ids))"),
}


@pytest.mark.parametrize("words", SHORTCUTS)
def test_a_shortcut_fails(words):
    name, right, wrong = SHORTCUTS[words]
    assert answer(name).count(right) == 1
    assert verdict(name, answer(name).replace(right, wrong))["status"] == "fail"


@pytest.mark.parametrize("name", [name for name in ANSWERED if name[:4] not in (
    "ex02", "ex05", "ex08", "ex14", "ex15")])
def test_an_axis_of_one_is_an_axis(name):
    """In some case an axis is 1 long, so that np.squeeze of what is returned fails. Those left out return no batch."""
    function = load(name).FUNCTION
    source = answer(name) + f"\nright = {function}\n\ndef {function}(*a):\n    outputs = right(*a)\n" + (
        "    return np.squeeze(outputs)" if len(load(name).OUTPUTS) == 1 else
        "    return [np.squeeze(output) for output in outputs]")
    judged = verdict(name, source)
    assert judged["status"] == "fail" and "has shape" in judged["observation"]


def test_sizes_tell_which_they_are():
    """In the largest case of each exercise no two axes are equally long, so that a ratio tells which it is."""
    for name in ANSWERED:
        if name == "ex08_bug_clinic":
            continue
        plan, best = versions.planned(name), 0
        for call, right in zip(plan.calls, plan.right):
            sizes = {axis: n for output, axes in load(name).OUTPUTS.items()
                     for axis, n in zip(axes.split(), right[output].shape) if axis.isalpha() and axis != "S"}
            best = max(best, len(set(sizes.values())) == len(sizes) and 1 not in sizes.values()
                       and 2 not in sizes.values())
        assert best, name


# --- what is observed where no mistake is known

@pytest.mark.parametrize("right, wrong, words", [
    ("dW_ih, dU_h, db_h, dh0", "dW_ih, dU_h, db_h, 0 * dh0", "dh0 is exactly zero"),
    ("return dx, dW_ih, dU_h, db_h, dh0", "return 0 * dx, 0 * dW_ih, 0 * dU_h, 0 * db_h, 0 * dh0",
     "All that you return"),
    ("return dx,", "return dx / len(h0),", "In every case, dx is 1/H times what is right."),
    ("dU_h, db_h, dh0\n", "-dU_h, db_h, -dh0\n", "dU_h and dh0 have the wrong sign everywhere"),
    ("dU_h, db_h, dh0\n", "dU_h * 3.7, db_h, dh0\n", "dU_h is 3.7 times what is right, in every entry."),
    ("dU_h, db_h, dh0\n", "dU_h.T, db_h, dh0\n", "dU_h is the transpose"),
    ("return dx,", "return np.roll(dx, -1, axis=0),", "dx at a step belongs to one step later"),
    ("return dx,", "return np.concatenate([dx[:3], -2 * dx[3:] + 1]),", "is right at the first 3 steps, and "
     "wrong at every later one"),
    ("return dx,", "dx[2:3] += 1\n    return dx,", "wrong at t = 2 only"),
    ("dh0 = dh_next", "dh0 = dh_next.copy(); dh0[2] += 1", "dh0 is wrong only at index 2 of its axis H (5 long)"),
    ("dh0 = dh_next", "dh0 = dh_next * np.linspace(1 + 1e-7, 1 + 2e-7, h0.shape[1])", "nearly right"),
    ("return dx, dW_ih,", "return dx, dW_ih.T,",
     "dW_ih has shape (3, 4), expected (H, D) = (4, 3). It is the transpose"),
    ("db_h += da_t.sum(axis=1)", "db_h = db_h.reshape(-1, 1) + da_t.sum(axis=1, keepdims=True)",
     "The numbers are right, but there are other axes: a column for a row"),
    ("return dx, dW_ih, dU_h, db_h, dh0", "return dx.reshape(len(x), -1), dW_ih, dU_h, db_h, dh0", "not reshaped back"),
    ("return dx, dW_ih, dU_h, db_h, dh0", "return dx.sum(axis=2), dW_ih, dU_h, db_h, dh0", "It is summed over B too"),
    ("db_h, dh0\n", "dh0, db_h\n", "db_h has shape (4, 7), expected (H) = (4,). It is what belongs in dh0"),
    ("dh0 = dh_next", "dh0 = dh_next; dh0[0, 0] = np.nan", "dh0 is not finite: 1 of its"),
    ("return dx,", "return dx * dx.shape[1] ** 0.5,", "In every case, dx is √D times what is right."),
])
def test_what_is_seen(right, wrong, words):
    source = answer(BPTT).replace(right, wrong)
    assert words in verdict(BPTT, source)["observation"]


def test_what_is_shown_is_of_what_is_spoken_of():
    source = answer(BPTT).replace("return dx, dW_ih,", "return dx + 1, 0 * dW_ih,")
    said = 'dW_ih is exactly zero.\nFor example, in the case "a single step": dW_ih[0, 0] is 0, right'
    assert said in verdict(BPTT, source)["observation"]


@pytest.mark.parametrize("late, status, words", [
    ("return None", "fail", "returns None"), ("raise ValueError('No.')", "error", "ValueError: No. It came up")])
def test_what_is_known_of_earlier_cases_is_told(late, status, words):
    source = answer(BPTT).replace("    return", f"    if len(x) > 1:\n        {late}\n    return")
    judged = verdict(BPTT, source)
    assert judged["status"] == status and judged["map"] == ["a single step: right"] and words in judged["observation"]
    judged = verdict(BPTT, source.replace("(1 - h[t] ** 2)", "(1 - 3 * h[t])"), pairs=True)
    assert judged["status"] == status and judged["map"][0] == "a single step:"
    assert judged["unnamed"] == diagnosis.INCOMPLETE
    assert "For example: dx[0, 0, 0] is" in judged["observation"] or status == "error"
    assert judged["causes"][0] == ('In the case "a single step": your dW_ih is (dh) x_0ᵀ - 3 (dh ⊙ h) x_0ᵀ; '
                                   "right is (dh) x_0ᵀ - (dh ⊙ h²) x_0ᵀ.")


def test_a_case_that_overflows_does_not_hide_the_others():
    """What is finite is compared, and mistakes that overflow alike are named."""
    judged = verdict("ex04_cross_entropy", """
import numpy as np
def cross_entropy(logits, target_ids, mask):
    e, onehot = np.exp(logits), np.eye(logits.shape[2])[target_ids]
    p = e / e.sum(axis=2, keepdims=True)
    log_p = logits - np.log(e.sum(axis=2, keepdims=True))
    return -(onehot * log_p * mask[:, :, None]).sum() / mask.sum(), (p - onehot) * mask[:, :, None] / mask.sum()
""")
    assert "not finite" in judged["observation"] and "three sequences with padding: right" in judged["map"]
    assert judged["causes"][0].endswith("takes off no largest score (max), so that exp overflows to inf.")
    judged = verdict("ex15_adam", answer("ex15_adam").replace("n = t + 1", "n = t"))
    assert "counts n from 0" in judged["causes"][0]


def test_empty_is_named():
    source = answer(BPTT).replace("np.zeros(len(U_h))", "np.empty(len(U_h))")
    judged = verdict(BPTT, source, pairs=True)
    assert "db_h is not set everywhere: np.empty leaves" in judged["observation"] and not judged["causes"]
    filled = answer("ex15_adam").replace("np.zeros_like(dp)", "np.empty_like(dp)")
    assert verdict("ex15_adam", filled)["status"] == "pass" and not np.isnan(np.empty(3)).all()


@pytest.mark.parametrize("wrong, words", [
    ("h[t]^2", "a power is written **"), ("hh[t] ** 2", "No line above gives this name a value"),
    ("da_t ** 2", "read before it has a value"), ("x[t] ** 2", "There: dh_t is (5, 3), x is (1, 7, 3)"),
    ("h[t](2)", "A name with brackets behind it is called"),
    ("h[len(x)] ** 2", "An index points past the end of its axis"),
    ("(U_h @ x[t]) ** 2", "the last axis of A is as long as the last but one of B")])
def test_errors_of_python_are_explained(wrong, words):
    judged = verdict(BPTT, answer(BPTT).replace("h[t] ** 2", wrong))
    assert judged["status"] == "error" and words in judged["observation"], judged["observation"]
    assert "Your line 12:" in judged["observation"] and not judged["unnamed"]


def test_a_sum_is_written_out_once_not_for_each_case():
    judged = verdict("ex04_cross_entropy", answer("ex04_cross_entropy").replace("(p - onehot)", "(p - 2.5 * onehot)"))
    assert judged["causes"] == ['In the case "three sequences, all equally long": your dlogits is p / N - 2.5 onehot / '
                                "N; right is p / N - onehot / N."]


def test_a_sum_has_no_tiny_terms():
    """Which only make up for what no term says: eps inside the root is nearly eps times another term."""
    source = answer("ex15_adam").replace("np.zeros_like(p0), np.zeros_like(p0)", "dp[0], np.zeros_like(p0)").replace(
        "np.sqrt(v_hat) + eps", "np.sqrt(v_hat + eps)").replace("m_hat = m", "m_hat = 0.7 * m")
    causes = verdict("ex15_adam", source, pairs=True)["causes"]
    assert not any("e-0" in cause for cause in causes), causes


def test_the_answers_do_not_warn():
    for name in ANSWERED:
        plan = versions.planned(name)
        function = plan.compiled(answer(name))[plan.exercise.FUNCTION]
        for _, _, inputs in plan.calls:
            with np.errstate(divide="raise", invalid="raise", over="raise"):
                function(*copy.deepcopy(list(inputs.values())))


def test_a_sum_of_terms_is_written_out():
    judged = verdict("ex06_rnn_step", answer("ex06_rnn_step").replace("(1 - h ** 2)", "(1 - 3 * h + h ** 2)"))
    assert judged["causes"][0].endswith(
        ": your dx is W_ihᵀ (dh) - 3 W_ihᵀ (dh ⊙ h) + W_ihᵀ (dh ⊙ h²); right is W_ihᵀ (dh) - W_ihᵀ (dh ⊙ h²).")


def test_a_sum_is_written_out_for_each_gate(monkeypatch):
    def terms(x, y):
        return {"da": {"s": x, "s²": x * x}}
    monkeypatch.setattr(diagnosis, "planned", versions.Plan)  # two tests have an exercise of this name
    monkeypatch.setitem(sys.modules, "checks.ex99_gates", types.SimpleNamespace(**GATED, terms=terms))
    judged = verdict("ex99_gates", "def f(x, y):\n    a = x.copy()\n    a[:3] -= 2 * x[:3] ** 2\n    a[3:9] *= 3\n"
                                   "    a[9:] **= 3\n    return a, x.sum(1), y")
    assert judged["causes"] == ['In the case "one": in your da, the blocks of f and g are 3 s; right is s.',
                                'In the case "one": in your da, the block of i is s - 2 s²; right is s.']


GATED = {"FUNCTION": "f", "OUTPUTS": {"da": "4H B", "db": "4H", "dc": "T H B"}, "MUTANTS": [],
         "CASES": {"one": lambda rng: {"x": rng.standard_normal((12, 5)), "y": rng.standard_normal((4, 3, 5))}},
         "reference": lambda x, y: (x, x.sum(1), y)}


@pytest.mark.parametrize("lines, row, words", [
    ("x = x.reshape(4, 3, 5)[[0, 2, 1, 3]].reshape(12, 5)", "da  i ok  f x   g x   o ok",
     "In da, block f holds what belongs in g, block g holds what belongs in f."),
    ("x = np.concatenate([2 * x[:3], x[3:]])", "db  i x   f ok  g ok  o ok", "da and db are wrong. All else is right"),
    ("y = y[::-1]", "dc  t=0 x  1 x  2 x  3 x", "dc is right, but in reversed order of time."),
    ("y = y * np.arange(1, 5)[:, None, None]", "dc  t=0 ok 1 x  2 x  3 x", "dc is right at the first step, and wrong"),
    ("y = np.concatenate([y[:2], 3 + y[2:3], y[3:]])", "dc  t=0 ok 1 ok 2 x  3 ok", "dc is wrong at t = 2 only."),
])
def test_the_map_by_gate_and_time(lines, row, words, monkeypatch):
    monkeypatch.setattr(diagnosis, "planned", versions.Plan)  # two tests have an exercise of this name
    monkeypatch.setitem(sys.modules, "checks.ex99_gates", types.SimpleNamespace(**GATED))
    judged = verdict("ex99_gates", f"import numpy as np\ndef f(x, y):\n    {lines}\n    return x, x.sum(1), y")
    assert row in [line.strip() for line in judged["map"]] and words in judged["observation"]


# --- whatever a learner writes

RIGHT = "\n" + answer(BPTT)
CALLED = "def rnn_backward(*arguments):\n    "
HOSTILE = {  # source, status, words of the observation
    "asks": (CALLED + "input()", "error", "EOFError"),
    "a loop without end": (CALLED + "while True: pass", "timeout", "Stopped after 1 s"),
    "a loop without end on import": ("while True: pass", "timeout", "Stopped after 1 s"),
    "a loop that prints": (CALLED + "while True: print('x' * 10**6)", "error", "prints more than 100,000,000 char"),
    "a loop that prints lines": (CALLED + "while True: print('x')", "error", "more than 50,000 lines. Print less"),
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
    "exit": (CALLED + "import sys; sys.exit(0)", "error", "ends the program in the case \"a single step\": "
             "SystemExit."),
    "exception": (CALLED + "return 1 / 0", "error", "ZeroDivisionError: division by zero. It came up in the case"),
    "exception in NumPy": ("import numpy as np\n" + CALLED + "return np.ones(2) @ np.ones(3)", "error", "Your line 3:"),
    "exception without text": ("class E(Exception):\n    def __str__(self): 1/0\n" + CALLED + "raise E", "error", "E."),
    "no end of calls": (CALLED + "return rnn_backward()", "error", "RecursionError"),
    "not Python": ("def rnn_backward(:", "error", "SyntaxError"),
    "not text": (b"\xff\xfe\x00", "error", "not UTF-8: it looks like UTF-16"),
    "no function": ("x = 1", "error", "There is no function rnn_backward"),
    "other parameters": ("def rnn_backward(x): return x", "error", "takes 1 positional argument but 6 were given"),
    "nothing": (CALLED + "pass", "fail", "returns None, expected 5 values: dx, dW_ih, dU_h, db_h, dh0. Is there"),
    "text": (CALLED + "return 'x'", "fail", "returns one str"),
    "too few": (CALLED + "return 1, 2", "fail", "returns 2 values, expected 5"),
    "objects": (CALLED + "return [object()] * 5", "fail", "dx is object of object, expected numbers"),
    "a None among them": (CALLED + "return [None] * 5", "fail", "dx is NoneType"),
    "ragged": (CALLED + "return [[[1], [1, 2]]] * 5", "fail", "dx is list, its rows not equally long"),
    "scalars": (CALLED + "return [1.0] * 5", "fail", "dx has shape (), expected (T, D, B)"),
    "huge": ("import numpy as np\n" + CALLED + "return [np.zeros((10**4, 10**3))] * 5", "fail", "dx has shape (10000,"),
    "an array that lies": ("class A:\n    def __array__(self, *a, **k): raise OSError('no')\n" + CALLED +
                           "return [A()] * 5", "error", "OSError: no"),
    "float32": (RIGHT.replace("return dx", "return dx.astype('f')"), "fail", "dx is of float32"),
    "complex": (RIGHT.replace("dh0 = dh_next", "dh0 = dh_next + 0j"), "fail", "dh0 is of complex128"),
    "nan": (RIGHT.replace("dh0 = dh_next", "dh0 = dh_next / 0"), "fail",
    "dh0 is not finite: all its numbers are inf."),
    "an input changed": (RIGHT.replace("dh_t = dh[t] + dh_next", "dh[t] += dh_next; dh_t = dh[t]"), "fail",
                         "changes its input dh in place"),
    "an input put back": (RIGHT.replace("    dh0 =", "    x += 0.1; x -= 0.1\n    dh0 ="), "fail",
                          "leaves its input x changed by rounding"),
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
            limit = 1 if HOSTILE[words][1] == "timeout" else 20
            following = words, check.Attempt(BPTT, path, types.SimpleNamespace(seed=0, limit=limit))
        if starting:
            results[starting[0]] = starting[1].run()
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
        bptt.write_text(wrong + f"KEPT = {changes}\n")
        status, said = run(copied)
        assert status == 1 and "a single step: right" in said and "t=0 x  1 x  2 x  3 x  4 ok" in said
        assert ("a version that never adds dh_next" in said) == (changes == 2)  # unasked only after three
        assert ("Which quantity" in said) == (changes < 2)
    assert "1 + 2" not in said and bptt.read_text() == wrong + "KEPT = 2\n"
    assert "07  backpropagation through time" in run(copied, "--list")[1]
    assert [run(copied, "7", "--hint")[1].split(":")[0] for _ in range(3)] == [
        f"ex07, hint {k} of 3" for k in (1, 2, 3)]  # remembered from run to run
    assert f"the answer is in tutorials/answers/{BPTT}.py" in run(copied, "--hint", "07")[1]

    for k in (1, 2):
        status, said = run(copied, "--reset", "07")
        assert status == 0 and f"before_reset_{k}" in said and bptt.read_text() == text("exercises", BPTT)
        bptt.write_text(f"second {k}")
    kept = [path.read_text() for path in sorted((copied / "my").glob("*.bak"))]
    assert kept == [wrong + "KEPT = 2\n", "second 1"]


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
    assert right.keys() == wrong.keys() == {"id", "status", "diagnoses", "seed", "seconds", "hash", "flags"}
    assert right["diagnoses"] == []
    assert wrong["diagnoses"] == ['In every case but "a single step": dx is right at the last step, and wrong at every '
                                    'earlier one.']
    assert len(right["hash"]) == 64 and right["seed"] == 0 < right["seconds"]
    said = run(copied, "07", "--why")[1]
    assert "dx is right at the last step" in said and "--why" not in said and "known here" not in said
    for _ in range(4):
        said = run(copied, "07", "--hint")[1]
    assert said.endswith("There are no more.\n")
    (copied / "my" / f"{BPTT}.py").write_text(answer(BPTT))
    assert run(copied, "--all")[0] == 0


def rows_of(path):
    data = path.read_bytes()
    assert data.startswith(b"\xef\xbb\xbf")  # so Excel reads it as UTF-8
    return list(csv.reader(data.decode("utf-8-sig").splitlines()))


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
    assert [row[:4] for row in rows_of(tmp_path / "out.csv")] == [
        ["learner", "passed", "ex06", "ex07"], ["ann", "2", "pass", "pass"], ["bob", "0", "todo", "fail"],
        ['eve, "e"', "0", "timeout", "error"], ["zoe", "0", "todo", "todo"]]
    assert re.search("zoe +nothing: no file in this folder has a name like ex06_rnn_step.py", said)
    assert not (copied / "my").exists()


@pytest.mark.skipif(os.name == "nt", reason="processes are others there")
def test_a_hostile_class_yields_a_full_table(copied, tmp_path):
    """Whatever one of them does, every learner has a row with what the files are worth."""
    right, step = answer(BPTT), answer("ex06_rnn_step")
    sleeper = "import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', 'import time; time.sleep(98.7)'], {})\n"
    writes = ("import os\nfor fd in [*range(3, 10), *range(60, 70)]:\n"
              "    try: os.write(fd, {!r})\n    except OSError: pass\n")
    pool = ("def rnn_backward(*a):\n    from concurrent.futures import ProcessPoolExecutor\n"
            "    return list(ProcessPoolExecutor(2).map(abs, a))")
    learners = {
        "forks": {f"{BPTT}.py": "import os\nos.fork()\n" + right},
        "forks in a call": {f"{BPTT}.py": right.replace("    dx, dW_ih", "    import os; os.fork()\n    dx, dW_ih", 1)},
        "pool": {f"{BPTT}.py": pool},
        "writes": {f"{BPTT}.py": writes.format(b'{"error": "end"}\n{"end": true}\nx 0 {"end": true}\n') + right},
        "closes": {f"{BPTT}.py": "import os\nos.closerange(0, 1024)\n" + right},
        "sleeps on": {f"{BPTT}.py": sleeper.format("start_new_session=True") + right},
        "is a folder": {f"{BPTT}.py/inside.txt": "x"},
        "utf16": {f"{BPTT}.py": right.encode("utf-16")}, "gbk": {f"{BPTT}.py": "# 梯度\n".encode("gbk") + right.encode()},
        "deep": {"week 3/ex07 (1).PY": right, "EX06_mine.py.txt": step, "__pycache__/ex06_rnn_step.py": "x"},
        "=1+1": {f"{BPTT}.py": right, "ex07_second.py": "x", "notes.txt": "x", "ex99.py": "x"},
        "borrows": {f"{BPTT}.py": "from minirnn import rnn\nimport checks.attempt\nopen\nX = 'tutorials/answers/ex07'\n"
                                  + right},
    }
    for learner, files in learners.items():
        for name, source in files.items():
            path = tmp_path / "class" / learner / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(source if isinstance(source, bytes) else source.encode())
    (tmp_path / "class" / "__pycache__").mkdir()
    (tmp_path / "class" / "ex07_loose.py").write_text(right)
    os.mkfifo(tmp_path / "class" / "sleeps on" / "ex06_rnn_step.py")
    _, said = run(copied, "--class", "class", "--csv", "out.csv", "--limit", "3")
    heads, *rows = rows_of(tmp_path / "out.csv")
    table = {row[0]: dict(zip(heads, row)) for row in rows}
    assert table.keys() == {*learners, "'=1+1"} - {"=1+1"} and all(len(row) == len(heads) for row in rows)
    got = {learner: row["ex07"] for learner, row in table.items()}
    assert got.pop("closes") in ("error", "timeout") and got.pop("pool") in ("fail", "error", "timeout")
    assert got == {"forks": "pass", "forks in a call": "pass", "writes": "pass", "sleeps on": "pass",
    "is a folder": "todo",
                   "utf16": "error", "gbk": "error", "deep": "pass", "'=1+1": "pass", "borrows": "pass"}
    assert table["deep"]["ex06"] == "pass" and "ex07 is taken from week 3/ex07 (1).PY" in table["deep"]["remarks"]
    assert "ex07 is there again and not graded: ex07_second.py" in table["'=1+1"]["remarks"]
    assert "not graded, as no exercise has that name: ex99.py, notes.txt" in table["'=1+1"]["remarks"]
    assert table["borrows"]["flags"] == ("ex07 imports checks.attempt; ex07 imports minirnn.rnn; "
                                         "ex07 has the text 'tutorials/answers/ex07'")
    assert "in no learner's folder, so not graded: ex07_loose.py" in said
    if Path("/proc").exists():
        assert not running("time.sleep(98.7)")


def running(words):
    """The processes whose command line has these words."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if words.encode() in (folder / "cmdline").read_bytes() and " Z " not in (folder / "stat").read_text():
                found.append(int(folder.name))
        except OSError:
            pass
    return found


def test_what_breaks_in_the_checker_is_one_cell():
    def graded(name, path):
        raise RuntimeError("first\nlast line")
    [row] = classroom.grade_all([(BPTT, Path("nowhere"))], graded)
    assert row["status"] == "broke" and row["diagnoses"] == ["could not be checked: RuntimeError: last line"]


def test_what_is_not_installed_is_said(copied, tmp_path):
    (tmp_path / "without").mkdir()
    (tmp_path / "without" / "minirnn.py").write_text("raise ModuleNotFoundError('no', name='minirnn')")
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "without")}
    (tmp_path / "pyproject.toml").touch()
    said = subprocess.run([sys.executable, "tutorials/check.py", "07"], cwd=tmp_path, env=environment, text=True,
                          capture_output=True).stderr
    assert said == f"minirnn is not installed: run `pip install -e .` in {tmp_path}, then this again\n"


def test_names_paths_and_words(copied, tmp_path):
    run(copied)
    mine = copied / "my" / f"{BPTT}.py"
    mine.write_text(answer(BPTT).replace(" + dh_next", ""))
    other = tmp_path / "Ex07_of_ann.py"
    other.write_text(answer(BPTT))
    assert "right, all of" in run(copied, other)[1] and "right, all of" in run(copied, "Ex07_of_ann.py")[1]
    for number in ("EX7", mine):
        assert run(copied, number)[1].startswith("ex07 rnn_backward: not yet")
    state = json.loads((copied / "my" / ".state.json").read_text())[BPTT]
    assert state["failures"] == 1  # the same file, and that of ann is not ours
    mine.write_text(mine.read_text() + "\n# a comment only\n")
    run(copied, "07")
    assert json.loads((copied / "my" / ".state.json").read_text())[BPTT]["failures"] == 1
    assert "there is no file ex07_gone.py" in run(copied, "ex07_gone.py")[1]
    assert "is a folder, expected a number or a file" in run(copied, tmp_path)[1]
    run(copied, "07", "--hint")
    assert "1 try, 1 hint\n" in run(copied, "--list")[1]
    status, said = run(copied, "06", "--why")
    assert status == 1 and "How to begin" in said and "06 --hint" in said
    mine.write_text("def rnn_backward(*a):\n    return 'E', 1, 2, 3, 4")
    said = run(copied, "07")[1]
    assert "dx is the text 'E'" in said and "--why" not in said
    mine.write_text(answer(BPTT).replace("    dh0 =", "    print('x\\n' * 30)\n    dh0 =").replace(" + dh_next", ""))
    assert "Your code printed, of which these are the first 20 lines:" in run(copied, "07")[1]
    process = started(copied, "--list")
    process.stdout.close()
    assert process.stderr.read() == "" and process.wait() == 0
    process.stderr.close()


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C is sent otherwise there")
def test_watch_answers_each_save(copied):
    """Whichever was saved; and it keeps what another window wrote."""
    run(copied)
    process = started(copied, "--watch")
    read_until = lambda words: next(line for line in process.stdout if words in line)
    read_until("ex06 rnn_step: to do")
    for name, source, words in ((BPTT, answer(BPTT).replace(" + dh_next", ""), "ex07 rnn_backward: not yet"),
                                (BPTT, answer(BPTT), "ex07 rnn_backward: right, all of"),
                                ("ex06_rnn_step", answer("ex06_rnn_step"), "ex06 rnn_step: right, all of")):
        run(copied, "07", "--hint")
        beside = copied / "my" / "beside"
        beside.write_text(source)
        start = time.perf_counter()
        os.replace(beside, copied / "my" / f"{name}.py")
        read_until(words)
        print(f"{time.perf_counter() - start:.2f} s from saving to feedback")
        assert time.perf_counter() - start < 5
    assert json.loads((copied / "my" / ".state.json").read_text())[BPTT]["hints"] == 3
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    assert process.returncode == 0


@pytest.mark.skipif(not Path("/proc").exists(), reason="processes are listed otherwise there")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_watch_leaves_no_process_behind(copied, number):
    """Ended while a learner's code runs without end, in a process of its own too."""
    run(copied)
    path = copied / "my" / f"{BPTT}.py"
    path.write_text("import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', 'while True: pass'])\n"
                    f"open({str(copied / 'begun')!r}, 'w').close()\nwhile True: pass")
    process = started(copied, "07", "--watch", "--limit", "60")
    until = time.monotonic() + 20
    while not (copied / "begun").exists() and time.monotonic() < until:
        time.sleep(0.02)
    of_this = lambda: [pid for pid in running(str(path)) if pid != process.pid] + running("while True: pass")
    assert of_this()
    process.send_signal(number)
    process.wait(20)
    until = time.monotonic() + 10
    while of_this() and time.monotonic() < until:
        time.sleep(0.05)
    assert not of_this()
    process.stdout.close()
    process.stderr.close()
