"""What is seen in the numbers of one case: a map, and one sentence. Nothing here knows a mistake.

Everything is said of this case, and only what holds on both seeds; the map is that of the call whose entry is shown.
"""

import itertools
import math
import re
from functools import partial

import numpy as np

from minirnn import tree

from .versions import differing, finite, same

GATES = "ifgo"


class Case:
    """A case with what came back and what is right on each seed; `wrong`: output -> mask, in the call that is shown."""

    def __init__(self, plan, words, got):
        exercise = self.exercise = plan.exercise
        self.words, self.gates = words, getattr(exercise, "GATES", GATES)
        which = [k for k, call in enumerate(plan.calls) if call[0] == words and k < len(got)]
        self.inputs, self.right, self.got = ([row[k] for k in which] for row in (
            [inputs for _, _, inputs in plan.calls], plan.right, got))
        self.axes = {name: axes.split() for name, axes in exercise.OUTPUTS.items()}
        self.sizes = {axis: size for name, axes in self.axes.items() for axis, size in
                      zip(axes, self.right[0][name].shape) if axis.isalpha()}
        tolerance = getattr(exercise, "TOLERANCE", 1e-9)
        masks = [{name: mask for name in self.axes if (mask := differing(got[name], right[name], tolerance)).any()}
                 for got, right in zip(self.got, self.right)]
        self.shown = next((k for k, wrong in enumerate(masks) if wrong), 0)
        self.wrong, self.masks, self.factors, self.others = masks[self.shown], masks, {}, [self]
        self.misshapen = [name for name in self.wrong if any(
            got[name].shape != right[name].shape for got, right in zip(self.got, self.right))]

    def size(self):
        return sum(array.size for array in self.right[0].values())

    def amount(self, name):
        """How many entries of an output are wrong with a number, on all seeds; all where the shape is another."""
        wrong = [(got[name], masks[name]) for got, masks in zip(self.got, self.masks) if name in masks]
        return sum(int((mask & np.isfinite(got)).sum()) if got.shape == mask.shape else mask.size
                   for got, mask in wrong)

    # --- the map

    def map(self):
        """Lines: each output with ok or x, by time step and by gate where it has such axes."""
        width = max(map(len, self.axes))
        lines = [f"{self.words}:"]
        for name in self.axes:
            row = [f"  {name:<{width}}  "]
            if name not in self.wrong:
                parts = [["ok"]]
            elif name in self.misshapen:
                parts = [[f"x   shape {self.got[self.shown][name].shape}, "
                          f"expected {shape(self.exercise.OUTPUTS[name], self.right[0][name])}"]]
            else:
                parts = self.mapped(name)
            lines += [(row[0] if k == 0 else " " * len(row[0])) + " | ".join(part) for k, part in enumerate(parts)]
        return lines

    def mapped(self, name):
        """One line or, for an output that is mapped by two axes together, such as padding, a line for each index."""
        mapped, mask, axes = getattr(self.exercise, "MAPPED", {"T": "t="}), self.wrong[name], self.axes[name]
        cells = lambda bad, start: start + " ".join(f"{i} {ok(b)}" for i, b in enumerate(bad))
        if mapped.get("together") and all(axis in axes for axis in mapped["together"].split()) and mask.ndim > 1:
            one, two = (axes.index(axis) for axis in mapped["together"].split())
            bad = np.moveaxis(mask, (one, two), (0, 1)).reshape(mask.shape[one], mask.shape[two], -1).any(axis=2)
            if bad.size > 1:
                return [[cells(row, f"{mapped[axes[one]]}{b}  {mapped[axes[two]]}")] for b, row in enumerate(bad)]
        parts = []
        for k, axis in enumerate(axes):
            slices = along(mask, k)
            if axis in mapped and len(slices) > 1:
                parts.append(cells(slices, mapped[axis]))
            elif blocked(axis):
                parts.append("  ".join(f"{gate} {ok(bad)}" for gate, bad in
                                       zip(self.gates, slices.reshape(len(self.gates), -1).any(axis=1))))
        return [parts or ["x"]]

    # --- one sentence

    def observation(self):
        """The most telling pattern: (sentence, an entry of an output that it speaks of)."""
        sentence, (name, *_) = next(self.patterns())
        if name in self.misshapen:
            return sentence, ""
        mask = self.wrong[name]
        at = tuple(int(k) for k in np.unravel_index(mask.argmax(), mask.shape))
        got, right = (side[self.shown][name][at] + 0 for side in (self.got, self.right))
        digits = 12 if f"{got:.5g}" == f"{right:.5g}" else 5
        return sentence, f"{name}{list(at) if at else ''} is {got:.{digits}g}, right is {right:.{digits}g}."

    def each(self, test):
        """The outputs wrong in this case for which it lasts; test(got, right, all got, all right)."""
        return [name for name in self.wrong if self.lasting(name, test)]

    def lasting(self, name, test):
        """Whether it holds here and in most cases in which this output is wrong: in a small case it may be chance."""
        cases = [case for case in self.others if name in case.wrong]
        return self.holds(name, test) and 2 * sum(case.holds(name, test) for case in cases) > len(cases)

    def holds(self, name, test):
        """Whether it does so for this output on every seed."""
        return all(test(got[name], right[name], got, right) for got, right in zip(self.got, self.right))

    def patterns(self):
        """True sentences about wrong outputs, the most telling first, and the names of these."""
        yield from self.shape_patterns()
        yield from self.finite_patterns()
        wrong = [name for name in self.wrong if name not in self.misshapen]
        if zero := self.each(lambda got, *_: not got.any()):
            yield "All that you return is exactly zero." if len(zero) == len(self.axes) else (
                f"{listed(zero)} {are(zero)} exactly zero."), zero
        if names := self.each(lambda got, right, *_: same(got, -right)):
            yield f"{listed(names)} {has(names)} the wrong sign everywhere, and the right size.", names
        for value, names in grouped({name: self.factors[name] for name in wrong if name in self.factors}):
            yield f"In every case, {listed(names)} {are(names)} {value} times what is right.", names
        if given := {name: of for name in wrong if (of := self.given(name))}:
            yield (f"{listed(list(given))} {are(given)} exactly what you were given as {listed(list(given.values()))}.",
                   list(given))
        steady = lambda name: all(case.ratio(name) is not None for case in self.others if name in case.wrong)
        for value, names in grouped({name: r for name in wrong if name not in self.factors and steady(name)
                                     and (r := self.ratio(name)) not in (None, -1)}):
            yield f"{listed(names)} {are(names)} {value:.6g} times what is right, in every entry.", names
        if names := self.each(lambda got, right, *_: got.ndim == 2 and got.shape == right.T.shape and got.shape[0] > 1
                              and same(got, right.T)):
            yield f"{listed(names)} {are(names)} the transpose of what is right.", names
        yield from self.place_patterns()
        yield from self.gate_patterns()
        yield from self.padding_patterns()
        yield from self.time_patterns()
        yield from self.slice_patterns()
        if close := self.each(lambda got, right, *_: got.shape == right.shape and finite(got) and (
                np.abs(got - right).max() < 1e-4 * np.abs(right).max())):
            yield (f"{listed(close)} {are(close)} nearly right: the error is less than 1 part in 10,000, yet more than "
                   "rounding in float64."), close
        right = [name for name in self.axes if name not in self.wrong]
        agreed = all(mask.keys() == self.wrong.keys() for mask in self.masks)
        yield f"{listed(list(self.wrong))} {are(self.wrong)} wrong." + (
            f" All else is right: {listed(right)}." if right and agreed else ""), list(self.wrong)

    def shape_patterns(self):
        """Right numbers in a wrong shape, or not summed to the end."""
        for name in self.misshapen:
            told = f"{name} has shape {self.got[self.shown][name].shape}, expected " + shape(
                self.exercise.OUTPUTS[name], self.right[self.shown][name])
            for test, words in self.reshaped(name):
                if self.holds(name, test):
                    yield f"{told}. {words[0].upper()}{words[1:]}.", [name]
                    break
            else:
                axes = {tuple(right[name].shape): other for other in self.axes for right in self.right[:1]
                        if other != name and right[other].shape == self.got[0][name].shape}
                more = f", which is the shape of {listed(list(axes.values()))}" if axes else ""
                if self.got[0][name].shape == self.right[0][name].T.shape:
                    more = ", which is that of its transpose"
                yield f"{told}{more}.", [name]

    def explained(self):
        """Whether all that is wrong is a shape, and what happened to it can be told."""
        return all(name in self.misshapen and any(self.holds(name, test) for test, _ in self.reshaped(name))
                   for name in self.wrong)

    def reshaped(self, name):
        """(test, words) of what may have happened to right numbers."""
        size, right = self.right[0][name].size, self.right[0][name]
        yield lambda got, right, *_: same(got, right.T), "it is the transpose of what is right"
        for order in itertools.permutations(range(right.ndim)):
            yield (lambda got, right, *_, order=order: same(got, right.transpose(order)),
                   f"its axes are in another order, {' '.join(self.axes[name][k] for k in order)}")
        yield lambda got, right, *_: got.size == size and got.ndim != right.ndim and same(
            got.reshape(right.shape),
            right), ("the numbers are right, but there are other axes: a column for a row, or "
                                               "keepdims, or not reshaped back")
        yield lambda got, right, *_: got.size == size and same(got.reshape(right.shape), right), (
            "the numbers are right, in another shape")
        came = self.got[0][name].shape
        for count in range(1, len(came) + 1):
            for axes in itertools.combinations(range(len(came)), count):
                names = [a for k in axes for a, n in self.sizes.items() if n == came[k] and n > 1]
                yield (lambda got, right, *_, axes=axes: got.ndim == right.ndim + len(axes) and same(
                    got.sum(axis=axes), right)), (
                    f"ax{'is' if count == 1 else 'es'} {listed([str(k) for k in axes])}"
                    f"{f' ({listed(names)})' if len(names) == count else ''} {are(axes)} not summed over")
        if any(map(blocked, self.axes[name])) and right.ndim == 2:
            yield (lambda got, right, *_: same(got, np.concatenate(np.split(right, len(self.gates)), axis=1)),
                   "its blocks lie side by side, not on top of each other")
        for k in range(self.got[0][name].ndim):
            for at, which in ((-1, "last"), (0, "first")):
                yield (lambda got, right, *_, k=k, at=at: got.ndim == right.ndim + 1 and got.shape[k] > 1 and same(
                    got.take(at, axis=k), right)), f"only the {which} along its axis {k} is what is expected"
        yield lambda got, right, *_: same(np.broadcast_to(right, got.shape), got) if (
            got.ndim >= right.ndim and all(a in (b, 1) for a, b in zip(right.shape[::-1], got.shape[::-1]))
        ) else False, "the right numbers stand there many times"
        yield lambda got, right, *_: got.ndim == 0 and same(got, right.sum()), "it is summed over all its axes"
        for k in range(right.ndim):
            axis = self.axes[name][k]
            for at, which in ((-1, "last"), (0, "first")):
                yield (lambda got, right, *_, k=k, at=at: same(got, right.take(at, axis=k))), (
                    f"it is only the {which} along {axis}")
            yield (lambda got, right, *_, k=k: same(got, right.sum(axis=k)) or same(got, right.sum(
                axis=k, keepdims=True))), f"it is summed over {axis} too, which should stay"
            yield (lambda got, right, *_, k=k: got.ndim == right.ndim and got.shape[k] < right.shape[k] and same(
                got, right.take(range(got.shape[k]), k))), f"only its first entries along {axis} are there"
        for other in self.axes:
            if other != name:
                yield (lambda got, _, all_got, all_right, other=other: same(got, all_right[other])), (
                    f"it is what belongs in {other}")

    def finite_patterns(self):
        for name in self.wrong:
            values = self.got[self.shown][name]
            if self.holds(name, lambda got, *_: not finite(got)):
                bad = ~np.isfinite(values)
                kind = "nan" if np.isnan(values[bad]).all() else "inf" if np.isinf(values[bad]).all() else "nan or inf"
                all_ = bad.all()
                count = "it is" if not values.ndim else "all its numbers are" if all_ else (
                    f"{bad.sum()} of its {values.size} numbers {'is' if bad.sum() == 1 else 'are'}")
                if all_ or len({(~np.isfinite(got[name])).sum() for got in self.got}) == 1:
                    yield f"{name} is not finite: {count} {kind}.", [name]
                else:
                    yield f"{name} is not finite: some of its numbers are nan or inf.", [name]

    def in_places(self):
        """{output: the other output whose right numbers it has}, in most cases in which it is wrong."""
        return {one: two for one, two in itertools.permutations(self.axes, 2) if one in self.wrong
                and one not in self.misshapen and self.lasting(one, lambda got, _, all_got, all_right: (
                    got.size > 1 and same(got, all_right[two])))}

    def place_patterns(self):
        places = self.in_places()
        if len(places) > 2 and set(places) == set(places.values()):
            told = listed([f"as {one} what belongs in {two}" for one, two in places.items()])
            yield f"You return {told}.", [*places]
        for one, two in places.items():
            yield (f"{one} and {two} are in each other's place." if places.get(two) == one else
                   f"What you return as {one} is what belongs in {two}."), [one]

    def given(self, name):
        """The input that an output is equal to on every seed, or None; also None where an input is what is right."""
        found = [{re.sub(r"\.(\d+)", r"[\1]", label) for label, leaf in tree.leaves(inputs)
                  if isinstance(leaf, np.ndarray) and leaf.size > 1 and leaf.any() and np.array_equal(leaf, got[name])}
                 for inputs, got in zip(self.inputs, self.got)]
        if any(np.array_equal(leaf, right[name]) for inputs, right in zip(self.inputs, self.right)
               for _, leaf in tree.leaves(inputs) if isinstance(leaf, np.ndarray)):
            return None
        return min(set.intersection(*found), default=None)

    def ratio(self, name, least=2):
        """The factor between what came back and what is right, the same in every entry on all seeds, or None."""
        found = []
        for got, right in zip(self.got, self.right):
            got, right = got[name].astype(float), right[name].astype(float)
            if right.size < least or not finite(got):
                return None
            factor = np.vdot(right, got) / (np.vdot(right, right) or 1)
            if abs(factor) < 1e-9 or abs(factor - 1) < 1e-5 or not same(got, factor * right):
                return None
            found.append(factor)
        return float(np.round(found[0], 9)) if np.ptp(found) < 1e-9 * abs(found[0]) else None

    def gate_patterns(self):
        for name in self.wrong:
            for k, axis in enumerate(self.axes[name]):
                if not blocked(axis) or name in self.misshapen:
                    continue
                gates = self.gates
                blocks = [[np.split(side[name], len(gates), axis=k) for side in pair]
                          for pair in zip(self.got, self.right)]
                equal = {(i, j) for i, j in itertools.product(range(len(gates)), repeat=2)
                         if all(same(got[i], right[j]) for got, right in blocks)}
                moved = [f"block {gates[i]} holds what belongs in {gates[j]}" for i, j in sorted(equal)
                         if i != j and (i, i) not in equal]
                if moved:
                    yield f"In {name}, {', '.join(moved)}.", [name]
                good = [gates[i] for i in range(len(gates)) if (i, i) in equal]
                if good and self.sizes.get("T", 1) == 1:
                    bad = [gate for gate in gates if gate not in good]
                    yield (f"The block{'s' * (len(good) > 1)} of {listed(good)} in {name} {are(good)} right. The "
                           f"block{'s' * (len(bad) > 1)} of {listed(bad)} {are(bad)} wrong."), [name]

    def padding_patterns(self):
        """What is wrong at padding only, where an exercise has a mask."""
        masks = [inputs.get("mask") for inputs in self.inputs]
        for name in [] if masks[0] is None else self.wrong:
            if self.axes[name][:2] == ["B", "T"] and name not in self.misshapen and all(
                    name in each for each in self.masks):
                bad = [each[name].reshape(*mask.shape, -1).any(axis=2) for each, mask in zip(self.masks, masks)]
                if not any((each & mask).any() for each, mask in zip(bad, masks)):
                    all_ = all((each | mask).all() for each, mask in zip(bad, masks))
                    yield (f"{name} is right at every place that counts, and wrong at "
                           f"{'all' if all_ else 'some of the'} padding."), [name]

    def time_patterns(self):
        by_time = {}
        for name, mask in self.wrong.items():
            if name in self.misshapen or "T" not in self.axes[name] or mask.shape[
                    k := self.axes[name].index("T")] < 2:
                continue
            steps = [tuple(along(masks[name], k)) if name in masks else () for masks in self.masks]
            if self.throughout(name, lambda got, right: same(got, right[::-1])):
                yield f"{name} is right, but in reversed order of time.", [name]
            if self.throughout(name, lambda got, right: same(got[:-1], right[1:])):
                yield f"What you return in {name} at a step belongs to one step later.", [name]
            if self.throughout(name, lambda got, right: same(got[1:], right[:-1])):
                yield f"What you return in {name} at a step belongs to one step earlier.", [name]
            if len(set(steps)) == 1:
                by_time[name] = steps[0]
        for bad, names in grouped(by_time):
            count, who = len(bad), listed(names)
            last, first = list(bad[::-1]).index(True), list(bad).index(True)
            if all(bad):
                continue
            some = "" if all(self.in_every_sequence(name) for name in names) else " in at least one sequence"
            if last and all(bad[:count - last]):
                yield (f"{who} {are(names)} right at the last {stepped(last)}, and wrong{some} at every earlier one.",
                       names)
            elif first and all(bad[first:]):
                yield (f"{who} {are(names)} right at the first {stepped(first)}, and wrong{some} at every later one.",
                       names)
            else:
                yield f"{who} {are(names)} wrong at t = {listed([str(t) for t in range(count) if bad[t]])} only.", names

    def throughout(self, name, test):
        """Whether it holds here, steps first, and in all cases that show it: with two steps, numbers meet by chance."""
        k = self.axes[name].index("T")
        telling = [case for case in self.others if case.right[0][name].shape[k] > 2]
        return bool(telling) and all(case.holds(name, lambda got, right, *_: got.shape == right.shape and test(
            np.moveaxis(got, k, 0), np.moveaxis(right, k, 0))) for case in [self, *telling])

    def in_every_sequence(self, name):
        """Whether in each case every sequence is wrong at each step where any is."""
        axes = self.axes[name]
        if "B" not in axes:
            return True
        grids = [np.moveaxis(masks[name], (axes.index("T"), axes.index("B")), (0, 1)) for masks in self.masks
                 if name in masks]
        grids = [grid.reshape(*grid.shape[:2], -1).any(axis=2) for grid in grids]
        return all((grid == grid.any(axis=1, keepdims=True)).all() for grid in grids)

    def slice_patterns(self):
        """Along which other axis some slices are wholly right."""
        for name, mask in self.wrong.items():
            for k, axis in enumerate(self.axes[name] if name not in self.misshapen else []):
                bad = [tuple(along(masks[name], k)) if name in masks else () for masks in self.masks]
                alike = len(set(bad)) == 1 and len(bad[0]) > 1 and not all(bad[0])
                if alike and axis != "T" and not axis[:1].isdigit():
                    places = listed([str(i) for i in np.flatnonzero(bad[0])])
                    yield f"{name} is wrong only at index {places} of its axis {axis} ({len(bad[0])} long).", [name]


