"""What the exercises' checker says, held against the numbers: each sentence is read, and computed again from what came
back and what is right. Shares no code with the checker."""

import re

import numpy as np

BY = re.compile(r", | and ")


class Numbers:
    """Wrong and right outputs of every call of an exercise, by case."""

    def __init__(self, exercise, calls, got, right):
        self.exercise, self.calls, self.got, self.right = exercise, calls, got, right
        self.axes = {name: axes.split() for name, axes in exercise.OUTPUTS.items()}
        self.gates = list(getattr(exercise, "GATES", "ifgo"))

    def of(self, words=None):
        """The calls of one case, or all."""
        return [k for k, call in enumerate(self.calls) if words is None or call[0] == words]

    def wrong(self, call, name):
        got, right = self.got[call][name], self.right[call][name]
        if got.shape != right.shape:
            return np.ones(right.shape, bool)
        if right.dtype.kind != "f":
            return np.asarray(got != right)
        with np.errstate(invalid="ignore", over="ignore"):
            return np.asarray(~(np.abs(got - right) <= getattr(self.exercise, "TOLERANCE", 1e-9) * (
                np.abs(right).max(initial=0) or 1)))

    def bad(self, call):
        return [name for name in self.axes if self.wrong(call, name).any()]


def close(one, two, tolerance=1e-8):
    if one.shape != two.shape:
        return False
    with np.errstate(invalid="ignore"):
        return bool((np.abs(one - two) <= tolerance * (np.abs(two).max(initial=0) or 1)).all())


def along(mask, k):
    return np.moveaxis(mask, k, 0).reshape(mask.shape[k], -1).any(axis=1)


def sizes(numbers, call):
    inputs = numbers.calls[call][2]
    found = {"N": inputs["mask"].sum()} if "mask" in inputs else {}
    for name, axes in numbers.axes.items():
        found |= {axis: n for axis, n in zip(axes, numbers.right[call][name].shape) if axis.isalpha()}
    return found | {name: value for name, value in numbers.calls[call][2].items()
                    if isinstance(value, int) and not isinstance(value, bool)}


