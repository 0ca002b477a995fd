"""Run a learner's file in a process of its own: `python -m checks.attempt NAME PATH SEED LIMIT`. On standard input: a
word that only the two sides know, a line end, and the text of the file.

A line for each call, for as far as it gets, goes to what was standard output: the word, a number that counts up, and
JSON. The learner's code finds standard input and output closed. Whatever it does, it does to this process: who started
it waits, counts and judges.
"""

import contextlib
import copy
import io
import json
import math
import os
import re
import signal
import sys
import threading
import time
import tokenize
import types
import warnings

import numpy as np

from minirnn import tree

from . import inputs_of, load

SEEDS = 2
SHOWN = 2_000  # characters of what is printed in a call
WRITES, CHARACTERS = 100_000, 10 ** 8  # printed in a call, beyond which it is stopped: it would take too long
LARGE = 100_000  # numbers in an array, beyond which only its shape is told
MEMORY = 4 << 30
ROUNDING = 1e-12  # of the largest entry: about what putting back by arithmetic leaves
FAR = 211  # a descriptor that nobody hits by chance


def calls(exercise, seed):
    """(words, seed, inputs) of every call that is checked, the simplest case first, each on two seeds."""
    return [(words, s, inputs_of(case, s)) for words, case in exercise.CASES.items() for s in range(seed, seed + SEEDS)]


def records(exercise, source, path="answer.py", seed=0):
    """Run this source on every case: yields a dict for each call, then {"end": True}; one with "error" is the last."""
    planned = calls(exercise, seed)  # all inputs are made before the learner's code can touch anything
    if encoding := misread(source):
        yield {"error": "encoding", "looks": encoding}
        return
    words, said = None, Bounded()
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said), np.errstate(all="ignore"):
            module = types.ModuleType("exercise")
            module.__file__ = str(path)
            with Empty() as empty:
                exec(compile(source, str(path), "exec"), vars(module))
            function = vars(module).get(exercise.FUNCTION)
            if not callable(function):
                yield {"error": "missing"}
                return
            for words, s, inputs in planned:
                given, again = copy.deepcopy(inputs), copy.deepcopy(inputs)
                said.clear()
                with empty:
                    outputs = described(function(*given.values()), exercise.OUTPUTS)
                    printed = said.text()
                    repeated = described(function(*again.values()), exercise.OUTPUTS)
                    unset = empty.unset(function, inputs, outputs, exercise.OUTPUTS)
                    broken = first_broken(function, inputs, outputs, source, str(path))
                yield {"case": words, "seed": s, "outputs": outputs, "printed": printed, "unset": unset,
                       "broken": broken,
                       "changed": changed(inputs, given), "differs": json.dumps(outputs) != json.dumps(repeated)}
    except NotImplementedError:
        yield {"error": "todo"}
    except Flood as flood:
        yield {"error": "printed", "case": words, "limit": str(flood), "printed": said.text()}
    except BaseException as error:  # also SystemExit and KeyboardInterrupt
        yield {"error": "exception", "case": words, "printed": said.text(), **explained(error, source, str(path))}
    else:
        yield {"end": True}


def misread(source):
    """What else than UTF-8 these bytes look like, or None."""
    if isinstance(source, str):
        return None
    if source[:2] in (b"\xff\xfe", b"\xfe\xff") or source[:200].count(0) > len(source[:200]) // 3:
        return "UTF-16"
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(source).readline)
        source.decode(encoding)
    except (SyntaxError, UnicodeDecodeError, LookupError):
        return "another encoding"
    return None


class Empty:
    """While this lasts, np.empty gives nan where it would give what is in memory by chance."""

    def __init__(self):
        self.used, self.fill, self.kept = False, np.nan, {}

    def __enter__(self):
        for name in ("empty", "empty_like"):
            self.kept[name] = getattr(np, name)
            setattr(np, name, self.filled(self.kept[name]))
        return self

    def __exit__(self, *_):
        for name, function in self.kept.items():
            setattr(np, name, function)

    def filled(self, function):
        def made(*arguments, **options):
            array = function(*arguments, **options)
            if array.dtype.kind in "fc":
                self.used = True
                array.fill(self.fill)
            return array
        return made

    def unset(self, function, inputs, outputs, names):
        """The outputs that are nan only because of that."""
        if not self.used or not isinstance(outputs, list):
            return []
        broken = lambda parts: {name for name, part in zip(names, parts) if part.get("kind") == "f"
                                and any(map(math.isnan, part.get("values", [])))}
        if not broken(outputs):
            return []
        self.fill = 0.0
        try:
            zeros = described(function(*copy.deepcopy(list(inputs.values()))), names)
        finally:
            self.fill = np.nan
        return sorted(broken(outputs) - broken(zeros))


