"""Versions of an answer with mistakes, whose numbers are compared with a learner's.

A version is named only if its numbers are the learner's, to 1e-12, at every output of every call. First those listed in
MUTANTS, then those made by rule (`families`), and then two at once: of all pairs only those that can explain which
entries are wrong are run.
"""

import ast
import contextlib
import copy
import difflib
import functools
import itertools
import re
import textwrap
import time
import warnings

import numpy as np

from . import answer, families, load
from .attempt import SEEDS, calls

EQUAL = 1e-12
SECONDS = 1.0  # for trying pairs, and half of it for choosing them
EXPLAINING, FEW = 0.3, 200  # seconds for what alone explains an output, and pairs of these that are tried
ENTRIES, TRIED = 600, 20_000  # of all entries and of all pairs, so many are looked at
NEAREST_FIRST = 60  # in the same measure, before one that moves the numbers the other way
LISTED_FIRST = 40  # entries that a pair of listed mistakes may break the rule at, before one made by rule goes first
SWITCH, TOGETHER = "_version", 40  # what says which version runs, and how many are compiled at once
SHOWN = 2  # of several versions made by rule that give equal numbers


@functools.cache
def planned(name, seed=0):
    return Plan(name, seed)


class Plan:
    """The calls of an exercise with what is right, and with what versions of the answer return that have mistakes."""

    def __init__(self, name, seed):
        self.exercise, self.source, self.calls = load(name), answer(name), calls(load(name), seed)
        self.right = [arrays(self.exercise.reference(**copy.deepcopy(inputs)), self.exercise)
                      for _, _, inputs in self.calls]
        self.listed = [self.patch(*row) for row in self.exercise.MUTANTS] if self.source else []
        self.outputs = {}

    def patch(self, *row):
        """A mistake from MUTANTS: (right, wrong, message, question), or ({right: wrong, ...}, message, question)."""
        patches, message, question = ({row[0]: row[1]}, *row[2:]) if len(row) == 4 else row
        edits = [edit for right, wrong in patches.items() for edit in hunks(self.source, right, wrong)]
        return families.Mistake(tuple(edits), message, question)

    @functools.cached_property
    def mistakes(self):
        """The listed, then those made by rule."""
        if not self.source or getattr(self.exercise, "LISTED_ONLY", False):
            return self.listed
        return self.listed + families.made(self.source, self.exercise, self.calls[-1][2], self.listed)

    def mistake(self, k):
        return self.listed[k] if k < len(self.listed) else self.mistakes[k]

    def version(self, which):
        """The text of the answer with these mistakes."""
        return families.edited(self.source, [edit for k in which for edit in self.mistake(k).edits])

    def function(self, which):
        """The function of a version. Compiling takes longer than running: those that differ in one statement are
        compiled many at once, as one function in which that statement stands once for each."""
        if len(which) == 1 and which[0] in (groups := self.grouped(which[0] < len(self.listed))):
            name, number = self.exercise.FUNCTION, which[0]
            if namespace := self.switched(*groups[number]):
                def version(*arguments):
                    namespace[SWITCH] = number
                    return namespace[name](*arguments)
                return version
        return self.compiled(self.version(which))[self.exercise.FUNCTION]

    def compiled(self, source):
        namespace = {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a mistake may look odd to Python
            exec(compile(source, "answer.py", "exec"), namespace)
        return namespace

    @functools.cache  # noqa: B019  lives as long as the plan does
    def grouped(self, listed):
        """{mistake: (start and end of the lines of its statement, the mistakes that are compiled with it)}, of those
        listed or of those made by rule, which nobody waits for if a listed one is found."""
        inside, first_made = {}, len(self.listed)
        for k, mistake in enumerate(self.listed) if listed else enumerate(self.mistakes[first_made:], first_made):
            first, last = min(edit[0] for edit in mistake.edits), max(edit[1] for edit in mistake.edits)
            at = next(((start, end) for start, end in self.statements if start <= first and last < end), None)
            if at:
                inside.setdefault(at, []).append(k)
        groups = {}
        for (start, end), several in inside.items():
            for at in range(0, len(several), TOGETHER):
                group = tuple(several[at:at + TOGETHER])
                groups |= {k: (start, end, group) for k in group}
        return groups

    @functools.cache  # noqa: B019  lives as long as the plan does
    def switched(self, start, end, group):
        """The answer with a statement that is what the switch says; None where one of the group is not Python."""
        source = self.source[start:end]
        indent = source[:len(source) - len(source.lstrip())]
        parts = []
        for k in group:
            edits = [(one - start, two - start, new) for one, two, new in self.mistake(k).edits]
            parts.append(f"{indent}{'el' * bool(parts)}if {SWITCH} == {k}:\n"
                         + textwrap.indent(families.edited(source, edits), "    "))
        with contextlib.suppress(SyntaxError):
            return self.compiled(self.source[:start] + "".join(parts) + self.source[end:])
        return None

    def returned(self, which):
        """What a version returns: call -> outputs, run when asked for. Raises what it raises."""
        which = tuple(which)
        if which not in self.outputs:
            self.outputs[which] = Lazily(self, which)
        return self.outputs[which]

    # --- one mistake

    def single(self, got, seconds):
        """Which mistakes, each alone, give these numbers: the listed, or else the first of those made by rule that are
        found in so many seconds."""
        listed = range(len(self.listed))
        if not self.tells(got, self.exercise.OUTPUTS):
            return []
        if found := [(k,) for k in listed if self.matches((k,), got)]:
            return found
        tolerance = getattr(self.exercise, "TOLERANCE", 1e-9)
        wrong = {name for outputs, right in zip(got, self.right) for name in right
                 if off(outputs[name], right[name], tolerance)}
        found, start = [], time.thread_time()
        made = range(len(self.listed), len(self.mistakes)) if self.tells(got, wrong, numbers=True) else ()
        for k in made:
            if time.thread_time() - start > seconds:
                break
            targets = self.mistakes[k].targets
            if (not targets or wrong <= targets) and self.matches((k,), got):
                if all(self.mistakes[k].message != self.mistakes[n].message and self.apart_from(k, n) for n, in found):
                    found.append((k,))
                if len(found) == SHOWN:
                    break
        return found

    def apart_from(self, one, two):
        """Whether they are at different places: at one place equal numbers are one mistake, said twice."""
        ends = [(min(edit[0] for edit in edits), max(edit[1] for edit in edits)) for edits in (
            self.mistake(one).edits, self.mistake(two).edits)]
        return ends[0][1] < ends[1][0] or ends[1][1] < ends[0][0]

    def matches(self, which, got, wanted=None, calls=None):
        """Whether all numbers are equal, or those of the outputs `wanted` in some calls. The smallest call in which
        something is wrong comes first, and in it one entry of each output, as most versions are told apart by that."""
        self.look_at(got)
        calls = [call for call in self.telling if calls is None or call in calls]
        wanted = self.exercise.OUTPUTS if wanted is None else wanted
        with contextlib.suppress(Exception):  # some do not even run
            outputs = self.returned(which)
            return all(abs(outputs[call][name].item(at) - value) <= limit for call in calls
                       for name, (at, value, limit) in self.probes[call].items() if name in wanted) and all(
                same(got[call][name], outputs[call][name], EQUAL) for call in calls for name in wanted)
        return False

    def tells(self, got, wanted, calls=None, numbers=False):
        """Whether equal numbers prove anything: one of these outputs is wrong, and not all of it is nan or inf in every
        call; with `numbers`, it is wrong by a number, too, or by its shape."""
        tolerance = getattr(self.exercise, "TOLERANCE", 1e-9)
        for name in wanted:
            rows = [(got[call][name], self.right[call][name]) for call in (range(len(got)) if calls is None else calls)]
            rows = [(one, right) for one, right in rows if one.size]
            wrong = [(one, right) for one, right in rows if off(one, right, tolerance)]
            if wrong and (any(one.shape != right.shape or (np.isfinite(one) & differing(one, right, tolerance)).any()
                              for one, right in wrong) if numbers else any(np.isfinite(one).any() for one, _ in rows)):
                return True
        return False

    def breaks_only_wrong(self, k, got):
        """Whether all that is wrong with this mistake is wrong in yours, too: if not, it is not yours."""
        tolerance = getattr(self.exercise, "TOLERANCE", 1e-9)
        with contextlib.suppress(Exception):  # it may not run in some case
            outputs = self.returned((k,))
            return all(off(got[call][name], right, tolerance) or not off(outputs[call][name], right, tolerance)
                       for call, rights in enumerate(self.right) for name, right in rights.items())
        return False

    def also_nan(self, got):
        """Where nothing but nan and inf is wrong, and that everywhere: the listed mistakes that do the same."""
        if self.tells(got, self.exercise.OUTPUTS):
            return []
        return [(k,) for k in range(len(self.listed)) if self.matches((k,), got)][:SHOWN]

    def permuted(self, got):
        """{output: the one whose right numbers it has in every call} of all that is wrong, if it is three or more that
        have changed places."""
        both = list(zip(got, self.right))
        wrong = [name for name in self.exercise.OUTPUTS
                 if any(off(outputs[name], right[name]) for outputs, right in both)]
        places = {one: next((two for two in wrong if all(same(outputs[one], right[two], EQUAL)
                                                         for outputs, right in both)), None) for one in wrong}
        return places if len(wrong) > 2 and set(places.values()) == set(wrong) else {}

    looked_at = None

    def look_at(self, got):
        """Find out, once for what came back, which calls tell most, and an entry of each output: the most wrong."""
        if self.looked_at is got:
            return
        self.looked_at, self.probes = got, [{} for _ in got]
        for call, outputs in enumerate(got):
            for name, array in outputs.items():
                right = self.right[call][name]
                if array.shape == right.shape and array.size and array.dtype.kind == "f" and finite(array):
                    at = int(np.abs(array - right).argmax())
                    self.probes[call][name] = at, array.item(at), 1e-9 * float(np.abs(array).max())
        tolerance = getattr(self.exercise, "TOLERANCE", 1e-9)
        is_right = [not any(off(outputs[name], right[name], tolerance) for name in right)
                    for outputs, right in zip(got, self.right)]
        size = [sum(array.size for array in right.values()) for right in self.right]
        self.telling = sorted(range(len(got)), key=lambda call: (is_right[call], size[call]))

    def alike(self, got):
        """Where not all is finite: the mistakes that give equal numbers wherever both are, and nan or inf in the same
        calls. In the calls that are finite they must be equal; that some are is what proves it."""
        broken = [any(not finite(array) for array in outputs.values()) for outputs in got]
        found = []
        for k in range(len(self.mistakes)) if any(broken) and not all(broken) else []:
            with contextlib.suppress(Exception):
                outputs = self.returned((k,))
                if all(any(not finite(array) for array in outputs[call].values()) == broken[call]
                       for call in range(len(got))) and all(
                        same(got[call][name], outputs[call][name], EQUAL, broken[call]) and near(
                            got[call][name], outputs[call][name])
                        for call in range(len(got)) for name in self.exercise.OUTPUTS):
                    found.append((k,))
                    if len(found) == SHOWN:
                        break
        return found

    # --- two at once

    def double(self, got):
        """A pair of mistakes that together gives these numbers, if one is found in time."""
        start, tolerance = time.thread_time(), getattr(self.exercise, "TOLERANCE", 1e-9)
        if not all(self.tells(got, [name]) for name in self.exercise.OUTPUTS if any(
                off(outputs[name], right[name], tolerance) for outputs, right in zip(got, self.right))):
            return []
        for which in itertools.chain(self.apart_in_outputs(got), self.likely(got)):
            if self.matches(which, got):
                return [which, *self.equals(which, got, start)][:SHOWN]
            self.outputs.pop(which, None)
            if time.thread_time() - start > SECONDS:
                break
        return []

    def explaining(self, got):
        """{output that is wrong: the mistakes that alone give its numbers in every call}, as far as found in time."""
        if self.explained and self.explained[0] is got:
            return self.explained[1]
        self.look_at(got)
        first, start, tolerance = self.telling[0], time.thread_time(), getattr(self.exercise, "TOLERANCE", 1e-9)
        found = {name: [] for name in self.exercise.OUTPUTS if any(
            off(outputs[name], right[name], tolerance) for outputs, right in zip(got, self.right))}
        for k, mistake in enumerate(self.mistakes):
            if k >= len(self.listed) and time.thread_time() - start > EXPLAINING:
                break
            with contextlib.suppress(Exception):  # it may not run
                outputs = self.returned((k,))[first]
                for name, several in found.items():
                    at, value, limit = self.probes[first].get(name, (0, 0, -1))
                    close = abs(outputs[name].item(at) - value) <= limit if limit >= 0 else k < len(self.listed)
                    if close and (not mistake.targets or name in mistake.targets) and self.matches((k,), got, [name]):
                        several.append(k)
        self.explained = got, found
        return found

    explained = None

    def apart_in_outputs(self, got):
        """Pairs of which the one explains some outputs, exactly, and the other all the rest."""
        found = self.explaining(got)
        gives = {k: {name for name in found if k in found[name]} for several in found.values() for k in several}
        fewest = min(found, key=lambda name: len(found[name]))
        pairs = ((one, two) for one in found[fewest] for two in gives if gives[one] | gives[two] == found.keys())
        return itertools.islice((pair for pair in pairs if self.combine(*pair)), FEW)

    def equals(self, which, got, start):
        """Pairs of the one mistake and another listed one, with the same numbers, that are found in time."""
        one, two = which
        for pair in itertools.chain(*(((k, two), (one, k)) for k in range(len(self.listed)) if k not in which)):
            if time.thread_time() - start > 2 * SECONDS:
                break
            if self.combine(*pair) and self.matches(pair, got):
                yield pair
            self.outputs.pop(pair, None)

    def likely(self, got):
        """Pairs of mistakes, the likely first: those of which each explains what the other cannot. Where the one alone
        would be right, the numbers should be those of the other; and nothing is wrong that is right in yours. Mistakes
        that meet break this rule at some entries, so it orders the pairs and drops none."""
        heads = range(0, len(self.calls), SEEDS)
        sizes = [right.size for call in heads for right in self.right[call].values()]
        step, starts = 1 + sum(sizes) // ENTRIES, np.cumsum([0, *sizes])
        some = np.concatenate([np.arange(start, start + size, step) for start, size in zip(starts, sizes)])  # of each
        yours = np.concatenate([self.mask(got[call], call) for call in heads])[some]
        known, wrong, unlike, moved = [], [], [], []
        start = time.thread_time()
        for k in self.promising(got):
            if k >= len(self.listed) and time.thread_time() - start > SECONDS / 2:
                break
            with contextlib.suppress(Exception):  # it may not run
                mask = np.concatenate([self.mask(self.returned((k,))[call], call) for call in heads])[some]
                if mask.any():
                    wrong.append(mask)
                    unlike.append(np.concatenate([self.unlike(k, call, got[call]) for call in heads])[some])
                    moved.append(self.moved(self.returned((k,)), heads)[some])
                    known.append(k)
        if not known:
            return
        wrong, unlike = np.array(wrong), np.array(unlike)
        broken = (unlike & yours).astype(np.float32) @ (~wrong).T.astype(np.float32)
        lost = (wrong & ~yours).sum(axis=1, dtype=np.float32)
        broken = broken + broken.T + lost[:, None] + lost
        one, two = np.triu_indices(len(known), 1)
        made = np.array(known) >= len(self.listed)
        cost = broken[one, two] + LISTED_FIRST * (made[one].astype(int) + made[two])
        cost += NEAREST_FIRST * self.apart(np.array(moved), self.moved(got, heads)[some])[one, two]
        few = np.argpartition(cost, TRIED)[:TRIED] if len(cost) > TRIED else np.arange(len(cost))
        for k in few[np.argsort(cost[few], kind="stable")]:
            if self.combine(known[one[k]], known[two[k]]):
                yield known[one[k]], known[two[k]]

    def moved(self, outputs, calls):
        """By how much the entries of these calls are off, all in a row; nothing where the shape is another."""
        return np.concatenate([np.ravel(outputs[call][name] - right if outputs[call][name].shape == right.shape
                                        else np.zeros(right.shape)) for call in calls
                               for name, right in self.right[call].items()]).astype(float)

    def apart(self, moved, yours):
        """0 to 1 for each pair: how far the sum of what the two move is from what you have moved; each entry counts
        alike. Two small mistakes add up, so this orders pairs where all is wrong anyway."""
        with np.errstate(all="ignore"):
            unit = np.abs(yours)
            moved = np.nan_to_num(np.clip(np.where(moved == 0, 0, moved / unit), -3, 3)).astype(np.float32)
            yours = np.nan_to_num(np.where(unit == 0, 0, yours / unit)).astype(np.float32)
        sizes, shared = (moved ** 2).sum(axis=1) - 2 * moved @ yours, moved @ moved.T
        return np.clip((yours @ yours + sizes[:, None] + sizes + 2 * shared) / (yours @ yours + 1e-9), 0, 1)

    def promising(self, got):
        """The listed mistakes, then those made by rule: first which alone give most of the entries that are wrong, in
        the smallest call that tells."""
        self.look_at(got)
        call, right, gains = self.telling[0], self.right[self.telling[0]], {}
        yours = np.concatenate([got[call][name].ravel() for name in right])
        ours = np.concatenate([array.ravel() for array in right.values()])
        if len(yours) != len(ours):
            return range(len(self.mistakes))
        scale = 1e-9 * np.concatenate([np.full(array.size, np.abs(array).max(initial=0)) for array in right.values()])
        with np.errstate(invalid="ignore"):
            wrong = ~(np.abs(yours - ours) <= scale)
            for k in range(len(self.listed), len(self.mistakes)):
                with contextlib.suppress(Exception):
                    outputs = self.returned((k,))[call]
                    theirs = np.concatenate([outputs[name].ravel() for name in right])
                    gains[k] = int((wrong & (np.abs(theirs - yours) <= scale)).sum()) - int(
                        (~wrong & (np.abs(theirs - yours) > scale)).sum())
        return [*range(len(self.listed)), *sorted(gains, key=lambda k: (-gains[k], k))]

    def mask(self, outputs, call):
        """Which entries of a call are wrong, all outputs in a row."""
        tolerance = getattr(self.exercise, "TOLERANCE", 1e-9)
        return np.concatenate([differing(outputs[name], right, tolerance).ravel()
                               for name, right in self.right[call].items()])

    def unlike(self, k, call, got):
        """Which entries of a call are not those of the learner, with this mistake alone; as exactly as `mask`."""
        outputs, rows = self.returned((k,))[call], []
        tolerance = getattr(self.exercise, "TOLERANCE", 1e-9)
        for name, right in self.right[call].items():
            if outputs[name].shape == got[name].shape == right.shape:
                rows.append(differing(got[name], outputs[name], tolerance).ravel())
            else:
                rows.append(np.full(right.size, not same(got[name], outputs[name], tolerance)))
        return np.concatenate(rows)

    def combine(self, one, two):
        """Whether both can be made at once, and neither changes what the other means."""
        one, two = self.mistake(one), self.mistake(two)
        apart = all(clear(a, b) or clear(b, a) for a in one.edits for b in two.edits)
        return (apart and one.message != two.message
                and not self.assigned(one) & self.brought(two) and not self.assigned(two) & self.brought(one)
                and not self.taken(one) & self.brought(two) and not self.taken(two) & self.brought(one))

    def assigned(self, mistake):
        """The names that the lines are about in which it stands."""
        return set().union(*(names for start, end, names in self.lines
                             if any(start <= edit[0] <= end for edit in mistake.edits)))

    def brought(self, mistake):
        """The names that it brings in to statements that did not read them."""
        return set().union(*(names(new) - names(self.source[start:end]) - self.read_at(start)
                             for start, end, new in mistake.edits))

    def read_at(self, at):
        """The names that the statement here reads."""
        return set().union(*(names(re.sub("#.*", "", self.source[start:end])) for start, end in self.statements
                             if start <= at < end))

    def taken(self, mistake):
        """The names that it takes out, to put nothing in their place."""
        return set().union(*(names(self.source[start:end]) for start, end, new in mistake.edits if not names(new)))

    @functools.cached_property
    def statements(self):
        """(start, end) of the lines of each simple statement of the answer's function."""
        starts = list(itertools.accumulate(map(len, self.source.splitlines(True)), initial=0))
        return [(starts[node.lineno - 1], starts[node.end_lineno]) for node in ast.walk(ast.parse(self.source))
                if isinstance(node, (ast.Assign, ast.AugAssign, ast.Return)) and node.col_offset]

    @functools.cached_property
    def lines(self):
        """(start, end, names assigned) of each assignment of the answer."""
        starts = list(itertools.accumulate(map(len, self.source.splitlines(True)), initial=0))
        found = []
        for node in ast.walk(ast.parse(self.source)):
            if isinstance(node, (ast.Assign, ast.AugAssign)):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                names = {n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)
                         and isinstance(n.ctx, ast.Store)}
                found.append((starts[node.lineno - 1], starts[node.end_lineno], names))
        return found

    # --- in words

    def sentence(self, which):
        several = [self.mistake(k) for k in which]
        messages = ", and ".join(mistake.message for mistake in several)
        start = "Two things at once: your" if len(which) > 1 else "Your"
        if len(which) > 1 and (one := families.joined(*(m.message for m in several), self.exercise.OUTPUTS)):
            start, messages = "Your", one
        if len(which) > 1 and all(mistake.shared[:1] == ("replaced",) for mistake in several) and (
                several[0].shared[1:] == several[1].shared[:0:-1]):
            start, messages = "Your", f"has two things in each other's place: it {messages}"
        return f"{start} numbers equal those of a version that {messages}."


