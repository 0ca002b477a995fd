"""Mistakes made by rule: every version of an answer in which one thing is otherwise, read off its syntax tree.

`made` walks through the answer of an exercise and tries, at each place, what people do there: leave a factor out, take
another array of the same shape, the other axis, the other step, the transpose, the slope twice or not at all. Nothing
here is about one exercise. What cannot run or makes no difference is found out by running it (`versions`).
"""

import ast
import contextlib
import copy
import functools
import itertools
import re
import sys

import numpy as np

from .places import Mistake, Place, listed

STEP_WORDS = {"t": "step t = 0", "b": "sequence b = 0", "start": "first chunk"}
LAST_WORDS = {"t": "last step", "b": "last sequence", "start": "last chunk"}


def made(source, exercise, inputs, known=()):
    """All mistakes by rule, without those whose text is that of a known one; each text once."""
    answer = Answer(source, exercise, inputs)
    found = list(answer.mistakes())
    found += together(found)
    found += everywhere([*known, *found], exercise.OUTPUTS)
    seen, different = {source, *(edited(source, mistake.edits) for mistake in known)}, []
    for mistake in found:
        text = edited(source, mistake.edits)
        if text not in seen:
            seen.add(text)
            different.append(mistake)
    return different


def edited(source, edits):
    for start, end, new in sorted(edits, reverse=True):
        source = source[:start] + new + source[end:]
    return source


def together(found):
    """One misconception that touches several lines: all edits with the same key, as one."""
    groups = {}
    for mistake in found:
        if mistake.shared:
            groups.setdefault(mistake.shared, {}).setdefault(mistake.edits[0][:2], mistake)
    for group in groups.values():
        several = list(group.values())
        edits = sorted({edit for mistake in several for edit in mistake.edits})
        if len(several) > 1 and all(one[1] <= two[0] for one, two in itertools.pairwise(edits)):
            said = {}  # what is done -> the lines where
            for mistake in several:
                said.setdefault(mistake.message.removesuffix(mistake.where), []).append(mistake.where)
            yield Mistake(tuple(edits), ", and ".join(words + listed(list(dict.fromkeys(places)))
                                                      for words, places in said.items()),
                          several[0].question, frozenset().union(*(mistake.targets for mistake in several)))


def everywhere(found, outputs):
    """One mistake made in the lines of several outputs, where what is said differs in the output's name alone."""
    groups = {}
    for mistake in (m for m in found if "where" not in m.message):  # "only where dx uses it" speaks of one already
        for name in outputs:
            if re.search(rf"(?<!\w){name}(?!\w)", mistake.message):
                key = re.sub(rf"(?<!\w){name}(?!\w)", "•", mistake.message)
                groups.setdefault(key, {}).setdefault(name, mistake)
    for group in groups.values():
        several = list(group.values())
        edits = sorted({edit for mistake in several for edit in mistake.edits})
        if len(several) > 1 and all(one[1] < two[0] for one, two in itertools.pairwise(edits)):
            message, *others = [mistake.message for mistake in several]
            for other in others:
                message = joined(message, other, outputs) or message
            targets = [mistake.targets for mistake in several]
            yield Mistake(tuple(edits), message, several[0].question,
                          frozenset().union(*targets) if all(targets) else frozenset())


def joined(one, two, outputs):
    """What is said of one output and of another, said of both; None where it is not the same thing."""
    for name in outputs:
        around = re.search(rf"^(.*(?<!\w))({name})((?!\w).*)$", two)
        if around and one.startswith(around[1]) and one.endswith(around[3]):
            before = one[len(around[1]):len(one) - len(around[3])]
            parts = re.split(r", | and ", before)
            if name not in parts and all(part in outputs for part in parts):
                return around[1] + listed([*parts, name]) + around[3]
    return None