def first_broken(function, inputs, outputs, source, path):
    """Where nan or inf is returned: the learner's line in which NumPy meets the first of them, and why; or None."""
    if isinstance(outputs, list) and any(part.get("kind") == "f" and not all(map(math.isfinite, part.get("values", [])))
                                         for part in outputs):
        try:
            with np.errstate(divide="raise", invalid="raise", over="raise"):
                function(*copy.deepcopy(list(inputs.values())))
        except FloatingPointError as error:
            told = explained(error, source, path)
            return {name: told[name] for name in ("message", "line", "text")} if told["line"] else None
        except Exception:
            return None
    return None


def described(value, names):
    """What came back, in words that JSON has: a list of outputs, or what else it was."""
    if value is None or len(names) == 1:
        parts = [value]
    elif isinstance(value, dict) and set(value) == set(names):
        parts = [value[name] for name in names]
    elif isinstance(value, (tuple, list)) or isinstance(value, np.ndarray) and value.shape[:1] == (len(names),):
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
    indexed = lambda name: re.sub(r"\.(\d+)", r"[\1]", name)  # grads[0], as it is written
    return {indexed(name): name in before and name in after and _near(before[name], after[name])
            for name in sorted(arrays) if name not in before or name not in after or not np.array_equal(
                before[name], after[name])}


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
    trace, frame = error.__traceback__, None
    while trace:
        if trace.tb_frame.f_code.co_filename == path:
            number, frame = trace.tb_lineno, trace.tb_frame
        trace = trace.tb_next
    lines = (source if isinstance(source, str) else source.decode(errors="replace")).splitlines()
    text = lines[number - 1].strip() if number and number <= len(lines) else ""
    return {"type": type(error).__name__, "message": message, "line": number, "text": text[:120],
            "shapes": shapes(text, frame.f_locals) if frame else {},
            "sizes": {name: n for name, n in frame.f_locals.items() if re.fullmatch("[A-Z]", name) and type(n) is int}
            if frame else {}}


def shapes(text, names):
    """{name: shape in words} of the arrays that a line speaks of."""
    found = {}
    for name in dict.fromkeys(re.findall(r"(?<![\w.])[A-Za-z_]\w*", text.split("#")[0])):
        value = names.get(name)
        if type(value) is np.ndarray:
            found[name] = str(value.shape)
        elif value is None and name in names:
            found[name] = "None"
    return dict(list(found.items())[:6])


class Flood(BaseException):
    """More is printed than anybody reads."""


class Bounded(io.TextIOBase):
    """Where prints go: keeps the beginning, counts the rest."""
    kept, count, writes = "", 0, 0

    def clear(self):
        self.kept, self.count, self.writes = "", 0, 0

    def writable(self):
        return True

    def write(self, text):
        self.kept += text[:SHOWN - len(self.kept)]
        self.count += len(text)
        self.writes += 1
        if self.writes > WRITES:
            raise Flood(f"{WRITES // 2:,} lines")  # print writes twice, the text and the line end
        if self.count > CHARACTERS:
            raise Flood(f"{CHARACTERS:,} characters")
        return len(text)

    def text(self):
        more = self.count - len(self.kept)
        return self.kept.rstrip("\n") + (f"\n... and {more:,} more characters" if more else "")


def main(name, path, seed, limit):
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))
        seconds = math.ceil(float(limit)) + 2
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    exercise = load(name)
    word, line_end, source = sys.stdin.buffer.read().partition(b"\n")
    if not line_end:
        return  # nobody is there any more
    sys.stdin = io.StringIO()
    nowhere, report = os.open(os.devnull, os.O_RDWR), None
    with contextlib.suppress(ImportError, OSError, ValueError):
        import fcntl
        report = fcntl.fcntl(1, fcntl.F_DUPFD_CLOEXEC, FAR)
    report = report or os.dup(1)
    for stream in range(3):
        os.dup2(nowhere, stream)
    threading.Thread(target=end_with, args=[os.getppid()], daemon=True).start()
    warnings.filterwarnings("ignore", ".*fork.*", DeprecationWarning)
    dumps, write, leave, process, me = json.dumps, os.write, os._exit, os.getpid, os.getpid()
    sys.argv = [path]
    for count, record in enumerate(records(exercise, source, path, int(seed))):
        line = b"%s %d %s\n" % (word, count, dumps(record).encode())
        if process() != me:  # a copy of this process, which the learner's code made
            break
        while line:
            line = line[write(report, line):]
    leave(0)  # whatever threads and handlers the learner's code left behind


def end_with(parent):
    """End this process, and those that it started, when the one that started it is gone."""
    while os.getppid() == parent:
        time.sleep(0.25)
    if hasattr(os, "killpg"):
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