class Lazily(dict):
    """What a version returns, call by call, once it is asked for."""

    def __init__(self, plan, which):
        self.plan, self.which, self.function = plan, which, None

    def __missing__(self, call):
        with np.errstate(all="ignore"), warnings.catch_warnings():  # a mistake may look odd to Python and to NumPy
            warnings.simplefilter("ignore")
            if self.function is None:
                self.function = self.plan.function(self.which)
            outputs = self.function(*copy.deepcopy(list(self.plan.calls[call][2].values())))
        self[call] = arrays(outputs, self.plan.exercise)
        return self[call]


def names(text):
    """The names that are read in a text, not set."""
    return set(re.findall(r"[A-Za-z_]\w*\b(?! = )", text))


def clear(one, two):
    """Whether an edit ends before another begins. What is put in at one place twice has no order, unless both are
    factors, or both are terms."""
    if one[:2] == two[:2] and one[0] == one[1]:
        return any(all(re.match(pattern, new) for *_, new in (one, two))
                   for pattern in (r" [*/] (?!.* [+-] \w)", r" [+-] "))
    return one[1] < two[0] or one[1] == two[0] and one[0] < one[1] and two[0] < two[1]


def hunks(source, right, wrong):
    """The smallest edits, word by word, that make the one text of the other, so that two patches seldom overlap."""
    at = source.index(right)
    words = [re.findall(r"\w+|\s+|.", text) for text in (right, wrong)]
    starts = list(itertools.accumulate(map(len, words[0]), initial=at))
    return [(starts[i], starts[j], "".join(words[1][m:n]))
            for tag, i, j, m, n in difflib.SequenceMatcher(None, *words,
            autojunk=False).get_opcodes() if tag != "equal"]