def factors(cases):
    """{output: (factor in words, a size)} where it is right but for that size in every case, and no other size fits."""
    found = {}
    for name in {name for case in cases for name in case.wrong}:
        rows = []
        for case in cases:
            if not any(right[name].any() for right in case.right) and name not in case.wrong:
                continue  # all is zero, so that any factor is right
            value = 1.0 if not any(name in masks for masks in case.masks) else (
                None if name in case.misshapen else case.ratio(name, 1))
            rows.append((value, sizes_of(case)))
        if any(value is None for value, _ in rows):
            continue
        names = [words for words in rows[0][1] if all(
            words in sizes and math.isclose(sizes[words], abs(value), rel_tol=1e-8) for value, sizes in rows)]
        negative = {value < 0 for value, _ in rows}
        if len(names) == 1 and len(negative) == 1:
            found[name] = ("-" if negative.pop() else "") + names[0]
    return found


def sizes_of(case):
    """{words: number}: the sizes of a case, products of two, roots and inverses."""
    inputs = {name: value for name, value in case.inputs[0].items() if isinstance(value, int)
              and not isinstance(value, bool) and len(name) == 1}
    counts = getattr(case.exercise, "sizes", lambda **_: {})(**case.inputs[0])
    known = {name: float(n) for name, n in (case.sizes | inputs | counts).items()}
    known |= {f"{a} {b}": known[a] * known[b] for a, b in itertools.combinations(known, 2)}
    known |= {f"√{name}": math.sqrt(n) for name, n in known.items() if " " not in name}
    known |= {f"{name}/{other if ' ' not in other else f'({other})'}": n / known[other] for name, n in counts.items()
              for other in list(known) if name not in other and "√" not in other}
    return known | {f"1/{name if ' ' not in name else f'({name})'}": 1 / n for name, n in known.items()
                    if n and "/" not in name}


# --- small things

def blocked(axis):
    return axis[:1].isdigit() and not axis.isdigit()


def along(mask, k):
    """Which slices of an axis have something wrong."""
    return np.moveaxis(mask, k, 0).reshape(mask.shape[k], -1).any(axis=1)


def shape(axes, array):
    return f"({', '.join(axes.split())}) = {array.shape}" if axes else "a single number"


def ok(bad):
    return "x " if bad else "ok"


def listed(words):
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


def stepped(count):
    return "step" if count == 1 else f"{count} steps"


def are(names):
    return "are" if len(names) > 1 else "is"


def has(names):
    return "have" if len(names) > 1 else "has"


def grouped(named):
    """(value, the names that have it), the largest group first."""
    groups = {}
    for name, value in named.items():
        groups.setdefault(value, []).append(name)
    return sorted(groups.items(), key=lambda group: -len(group[1]))
