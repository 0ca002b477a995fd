"""From the records of an attempt to a verdict: what is right, one observation, and the cause if the numbers prove it.

Nothing here runs a learner's code. The rule: only say what is true of the numbers at hand. An observation holds on both
seeds; a cause is "your numbers equal those of a version that ...", and that to 1e-12 on every case and seed.
"""

import contextlib
import copy
import functools
import itertools
import math

import numpy as np

from . import answer, load
from .attempt import SEEDS, calls

EQUAL = 1e-12
SAME_RATIO = 1e-9
CERTAIN = "What is said above is certain."
UNKNOWN = f"No mistake that is known here gives your numbers, and no two of them that were tried together. {CERTAIN}"
NO_ANSWER = f"There is no answer here to compare with, so no mistake can be named. {CERTAIN}"
INCOMPLETE = f"A mistake can be named only when every case has returned its numbers. {CERTAIN}"


def judge(name, records, seed=0, pairs=False):
    """A dict: status, map (lines), observation, question and causes (see `causes`), unnamed, printed.

    status   pass, fail, todo, error or timeout
    unnamed  what is true if there are numbers that are wrong, but no causes
    pairs    whether to look for two bugs at once, too, which takes longer
    """
    plan = planned(name, seed)
    verdict = {"status": "fail", "map": [], "observation": "", "question": "", "causes": [], "unnamed": "",
               "printed": ""}
    *done, last = records
    if last.get("error") == "todo":
        return verdict | {"status": "todo"}
    ended = {} if "end" in last else _ended_early(plan.exercise, last)
    made = [(record["case"], record["seed"]) for record in done]
    if not ended and (not made or made != [call[:2] for call in plan.calls]):
        raise AssertionError(f"{name}: not every call was made, or none was planned, so this is not a check")
    got, problem = [], None
    for record, right in zip(done, plan.right):
        if problem := _malformed(plan.exercise, record, right):
            verdict["printed"] = record["printed"]
            break
        got.append({output: np.array(part["values"]).reshape(part["shape"])
                    for output, part in zip(plan.exercise.OUTPUTS, record["outputs"])})
    cases = [Case(plan, words, got) for words in list(plan.exercise.CASES)[:len(got) // SEEDS]]
    failing = next((case for case in cases if case.wrong), None)
    unclean = _unclean(done)
    if not (ended or problem or failing or unclean):
        return verdict | {"status": "pass"}
    verdict["map"] = [f"{case.words}: right" for case in cases[:cases.index(failing) if failing else None]]
    if failing:
        verdict["map"] += failing.map()
        verdict["printed"] = next(record["printed"] for record in done if record["case"] == failing.words)
        if ended or problem:
            verdict |= {"causes": fits_of(plan.exercise, cases), "unnamed": INCOMPLETE}
        else:
            found, question = causes(plan, got, cases, pairs)
            verdict |= {"causes": found, "question": question, "unnamed": UNKNOWN if plan.source else NO_ANSWER}
        problem = unclean or failing.observation()
    return verdict | {"observation": problem or unclean} | ended


@functools.cache
def planned(name, seed=0):
    return Plan(name, seed)


class Plan:
    """The calls of an exercise with what is right, and with what versions of the answer return that have mistakes."""

    def __init__(self, name, seed):
        self.exercise, self.source, self.calls = load(name), answer(name), calls(load(name), seed)
        self.right = [_arrays(self.exercise.reference(**copy.deepcopy(inputs)), self.exercise)
                      for _, _, inputs in self.calls]
        self.known = [(k,) for k in range(len(self.exercise.MUTANTS))] if self.source else []
        self.outputs = {which: Lazily(self, which) for which in self.known}

    def spans(self, which):
        """Where in the answer each patch goes: start, end and new text."""
        for k in which:
            right, wrong = self.exercise.MUTANTS[k][:2]
            yield self.source.index(right), self.source.index(right) + len(right), wrong

    @functools.cached_property
    def twos(self):
        """Every two patches that do not overlap, so that both can be applied."""
        spans = [span for which in self.known for span in self.spans(which)]
        return [(one, two) for one, two in itertools.combinations(range(len(spans)), 2)
                if spans[one][1] <= spans[two][0] or spans[two][1] <= spans[one][0]]

    def likely(self, got):
        """Those of `twos` of which one or the other is wrong at just the entries that are wrong here. They are few, and
        the true two are nearly always among them."""
        yours, masks = self.mask(got), self.masks
        return [(one, two) for one, two in self.twos if masks[one] | masks[two] == yours]

    @functools.cached_property
    def masks(self):
        return [self.mask(self.outputs[which]) for which in self.known]

    def mask(self, outputs):
        """A bit for each entry of every case, on its first seed: whether it is wrong."""
        tolerance = getattr(self.exercise, "TOLERANCE", 1e-9)
        return int.from_bytes(np.packbits(np.concatenate([
            np.ravel(_off(outputs[call][name], self.right[call][name], tolerance))
            for call in range(0, len(self.calls), SEEDS) for name in self.exercise.OUTPUTS])).tobytes(), "big")

    def version(self, which):
        """The text of the answer with these patches."""
        source = self.source
        for start, end, wrong in sorted(self.spans(which), reverse=True):
            source = source[:start] + wrong + source[end:]
        return source

    def matching(self, candidates, got):
        """Those whose numbers equal the learner's at every output of every call; the last call tells most."""
        found = []
        for which in candidates:
            with contextlib.suppress(Exception):  # two mistakes together may not even run
                outputs = self.outputs[which] if which in self.outputs else Lazily(self, which)
                if all(_same(got[call][name], outputs[call][name], EQUAL)
                       for call in reversed(range(len(got))) for name in self.exercise.OUTPUTS):
                    found.append(which)
        return found

    def sentence(self, which):
        return (f"{'Two things at once: your' if len(which) > 1 else 'Your'} numbers equal those of a version that "
                f"{', and '.join(self.exercise.MUTANTS[k][2] for k in which)}.")


class Lazily(dict):
    """What a version returns, call by call, once it is asked for."""

    def __init__(self, plan, which):
        self.plan, self.which, self.function = plan, which, None

    def __missing__(self, call):
        if self.function is None:
            namespace = {}
            exec(compile(self.plan.version(self.which), "answer.py", "exec"), namespace)
            self.function = namespace[self.plan.exercise.FUNCTION]
        with np.errstate(all="ignore"):
            outputs = self.function(*copy.deepcopy(list(self.plan.calls[call][2].values())))
        self[call] = _arrays(outputs, self.plan.exercise)
        return self[call]


# --- what goes wrong before there are numbers

def _ended_early(exercise, last):
    """Status and observation where the learner's code did not get to the end."""
    kind, words = last["error"], f" in the case: {last['case']}" if last.get("case") else ""
    if kind == "timeout":
        return {"status": "timeout", "observation": f"Stopped after {last['limit']:g} s{words}. Is there a loop that "
                                                    "does not end?"}
    if kind == "missing":
        return {"status": "error", "observation": f"There is no function {exercise.FUNCTION} in your file."}
    if kind == "died":
        return {"status": "error", "observation": "Your code ended the whole Python process before it returned."}
    if last["type"] in ("SystemExit", "KeyboardInterrupt"):
        what = f"Your code ends the program{words}: {last['type']}."
    else:
        what = f"{last['type']}: {last['message']}".rstrip(": ")
        what += f"{'' if what[-1] in '.!?' else '.'} It came up{words}." if words else ""
    where = f"\nYour line {last['line']}:  {last['text']}" if last["line"] else ""
    return {"status": "error", "observation": what + where, "printed": last.get("printed", "")}


def _malformed(exercise, record, right):
    """One line on the first thing returned that is not an array of the right shape and dtype, or None."""
    function, names, got = exercise.FUNCTION, list(exercise.OUTPUTS), record["outputs"]
    expected = names[0] if len(names) == 1 else f"{len(names)} values: {', '.join(names)}"
    if isinstance(got, dict):
        return f"{function} returns one {got['type']}, expected {expected}."
    if len(got) == 1 and got[0].get("type") == "NoneType":
        return f"{function} returns None, expected {expected}. Is there a return?"
    if len(got) != len(names):
        return f"{function} returns {len(got)} values, expected {expected}."
    for (name, axes), part, array in zip(exercise.OUTPUTS.items(), got, right.values()):
        if "type" in part:
            return f"{name} is {part['type']}, expected numbers of shape {array.shape}."
    wrong = [f"{name} has shape {tuple(part['shape'])}, expected {_shape(axes, array)}"
             for (name, axes), part, array in zip(exercise.OUTPUTS.items(), got, right.values())
             if tuple(part["shape"]) != array.shape]
    if wrong:
        return f"In the case: {record['case']}: " + "; ".join(wrong) + "."
    for name, part, array in zip(names, got, right.values()):
        if array.dtype.kind == "f" and (part["kind"] != "f" or part["dtype"] in ("float16", "float32")):
            return f"{name} is of {part['dtype']}, expected float64, like the inputs."
        if array.dtype.kind in "iub" and part["kind"] not in "iub":
            return f"{name} is of {part['dtype']}, expected {array.dtype}."
    for name, part in zip(names, got):
        values = np.array(part["values"])
        if not np.isfinite(values).all():
            count = f"{(~np.isfinite(values)).sum()} of its {values.size} numbers" if values.size > 1 else "it"
            return (f"{name} is not finite, in the case: {record['case']}: {count} "
                    f"{'are' if values.size > 1 else 'is'} nan or inf.")
    return None


def _shape(axes, array):
    return f"({', '.join(axes.split())}) = {array.shape}" if axes else "a single number"


def _unclean(done):
    for record in done:
        names = _list([name for name, little in record["changed"].items() if not little])
        if names:
            return f"Your function changes its input {names} in place. The caller still needs it: work on a copy."
    for record in done:
        if record["changed"]:
            return (f"Your function leaves its input {_list(list(record['changed']))} changed, by rounding only: "
                    "x + ε - ε is not always x. Put back the value that you kept.")
    if any(record["differs"] for record in done):
        return ("Called twice with equal inputs, your function returns different numbers. Something lives on from the "
                "first call, or is random.")
    return None


# --- where the numbers are wrong

class Case:
    """A case with what came back and what is right on each seed; `wrong`: output -> mask of the wrong entries."""

    def __init__(self, plan, words, got):
        exercise = self.exercise = plan.exercise
        self.words = words
        which = [k for k, call in enumerate(plan.calls) if call[0] == words]
        self.inputs, self.right, self.got = ([row[k] for k in which] for row in (
            [inputs for _, _, inputs in plan.calls], plan.right, got))
        self.axes = {name: axes.split() for name, axes in exercise.OUTPUTS.items()}
        self.sizes = {axis: size for name, axes in self.axes.items() for axis, size in
                      zip(axes, self.right[0][name].shape) if axis.isalpha()}
        masks = {name: np.any([_off(got[name], right[name], getattr(exercise, "TOLERANCE", 1e-9))
                               for got, right in zip(self.got, self.right)], axis=0) for name in exercise.OUTPUTS}
        self.wrong = {name: mask for name, mask in masks.items() if mask.any()}

    def map(self):
        """Lines: each output with ok or x, by time step and by gate where it has such axes."""
        mapped = getattr(self.exercise, "MAPPED", {"T": "t="})
        width = max(map(len, self.axes))
        lines = [f"{self.words}:"]
        for name, axes in self.axes.items():
            if name not in self.wrong:
                lines.append(f"  {name:<{width}}  ok")
                continue
            mask, parts = self.wrong[name], []
            for k, axis in enumerate(axes):
                slices = mask.swapaxes(0, k).reshape(len(mask) if k == 0 else mask.shape[k], -1).any(axis=1)
                if axis in mapped and len(slices) > 1:
                    parts.append(mapped[axis] + " ".join(f"{i} {_ok(bad)}" for i, bad in enumerate(slices)))
                elif axis[:1].isdigit() and not axis.isdigit():
                    gates = getattr(self.exercise, "GATES", "ifgo")
                    parts.append("  ".join(f"{gate} {_ok(bad)}" for gate, bad in
                                           zip(gates, slices.reshape(len(gates), -1).any(axis=1))))
            lines.append(f"  {name:<{width}}  " + (" | ".join(parts) or "x"))
        return lines

    def observation(self):
        """The first general pattern that the wrong numbers show, and one entry of an output that it speaks of."""
        sentence, (name, *_) = next(self.patterns())
        mask = self.wrong[name]
        at = tuple(int(k) for k in np.unravel_index(mask.argmax(), mask.shape))
        got, right = next((g[name][at] + 0, r[name][at]) for g, r in zip(self.got, self.right)
                          if _off(g[name], r[name], getattr(self.exercise, "TOLERANCE", 1e-9))[at])
        entry = f"{name}{list(at) if at else ''} is {got:.5g}, right is {right:.5g}"
        if f"{got:.5g}" == f"{right:.5g}":
            entry = f"{name}{list(at) if at else ''} is {got:.12g}, right is {right:.12g}"
        return f"{sentence}\nFor example: {entry}."

    def patterns(self):
        """True sentences about wrong outputs, the most telling first, and the names of these."""
        wrong = list(self.wrong)
        each = lambda test: [name for name in wrong if all(test(got[name], right[name], got, right)
                                                           for got, right in zip(self.got, self.right))]
        if zero := each(lambda got, *_: not got.any()):
            yield "All that you return is exactly zero." if len(zero) == len(self.axes) else (
                f"{_list(zero)} {_are(zero)} exactly zero."), zero
        ratios = {name: ratio for name in wrong if (ratio := self.ratio(name)) is not None}
        for value, names in _grouped(ratios):
            if value == -1:
                yield f"{_list(names)} {_has(names)} the wrong sign everywhere, and the right size.", names
            else:
                yield (f"{_list(names)} {_are(names)} right but for a factor, the same everywhere: "
                       f"{self.number(value)}."), names
        if names := each(lambda got, right, *_: got.ndim == 2 and got.shape == got.T.shape and _same(got, right.T)):
            yield f"{_list(names)} {_are(names)} the transpose of what is right.", names
        for one, two in itertools.permutations(self.axes, 2):
            if one in wrong and each(lambda got, _, all_got, all_right: got.shape == all_right[two].shape and _same(
                    got, all_right[two])).count(one):
                yield f"What you return as {one} is what belongs in {two}.", [one]
        yield from self.gate_patterns()
        yield from self.time_patterns()
        yield from self.slice_patterns()
        close = [name for name in wrong if all(np.abs(got[name] - right[name]).max() < 1e-4 * np.abs(right[name]).max()
                                               for got, right in zip(self.got, self.right))]
        if close:
            yield (f"{_list(close)} {_are(close)} nearly right: the error is less than 1 part in 10,000, yet more than "
                   "rounding in float64."), close
        right = [name for name in self.axes if name not in self.wrong]
        yield f"Wrong: {_list(wrong)}." + (f" All else is right: {_list(right)}." if right else ""), wrong

    def ratio(self, name):
        """The constant factor between what came back and what is right, the same on all seeds, or None."""
        found = []
        for got, right in zip(self.got, self.right):
            got, right = got[name].astype(float), right[name].astype(float)
            factor = np.vdot(right, got) / (np.vdot(right, right) or 1)
            if right.size < 2 and self.axes[name] or abs(factor) < SAME_RATIO or not _same(got, factor * right):
                return None
            found.append(factor)
        return float(np.round(found[0], 9)) if np.ptp(found) < SAME_RATIO * abs(found[0]) else None

    def number(self, value):
        """A ratio in words: which size it is, or the root or the inverse of one."""
        known = {"2": 2.0} | {size: float(n) for size, n in self.sizes.items() if n > 1}
        known |= {f"{a} {b}": known[a] * known[b] for a, b in itertools.combinations(known, 2)}
        known |= {f"√{name}": math.sqrt(n) for name, n in known.items()}
        known |= {f"1/{name if ' ' not in name else f'({name})'}": 1 / n for name, n in known.items()}
        names = [name for name, n in known.items() if math.isclose(n, abs(value), rel_tol=1e-8)]
        sign = "-" if value < 0 else ""
        here = ", ".join(f"{size} = {n}" for size, n in self.sizes.items() if any(size in name for name in names))
        return " or ".join(sign + name for name in names) + f" ({here})" * bool(here) if names else f"{value:.6g}"

    def gate_patterns(self):
        gates = getattr(self.exercise, "GATES", "ifgo")
        for name in self.wrong:
            for k, axis in enumerate(self.axes[name]):
                if not axis[:1].isdigit() or axis.isdigit():
                    continue
                blocks = lambda array: np.split(array[name], len(gates), axis=k)
                equal = {(i, j) for i, j in itertools.product(range(len(gates)), repeat=2)
                         if all(_same(blocks(g)[i], blocks(r)[j]) for g, r in zip(self.got, self.right))}
                moved = [f"{gates[i]} what belongs in {gates[j]}" for i, j in sorted(equal) if i != j]
                if moved:
                    yield f"In {name}, block {', block '.join(f'{words}' for words in moved)}.".replace(
                        " what belongs", " holds what belongs"), [name]
                good = [gates[i] for i in range(len(gates)) if (i, i) in equal]
                if good and self.sizes.get("T", 1) == 1:
                    bad = [gate for gate in gates if gate not in good]
                    yield f"In {name} the blocks of {_list(good)} are right, those of {_list(bad)} wrong.", [name]

    def time_patterns(self):
        by_time = {}
        for name, mask in self.wrong.items():
            if "T" in self.axes[name] and mask.shape[k := self.axes[name].index("T")] > 1:
                by_time[name] = np.moveaxis(mask, k, 0).reshape(mask.shape[k], -1).any(axis=1)
                moved = [[np.moveaxis(side[name], k, 0) for side in pair] for pair in zip(self.got, self.right)]
                if all(_same(got, right[::-1]) for got, right in moved):
                    yield f"{name} is right, but in reversed order of time.", [name]
                for shift, words in ((1, "one step later"), (-1, "one step earlier")):
                    if all(_same(got[max(0, -shift):len(got) - max(0, shift)], right[max(0, shift):len(right) + min(
                            0, shift)]) for got, right in moved):
                        yield f"What you return in {name} at a step belongs to {words}.", [name]
        for bad, names in _grouped({name: tuple(bad) for name, bad in by_time.items()}):
            steps, who = len(bad), _list(names)
            last, first = list(bad[::-1]).index(True), list(bad).index(True)
            if all(bad):
                continue
            if last and all(bad[:steps - last]):
                yield f"{who}: right at the last {_steps(last)}, wrong at every earlier one.", names
            elif first and all(bad[first:]):
                yield f"{who}: right at the first {_steps(first)}, wrong at every later one.", names
            else:
                yield f"{who}: wrong at t = {_list([str(t) for t in range(steps) if bad[t]])} only.", names

    def slice_patterns(self):
        """Along which other axis some slices are wholly right."""
        for name, mask in self.wrong.items():
            for k, axis in enumerate(self.axes[name]):
                bad = mask.swapaxes(0, k).reshape(mask.shape[k], -1).any(axis=1)
                if axis != "T" and not axis[:1].isdigit() and len(bad) > 1 and not bad.all():
                    places = _list([str(i) for i in np.flatnonzero(bad)])
                    yield f"{name} is wrong only at index {places} of its axis {axis} ({len(bad)} long).", [name]


# --- why: versions with known mistakes, whose numbers are the same

def causes(plan, got, cases, pairs):
    """Sentences that are proven by the numbers, and the question that leads to the first.

    Versions of the answer with one mistake; else what terms an output is the sum of and, with `pairs`, versions with
    two mistakes; else single outputs that are those of a version with one.
    """
    mutants = plan.exercise.MUTANTS
    if found := plan.matching(plan.known, got):
        return [plan.sentence(which) for which in found], mutants[found[0][0]][3]
    fits = fits_of(plan.exercise, cases)
    if not pairs:
        return fits, ""
    if found := plan.matching(plan.likely(got), got):
        return [plan.sentence(which) for which in found], mutants[found[0][0]][3]
    alone = []
    for name in next(case for case in cases if case.wrong).wrong:
        equal = [k for (k,) in plan.known if all(_same(came[name], plan.outputs[k,][call][name], EQUAL)
                                                 for call, came in enumerate(got))]
        if 0 < len(equal) <= 3:
            words = ", or ".join(mutants[k][2] for k in equal)
            alone.append(f"Taken alone, your {name} equals that of a version that {words}.")
    return fits + alone, ""


def fits_of(exercise, cases):
    """At most two sentences of `fitted`, on the simplest case that has any: others would say the same again."""
    for case in cases:
        if fits := case.wrong and list(fitted(exercise, case)):
            return [f"In the case: {case.words}: {fit}" for fit in fits[:2]]
    return []


def fitted(exercise, case):
    """Sentences: a wrong output written as a sum of the formula's terms, where that is exact and equal on all seeds; or
    else blocks of it, each for itself."""
    if not hasattr(exercise, "terms"):
        return
    terms = [exercise.terms(**copy.deepcopy(inputs)) for inputs in case.inputs]
    gates = getattr(exercise, "GATES", "ifgo")
    for name in case.wrong:
        rows = [(of.get(name, {}), got[name], right[name]) for of, got, right in zip(terms, case.got, case.right)]
        if fit := _fit(rows):
            yield f"your {name} is {fit}."
            continue
        axis = next((k for k, axis in enumerate(case.axes[name]) if axis[:1].isdigit() and not axis.isdigit()), None)
        if axis is None:
            continue
        block = lambda array, k: np.split(array, len(gates), axis)[k]
        fits = {gate: fit for k, gate in enumerate(gates) if block(case.wrong[name], k).any() and (fit := _fit([
            ({words: block(term, k) for words, term in of.items()}, block(got, k), block(right, k))
            for of, got, right in rows]))}
        for fit, of in _grouped(fits):
            yield f"in your {name}, the block{'s' * (len(of) > 1)} of {_list(of)} {_are(of)} {fit}."


def _fit(rows):
    """From (terms, what came, what is right) on each seed: both as sums of the terms in words, or None."""
    found = []
    for terms, got, right in rows:
        if not terms or len(terms) * 2 > got.size:
            return None
        matrix = np.array([np.ravel(term) for term in terms.values()], float).T
        yours, ours = (np.linalg.lstsq(matrix, side.ravel(), rcond=None)[0] for side in (got, right))
        if np.linalg.matrix_rank(matrix) < len(terms) or not (
                _same(matrix @ yours, got.ravel(), 1e-11) and _same(matrix @ ours, right.ravel())):
            return None
        found.append(yours)
    if not all(np.allclose(yours, found[0], rtol=0, atol=1e-8) for yours in found):
        return None
    return f"{_sum(found[0], terms)}; right is {_sum(ours, terms)}"


# --- small things

def _arrays(outputs, exercise):
    """Outputs by name, as arrays."""
    outputs = [outputs] if len(exercise.OUTPUTS) == 1 else outputs
    return {name: np.asarray(value) for name, value in zip(exercise.OUTPUTS, outputs, strict=True)}


def _off(got, right, tolerance):
    if right.dtype.kind != "f":
        return got != right
    return ~(np.abs(got - right) <= tolerance * (np.abs(right).max(initial=0) or 1))


def _same(got, right, tolerance=SAME_RATIO):
    return got.shape == right.shape and not _off(got, right.astype(float), tolerance).any()


def _ok(bad):
    return "x " if bad else "ok"


def _list(words):
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


def _steps(count):
    return "step" if count == 1 else f"{count} steps"


def _are(names):
    return "are" if len(names) > 1 else "is"


def _has(names):
    return "have" if len(names) > 1 else "has"


def _grouped(named):
    """(value, the names that have it), the largest group first."""
    groups = {}
    for name, value in named.items():
        groups.setdefault(value, []).append(name)
    return sorted(groups.items(), key=lambda group: -len(group[1]))


def _sum(factors, words):
    parts = [f"{'-' if f < 0 else '+'} {'' if abs(abs(f) - 1) < 1e-8 else f'{abs(f):.6g} '}{word}"
             for f, word in zip(factors, words) if abs(f) > 1e-8]
    return " ".join(parts).removeprefix("+ ") or "0"