# --- arrays

def arrays(outputs, exercise):
    """Outputs by name, as arrays."""
    outputs = [outputs] if len(exercise.OUTPUTS) == 1 else outputs
    return {name: np.asarray(value) for name, value in zip(exercise.OUTPUTS, outputs, strict=True)}


def differing(got, right, tolerance):
    """Which entries of `right` are not what came; all of them where the shapes differ. nan equals nan."""
    if got.shape != right.shape:
        return np.ones(right.shape, bool)
    if right.dtype.kind != "f":
        return np.asarray(got != right)
    with np.errstate(invalid="ignore", over="ignore"):
        size = np.abs(right[np.isfinite(right)]).max(initial=0) or 1
        alike = (np.abs(got - right) <= tolerance * size) | (got == right) | (got != got) & (right != right)
    return np.asarray(~alike)


def off(got, right, tolerance=1e-9):
    return bool(got.shape != right.shape or differing(got, right, tolerance).any())


def same(got, right, tolerance=1e-9, where_finite=False):
    if got.shape != right.shape:
        return False
    if where_finite:
        both = np.isfinite(got) & np.isfinite(right)
        got, right = got[both], right[both]
    return not differing(got, right.astype(float), tolerance).any()


def near(one, two):
    """Whether most of what is finite in one is so in the other."""
    one, two = np.isfinite(one), np.isfinite(two)
    return (one & two).sum() >= 0.5 * (one | two).sum()


def finite(array):
    return array.dtype.kind != "f" or bool(np.isfinite(array).all())

