"""From the records of an attempt to a verdict: what is right, one observation, and the cause if the numbers prove it.

Nothing here runs a learner's code. The rule: only say what is true of the numbers at hand. An observation is said of a
case, unless it holds in all of them; a cause is "your numbers equal those of a version that ...", and that to 1e-12 on
every case and seed.
"""

import copy
import itertools
import re
import time

import numpy as np

from .attempt import SEEDS
from .seen import Case, are, blocked, factors, grouped, listed, shape
from .versions import planned, same

HASTY, PATIENT = 0.5, 3.0  # seconds for one mistake; there are more of them than a quick answer allows
TINY = 1e-5  # smaller than any factor that a person writes
ALONE = 0.3  # seconds after which single outputs are compared with listed mistakes only
CERTAIN = "What is said above is certain."
UNKNOWN = ("The checker knows no mistake that gives your numbers. It has tried many pairs of mistakes, too. "
           f"{CERTAIN}")
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
    ended = {} if "end" in last else ended_early(plan, last)
    made = [(record["case"], record["seed"]) for record in done]
    if not ended and (not made or made != [call[:2] for call in plan.calls]):
        raise AssertionError(f"{name}: not every call was made, or none was planned, so this is not a check")
    got, problem = [], None
    for record, right in zip(done, plan.right):
        if problem := malformed(plan.exercise, record, right):
            verdict["printed"] = record["printed"]
            break
        got.append({output: np.array(part["values"]).reshape(part["shape"])
                    for output, part in zip(plan.exercise.OUTPUTS, record["outputs"])})
    cases = [Case(plan, words, got) for words in list(plan.exercise.CASES)[:len(got) // SEEDS]]
    failing = [case for case in cases if case.wrong]
    unclean = unclean_in(done)
    if not (ended or problem or failing or unclean):
        return verdict | {"status": "pass"}
    misshapen = [case for case in failing if case.misshapen]
    shown = max(misshapen, key=Case.size) if misshapen else failing[0] if failing else None
    verdict["map"] = mapped(cases, shown)
    if failing:
        verdict["printed"] = next(record["printed"] for record in done if record["case"] == shown.words)
        if ended or problem:
            verdict |= {"causes": fits_of(plan.exercise, cases), "unnamed": INCOMPLETE}
        else:
            plain = unset_in(done) or all(case.explained() for case in failing)  # the observation says all there is
            found, question = causes(plan, got, cases, pairs and not plain) if not unset_in(done) else ([], "")
            if hasattr(plan.exercise, "becomes_right"):
                found += plan.exercise.becomes_right(cases)
            verdict |= {"causes": found, "question": question, "unnamed": UNKNOWN if plan.source and not plain else ""}
        unset = unset_in(done)
        problem = "\n".join(filter(None, [said(shown, cases), unclean, unset, broken_in(done, shown)]))
    return verdict | {"observation": problem or unclean} | ended


def mapped(cases, shown):
    """The case that is spoken of output by output, each other one in a line."""
    lines = []
    for case in cases:
        if case is shown:
            lines += case.map()
        else:
            lines.append(f"{case.words}: " + (f"x in {listed(list(case.wrong))}" if case.wrong else "right"))
    return lines


def said(case, cases):
    """One sentence, of this case, or of all in which it holds; and an example."""
    named = factors(cases) if len(cases) == len(case.exercise.CASES) else {}
    for each in cases:
        each.factors, each.others = named, cases
    sentence, example = case.observation()
    where = inside(case)
    if case.misshapen and all(case.misshapen[0] in each.misshapen for each in cases) and len(cases) > 1:
        return f"{where}: {sentence} The shape of {case.misshapen[0]} is wrong in every case."
    alike = [each for each in cases if each is case or any(words == sentence for words, _ in each.patterns())]
    rest = [each for each in cases if each not in alike]
    called = getattr(case.exercise, "CALLED", "")
    if called:
        sentence, example = (re.sub(rf"(?<!\w)({'|'.join(case.axes)})(?=\W)", rf"{called} \1", words)
                             for words in (sentence, example))
    if sentence.startswith("In every case") or not rest:
        start = ""
    elif len(alike) > 1 and not any(each.wrong for each in rest):
        start = f"In every case but {quoted(rest)}: " if len(rest) < 3 else "In every case that is not right: "
    elif len(alike) > 1:
        start = f"In the cases {quoted(alike)}: " if len(alike) < 4 else f"{where} and others: "
    else:
        start = f"{where}: "
    if example:
        known = start.startswith(where) or len(cases) == 1
        example = f"For example{'' if known else f', {where[0].lower()}{where[1:]}'}: {example}"
    return "\n".join(filter(None, [start + sentence, example]))


def inside(case):
    return f'In the case "{case.words if isinstance(case, Case) else case}"'


def quoted(cases):
    return listed([f'"{case.words}"' for case in cases])


# --- what goes wrong before there are numbers

MEANT = (  # (type, words of the message, what a learner then wants to know)
    ("TypeError", "bitwise_xor|\\^: 'float'|for \\^", "In Python a power is written **; ^ is something else."),
    ("UnboundLocalError", "", "This name is read before it has a value. What is it before the first turn of the loop?"),
    ("NameError", "", "No line above gives this name a value. Is it spelled as in the first lines of the file?"),
    ("TypeError", "not callable", "A name with brackets behind it is called. Is a * missing, or is an array named like "
                                  "a function?"),
    ("TypeError", "only (length-1|size-1|integer scalar|0-dim)", "An array stands where one number is expected."),
    ("IndexError", "out of bounds", "An index points past the end of its axis. Indices begin at 0, so the last "
                                     "of n is n - 1."),
    ("IndexError", "arrays used as indices must be|only integers, slices", "An index has to be a whole number, or an "
                                                                          "array of them."),
    ("TypeError", "list indices", "An index has to be a whole number."),
    ("ValueError", "matmul|shapes .* not aligned", "In a product A @ B, the last axis of A is as long as the last but "
                                                   "one of B."),
    ("ValueError", "broadcast", "Entry by entry, two shapes meet from their last axis on: equal, or one of them 1."),
    ("ValueError", "too many values|not enough values", "Count the names on the left and the values on the right."),
    ("AttributeError", "NoneType", "Something here is None: a call without a return, or a function that works in "
                                   "place."),
    ("RecursionError", "", "The function calls itself without an end."),
    ("IndentationError", "", "Lines of one block begin at the same column."),
    ("TabError", "", "Lines of one block begin at the same column, all with spaces or all with tabs."),
    ("ModuleNotFoundError", "", "Only NumPy and minirnn are needed."),
    ("ValueError", "truth value of an array", "An `if` needs one True or False, and gets an array. np.where chooses "
                                              "entry by entry."),
    ("ValueError", "assignment destination is read-only", "This array cannot be written to: work on a copy."),
)


def miscounted(plan, last):
    """What is said where a size has the stub's name, and another number than that axis has: H = len(x)."""
    call = next((k for k, call in enumerate(plan.calls) if call[0] == last.get("case")), None)
    if call is None or not last.get("sizes"):
        return ""
    known = {}
    for name, axes in plan.exercise.OUTPUTS.items():
        for axis, n in zip(axes.split(), plan.right[call][name].shape):
            if m := re.fullmatch(r"(\d*)([A-Z])", axis):
                known[m[2]] = n // int(m[1] or 1)
    return "".join(f"\nIn your function {name} is {n}, but the axis {name} is {known[name]} long here. From which axis "
                   "of which array is it to be taken?" for name, n in last["sizes"].items() if known.get(name, n) != n)


def ended_early(plan, last):
    """Status and observation where the learner's code did not get to the end."""
    exercise = plan.exercise
    kind, words = last["error"], f' in the case "{last["case"]}"' if last.get("case") else ""
    if kind == "timeout":
        return {"status": "timeout", "observation": f"Stopped after {last['limit']:g} s{words}. Is there a loop that "
                                                    "does not end?"}
    if kind == "printed":
        return {"status": "error", "observation": f"Stopped{words}: your code prints more than {last['limit']}. Print "
                                                  "less, not in each turn of a loop.", "printed": last["printed"]}
    if kind == "missing":
        return {"status": "error", "observation": f"There is no function {exercise.FUNCTION} in your file."}
    if kind == "encoding":
        return {"status": "error", "observation": f"The file is not UTF-8: it looks like {last['looks']}. Save it as "
                                                  "UTF-8 in your editor."}
    if kind == "unreadable":
        return {"status": "error", "observation": f"The file cannot be read: {last['why']}."}
    if kind == "died":
        return {"status": "error", "observation": "Your code ended the whole Python process before it returned."}
    if last["type"] in ("SystemExit", "KeyboardInterrupt"):
        what = f"Your code ends the program{words}: {last['type']}."
    else:
        what = f"{last['type']}: {last['message']}".rstrip(": ")
        what += f"{'' if what[-1] in '.!?' else '.'} It came up{words}." if words else ""
    where = f"\nYour line {last['line']}:  {last['text']}" if last["line"] else ""
    if shapes := last.get("shapes"):
        where += "\nThere: " + ", ".join(f"{name} is {words}" for name, words in shapes.items()) + "."
    where += miscounted(plan, last)
    meant = next((f"\n{hint}" for name, pattern, hint in MEANT if name == last["type"] and re.search(
        pattern, last["message"])), "") if where else ""
    return {"status": "error", "observation": what + where + meant, "printed": last.get("printed", "")}


def malformed(exercise, record, right):
    """One line on the first thing returned that is not an array of numbers, or None."""
    function, names, got = exercise.FUNCTION, list(exercise.OUTPUTS), record["outputs"]
    expected = names[0] if len(names) == 1 else f"{len(names)} values: {', '.join(names)}"
    if isinstance(got, dict):
        return f"{function} returns one {got['type']}, expected {expected}."
    if len(got) == 1 and got[0].get("type") == "NoneType":
        return f"{function} returns None, expected {expected}. Is there a return?"
    if len(got) != len(names):
        return f"{function} returns {len(got)} value{'s' * (len(got) != 1)}, expected {expected}."
    for (name, axes), part, array in zip(exercise.OUTPUTS.items(), got, right.values()):
        if "text" in part:
            return (f"{name} is the text {part['text']!r}, expected numbers of shape {array.shape}. A name without "
                    "quotes is the array, a name in quotes is text.")
        if "type" in part:
            return f"{name} is {part['type']}, expected numbers of shape {array.shape}."
    for name, part, array in zip(names, got, right.values()):
        if tuple(part["shape"]) == array.shape:
            if array.dtype.kind == "f" and (part["kind"] != "f" or part["dtype"] in ("float16", "float32")):
                return f"{name} is of {part['dtype']}, expected float64, like the inputs."
            if array.dtype.kind in "iub" and part["kind"] not in "iub":
                return f"{name} is of {part['dtype']}, expected {array.dtype}."
        elif "values" not in part:
            return (f"{inside(record['case'])}: {name} has shape {tuple(part['shape'])}, expected "
                    f"{shape(exercise.OUTPUTS[name], array)}.")
    return None


def unclean_in(done):
    """What is done to the inputs, and in which case; or that two equal calls return different numbers."""
    for record in done:
        if names := [name for name, little in record["changed"].items() if not little]:
            return (f"Your function changes its input{'s' * (len(names) > 1)} {listed(names)} in place"
                    f"{in_which(done, 'changed')}. The caller still needs {'them' if len(names) > 1 else 'it'}: "
                    "work on a copy.")
    for record in done:
        if record["changed"]:
            return (f"Your function leaves its input {listed(list(record['changed']))} changed by rounding"
                    f"{in_which(done, 'changed')}: x + ε - ε is not always x. Keep x under another name, and "
                    "put it back.")
    if any(record["differs"] for record in done):
        return ("Called twice with equal inputs, your function returns different numbers. Something lives on from the "
                "first call, or is random.")
    return None


def in_which(done, key):
    """In which cases something is so, if it is not in all."""
    every = list(dict.fromkeys(record["case"] for record in done))
    some = list(dict.fromkeys(record["case"] for record in done if record[key]))
    return "" if some == every else f", {inside(some[0])[0].lower()}{inside(some[0])[1:]}" if len(some) == 1 else (
        f", in {len(some)} of {len(every)} cases")


def broken_in(done, case):
    """In which line of the learner the first nan or inf comes up, in the case that is shown, or else in any."""
    found = [record for record in done if record.get("broken")]
    if not found:
        return None
    record = next((record for record in found if record["case"] == case.words), found[0])
    at = record["broken"]
    return (f"{inside(record['case'])}: the first nan or inf comes up in your line {at['line']}: {at['text']} "
            f"({at['message']}).")


def unset_in(done):
    names = listed(list(dict.fromkeys(name for record in done for name in record.get("unset", []))))
    return names and (f"{names} {are(names.split(' and '))} not set everywhere: np.empty leaves what is in memory by "
                      "chance (nan, when it is checked). np.zeros begins with zeros.")


# --- why: versions with known mistakes, whose numbers are the same

def causes(plan, got, cases, pairs):
    """Sentences that are proven by the numbers, and the question that leads to the first.

    Versions of the answer with one mistake; else what terms an output is the sum of and, with `pairs`, versions with
    two mistakes; else single outputs that are those of a version with one.
    """
    question = lambda found: plan.mistake(found[0][0]).question
    if found := plan.single(got, PATIENT if pairs else HASTY):
        return [plan.sentence(which) for which in found], question(found)
    if found := plan.also_nan(got):
        return [f"Nan and inf prove little, but this is a hint: the same places are nan or inf in a version that "
                f"{plan.mistake(*which).message}." for which in found], question(found)
    if found := plan.alike(got):
        return [plan.sentence(which).removesuffix(".") + ", wherever both are finite; nan or inf come up in the same "
                "cases." for which in found], question(found)
    if places := plan.permuted(got):
        words, asks = getattr(plan.exercise, "permuted", permuted)(places)
        return [f"Your numbers equal those of a version that {words}."], asks
    fits = fits_of(plan.exercise, cases)
    if not pairs or not plan.source:
        return fits, ""
    if found := plan.double(got):
        return [plan.sentence(which) for which in found], question(found)
    return fits + list(alone(plan, got, cases)), ""


def permuted(places):
    return ("returns the right arrays, but some in others' places: " + listed([
        f"{two} as {one}" for one, two in places.items()]), "In which order are they to be returned?")


def alone(plan, got, cases):
    """Outputs that, each taken alone, are those of a version with one mistake: in every case or, if there is none, in
    the one case that shows most of it. A version that makes wrong what is right in yours is none. A mistake is said
    once, of all the outputs that it explains; the one that explains most is said first."""
    start, found = time.thread_time(), {}  # (case or None, message): the outputs
    plan.look_at(got)
    for name in dict.fromkeys(name for case in cases for name in case.wrong):
        if not plan.tells(got, [name]):
            continue
        wrong = {case.words: case.amount(name) for case in cases if name in case.wrong and case.amount(name) >= 4}
        for chosen in [None, *(sorted(wrong, key=wrong.get, reverse=True) if len(cases) > 1 else ())]:
            calls = [k for k in range(len(got)) if chosen in (None, plan.calls[k][0])]
            late = lambda k: k >= len(plan.listed) and time.thread_time() - start > ALONE
            equal = plan.explaining(got).get(name, []) if not chosen else [
                k for k in itertools.takewhile(lambda k: not late(k), range(len(plan.mistakes))) if
                (not plan.mistake(k).targets or name in plan.mistake(k).targets)
                and plan.matches((k,), got, [name], calls)]
            equal = [k for k in equal if plan.breaks_only_wrong(k, got)]
            if not chosen:
                equal = [k for k in equal if k < len(plan.listed)] or equal
            several = dict.fromkeys(plan.mistake(k).message for k in equal)
            if chosen and len(several) > 2:
                continue  # it does not tell them apart
            for words in several:
                found.setdefault((chosen, words), []).append(name)
            if equal:
                break
    together = {}  # (case or None, outputs): messages
    for (chosen, words), names in sorted(found.items(), key=lambda row: -len(row[1])):
        done = {name for (case, others), rows in together.items() for name in others
                if case == chosen and (set(others) != set(names) or len(rows) == 2)}
        if not done & set(names):
            together.setdefault((chosen, tuple(names)), []).append(words)
    for (chosen, names), words in together.items():
        where = f"{inside(chosen)}: " if chosen else ""
        one = len(names) == 1
        if len(plan.exercise.OUTPUTS) == 1:
            what = f"{where}{'y' if chosen else 'Y'}our {names[0]} equals that"
        else:
            what = (f"{where}{'t' if chosen else 'T'}aken alone, your {listed(list(names))} "
                    f"{'equals that' if one else 'equal those'}")
        yield f"{what} of a version that {words[0]}." + "".join(
            f" {'It also equals that' if one else 'They also equal those'} of one that {other}." for other in words[1:])


def fits_of(exercise, cases):
    """At most two sentences of `fitted`, on the simplest case that has any: others would say the same again."""
    for case in cases:
        if fits := case.wrong and list(fitted(exercise, case)):
            return [f"{inside(case)}: {fit}" for fit in fits[:2]]
    return []


def fitted(exercise, case):
    """Sentences: a wrong output written as a sum of the formula's terms, where that is exact and equal on all seeds; or
    else blocks of it, each for itself."""
    if not hasattr(exercise, "terms"):
        return
    terms = [exercise.terms(**copy.deepcopy(inputs)) for inputs in case.inputs]
    gates = case.gates
    for name in case.wrong:
        rows = [(of.get(name, {}), got[name], right[name]) for of, got, right in zip(terms, case.got, case.right)]
        if any(got.shape != right.shape or not np.isfinite(got).all() for _, got, right in rows):
            continue
        if fit := fitted_sum(rows):
            if not fit.startswith("0;") or case.lasting(name, lambda got, *_: not got.any()):
                yield f"your {name} is {fit}."
            continue
        axis = next((k for k, axis in enumerate(case.axes[name]) if blocked(axis)), None)
        if axis is None:
            continue
        block = lambda array, k: np.split(array, len(gates), axis)[k]
        fits = {gate: fit for k, gate in enumerate(gates) if block(case.wrong[name], k).any() and (fit := fitted_sum([
            ({words: block(term, k) for words, term in of.items()}, block(got, k), block(right, k))
            for of, got, right in rows]))}
        for fit, of in grouped(fits):
            yield f"in your {name}, the block{'s' * (len(of) > 1)} of {listed(of)} {are(of)} {fit}."


def fitted_sum(rows):
    """From (terms, what came, what is right) on each seed: both as sums of the terms in words, or None."""
    found = []
    for terms, got, right in rows:
        if not terms or len(terms) * 2 > got.size:
            return None
        matrix = np.array([np.ravel(term) for term in terms.values()], float).T
        yours, ours = (np.linalg.lstsq(matrix, side.ravel(), rcond=None)[0] for side in (got, right))
        if np.linalg.matrix_rank(matrix) < len(terms) or not (
                same(matrix @ yours, got.ravel(), 1e-11) and same(matrix @ ours, right.ravel())):
            return None
        found.append(yours)
    if not all(np.allclose(yours, found[0], rtol=0, atol=1e-8) for yours in found):
        return None
    if any(1e-8 < abs(f) < TINY for f in found[0]):  # no formula has such factors: they only make up for what it lacks
        return None
    return f"{summed(found[0], terms)}; right is {summed(ours, terms)}"


def summed(factors_, words):
    parts = [f"{'-' if f < 0 else '+'} {'' if abs(abs(f) - 1) < 1e-8 else f'{abs(f):.6g} '}{word}"
             for f, word in zip(factors_, words) if abs(f) > 1e-8]
    return " ".join(parts).removeprefix("+ ") or "0"