def true_of(sentence, numbers, calls):
    """Whether a sentence holds in all these calls. A sentence that nobody can read is an error."""
    got, right = numbers.got, numbers.right
    each = lambda names, test: all(test(got[c][n], right[c][n]) for c in calls for n in names)

    read = lambda pattern: re.fullmatch(pattern, sentence)

    if read(r"All that you return is exactly zero\."):
        return each(numbers.axes, lambda g, r: not g.any())
    if m := read(r"([\w, ]+) (?:is|are) exactly zero\."):
        return each(BY.split(m[1]), lambda g, r: not g.any() and r.any())
    if m := read(r"([\w, ]+) (?:has|have) the wrong sign everywhere, and the right size\."):
        return each(BY.split(m[1]), lambda g, r: close(g, -r) and r.any())
    if m := read(r"([\w, ]+) (?:is|are) exactly what you were given as ([\w, \[\]]+)\."):
        return all(np.array_equal(got[c][n], given(numbers, c, of)) for c in calls
                   for n, of in zip(BY.split(m[1]), BY.split(m[2]), strict=True))
    if m := read(r"([\w, ]+) (?:is|are) (\S+) times what is right, in every entry\."):
        return each(BY.split(m[1]), lambda g, r: close(g, float(m[2]) * r, 2e-5) and not close(g, r))
    if m := read(r"In every case, ([\w, ]+) (?:is|are) (-?)(?:([√\w ]+)|([√\w]+)/\(?([√\w ]+)\)?) times what is "
                 r"right\."):
        def factor(call):
            known = sizes(numbers, call) | {"1": 1}
            product = lambda words: np.prod([known[s.strip("√")] ** (0.5 if "√" in s else 1) for s in words.split()])
            return (-1 if m[2] else 1) * (product(m[3]) if m[3] else product(m[4]) / product(m[5]))
        return all(close(got[c][n], factor(c) * right[c][n]) for c in numbers.of() for n in BY.split(m[1]))
    if m := read(r"([\w, ]+) (?:is|are) the transpose of what is right\."):
        return each(BY.split(m[1]), lambda g, r: close(g, r.T))
    if m := read(r"What you return as (\w+) is what belongs in (\w+)\."):
        return all(close(got[c][m[1]], right[c][m[2]]) for c in calls)
    if m := read(r"(\w+) and (\w+) are in each other's place\."):
        return all(close(got[c][m[1]], right[c][m[2]]) and close(got[c][m[2]], right[c][m[1]]) for c in calls)
    if m := read(r"In (\w+), (block .*)\."):
        moved = re.findall(r"block (\S+) holds what belongs in ([^\s,]+)", m[2])
        return bool(moved) and all(close(block(numbers, got, c, m[1], one), block(numbers, right, c, m[1], two))
                                   for c in calls for one, two in moved)
    if m := read(r"You return (as .+)\."):
        return all(close(got[c][one], right[c][two]) for c in calls
                   for one, two in re.findall(r"as (\w+) what belongs in (\w+)", m[1]))
    if m := read(r"The blocks? of (.+) in (\w+) (?:is|are) right\. The blocks? of (.+) (?:is|are) wrong\."):
        same = lambda c, gate: close(block(numbers, got, c, m[2], gate), block(numbers, right, c, m[2], gate))
        return all(same(c, gate) for c in calls for gate in BY.split(m[1])) and not any(
            all(same(c, gate) for c in calls) for gate in BY.split(m[3]))
    if m := read(r"(\w+) is right, but in reversed order of time\."):
        t = numbers.axes[m[1]].index("T")
        return all(close(got[c][m[1]], np.flip(right[c][m[1]], t)) for c in calls)
    if m := read(r"What you return in (\w+) at a step belongs to one step (later|earlier)\."):
        t = numbers.axes[m[1]].index("T")
        for c in calls:
            g, r = (np.moveaxis(side[c][m[1]], t, 0) for side in (got, right))
            if not (close(g[:-1], r[1:]) if m[2] == "later" else close(g[1:], r[:-1])):
                return False
        return True
    if m := read(r"(\w+) is right at every place that counts, and wrong at (all|some of the) padding\."):
        wrong = {c: numbers.wrong(c, m[1]).any(axis=2) for c in calls}
        masks = {c: numbers.calls[c][2]["mask"] for c in calls}
        return all(wrong[c].any() and not wrong[c][masks[c]].any() for c in calls) and (m[2] == "all") == all(
            wrong[c][~masks[c]].all() for c in calls)
    if m := read(r"([\w, ]+) (?:is|are) right at the (last|first) (\d+ )?steps?, and wrong( in at least one sequence)? "
                 r"at every (?:earlier|later) one\."):
        count = int(m[3] or 1)
        steps = [steps_wrong(numbers, c, name) for c in calls for name in BY.split(m[1])]
        if not m[4]:  # then all sequences are wrong where one is
            steps += [steps_wrong(numbers, c, name, b) for c in calls for name in BY.split(m[1])
                      if "B" in numbers.axes[name]
                      for b in range(numbers.right[c][name].shape[numbers.axes[name].index("B")])
                      if any(steps_wrong(numbers, c, name))]
        return all((not any(s[-count:]) and all(s[:-count])) if m[2] == "last" else
                   (not any(s[:count]) and all(s[count:])) for s in steps)
    if m := read(r"([\w, ]+) (?:is|are) wrong at t = ([\d, and]+) only\."):
        return all([t for t, bad in enumerate(steps_wrong(numbers, c, name)) if bad] == [int(t) for t in BY.split(m[2])]
                   for c in calls for name in BY.split(m[1]))
    if m := read(r"(\w+) is wrong only at index ([\d, and]+) of its axis (\w+) \((\d+) long\)\."):
        k = numbers.axes[m[1]].index(m[3])
        return all(list(np.flatnonzero(along(numbers.wrong(c, m[1]), k))) == [int(i) for i in BY.split(m[2])]
                   and numbers.right[c][m[1]].shape[k] == int(m[4]) for c in calls)
    if m := read(r"([\w, ]+) (?:is|are) nearly right: .*"):
        return each(BY.split(m[1]), lambda g, r: np.abs(g - r).max() < 1e-4 * np.abs(r).max())
    if m := read(r"(\w+) is not finite: (.*)\."):
        return all(not np.isfinite(got[c][m[1]]).all() for c in calls) and counted(m[2], [got[c][m[1]] for c in calls])
    sentence, wrong, _ = sentence.partition(" The shape of ")
    if m := read(r"(\w+) has shape \((.*?)\), expected (.*?)(?:\. (.*)|, which is (.*))?\."):
        shown = tuple(int(n) for n in m[2].split(",") if n.strip())
        return all(got[c][m[1]].shape != right[c][m[1]].shape for c in (numbers.of() if wrong else ())) and all(
            got[c][m[1]].shape == shown != right[c][m[1]].shape for c in calls) and all(
            happened((m[4] or "")[:1].lower() + (m[4] or "")[1:], got[c][m[1]], right[c], m[1]) for c in calls)
    if m := read(r"([\w, ]+?) (?:is|are) wrong\.(?: All else is right: ([\w, ]+)\.)?"):
        wrong = BY.split(m[1])
        if m[2]:
            named = wrong + BY.split(m[2])
            return all(numbers.bad(c) == wrong for c in calls) and sorted(named) == sorted(numbers.axes)
        return any(numbers.bad(c) == wrong for c in calls)
    raise AssertionError(f"nobody can read: {sentence}")


