"""What people do in one line of an answer: the mistakes that `families` makes there, read off the syntax tree."""

import ast
import itertools
import re
from typing import NamedTuple

GRADIENT = re.compile("d[A-Za-z]")  # dh_next, da_t, dW
BRACKETED = (ast.BinOp, ast.UnaryOp, ast.IfExp, ast.Compare, ast.Lambda)


class Mistake(NamedTuple):
    """Edits of the answer's text, (start, end, new) each; what the version then does; a question that leads there."""
    edits: tuple
    message: str
    question: str
    targets: frozenset = frozenset()  # the outputs that it can change; empty: any
    shared: tuple = ()  # the same misconception has the same key in another line
    where: str = ""


class Place:
    """A line of the answer, named by what it assigns: the mistakes that can be made in it."""

    def __init__(self, answer, where, targets, loops):
        self.answer, self.where, self.targets, self.loops = answer, where, targets, loops
        self.text, self.span, self.outer, self.shape = answer.text, answer.span, answer.outer, answer.shape
        self.spoken, self.look = answer.spoken, f"Look at {where}. "

    def mistake(self, edits, message, question, shared=()):
        return Mistake(tuple(edits), f"{message} in {self.where}", self.look + question, self.targets, shared,
                       self.where)

    def whole(self, node, target, value):
        """What can be done to a whole line: its sign, a size divided by, zero, other start, added or assigned."""
        (start, end), text = self.outer(value), self.text(value)
        whole = f"({text})"
        if isinstance(node, ast.AugAssign):
            operator = self.source_between(node.target, node.value)
            signs = {ast.Add: ("+=", "-="), ast.Sub: ("-=", "+=")}.get(type(node.op))
            at = self.span(node.target)[1] + operator.index(signs[0])
            yield self.mistake([(at, at + 2, "=")], "assigns at each turn instead of adding,",
                               "How many turns have a part in it?", ("assigned",))
            yield self.mistake([(at, at + 2, signs[1])], "subtracts at each turn instead of adding,",
                               "Which sign has each part?", ("subtracted",))
        if self.loops and isinstance(self.loops[-1].target, ast.Name) and (
                isinstance(node, ast.AugAssign) or isinstance(target, ast.Subscript)):
            yield from self.turns(start, end, type(node))
        carried = self.loops and isinstance(target, ast.Name) and self.is_carried(target.id)
        if carried and not isinstance(node, ast.AugAssign):
            yield self.mistake([(start, start, f"{target.id} + ")], "adds to what was there instead of assigning,",
                               "What is still to be passed on, once it was used?")
            yield from self.carried_on(node, target.id)
        shape = self.shape(text)
        if shape is None or isinstance(value, ast.Lambda):
            return
        start_of_one = isinstance(target, ast.Name) and not self.loops
        if "zeros" in text:
            starts = [("np.ones_like" + text[text.index("("):] if "_like" in text else f"1 + {text}", "one")]
            starts += [(other, self.spoken(other)) for other in self.same_shape(shape, text, ends=True)]
            for new, words in starts:
                yield Mistake(((start, end, new),), f"starts {self.where} from {words} instead of from zero",
                              "What is there before the first turn?", self.targets)
            return
        if not isinstance(value, (ast.Name, ast.Constant)) or isinstance(node, ast.Return):
            yield self.mistake([(start, end, f"-{whole}")], "has the wrong sign", "Which sign has it?")
            if not isinstance(value, ast.IfExp) and not carried:
                yield self.mistake([(start, end, f"0 * {whole}")], "puts zero",
                                   "Does nothing reach the loss by this way?")
            for name, size in self.answer.sizes.values():
                yield self.mistake([(start, end, f"{whole} / {size}")], f"divides by {name} (a mean, not a sum)",
                                   "Who divides, and how often?")
                yield self.mistake([(start, end, f"{whole} / {size} ** 0.5")], f"divides by √{name}",
                                   "Who divides, and how often?")
                yield self.mistake([(start, end, f"{whole} * {size}")], f"multiplies by {name}",
                                   "Who multiplies, and how often?")
            if len(shape) == 2:
                yield self.mistake([(start, end, f"{whole}.T")], "computes the transpose",
                                   "Which index of it comes first?")
            if shape:
                yield self.mistake([(start, end, f"np.clip({whole}, -5, 5)")], "clips to -5 .. 5",
                                   "May a gradient be larger than 5? Who clips?")
                yield from self.levelled(start, end, whole, shape)
                yield from self.rearranged(value, whole, shape)
                yield from self.two_alone(value, shape)
            for other in self.same_shape(shape, text) if shape else []:
                if not isinstance(node, ast.Return) and other != getattr(target, "id", None):
                    yield self.mistake([(start, end, f"{whole} * {other}")], f"multiplies by {self.spoken(other)} too",
                                       "What is multiplied by what?")
                    yield self.mistake([(start, end, f"{whole} + {other}")], f"adds {self.spoken(other)} too",
                                       "What is it the sum of?")
                    if not GRADIENT.match(other):
                        yield self.mistake([(start, end, f"{whole} * (1 - {other} ** 2)")],
                                           f"multiplies by 1 - {self.spoken(other)}², as if there were a tanh,",
                                           "Through which functions does it go?")
            if start_of_one or isinstance(node, ast.Return) or isinstance(target, ast.Name):
                for other in self.same_shape(shape, text):
                    if isinstance(node, ast.Return) or not isinstance(value, ast.BinOp):
                        yield self.mistake([(start, end, other)], f"takes {self.spoken(other)}, not "
                                           f"{self.spoken(text)},", "Which of the arrays of this shape is it?")

    def turns(self, start, end, kind):
        """A line that is done in some turns of its loop only."""
        loop = self.loops[-1]
        v, turns = loop.target.id, f"list({self.text(loop.iter)})"
        for at, which in (("min", f"{v} = 0"), ("max", f"the last {v}")):
            for symbol, words in (("!=", f"leaves out {which}"), ("==", f"does {which} only")):
                yield self.mistake([(start, start, "("), (end, end, f") * ({v} {symbol} {at}({turns}))")],
                                   words, f"At which {v} has it a part?", ("turns", at, symbol, kind))

    def carried_on(self, node, name):
        """What is carried from turn to turn: it is not set anew, or it comes one turn late."""
        start, end = self.span(node)
        said, asks = self.spoken(name), "What has the next turn to get from this one, and what does it get?"
        yield Mistake(((*self.span(node.value), name),), f"never passes {said} on: at each turn it is what it was "
                      "before the first", asks, self.targets)
        loop = self.loops[-1]
        if isinstance(loop.target, ast.Name) and isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(
                node.targets[0], ast.Name) and self.answer.assigned_before(loop, name):
            v, turns, old = loop.target.id, f"list({self.text(loop.iter)})", self.text(node.value)
            back = isinstance(loop.iter, ast.Call) and ast.unparse(loop.iter.func) == "reversed"
            for at, which in ((-1, "last"), (0, "first")):
                step = f" ({v} = 0)" if back == (at == -1) else ""
                for else_, words in ((name, "keeps the old"), (f"0 * {name}", "sets to zero what becomes")):
                    yield Mistake(((*self.outer(node.value), f"({old}) if {v} != {turns}[{at}] else {else_}"),),
                                  f"in the {which} turn of the loop{step} {words} {said}",
                                  "How many times is it passed on, and where does it go the last time?", self.targets,
                                  ("passed on", at, else_ == name), said)
        first = self.answer.assigned_before(self.loops[0], name)
        if first:
            late, begin = f"{name}_late", self.answer.line_start(self.loops[0])
            indent = " " * self.loops[0].col_offset
            uses = [self.span(n) for n in ast.walk(self.loops[0]) if isinstance(n, ast.Name) and n.id == name
                    and isinstance(n.ctx, ast.Load) and self.span(n)[1] <= start]
            step = "\n" + " " * node.col_offset
            yield Mistake(((begin, begin, f"{indent}{late} = 0 * {name}\n"), *((*use, late) for use in uses),
                           (start, start, f"{late} = {name}{step}")),
                          f"uses {said} one turn late: what a turn gives reaches the turn after the next", asks,
                          self.targets)

    def levelled(self, start, end, whole, shape):
        """One axis summed over, or its mean taken, and given to all."""
        for k, size in enumerate(shape if len(shape) > 1 else ()):
            axis, length = self.answer.axis(size), f"{whole}.shape[{k}]"
            for what, words in (("sum", "sums over"), ("mean", "takes the mean over")):
                yield self.mistake([(start, end, f"np.repeat({whole}.{what}(axis={k}, keepdims=True), {length}, {k})")],
                                   f"{words} {axis}, so that all along {axis} get the same,",
                                   f"Has each along {axis} a gradient of its own?")
            back = f"[(slice(None),) * {k} + (slice(None, None, -1),)]"
            for way, words in (("", "from the first on"), (back, "from the last on")) if len(shape) > 2 else ():
                yield self.mistake([(start, end, f"np.cumsum({whole}{way}, axis={k}){way}")],
                                   f"adds up along {axis}, {words},", f"Has each along {axis} a gradient of its own?")

    def rearranged(self, value, whole, shape):
        """The right numbers at other places: a reshape where axes should change places, on the way in or out."""
        if isinstance(value, ast.Name) and value.id in self.answer.definitions or (
                isinstance(value, ast.Call) and ast.unparse(value.func).endswith(".reshape")):
            return  # it is done where that is set, and as `reshaped`
        names = [self.answer.axis(size) for size in shape]
        for order in itertools.permutations(range(len(shape))):
            if tuple(shape[k] for k in order) == shape:
                continue
            back, sizes = tuple(map(order.index, range(len(shape)))), f"tuple(np.shape({whole})[k] for k in {order})"
            said = "" if "that axis" in names else f", {', '.join(names[k] for k in order)},"
            for new, words in ((f"{whole}.transpose{order}.reshape({whole}.shape)",
                                f"brings the axes into another order{said} and then reshapes,"),
                               (f"{whole}.reshape({sizes}).transpose{back}",
                                f"reshapes to another order of the axes{said} and then brings them back,")):
                yield self.mistake([(*self.outer(value), new)], words, "Which numbers are neighbours before, and after?"
                                   " reshape keeps their order.")

    def two_alone(self, value, shape):
        """Only two of its arrays, combined in the simplest way, for a whole expression."""
        if not isinstance(value, ast.BinOp):
            return
        names = list(dict.fromkeys(n.id for n in ast.walk(value) if isinstance(n, ast.Name)
                                   and self.shape(n.id) == shape))
        for one, two in itertools.permutations(names, 2):
            for symbol in "-" if one > two else "-*+":
                yield self.mistake([(*self.outer(value), f"({one} {symbol} {two})")],
                                   f"has {self.spoken(one)} {symbol} {self.spoken(two)}, and nothing else,",
                                   "Which terms has it, and which factors has each?")

    def throughout(self, value):
        """Another array or number for one that stands in this line more than once, at each place."""
        places = {}
        for node in ast.walk(value):
            if isinstance(node, (ast.Name, ast.Subscript)) and isinstance(node.ctx, ast.Load):
                places.setdefault(self.text(node), []).append(self.span(node))
        for text, spans in places.items():
            shape = self.shape(text)
            if len(spans) > 1 and shape is not None:
                for other in self.same_shape(shape, text):
                    yield self.mistake([(*span, other) for span in spans], f"takes {self.spoken(other)} for "
                                       f"{self.spoken(text)}, each time,", "Which of the arrays of this shape is it?"
                                       if shape else "Which number belongs there?")

    def source_between(self, one, two):
        return self.answer.source[self.span(one)[1]:self.span(two)[0]]

    def is_carried(self, name):
        return any(isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Load)
                   for loop in self.loops for n in ast.walk(loop))

    def same_shape(self, shape, text, ends=False):
        """What else stands in the answer, or is given, and has this shape."""
        names = [name for name in self.answer.scope if not name.startswith("_")]
        atoms = [*names, *self.indexed()]
        if ends:
            atoms += [f"{name}[{k}]" for name in names for k in (-1, 0)]
        return [atom for atom in dict.fromkeys(atoms) if atom != text and self.shape(atom) == shape]

    def indexed(self):
        """X[t] for everything that is read at a step of the loops around."""
        variables = {ast.unparse(loop.target) for loop in self.loops}
        found = {}
        for node in ast.walk(self.answer.function):
            if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and variables & {
                    n.id for n in ast.walk(node.slice) if isinstance(n, ast.Name)}:
                found[ast.unparse(node)] = None
        return list(found)

    def inside(self, node, value):
        if isinstance(node, ast.BinOp):
            yield from self.operated(node)
        if isinstance(node, BRACKETED) and self.outer(node) != self.span(node) and node is not value:
            (start, end), (inner, last) = self.outer(node), self.span(node)
            yield self.mistake([(start, inner, ""), (last, end, "")],
                               f"lacks the brackets around {self.spoken(self.answer.source[inner:last])}",
                               "In which order does Python work it out?")
        if isinstance(node, (ast.Name, ast.Subscript)) and isinstance(node.ctx, ast.Load):
            yield from self.replaced(node)
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
            yield from self.steps(node, "takes {new} where {old} belongs", "Which step does it belong to?")
        if isinstance(node, ast.Call):
            yield from self.called(node)
        if isinstance(node, ast.Attribute) and node.attr == "T":
            start, end = self.span(node)
            yield self.mistake([(end - 2, end, "")], f"does not transpose {self.spoken(self.text(node.value))}",
                               "Over which index is the sum?")
        if isinstance(node, ast.IfExp):
            start, end = self.outer(node)
            one, other = self.text(node.body), self.text(node.orelse)
            condition = self.spoken(self.text(node.test))
            yield self.mistake([(start, end, one)], f"takes {self.spoken(one)}, whether {condition} or not,",
                               "What is it at the border?", ("border",))
            yield self.mistake([(start, end, other)], f"takes {self.spoken(other)}, whether {condition} or not,",
                               "What is it away from the border?", ("inside",))
            yield self.mistake([(*self.outer(node.orelse), f"0 * {other}")],
                               f"takes zero for {self.spoken(other)}", "What is it at the border?", ("zero",))
        if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)) and not isinstance(node.value, bool):
            for new in {0, 1, 2, 3, -1} - {node.value}:
                if not (new == 0 and node.value == 1) and not (new == -1 and node.value not in (0, 1)):
                    around = self.around(node, value)
                    yield self.mistake([(*self.span(node), f"({new})" if new < 0 else str(new))],
                                       f"takes {new} for the number {node.value}{around}", "Which number stands "
                                       f"there{around}?")

    def around(self, node, value):
        """Of which expression a number is a part, in words."""
        holders = [n for n in ast.walk(value) if isinstance(n, (ast.BinOp, ast.Call, ast.Subscript))
                   and node in ast.walk(n) and n is not node]
        text = self.spoken(self.text(min(holders, key=lambda n: self.span(n)[1] - self.span(n)[0]))) if holders else ""
        return f" of {text}" if text else ""

    # --- sums, products and powers

    def operated(self, node):
        (start, end), one, two = self.outer(node), self.outer(node.left), self.outer(node.right)
        inner_start, inner_end = self.span(node)
        left, right = self.text(node.left), self.text(node.right)
        say = self.spoken
        at = slice(one[1], two[0])
        asks_sum, asks_product = "What is it the sum of?", "What is multiplied by what?"
        asks_factors = "Write it as a sum. Which factors has each term?"

        def operator(symbol):
            between = self.answer.source[at]
            first = one[1] + len(between) - len(between.lstrip())
            return [(first, one[1] + len(between.rstrip()), symbol)]

        if isinstance(node.op, (ast.Add, ast.Sub)):
            yield from self.slopes(node)
            minus = isinstance(node.op, ast.Sub)
            yield self.mistake([(one[1], two[1], "")], f"leaves {'- ' * minus}{say(right)} out", asks_sum,
                               ("left out", right))
            yield self.mistake([(one[0], one[1], "0")] if minus else [(one[0], two[0], "")],
                               f"leaves {say(left)} out", asks_sum, ("left out", left))
            yield self.mistake(operator("+" if minus else "-"), f"{'adds' if minus else 'subtracts'} {say(right)} "
                               f"instead of {'subtracting' if minus else 'adding'} it", "Which sign has each part?")
            yield self.mistake([(two[1], two[1], f" {'-' if minus else '+'} {right}")], f"counts {say(right)} twice",
                               asks_sum)
            yield self.mistake([(one[0], one[0], f"{left} + ")], f"counts {say(left)} twice", asks_sum)
            for symbol, words in (("*", "multiplies"), ("/", "divides")):
                yield self.mistake(operator(symbol), f"{words} {say(left)} by {say(right)} instead of "
                                   f"{'subtracting' if minus else 'adding'}", asks_sum)
            yield from self.once_more(node)
            if minus:
                yield self.mistake([(*one, right), (*two, left)], f"has {say(right)} - {say(left)}, the wrong way "
                                   "round,", "Which sign has each part?")
            # the brackets elsewhere: (a + b) * c for a + b * c, and a * (b + c) for a * b + c
            for name, words in self.factors(node.right)[:-1]:
                yield self.mistake([(inner_start, inner_start, "("), (name, name, ")")],
                                   f"multiplies {say(left)} too by what belongs to {say(right)} only", asks_factors)
            if isinstance(node.left, ast.BinOp) and isinstance(node.left.op, ast.Mult) and self.outer(
                    node.left) == self.span(node.left):
                first = self.outer(node.left.right)[0]
                yield self.mistake([(first, first, "("), (inner_end, inner_end, ")")],
                                   f"multiplies {say(right)} too by {say(self.text(node.left.left))}", asks_factors)
        if isinstance(node.op, (ast.Mult, ast.Div)):
            over = isinstance(node.op, ast.Div)
            yield self.mistake([(one[1], two[1], "")], f"does not {'divide' if over else 'multiply'} by {say(right)}",
                               asks_product, ("left out", right))
            yield self.mistake([(*one, "1")] if over else [(one[0], two[0], "")],
                               f"has 1 for {say(left)} above the fraction" if over else
                               f"does not multiply by {say(left)}", asks_product, ("left out", left))
            yield self.mistake([(two[1], two[1], f" {'/' if over else '*'} {right}")],
                               f"{'divides' if over else 'multiplies'} by {say(right)} twice", asks_product,
                               ("twice", right))
            if not over:
                yield self.mistake([(one[1], one[1], f" * {left}")], f"multiplies by {say(left)} twice", asks_product,
                                   ("twice", left))
                yield self.mistake(operator("+"), f"adds {say(left)} and {say(right)} instead of multiplying them",
                                   asks_product)
                yield self.mistake(operator("@"), f"takes the matrix product of {say(left)} and {say(right)}, not the "
                                   "product entry by entry,", asks_product)
            yield self.mistake(operator("*" if over else "/"), f"{'multiplies' if over else 'divides'} by {say(right)} "
                               f"where it should {'divide' if over else 'multiply'}", asks_product, ("inverse", right))
            if over:
                yield self.mistake([(*one, right), (*two, left)], f"divides {say(right)} by {say(left)}, the wrong way "
                                   "round,", asks_product)
            if not over:
                yield from self.spread(node, left, right)
            for other in self.same_shape(self.shape(self.text(node)), "") if self.shape(self.text(node)) else []:
                if GRADIENT.match(other) and GRADIENT.match(left):
                    yield self.mistake([(start, end, f"({self.text(node)} + {other})")],
                                       f"adds {say(other)} to {say(self.text(node))}", asks_sum)
        if isinstance(node.op, ast.Pow):
            exponent = say(right)
            yield self.mistake([(one[1], two[1], "")], f"takes {say(left)}, not its power {exponent},",
                               "Which power is it?", ("power", right))
            yield self.mistake(operator("*"), f"multiplies {say(left)} by {exponent} instead of raising it to that "
                               "power", "Which power is it?")
            yield self.mistake([(*one, right), (*two, left)], f"raises {exponent} to the power {say(left)}",
                               "Which power is it?")
            if right == "2":
                yield self.mistake([(start, end, f"np.abs({left})")], f"takes |{say(left)}|, not its square,",
                                   "Which power is it?")
        if isinstance(node.op, ast.MatMult):
            yield from self.contracted(node, left, right, one, two)

    def once_more(self, node):
        """One term of a sum of arrays multiplied by another array of its shape."""
        shape = self.shape(self.text(node))
        for term in (node.left, node.right) if shape else ():
            text, brackets = self.text(term), isinstance(term, ast.BinOp) and isinstance(term.op, (ast.Add, ast.Sub))
            for other in self.same_shape(shape, text) if self.shape(text) == shape else []:
                if not GRADIENT.match(other):
                    new = f"({text}) * {other}" if brackets else f"{text} * {other}"
                    yield self.mistake([(*self.outer(term), new)],
                                       f"multiplies {self.spoken(text)} by {self.spoken(other)} too",
                                       "Write it as a sum. Which factors has each term?")

    def spread(self, node, left, right):
        """(b + c) f, where b + c has a name, with f at one of the two only, or with one of them once more."""
        whole = self.answer.sums.get(left)
        if not whole or self.shape(self.text(whole.left)) != self.shape(self.text(whole.right)):
            return
        minus, say = "-" if isinstance(whole.op, ast.Sub) else "", self.spoken
        parts = [(f"({self.text(whole.left)})", say(self.text(whole.left))),
                 (f"{minus}({self.text(whole.right)})", minus + say(self.text(whole.right)))]
        for (one, said), (other, rest) in (parts, parts[::-1]):
            for new, words in (
                    (f"{one} * {right} + {other}", f"multiplies only {said} by {say(right)}, not {rest},"),
                    (f"{left} + {one} * {right}",
                     f"multiplies only {said} by {say(right)}, and adds all of {say(left)},"),
                    (f"{left} * {right} + {one}", f"adds {said} once more, without {say(right)},")):
                yield self.mistake([(*self.outer(node), f"({new})")], words,
                                   "Write it as a sum. Which factors has each term?")

    def factors(self, node):
        """(end, text) of the factors of a product, from its left; a sum has only itself."""
        if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Mult, ast.Div)) and self.outer(
                node) == self.span(node):
            return [*self.factors(node.left), (self.outer(node.right)[1], self.text(node.right))]
        return [(self.outer(node)[1], self.text(node))]

    def slopes(self, node):
        """1 - h² and what is taken for it. s (1 - s) is found where the answer has it."""
        outer, one, two = self.outer(node), self.text(node.left), node.right
        if one != "1" or not isinstance(node.op, ast.Sub):
            return
        asks = "Which function is gone through, and what is its slope, from what came out of it?"
        if isinstance(two, ast.BinOp) and isinstance(two.op, ast.Pow) and self.text(two.right) == "2":
            h, whole = self.text(two.left), f"({self.text(node)})"
            tanh = f"tanh' of {self.spoken(h)}"
            for new, words in (
                    ("(1)", f"forgets {tanh}"), (f"({whole} ** 2)", f"takes {tanh} twice"),
                    (f"(1 - {h}) ** 2", f"squares 1 - {self.spoken(h)} for {tanh}"),
                    (f"(1 - {h})", f"takes 1 - {self.spoken(h)} for {tanh}"),
                    (f"(1 - np.tanh({h}) ** 2)", f"takes the tanh twice, in {tanh}"),
                    (f"(1 - np.arctanh({h}) ** 2)", f"takes {tanh} from what went into the tanh, not from what came "
                                                    "out"),
                    (f"({h} * (1 - {h}))", f"takes {self.spoken(h)} (1 - {self.spoken(h)}), which is σ', for {tanh}"),
                    (f"({h} * (1 - {h} ** 2))", f"multiplies {tanh} by {self.spoken(h)}"),
                    (f"(1 - np.abs({h}))", f"takes 1 - |{self.spoken(h)}| for {tanh}"),
                    (f"(1 / (1 - {h} ** 2))", f"divides by {tanh}"),
                    (f"np.tanh({h})", f"takes a tanh for {tanh}"), (f"{h}", f"takes {self.spoken(h)} for {tanh}"),
                    (f"{whole} ** 0.5", f"takes the root of {tanh}")):
                yield self.mistake([(*outer, new)], words, asks)
        elif isinstance(two, ast.Name):
            s, product = two.id, self.parent_product(node, two.id)
            if product:
                for new, words in (
                        ("(1)", "forgets σ'"), (f"({s} * (1 - {s})) ** 2", "takes σ' twice"),
                        (f"(1 - {s})", f"takes 1 - {s} for σ'"), (f"({s})", f"takes {s} for σ'"),
                        (f"(1 - {s} ** 2)", f"takes 1 - {s}², which is tanh', for σ'"),
                        (f"({s} * ({s} - 1))", "gives σ' the wrong sign"), (f"({s} * (1 + {s}))", f"takes {s} (1 + {s})"
                                                                            " for σ'"),
                        (f"({s} ** 2 * (1 - {s}))", f"takes {s}² (1 - {s}) for σ'"),
                        (f"({s} * (1 - {s}) ** 2)", f"takes {s} (1 - {s})² for σ'"),
                        (f"(lambda r: r * (1 - r))(1 / (1 + np.exp(-{s})))", "takes the σ twice, in σ'"),
                        (f"(lambda r: r * (1 - r))(np.log({s} / (1 - {s})))", "takes σ' from what went into the σ, "
                                                                              "not from what came out")):
                    yield self.mistake([(*product, new)], words, asks)

    def parent_product(self, node, name):
        for other in ast.walk(self.answer.function):
            if isinstance(other, ast.BinOp) and isinstance(other.op, ast.Mult) and other.right is node and isinstance(
                    other.left, ast.Name) and other.left.id == name:
                return self.outer(other)
        return None

    def contracted(self, node, left, right, one, two):
        """A matrix product: the index that is summed over."""
        first, second = self.shape(left), self.shape(right)
        if not first or not second:
            return
        name, say = self.answer.axis(first[-1]), self.spoken
        asks, span = f"Over which {name} is the sum?", self.outer(node)
        product = f"{say(left)} @ {say(right)}"
        ends = (lambda cut: f"{right}[..., {cut}, :]") if len(second) > 1 else (lambda cut: f"{right}[{cut}]")
        for cut, words in (("0:1", "first"), ("-1:", "last")):
            yield self.mistake([(*one, f"{left}[..., {cut}]"), (*two, ends(cut))],
                               f"takes only the {words} of {name}, in {product},", asks, (words,))
        for cut, words in (("1:", "first"), (":-1", "last")):
            yield self.mistake([(*one, f"{left}[..., {cut}]"), (*two, ends(cut))],
                               f"leaves out the {words} of {name}, in {product},", asks)
        yield self.mistake([(*one, f"{left}[..., ::-1]")], f"goes through {name} backwards in {say(left)} and forwards "
                           f"in {say(right)}", f"Which {name} of the one belongs to which of the other?")
        yield self.mistake([(*one, f"{left}.sum(axis=-1, keepdims=True)"),
                            (*two, f"{right}.sum(axis={-2 if len(second) > 1 else 0}, keepdims=True)")],
                           f"sums over {name} first and multiplies then, in {product},", asks)
        yield self.mistake([(one[0], two[1], f"({left} @ {right} / {left}.shape[-1])")],
                           f"divides by {name}, the mean and not the sum,", "Who divides?", ("mean",))
        turned = lambda text, k: f"{text}.T" if k == 2 else f"{text}.swapaxes(1, 2)"
        plain = lambda text: re.sub(r"(\.T|\.swapaxes\(1, 2\))$", "", text)
        for words, new in ((f"multiplies {say(right)} by {say(left)}, in the other order,", f"({right} @ {left})"),
                           (f"computes the transpose of {product}", turned(f"({left} @ {right})", len(first)))):
            yield self.mistake([(*span, new)], words, "Which index of the product comes first?")
        for which, text, k, place in (("left", left, len(first), one), ("right", right, len(second), two)):
            if k < 2:
                continue
            other = plain(text) if plain(text) != text else turned(text, k)
            yield self.mistake([(*place, other)], f"{'does not transpose' if plain(text) != text else 'transposes'} "
                               f"{say(plain(text))}", "Which index is summed over?")
            base = plain(text)
            shape = f"({base}.shape[1], {base}.shape[0])" if k == 2 else (
                f"({base}.shape[0], {base}.shape[2], {base}.shape[1])")
            if base != text:
                yield self.mistake([(*place, f"{base}.reshape({shape})")], f"reshapes {say(base)} where it should be "
                                   "transposed", "reshape keeps the order of the numbers. Is that the transpose?")

    # --- names, steps, calls

    def replaced(self, node):
        """Each array by each other of its shape, and each number by each other."""
        text, span = self.text(node), self.span(node)
        shape = self.shape(text)
        if shape is None:
            return
        for other in self.same_shape(shape, text):
            new = self.answer.known_at(other, span[0])
            yield self.mistake([(*span, new)], f"takes {self.spoken(other)} where {self.spoken(text)} belongs",
                               "Which of the arrays of this shape belongs there?" if shape else
                               "Which number belongs there?", ("replaced", text, other))
        if isinstance(node, ast.Name) and shape:
            yield self.mistake([(*span, f"np.ones_like({text})")], f"takes 1 for {self.spoken(text)}",
                               "What is multiplied by what?")

    def steps(self, node, words, asks):
        """X[t] at another step."""
        index = node.slice
        variables = {ast.unparse(loop.target) for loop in self.loops}
        used = {n.id for n in ast.walk(index) if isinstance(n, ast.Name)} & variables
        if not used or isinstance(index, ast.Slice):
            return
        parts = index.elts if isinstance(index, ast.Tuple) else [index]
        for part in parts:
            names = {n.id for n in ast.walk(part) if isinstance(n, ast.Name)} & variables
            if len(names) != 1 or isinstance(part, ast.Slice):
                continue
            [v], old = names, ast.unparse(part)
            axis = parts.index(part)
            length = f"np.shape({ast.unparse(node.value)})[{axis}]"
            if old == v and len(parts) > 1 and all(not isinstance(p, ast.Slice) or not (p.lower or p.upper or p.step)
                                                   for p in parts):
                rest = ", ".join("0" if p is part else ast.unparse(p) for p in parts)
                base, told = ast.unparse(node.value), self.spoken(ast.unparse(node.value))
                for what in ("mean", "sum"):
                    yield self.mistake([(*self.span(node), f"{base}.{what}(axis={axis}, keepdims=True)[{rest}]")],
                                       f"takes the {what} of {told} over all {v} where that of one {v} belongs",
                                       f"Has each {v} its own?")
            for new in (f"{v}", f"{v} - 1", f"({v} + 1) % {length}", f"min({v} + 1, {length} - 1)",
                        f"max({v} - 1, 0)", "-1", "0",
                        f"-1 - {v}", f"{v} - 2"):
                if new != old:
                    shown = new.split(" % ")[0].strip("()") if "%" in new else new.replace(f", {length} - 1", "")
                    if "min" in shown or "max" in shown:
                        shown = f"{v} + 1" if "min" in shown else f"{v} - 1"
                    base = self.spoken(ast.unparse(node.value))
                    told = words.format(new=f"{base}[{shown}]", old=f"{base}[{old}]")
                    yield self.mistake([(*self.span(part), new)], told, asks, ("step", old, new))

    def called(self, node):
        """A function not at all, twice, or another; a sum over another axis, or the mean, or one of what is summed."""
        start, end = self.outer(node)
        name, text = ast.unparse(node.func), self.text(node)
        say = self.spoken
        if name in ("np.tanh", "sigmoid", "np.exp", "np.sqrt", "np.log", "slope", "abs") and len(node.args) == 1:
            word, argument = {"np.tanh": "tanh", "sigmoid": "σ", "np.exp": "exp", "np.sqrt": "root", "np.log": "log",
                              "slope": "σ'"}.get(name, name), self.text(node.args[0])
            bare = f"({argument})" if isinstance(node.args[0], BRACKETED) else argument
            asks = "Which function stands there, and how often?"
            if name != "slope":
                yield self.mistake([(start, end, bare)], f"leaves the {word} of {say(argument)} out", asks,
                                   ("bare", name))
            else:
                yield self.mistake([(start, end, f"(1 - {bare} ** 2)")], f"takes 1 - {say(argument)}², which is tanh', "
                                   f"for σ' of {say(argument)}", asks)
                yield self.mistake([(start, end, f"(1 - {bare})")], f"takes 1 - {say(argument)} for σ'", asks)
                yield self.mistake([(start, end, bare)], f"takes {say(argument)} itself for σ' of {say(argument)}",
                asks)
                yield self.mistake([(start, end, f"(slope(1 / (1 + np.exp(-{bare}))))")], "takes the σ twice, in σ' of "
                                   f"{say(argument)}", asks)
            yield self.mistake([(start, end, f"{name}({text})" if name != "slope" else f"({text} ** 2)")],
                               f"takes the {word} of {say(argument)} twice", asks, ("twice", name))
            others = {"np.tanh": [(f"(1 / (1 + np.exp(-{bare})))", "σ"), (f"np.maximum({argument}, 0)", "relu")],
            "sigmoid": [
                (f"np.tanh({argument})", "tanh"), (f"np.exp({argument})", "exp"), (f"np.maximum({argument}, 0)",
                 "relu")]}
            for new, other in others.get(name, []):
                yield self.mistake([(start, end, new)], f"takes {other}, not {word}, of {say(argument)}", asks,
                                   ("other", name, other))
        if isinstance(node.func, ast.Attribute) and node.func.attr in ("sum", "mean", "max"):
            yield from self.summed(node)
        if isinstance(node.func, ast.Attribute) and node.func.attr == "reshape":
            yield from self.reshaped(node)
        if isinstance(node.func, ast.Attribute) and node.func.attr == "swapaxes":
            base = self.text(node.func.value)
            yield self.mistake([(start, end, base)], f"does not transpose {say(base)}", "Over which index is the sum?")

    def reshaped(self, node):
        """The numbers in another order, in the same shape."""
        array, shape = self.text(node.func.value), self.shape(self.text(node))
        given = self.shape(array)
        if not shape or not given or len(shape) != 2 or len(given) < 2:
            return
        call = ast.unparse(node)[len(ast.unparse(node.func)):]
        asks = "reshape keeps the order of the numbers. Which of them lie side by side before, and which after?"
        said = self.spoken(array)
        ways = {f"{array}.reshape({array}.shape[-1], -1).T": f"reshapes {said} to ({self.answer.axis(given[-1])}, -1) "
                "and transposes that,", f"{array}.reshape(-1, order='F').reshape{call}":
                f"reads the numbers of {said} in Fortran's order,"}
        for order in itertools.permutations(range(len(given))):
            if order != tuple(range(len(given))):
                names = ", ".join(self.answer.axis(given[k]) for k in order)
                ways[f"{array}.transpose{order}.reshape{call}"] = f"puts the axes of {said} in the order {names} " \
                    "before it reshapes,"
        for new, words in ways.items():
            yield self.mistake([(*self.outer(node), new)], words, asks, ("reshaped", new.replace(array, "")))

    def summed(self, node):
        what, array = node.func.attr, self.text(node.func.value)
        shape = self.shape(array)
        if not shape:
            return
        (start, end), called = self.outer(node), {"max": "largest (max)"}.get(what, what)
        axis = next((ast.literal_eval(k.value) for k in node.keywords if k.arg == "axis"), None)
        kept = any(k.arg == "keepdims" for k in node.keywords)
        asks = f"Over which axis is the {what}, and what is left?"
        if isinstance(node.func.value, ast.BinOp) and isinstance(node.func.value.op, ast.Pow):
            power = node.func.value
            arguments = self.answer.source[self.span(node.func)[1]:self.span(node)[1]]
            base, exponent = self.text(power.left), self.text(power.right)
            yield self.mistake([(start, end, f"(np.{what}({base}, {arguments[1:]} ** {exponent})".replace(", )", ")"))],
                               f"takes the {what} first and its power {exponent} then,",
                               "Is the square of a sum the sum of the squares?")
        keep = ", keepdims=True" if kept else ""
        target = self.shape(self.text(node)) or ()
        words = lambda axes: listed([self.answer.axis(shape[a]) for a in axes])
        axes = tuple(range(len(shape))) if axis is None else tuple(
            a % len(shape) for a in (axis if isinstance(axis, tuple) else (axis,)))
        for count in range(1, len(shape) + 1):
            for others in itertools.combinations(range(len(shape)), count):
                if others == axes:
                    continue
                new = f"{array}.{what}(axis={others}{keep})"
                if not kept and len(others) == len(shape) and target:
                    new = f"np.full_like({self.text(node)}, {new})"
                yield self.mistake([(start, end, new)], f"takes the {called} over {words(others)}, not over "
                                   f"{words(axes)},", asks, ("axis", str(others)))
        if len(axes) == 1 and axis is not None:
            for at, which in ((0, "first"), (-1, "last")):
                index = f"[{at}]" if kept else at
                yield self.mistake([(start, end, f"{array}.take({index}, axis={axis})")],
                                   f"takes only the {which} of {words(axes)}", asks, (which,))
            yield self.mistake([(start, end, array)], f"does not take the {what} over {words(axes)}", asks)
        for other in {"sum", "mean", "max", "min"} - {what}:
            arguments = self.answer.source[self.span(node.func)[1]:self.span(node)[1]]
            yield self.mistake([(start, end, f"{array}.{other}{arguments}")],
            f"takes the {other}, not the {what}, over "
                               f"{words(axes)}", asks, ("other", what, other))
        if what == "max":
            for new, said in (("0", "takes nothing off, where the largest should be"),
                              ("700", "takes a constant, such as 700, off, where the largest should be")):
                yield self.mistake([(start, end, new)], f"{said}, so that exp overflows,",
                                   "How large can the argument of exp be, and what if all are very small?")


def listed(words):
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)
