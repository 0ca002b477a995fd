"""What the exercises are checked with: `attempt` runs a learner's file, `diagnosis` explains. It says what is `seen` in
the numbers, and compares them with `versions` of the answer that have mistakes: listed, or made by rule (`families`).

THE CONTRACT. An exercise is three files of the same name, exNN_short_name.py:

exercises/  What a learner gets: a docstring with the maths and all shapes, one function with its signature, a docstring
            that says what it returns and "about N lines", and `raise NotImplementedError`. Imports only what it needs.
answers/    The same function, filled in and commented. No other file needs it: without it nothing can be named, but
            everything can still be graded. Mutants are patches of its text, so each idea stands on a piece of its own.
            An exercise may have no answer, and then MUTANTS is [].
checks/     A module that holds, in capitals what must be there unless marked optional:

  TITLE      str, such as "backpropagation through time".
  FUNCTION   str, the name of the function.
  OUTPUTS    dict, name -> axes, in the order in which the function returns them (one: returned alone; several: a
             tuple). Axes are words: "T H B"; "" is a number. An axis T is mapped by time step, 4H by gate (4 blocks, or
             as many as GATES has). A name of an axis may be any letter: it is how sizes are spoken of.
  CASES      dict, words for the case -> function of a np.random.Generator that returns the inputs, a dict in the order
             of the function's parameters (they are passed by position). The simplest first: a single step, then the
             sequence. Also numbers, lists, dicts, functions. float64; T >= 3, B >= 2, all sizes different and, if it
             can be, none of them 2 or a square, so that a ratio tells which it is, and different from every count, such
             as the number of chunks; nothing zero, weights of size 0.7: `normal` and `weights` below. Shortcuts are to
             fail: one case of other sizes with gradients near 30, scores far apart, ids that do not come up. All from
             the generator: the inputs are made again in the learner's process.
  reference  function of the inputs (by keyword) that returns what is right, in the order of OUTPUTS: the library's own
             function, or `derivatives` of a forward. Never from answers/. Right to 1e-10.
  MUTANTS    list of (text that is right, text that is wrong, message, question). The first stands exactly once in
             the answer. The message ends "Your numbers equal those of a version that ..."; the question leads there
             without saying it, with names of the stub. Wrong on some case, never an exception, never changing an input.
             One misconception that touches several lines is one entry: ({right: wrong, ...}, message, question). List
             what needs words of its own, or more than one place; the rest is made by rule from the answer's text.
             Two of them at once are looked for too, where neither changes what the other means.
  SPOKEN     optional: {name in the answer: how it is called in the stub}, for what is said of mistakes made by rule.
  HINTS      three texts, each more than the one before, the last nearly the answer.
  ALTERNATIVES   at least one source text of a right answer in another style (loops, einsum, another order). For tests.
  EQUAL      optional: list of sets of messages of mutants that cannot be told apart. For tests; all are named.
  GATES      optional: names of the gate blocks, default "ifgo".
  MAPPED     optional: {axis: how its cells start}, default {"T": "t="}, for other axes that are worth a map. With
             "together": "B T" these two make a grid, a line for each sequence.
  becomes_right  optional: function of the cases (`seen.Case`): sentences on what becomes right in which case.
  CALLED     optional: a word before the name of each output, where a sentence is about it: map one.
  permuted   optional: function of {output: the one whose numbers it has}: what is said of it, and the question.
  LISTED_ONLY  optional: True where nothing is to be made by rule.
  sizes      optional: function of the inputs (by keyword): {name: number} of counts that are no axes, such as N.
  terms      optional: function of the inputs (by keyword): {output: {term in words: array of the output's shape}}, {}
             where it does not apply. An output that is wrong is written as a sum of them, if it is exactly one; else
             each block of a gate that is one. Each term must be needed: none is a sum of others.
  TOLERANCE  optional: of the largest entry of an output, default 1e-9.

tests/test_exercises.py holds all this to its word for every exercise it finds.
"""

import importlib
import itertools
from pathlib import Path

import numpy as np

TUTORIALS = Path(__file__).parent.parent


def load(name):
    """The checks of the exercise with this name, such as ex07_rnn_bptt."""
    return importlib.import_module(f"checks.{name}")


def answer(name):
    """The text of the answer, or None where a teacher took it away."""
    path = TUTORIALS / "answers" / f"{name}.py"
    return path.read_text(encoding="utf-8") if path.exists() else None


def inputs_of(case, seed):
    return case(np.random.default_rng(seed))


def normal(rng, *shape):
    return rng.standard_normal(shape)


def weights(rng, *shape):
    """Of size near 0.7 with either sign: where tiny ones would hide a missing transpose."""
    return rng.uniform(0.5, 0.9, shape) * rng.choice([-1, 1], shape)


def orders(names, read, stacked):
    """Mistakes that take the blocks in another order: `read` is the text that takes them apart, `stacked` the one that
    puts them together; and both, which is one misconception. A text is the names of the blocks, with commas."""
    for order in itertools.permutations(range(len(names))):
        if order != tuple(range(len(names))):
            said = ", ".join(names[k] for k in order)
            other = lambda text, order=order: ", ".join(text.split(", ")[k] for k in order)
            asks = "In which order do the blocks lie on top of each other?"
            yield {read: other(read)}, f"reads the blocks in the order {said}", asks
            yield {stacked: other(stacked)}, f"stacks the blocks in the order {said}", asks
            yield ({read: other(read), stacked: other(stacked)},
                   f"reads the blocks and stacks them in the order {said}", asks)


def reordered(array):
    """(text, words) of an array (B, T, ...) with its places in another order."""
    yield f"{array}.swapaxes(0, 1).reshape({array}.shape)", "step by step, all sequences of a step first"
    yield f"{array}[:, ::-1]", "backwards in time"
    yield f"{array}[::-1]", "from the last sequence to the first"
    yield f"{array}[::-1, ::-1]", "backwards in both, sequences and time"
    yield f"np.roll({array}, 1, axis=1)", "one step late"
    yield f"np.roll({array}, -1, axis=1)", "one step early"
    yield f"np.roll({array}, 1, axis=0)", "one sequence late"
    yield f"np.roll({array}, -1, axis=0)", "one sequence early"
    for cut, words in (("[:, :1]", "the first step"), ("[:, -1:]", "the last step"), ("[:1]", "the first sequence"),
                       ("[-1:]", "the last sequence")):
        yield f"np.broadcast_to({array}{cut}, {array}.shape)", f"{words} again and again"


def derivatives(forward, upstream, *arrays):
    """The gradient of Σ upstream · forward(*arrays) with respect to each array, by the complex step: right to rounding,
    and found without any backward pass. `forward` returns one array or several, and `upstream` mirrors that."""
    from minirnn import gradcheck
    upstream = upstream if isinstance(upstream, (tuple, list)) else [upstream]
    given = [np.array(a, complex) for a in arrays]

    def f(_):
        outputs = forward(*given)
        outputs = outputs if isinstance(outputs, (tuple, list)) else [outputs]
        return sum(np.sum(dy * y) for dy, y in zip(upstream, outputs, strict=True))
    return tuple(gradcheck.complex_step(f, a) for a in given)