class Answer:
    """The text of an answer, its tree, and the shape of everything in it on one call."""

    def __init__(self, source, exercise, inputs):
        self.source, self.exercise = source, exercise
        self.starts = list(itertools.accumulate((len(line) for line in source.splitlines(True)), initial=0))
        self.lines = source.splitlines(True)
        tree = ast.parse(source)
        self.function = next(node for node in tree.body
                             if isinstance(node, ast.FunctionDef) and node.name == exercise.FUNCTION)
        self.scope = scope(source, exercise.FUNCTION, inputs)
        self.spoken_as = getattr(exercise, "SPOKEN", {})
        self.outputs = list(exercise.OUTPUTS)
        self.sizes = self.axes_of(exercise)
        self.reached = self.flow()

    # --- text

    def span(self, node):
        """Where it stands, as indices into the text."""
        at = lambda line, byte: self.starts[line - 1] + len(self.lines[line - 1].encode()[:byte].decode())
        return at(node.lineno, node.col_offset), at(node.end_lineno, node.end_col_offset)

    def outer(self, node):
        """The same with the brackets around it, those of a call apart."""
        start, end = self.span(node)
        while True:
            before, after = start - 1, end
            while before >= 0 and self.source[before] in " \n":
                before -= 1
            while after < len(self.source) and self.source[after] in " \n":
                after += 1
            if self.source[before] != "(" or self.source[after:after + 1] != ")" or re.match(
                    r"[\w)\]]", self.source[before - 1]):
                return start, end
            start, end = before, after + 1

    def text(self, node):
        return self.source[slice(*self.outer(node))]

    def spoken(self, text):
        """As the learner knows it: by the names of the stub."""
        if text in self.spoken_as:
            return self.spoken_as[text]
        for name, words in self.spoken_as.items():
            if name.isidentifier():
                text = re.sub(rf"(?<![\w.]){name}(?!\w)", words.replace("\\", ""), text)
        return " ".join(text.split())

    # --- numbers

    @functools.cache  # noqa: B019  lives as long as the answer does
    def value(self, text):
        with contextlib.suppress(Exception), np.errstate(all="ignore"):
            return eval(text, self.scope)
        return None

    def shape(self, text):
        value = self.value(text)
        if isinstance(value, (bool, np.bool_)) or not isinstance(value, (np.ndarray, int, float, np.number)):
            return None
        return np.shape(value)

    def axes_of(self, exercise):
        """{size: (its name, an expression for it)}, where only one axis has it."""
        named, told = {}, {}
        for name, axes in exercise.OUTPUTS.items():
            for axis, size in zip(axes.split(), self.shape(name) or ()):
                if axis.isalpha():
                    named.setdefault(size, set()).add(axis)
        for argument in self.function.args.args:
            value = self.scope[argument.arg]
            if isinstance(value, int) and not isinstance(value, bool):
                named.setdefault(value, set()).add(argument.arg)
                told.setdefault(value, argument.arg)
            for k, size in enumerate(np.shape(value) if isinstance(value, np.ndarray) else ()):
                told.setdefault(size, f"{argument.arg}.shape[{k}]")
        for name, size in self.scope.items():
            if isinstance(size, int) and not isinstance(size, bool) and re.fullmatch("[A-Z]", name):
                named.setdefault(size, set()).add(name)
        return {size: (sorted(names)[-1], told[size]) for size, names in named.items() if size > 1 and size in told}

    @functools.cached_property
    def definitions(self):
        """{name: (where it begins, where it ends, text)} of what is assigned once, outside of any loop."""
        found = {}
        for node, target, value, loops in self.statements():
            if isinstance(node, ast.Assign) and isinstance(target, ast.Name):
                found.setdefault(target.id, []).append((self.span(node), self.text(value), loops))
        return {name: (*rows[0][0], rows[0][1]) for name, rows in found.items() if len(rows) == 1 and not rows[0][2]}

    @functools.cached_property
    def sums(self):
        """{name: a + b or a - b} of what is set once, to a sum."""
        found = {}
        for _, target, value, _ in self.statements():
            if isinstance(target, ast.Name):
                found.setdefault(target.id, []).append(value)
        return {name: rows[0] for name, rows in found.items() if len(rows) == 1 and isinstance(rows[0], ast.BinOp)
                and isinstance(rows[0].op, (ast.Add, ast.Sub))}

    def known_at(self, name, place):
        """A name or, where it is set only further down, what it is set to."""
        start, _, text = self.definitions.get(name, (0, 0, ""))
        return f"({text})" if start > place else name

    def assigned_before(self, loop, name):
        """Whether a name has a value before a loop begins."""
        return any(isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Store)
                   and n.lineno < loop.lineno for n in ast.walk(self.function))

    def line_start(self, node):
        return self.starts[node.lineno - 1]

    def axis(self, size):
        return self.sizes.get(size, ("that axis",))[0]

    # --- statements

    def statements(self):
        """(what is assigned, its expression, the loops around it) of each assignment, tuples one by one."""
        def walk(body, loops):
            for node in body:
                if isinstance(node, (ast.Assign, ast.AugAssign)):
                    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                    if len(targets) == 1 and isinstance(targets[0], ast.Tuple) and isinstance(node.value, ast.Tuple):
                        yield from ((node, t, v, loops) for t, v in zip(targets[0].elts, node.value.elts))
                    else:
                        yield node, targets[0], node.value, loops
                elif isinstance(node, ast.Return):
                    parts = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
                    names = self.outputs if len(parts) == len(self.outputs) else [None] * len(parts)
                    yield from ((node, name, part, loops) for name, part in zip(names, parts))
                elif isinstance(node, ast.For):
                    yield from walk(node.body, [*loops, node])
                elif isinstance(node, ast.If):
                    yield from walk(node.body, loops)
        yield from walk(self.function.body, [])

    def flow(self):
        """{name: the outputs that it can change}."""
        edges, ends = {}, {}
        names = lambda node: {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
        for node, target, value, loops in self.statements():
            used = names(value).union(*(names(loop.iter) for loop in loops))
            if isinstance(node, ast.Return):
                for name in used:
                    ends.setdefault(name, set()).update([target] if target else self.outputs)
            else:
                for name in used | (names(target) if isinstance(target, ast.Subscript) else set()):
                    edges.setdefault(name, set()).update(names(target))
        reached = {name: set(outputs) for name, outputs in ends.items()}
        for _ in range(40):
            for name, following in edges.items():
                reached.setdefault(name, set()).update(*(reached.get(n, set()) for n in following))
        return reached

    # --- the families

    def mistakes(self):
        yield from self.in_lines()
        for loop in ast.walk(self.function):
            if isinstance(loop, ast.For):
                yield from self.loops(loop)
                yield from self.carried(loop)
                yield from self.flattened(loop)
                yield from self.gathered(loop)
        yield from self.returned()
        yield from self.aliased()
        yield from self.at_one_use()

    def in_lines(self):
        for node, target, value, loops in self.statements():
            place = self.place(target, loops)
            yield from place.whole(node, target, value)
            yield from place.throughout(value)
            for inner in ast.walk(value):
                yield from place.inside(inner, value)
            if isinstance(target, ast.Subscript):
                yield from place.steps(target, "writes {new} where {old} belongs", "Which step does each belong to?")

    def place(self, target, loops):
        """Where a line is, named by what it assigns, and which outputs that can change."""
        if isinstance(target, str) or target is None:
            return Place(self, target or "what is returned", frozenset([target] if target else self.outputs), loops)
        names = [n.id for n in ast.walk(target) if isinstance(n, ast.Name)]
        where = self.spoken(self.text(target))
        if isinstance(target, ast.Tuple):
            where = " and ".join(self.spoken(self.text(t)) for t in target.elts[:2]) if len(
                target.elts) == 2 else "this line"
        return Place(self, where, frozenset().union(*(self.reached.get(name, set()) for name in names[:1])), loops)

    def at_one_use(self):
        """A mistake in what a name stands for, made at one of the places where it is used, as if it were written out
        there; and a term left out at all of them but one."""
        rows, found = list(self.statements()), {}
        for node in ast.walk(self.function):
            if isinstance(node, ast.Name):
                found.setdefault(node.id, []).append(node)
        for node, target, value, loops in rows:
            if not isinstance(node, ast.Assign) or not isinstance(target, ast.Name) or any(
                    isinstance(n.ctx, ast.Store) and n is not target for n in found[target.id]):
                continue
            start, end = self.outer(value)
            uses = [(use, into) for _, into, text, around in rows if around == loops for use in ast.walk(text)
                    if use in found[target.id]]
            if len(uses) < 2:
                continue
            place = self.place(target, loops)
            for mistake in (m for inner in ast.walk(value) for m in place.inside(inner, value)):
                text = edited(self.source[start:end], [(a - start, b - start, new) for a, b, new in mistake.edits])
                for use, into in uses:
                    other = self.place(into, loops)
                    yield Mistake(((*self.span(use), f"({text})"),), f"{mistake.message}, but only where {other.where} "
                                  "uses it", other.look + mistake.question.removeprefix(place.look), other.targets)
                    if len(uses) > 2 and mistake.shared[:1] == ("left out",):
                        right = *self.span(use), f"({self.text(value)})"
                        yield Mistake((*mistake.edits, right), f"{mistake.message}, except where {other.where} uses it",
                                      mistake.question, mistake.targets)

    def aliased(self):
        """An array that a line changes in place, as *= and += do, and that is used elsewhere: in all lines after it
        and, where no turn sets it anew, in all later turns; in one other; or in all others."""
        rows = [row for row in self.statements() if isinstance(row[0], (ast.Assign, ast.Return))]
        for node, target, value, loops in rows:
            if not isinstance(target, ast.Name):
                continue
            where, after = self.place(target, loops).where, self.span(node)[1]
            line_end, step = self.source.index("\n", after), "\n" + " " * node.col_offset
            for name in dict.fromkeys(n.id for n in ast.walk(value) if isinstance(n, ast.Name) and self.shape(n.id)):
                uses = [(self.span(use), self.place(into, about), about == loops) for _, into, other, about in rows
                        if other is not value for use in ast.walk(other)
                        if isinstance(use, ast.Name) and use.id == name]
                set_at = [self.span(n)[1] for loop in loops[-1:] for n in ast.walk(loop) if isinstance(n, ast.Name)
                          and n.id == name and isinstance(n.ctx, ast.Store)]
                lasting, said = bool(loops) and not set_at, self.spoken(name)
                later = [use for use in uses if use[0][0] > after and (use[2] or not set_at)]
                if set_at and max(set_at) < after:  # it is read once more, before or where it is set anew
                    later += [use for use in uses if use[2] and use[0][0] < self.source.index("\n", min(set_at))]
                uses = [use for use in uses if use[2]]
                for part in ast.walk(value) if (uses or later or lasting) and name != target.id else []:
                    if not changed(part, name) or self.shape(self.text(part)) != self.shape(name):
                        continue
                    new = self.text(part)
                    ways = [(later, ((line_end, line_end, f"{step}{name} = {new}"),))][:bool(later) or lasting]
                    ways += [([use], ((*use[0], f"({new})"),)) for use in uses if [use] != later]
                    if 1 < len(uses) != len(later):
                        ways.append((uses, tuple((*span, f"({new})") for span, *_ in uses)))
                    for which, edits in ways:
                        users = list(dict.fromkeys(other.where for _, other, _ in which))
                        users += ["each later turn"] * (lasting and which is later)
                        yield Mistake(edits, f"changes {said} itself for {where}, to {self.spoken(new)}, so that "
                                      f"{listed(users)} use{'s' * (len(users) == 1)} the changed {said}",
                                      f"Which lines use {said}, and is it the same in all of them? Two names may stand "
                                      "for one array.", frozenset() if lasting else frozenset().union(
                                          *(other.targets for _, other, _ in which)))

    def carried(self, loop):
        """Another quantity carried from turn to turn. It is also what is left at the end or, where a call gives what is
        carried, perhaps not."""
        simple = [node for node in loop.body if isinstance(node, (ast.Assign, ast.AugAssign))]
        read = {n.id for n in ast.walk(loop) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
        for node in simple:
            for name in [n.id for target in getattr(node, "targets", []) for n in ast.walk(target)
                         if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]:
                if name not in read or not self.assigned_before(loop, name):
                    continue
                end, targets = self.source.index("\n", self.span(simple[-1])[1]), frozenset(self.reached.get(name, ()))
                place, step = Place(self, self.spoken(name), targets, [loop]), "\n" + " " * loop.body[0].col_offset
                factors = [self.text(n) for n in ast.iter_child_nodes(node.value) if isinstance(n, ast.Name)
                           and isinstance(getattr(node.value, "op", None), ast.Mult)]
                for other in place.same_shape(self.shape(name), name):
                    if other in factors or self.definitions.get(other, (0,))[0] > end:
                        continue  # it is a factor left out, or there is none yet
                    said = f"carries {self.spoken(other)} to the next turn where {place.where} belongs"
                    asks = "What has the next turn to get from this one, and what does it get?"
                    yield Mistake(((end, end, f"{step}{name} = {other}"),), said, asks, targets)
                    if isinstance(node.value, ast.Call):
                        after = self.starts[loop.end_lineno]
                        yield Mistake(((end, end, f"{step}kept, {name} = {name}, {other}"), (
                            after, after, " " * loop.col_offset + f"{name} = kept\n")),
                            f"{said}, but has the right {place.where} at the end", asks, targets)

    def flattened(self, loop):
        """Products that a loop adds up, taken at once after it, from arrays whose axes should change places and are
        reshaped: X (T, H, B) to (H, T B). So for each of the two factors, both, and all such sums alike."""
        if not isinstance(loop.target, ast.Name):
            return
        v, found = loop.target.id, {}
        for node in loop.body:
            if not isinstance(node, ast.AugAssign) or not isinstance(node.op, ast.Add) or not isinstance(
                    node.target, ast.Name):
                continue
            value, name, kept = node.value, node.target.id, f"{node.target.id}_kept"
            if isinstance(value, ast.BinOp) and isinstance(value.op, ast.MatMult):
                parts = [self.text(value.left), re.sub(r"\.T$", "", self.text(value.right))]
            elif isinstance(value, ast.Call) and ast.unparse(value).endswith(".sum(axis=1)"):
                parts = [self.text(value.func.value)]
            else:
                continue
            if any(len(self.shape(part) or ()) != 2 for part in parts):
                continue
            begin, end, after = self.line_start(loop), self.span(value)[1], self.starts[loop.end_lineno]
            indent, step = " " * loop.col_offset, " " * node.col_offset
            edits = [(begin, begin, f"{indent}{kept} = {{}}\n"), (end, end, f"; {kept}[{v}] = ({', '.join(parts)},)")]
            array = lambda k, wrong, kept=kept: (f"np.array([{kept}[k][{k}] for k in sorted({kept})])"
                                                 f"{'' if wrong else '.swapaxes(0, 1)'}"
                                                 f".reshape(len({kept}[0][{k}]), -1)")
            for which in itertools.product((True, False), repeat=len(parts)):
                if not any(which):
                    continue
                arrays = [array(k, wrong) for k, wrong in enumerate(which)]
                new = f"{arrays[0]} @ {arrays[1]}.T" if len(parts) == 2 else f"{arrays[0]}.sum(axis=1)"
                said = listed([self.spoken(re.sub(r"_t$|\[t\]$", "", part)) for part, wrong in zip(parts, which)
                               if wrong])
                rows = f"of all {v}" if v != "t" else "of all steps"
                mistake = Mistake((*edits, (after, after, f"{indent}{name} = {new}\n")),
                                  f"reshapes {said} {rows} for {name}, where the axes should change places",
                                  "reshape keeps the order of the numbers. Which of them lie side by side before, and "
                                  "which after?", frozenset(self.reached.get(name, ())))
                found.setdefault(all(which) or which[0], {}).setdefault(name, {}).setdefault(which, mistake)
                yield mistake
        whole = [next(iter(of.values())) for of in found.get(True, {}).values()]  # all reshaped wherever they come up
        for several in ([m for m in whole if "np.array" in m.edits[-1][2] and "@" in m.edits[-1][2]], whole):
            if len(several) > 1:
                places = listed([re.search(r" for (\w+),", m.message)[1] for m in several])
                yield Mistake(tuple(edit for m in several for edit in m.edits),
                              f"reshapes the arrays of all steps for {places}, where the axes should change places",
                              several[0].question, frozenset().union(*(m.targets for m in several)))

    def gathered(self, loop):
        """X[I[v]] += Y[v] for all v: into other rows, or at once with the positions of I as a matrix of 0 and 1."""
        node = loop.body[0] if len(loop.body) == 1 else None
        if not isinstance(node, ast.AugAssign) or not isinstance(node.target, ast.Subscript) or not isinstance(
                node.target.slice, ast.Subscript) or not isinstance(node.value, ast.Subscript):
            return
        into, index, values = (ast.unparse(n) for n in (node.target.value, node.target.slice.value, node.value.value))
        row, said, where = self.text(node.target.slice), self.spoken(index), frozenset(self.reached.get(into, ()))
        ways = ((f"np.unique({index})", f"has the ids that come up in {into} one after another: takes an id's number "
                 f"among those that come up, as np.unique({said}) counts them, for the id"),
                (f"list(dict.fromkeys({index}.ravel()))",
                 f"counts the ids in the order of their first use, and takes that number for the row of {into}"))
        for known, words in ways:
            yield Mistake(((*self.span(node.target.slice), f"list({known}).index({row})"),), words,
                          "Which row belongs to an id, if a smaller id does not come up?", where)
        ones, given, width = f"np.eye(len({into}))[{index}]", values, f"{values}.shape[-1]"
        for one, other, words in (
                (f"{ones}.reshape(len({into}), -1)", f"{given}.reshape(-1, {width})", f"the onehot of {said}"),
                (f"{ones}.reshape(-1, len({into})).T", f"{given}.reshape({width}, -1).T", self.spoken(given)),
                (f"{ones}.reshape(len({into}), -1)", f"{given}.reshape({width}, -1).T",
                 f"the onehot of {said} and {self.spoken(given)}")):
            yield Mistake(((*self.span(loop), f"{into} += {one} @ {other}"),), f"reshapes {words}, where the axes "
                          "should change places",
                          "reshape keeps the order of the numbers. Which of them lie side by side before, and which "
                          "after?", where)

    def loops(self, loop):
        """Leave out the first turn or the last, do one only, or go the other way."""
        variable = ast.unparse(loop.target)
        first = STEP_WORDS.get(variable, f"first {variable}")
        last = LAST_WORDS.get(variable, f"last {variable}")
        inner = loop.iter
        if isinstance(inner, ast.Call) and ast.unparse(inner.func) == "reversed":
            yield Mistake((( *self.span(inner), self.text(inner.args[0])),),
                          "walks from the first to the last, not back", "In which order have the turns to be done?")
            inner = inner.args[0]
        else:
            yield Mistake(((*self.span(inner), f"reversed(list({self.text(inner)}))"),),
                          "walks from the last to the first", "In which order have the turns to be done?")
        text, asks = self.text(inner), f"Which {variable} does your loop visit?"
        if len(loop.body) == 1 and isinstance(loop.body[0], ast.AugAssign):
            body, index = self.text(loop.body[0]), f"[{variable.strip('()')}]"
            if body.count(index) > 1:
                yield Mistake(((*self.span(loop), body.replace(index, "")),), "has no loop, so that of several turns "
                              "that add to one entry only the last counts", "What if two turns add to the same entry?")
        if isinstance(loop.target, ast.Tuple):
            for k, name in enumerate(ast.unparse(e) for e in loop.target.elts):
                for end, said in (("min", STEP_WORDS.get(name, f"first {name}")),
                                  ("max", LAST_WORDS.get(name, f"last {name}"))):
                    for symbol, words in (("!=", "leaves out the"), ("==", "does only the")):
                        yield Mistake(((*self.span(inner), f"[p for p in {text} if p[{k}] {symbol} "
                                                           f"{end}(q[{k}] for q in {text})]"),),
                                      f"{words} {said}", f"Which {name} does your loop visit?")
        for cut, words in (("[1:]", f"leaves out the {first}"), ("[:-1]", f"leaves out the {last}"),
                           ("[:1]", f"does the {first} only"), ("[-1:]", f"does the {last} only")):
            yield Mistake(((*self.span(inner), f"list({text}){cut}"),), words, asks)

    def returned(self):
        """Two outputs in each other's place, or all one place on."""
        node = next((n for n in ast.walk(self.function) if isinstance(n, ast.Return)), None)
        if not node or not isinstance(node.value, ast.Tuple) or len(node.value.elts) != len(self.outputs):
            return
        parts, spans = [self.text(e) for e in node.value.elts], [self.span(e) for e in node.value.elts]
        asks = "In which order are they to be returned?"
        for one, two in itertools.combinations(range(len(parts)), 2):
            yield Mistake(((*spans[one], parts[two]), (*spans[two], parts[one])),
                          f"returns {self.outputs[one]} and {self.outputs[two]} in each other's place", asks)
        for by in ([1, -1] if len(parts) > 2 else []):
            order = [*parts[by:], *parts[:by]]
            yield Mistake(tuple((*span, part) for span, part in zip(spans, order)),
                          f"returns all {len(parts)} in another order: each stands one place "
                          f"{'too early' if by > 0 else 'too late'}", asks)
        for name, by in self.sizes.values():
            yield Mistake(tuple((end, end, f" / {by}") for _, end in spans), f"divides all that it returns by {name}",
                          "Who divides?")
        weights = [k for k, name in enumerate(self.outputs) if re.fullmatch("d[WUb].*", name)]
        if 1 < len(weights):
            for name, by in self.sizes.values():
                for subset in {tuple(weights), *itertools.combinations(weights, 2)}:
                    yield Mistake(tuple((spans[k][1], spans[k][1], f" / {by}") for k in subset),
                                  f"divides {listed([self.outputs[k] for k in subset])} by {name}: a mean, not a sum",
                                  "The loss is one number. Who divides?", frozenset(self.outputs[k] for k in subset))


def changed(node, name):
    """Whether an expression is what a name becomes by +=, -=, *=, /=, **=, one after another."""
    return isinstance(node, ast.BinOp) and not isinstance(node.op, ast.MatMult) and any(
        changed(side, name) or isinstance(side, ast.Name) and side.id == name for side in (node.left, node.right))


def scope(source, function, inputs):
    """All names in the answer's function at its end, on one call."""
    found, namespace = {}, {}
    exec(compile(source, "<answer>", "exec"), namespace)

    def trace(frame, event, _):
        if frame.f_code.co_filename == "<answer>" and frame.f_code.co_name == function:
            if event == "return":
                found.update(frame.f_locals)
            return trace
        return None
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        with np.errstate(all="ignore"):
            namespace[function](*copy.deepcopy(list(inputs.values())))
    finally:
        sys.settrace(before)
    return namespace | found