def block(numbers, side, call, name, gate):
    k = next(k for k, axis in enumerate(numbers.axes[name]) if axis[0].isdigit())
    return np.split(side[call][name], len(numbers.gates), axis=k)[numbers.gates.index(gate)]


def steps_wrong(numbers, call, name, sequence=None):
    """At which steps something is wrong: anywhere, or in one sequence."""
    wrong, axes = numbers.wrong(call, name), list(numbers.axes[name])
    if sequence is not None:
        wrong = wrong.take(sequence, axes.index("B"))
        axes.remove("B")
    return list(along(wrong, axes.index("T")))


def counted(words, arrays):
    broken = [~np.isfinite(array) for array in arrays]
    if m := re.match(r"(\d+) of its (\d+) numbers", words):
        return all(b.sum() == int(m[1]) and b.size == int(m[2]) for b in broken)
    return all(b.all() for b in broken) if words.startswith(("it is", "all its")) else words.startswith("some")


def happened(words, got, right, name):
    """What is said to have happened to the shape of an output."""
    one = right[name]
    if words in ("", "the right numbers stand there many times"):
        return not words or close(np.broadcast_to(one, got.shape), got)
    if words == "it is the transpose of what is right":
        return close(got, one.T)
    if words.startswith("the numbers are right"):
        return close(got.ravel(), one.ravel())
    if m := re.match(r"only the (last|first) along its axis (\d)", words):
        return close(got.take(-1 if m[1] == "last" else 0, axis=int(m[2])), one)
    if m := re.match(r"ax[ei]s ([\d, and]+)(?: \(.*\))? (?:is|are) not summed over", words):
        return close(got.sum(axis=tuple(int(k) for k in BY.split(m[1]))), one)
    if m := re.match(r"it is only the (last|first) along", words):
        return any(close(got, one.take(-1 if m[1] == "last" else 0, axis=k)) for k in range(one.ndim))
    if words.startswith("its blocks lie side by side"):
        return got.size == one.size and close(np.sort(got.ravel()), np.sort(one.ravel()))
    if m := re.match(r"it is summed over (\w+) too", words):
        return any(close(np.squeeze(got), np.squeeze(one.sum(axis=k))) for k in range(one.ndim))
    if m := re.match(r"it is what belongs in (\w+)", words):
        return close(got, right[m[1]])
    if words.startswith("only its first entries along"):
        return close(got, one[tuple(slice(n) for n in got.shape)])
    if words == "it is summed over all its axes":
        return close(got, np.asarray(one.sum()))
    if words.startswith("its axes are in another order"):
        return np.sort(got.ravel())[0] == np.sort(one.ravel())[0]
    raise AssertionError(f"nobody can read: {words}")


def check(judged, numbers):
    """Assert that everything in a verdict is true: map, observation, example, sums."""
    cases = list(numbers.exercise.CASES)
    first, *more = judged["observation"].splitlines()
    calls, sentence = placed(first, numbers, cases)
    called = getattr(numbers.exercise, "CALLED", "")
    assert true_of(plain(sentence, called), numbers, calls), f"untrue: {first}"
    for line in more:
        if not line.startswith("For example"):
            assert re.match(r'In the case ".*": the first nan or inf comes up in your line \d+: |Your function ',
                            line), line
            continue
        m = re.fullmatch(r"For example(, in the case \"(.*)\")?: (\w+)(?:\[(.*)\])? is (\S+), right is (\S+)\.",
                         plain(line, called))
        at = tuple(int(k) for k in m[4].split(",")) if m[4] else ()
        shown = lambda value, text: value == float(text) or abs(value - float(text)) <= 1e-4 * abs(float(text)) or (
            np.isnan(value) and text == "nan")
        assert any(shown(numbers.got[c][m[3]][at], m[5]) and shown(numbers.right[c][m[3]][at], m[6])
                   and numbers.wrong(c, m[3])[at] for c in (numbers.of(m[2]) if m[1] else calls)
                   if numbers.got[c][m[3]].shape == numbers.right[c][m[3]].shape), line
    check_map(judged["map"], numbers, cases)
    for cause in judged["causes"]:
        check_becomes_right(cause, numbers)
        calls, said = placed(cause, numbers, cases)
        if m := re.fullmatch(r"your (\w+) is (.*); right is (.*)\.", said):
            for c in calls:
                terms = numbers.exercise.terms(**numbers.calls[c][2])[m[1]]
                assert close(total(m[2], terms), numbers.got[c][m[1]], 1e-5), cause
                assert close(total(m[3], terms), numbers.right[c][m[1]], 1e-5), cause


