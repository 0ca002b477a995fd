"""Run a learner's file in a process of its own: `python -m checks.attempt NAME PATH SEED`, its text on standard input.

A line of JSON for each call, for as far as it gets, goes to what was standard output; the learner's code finds that and
standard input closed. Whatever it does, it does to this process: who started it waits, counts and judges.
"""

import contextlib
import copy
import io
import json
import os
import sys
import types

import numpy as np

from minirnn import tree

from . import inputs_of, load

SEEDS = 2
SHOWN = 2_000  # characters of what is printed in a call
LARGE = 100_000  # numbers in an array, beyond which only its shape is told
MEMORY = 4 << 30
ROUNDING = 1e-12  # of the largest entry: about what putting back by arithmetic leaves


def calls(exercise, seed):
    """(words, seed, inputs) of every call that is checked, the simplest case first, each on two seeds."""
    return [(words, s, inputs_of(case, s)) for words, case in exercise.CASES.items() for s in range(seed, seed + SEEDS)]


def records(exercise, source, path="answer.py", seed=0):
    """Run this source on every case: yields a dict for each call, then {"end": True}; one with "error" is the last."""
    planned = calls(exercise, seed)  # all inputs are made before the learner's code can touch anything
    words, said = None, Bounded()
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said), np.errstate(all="ignore"):
            module = types.ModuleType("exercise")
            module.__file__ = str(path)
            exec(compile(source, str(path), "exec"), vars(module))
            function = vars(module).get(exercise.FUNCTION)
            if not callable(function):
                yield {"error": "missing"}
                return
            for words, s, inputs in planned:
                given, again = copy.deepcopy(inputs), copy.deepcopy(inputs)
                said.clear()
                outputs = described(function(*given.values()), exercise.OUTPUTS)
                printed = said.text()
                repeated = described(function(*again.values()), exercise.OUTPUTS)
                yield {"case": words, "seed": s, "outputs": outputs, "printed": printed,
                       "changed": changed(inputs, given), "differs": json.dumps(outputs) != json.dumps(repeated)}
    except NotImplementedError:
        yield {"error": "todo"}
    except BaseException as error:  # also SystemExit and KeyboardInterrupt
        yield {"error": "exception", "case": words, "printed": said.text(), **explained(error, source, str(path))}
    else:
        yield {"end": True}


def described(value, names):
    """What came back, in words that JSON has: a list of outputs, or what else it was."""
    if value is None or len(names) == 1:
        parts = [value]
    elif isinstance(value, dict) and set(value) == set(names):
        parts = [value[name] for name in names]
    elif isinstance(value, (tuple, list)):
        parts = list(value)
    else:
        return {"type": type(value).__name__}
    return [_part(part) for part in parts]


def _part(part):
    if isinstance(part, str):
        return {"type": "str", "text": part[:20]}
    if part is None or isinstance(part, dict):
        return {"type": type(part).__name__}
    try:
        array = np.asarray(part)
    except ValueError:  # a list whose rows are not equally long
        return {"type": "list, its rows not equally long"}
    told = {"dtype": str(array.dtype), "kind": array.dtype.kind, "shape": list(array.shape)}
    if array.dtype.kind in "fiub" and array.size <= LARGE:
        told["values"] = array.ravel().tolist() if array.itemsize <= 8 else array.astype(float).ravel().tolist()
    return told if array.dtype.kind in "fciub" else {"type": f"{type(part).__name__} of {array.dtype}"}


def changed(before, after):
    """{name: whether it is by rounding only} of the inputs that are not what they were."""
    before, after = dict(tree.leaves(before)), dict(tree.leaves(after))
    arrays = {name for name, leaf in [*before.items(), *after.items()] if isinstance(leaf, (np.ndarray, int, float))}
    return {name: name in before and name in after and _near(before[name], after[name]) for name in sorted(arrays)
            if name not in before or name not in after or not np.array_equal(before[name], after[name])}


def _near(before, after):
    before, after = np.asarray(before), np.asarray(after)
    return before.shape == after.shape and before.dtype.kind == after.dtype.kind == "f" and bool(
        np.abs(after - before).max() <= ROUNDING * np.abs(before).max())


def explained(error, source, path):
    """Type and message of an exception, and number and text of the learner's own line that is nearest to it."""
    try:
        message = " ".join(str(error).split())[:300]
    except Exception:
        message = ""
    number = error.lineno if isinstance(error, SyntaxError) and error.filename == path else None
    trace = error.__traceback__
    while trace:
        number = trace.tb_lineno if trace.tb_frame.f_code.co_filename == path else number
        trace = trace.tb_next
    lines = (source if isinstance(source, str) else source.decode(errors="replace")).splitlines()
    text = lines[number - 1].strip() if number and number <= len(lines) else ""
    return {"type": type(error).__name__, "message": message, "line": number, "text": text[:120]}


class Bounded(io.TextIOBase):
    """Where prints go: keeps the beginning, counts the rest."""
    kept, count = "", 0

    def clear(self):
        self.kept, self.count = "", 0

    def writable(self):
        return True

    def write(self, text):
        self.kept += text[:SHOWN - len(self.kept)]
        self.count += len(text)
        return len(text)

    def text(self):
        more = self.count - len(self.kept)
        return self.kept.rstrip("\n") + (f"\n... and {more:,} more characters" if more else "")


def main(name, path, seed):
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))
    exercise = load(name)
    source = sys.stdin.buffer.read()
    sys.stdin = io.StringIO()
    report = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nowhere, stream)
    dumps, write, flush, leave = json.dumps, report.write, report.flush, os._exit
    sys.argv = [path]
    for record in records(exercise, source, path, int(seed)):
        write(dumps(record) + "\n")
        flush()
    leave(0)  # whatever threads and handlers the learner's code left behind


if __name__ == "__main__":
    main(*sys.argv[1:])