def placed(line, numbers, cases):
    """The calls that a line speaks of, and what it says of them."""
    if m := re.match(r'In the case "([^"]*)" and others: (.*)', line):
        said = plain(m[2], getattr(numbers.exercise, "CALLED", ""))
        assert sum(true_of(said, numbers, numbers.of(words)) for words in cases) > 3, line
        return numbers.of(m[1]), m[2]
    if m := re.match(r'In (the cases?|every case but) (".*?"): (.*)', line):
        named = re.findall('"(.*?)"', m[2])
        assert set(named) <= set(cases), line
        of = [words for words in cases if words not in named] if "but" in m[1] else named
        if "but" in m[1]:
            assert not any(numbers.bad(c) for words in named for c in numbers.of(words)), line
        return [c for words in of for c in numbers.of(words)], m[3]
    if m := re.match(r"In every case that is not right: (.*)", line):
        return [c for words in cases if any(map(numbers.bad, numbers.of(words))) for c in numbers.of(words)], m[1]
    return numbers.of(), line


def plain(words, called):
    return re.sub(rf"(?<!\w){called} (?=\w)", "", words) if called else words


def given(numbers, call, words):
    """An input by its name, or one of a list of them: grads[0]."""
    name, _, index = words.partition("[")
    value = numbers.calls[call][2][name]
    return value[int(index.strip("]"))] if index else value


def check_becomes_right(cause, numbers):
    """What is said of single steps where something is zero."""
    wrong = lambda words: set().union(*(numbers.bad(call) for call in numbers.of(words)))
    if m := re.fullmatch(r"Where (\w+) is zero, (.*) becomes? right: what is wrong there goes with \1\.", cause):
        gone = wrong("a single step") - wrong(f"a single step where {m[1]} is zero")
        assert gone == (wrong("a single step") if m[2] == "all of a single step" else set(BY.split(m[2]))), cause
    elif cause.startswith("In a single step nothing becomes right"):
        assert all(wrong(words) >= wrong("a single step") > set() for words in numbers.exercise.PROBES), cause


def total(words, terms):
    """The sum that is written out in words."""
    value, rest = 0, f"+ {words}" if not words.startswith("- ") else words
    if words == "0":
        return np.zeros_like(next(iter(terms.values())))
    longest = sorted(terms, key=len, reverse=True)
    while rest:
        m = re.match(r"([+-]) (?:(\d[\d.e+-]*) )?", rest)
        after = rest[m.end():]
        term = next(t for t in longest if after.startswith(t) and (after[len(t):] == "" or after[len(t):len(t) + 3] in (
            " + ", " - ")))
        value = value + (-1 if m[1] == "-" else 1) * float(m[2] or 1) * terms[term]
        rest = after[len(term):].strip()
    return value


def check_map(lines, numbers, cases):
    """Each ok and each x is that of one call of its case; each other case is right or wrong as it says."""
    k = 0
    while k < len(lines):
        words = next(w for w in sorted(cases, key=len, reverse=True) if lines[k].startswith(f"{w}:"))
        calls, rest = numbers.of(words), lines[k][len(words) + 1:].strip()
        k += 1
        if rest == "right":
            assert not any(numbers.bad(c) for c in calls)
        elif rest:
            assert any(numbers.bad(c) == BY.split(rest.removeprefix("x in ")) for c in calls), rest
        else:
            rows = []
            while k < len(lines) and lines[k].startswith("  "):
                rows.append(lines[k])
                k += 1
            assert any(all(fits(rows, numbers, c)) for c in calls), rows


def fits(rows, numbers, call):
    mapped = getattr(numbers.exercise, "MAPPED", {"T": "t="})
    name, grid = None, 0
    for row in rows:
        if m := re.match(r"  (\S+) +", row):
            name, grid, rest = (m[1], 0, row[m.end():]) if m[1] in numbers.axes else (name, grid + 1, row.strip())
        mask = numbers.wrong(call, name)
        if rest.startswith("ok"):
            yield not mask.any()
        elif rest.strip() == "x" or rest.startswith("x   shape"):
            yield bool(mask.any())
        else:
            for part in rest.split(" | "):
                cells = re.findall(r"(\S+) (ok|x)(?= |$)", part)
                if "together" in mapped and re.match(r"b=\d+  t=", part):
                    bad = mask[int(re.match(r"b=(\d+)", part)[1])].reshape(mask.shape[1], -1).any(axis=1)
                elif cells[0][0] in numbers.gates:
                    axis = next(i for i, a in enumerate(numbers.axes[name]) if a[0].isdigit())
                    bad = along(mask, axis).reshape(len(numbers.gates), -1).any(axis=1)
                else:
                    axis = next(a for a, start in mapped.items() if a in numbers.axes[name] and part.startswith(start))
                    bad = along(mask, numbers.axes[name].index(axis))
                yield [word == "x" for _, word in cells] == list(bad)
