"""Check your exercises: `python tutorials/check.py`, after each change of a file in tutorials/my/.

    check.py               the first exercise that is not finished
    check.py 07            this one; so with the options below. Also ex07, or the path of a file
    check.py --watch       again at every save, of whichever exercise you save; with a number, of this one
    check.py --hint        the next of three hints
    check.py --why         name the mistake, where the numbers prove which one it is
    check.py --list        all exercises, and how far you are
    check.py --reset 07    an empty stub again; your attempt is kept beside it
    check.py --all         every exercise; with --json FILE for programs
    check.py --class DIR   a folder for each learner, with their files; with --csv FILE. It runs what was handed in,
                           with your rights and no limit but of time: this is no sandbox

Exit status 0: all that was asked for is right, and all of it was checked.
"""

import argparse
import ast
import contextlib
import hashlib
import json
import os
import queue
import re
import secrets
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # for tiny arrays more only cost time
HERE = Path(__file__).resolve().parent
STUBS, MY = HERE / "exercises", HERE / "my"
STATE = MY / ".state.json"
MARK = "MINIRNN_ATTEMPT"  # in the environment of what a learner's code starts
LONGEST = 1 << 26  # bytes of a line of a report
LIMIT = 10.0  # seconds for a learner's code
PRINTED = 20  # lines that are shown of what a learner's code prints
PATIENCE = 3  # failing versions of a file before the cause is named unasked
POLL = 0.05
COMMAND = "python tutorials/check.py"
WELCOME = f"""\
The exercises are now yours, in {{my}}: open {{first}} in an editor and read its first lines.
Write your code in place of `raise NotImplementedError`, save, and run this again: {COMMAND}
Stuck? Add --hint. Nothing that you write is ever overwritten. A failing check is normal here.
"""


def main():
    asked = arguments()
    for number in ("SIGTERM", "SIGHUP"):
        with contextlib.suppress(AttributeError, ValueError):
            signal.signal(getattr(signal, number), lambda *_: sys.exit(143))
    exercises = {path.stem[2:4]: path.stem for path in sorted(STUBS.glob("ex[0-9][0-9]_*.py"))}
    if not exercises:
        sys.exit(f"no exercises in {STUBS}: nothing was checked")
    if asked.handed_in:
        return whole_class(asked, list(exercises.values()))
    name, path = chosen(asked.number, exercises) if asked.number else (None, None)
    first_time = hand_out(exercises.values())
    state = State()
    name = name or state.unfinished(exercises.values())
    if first_time:
        print(WELCOME.format(my=short(MY), first=short(MY / f"{name}.py")))
        if not sys.argv[1:]:
            return 1
    if asked.all:
        return everything(asked, exercises.values(), state)
    if asked.list:
        return listing(exercises.values(), state)
    if asked.reset:
        return reset(name, state)
    if asked.hint:
        return hint(name, state)
    if asked.watch:
        return watch(name, [name] if asked.number else list(exercises.values()), state, asked)
    attempt = Attempt(name, path or MY / f"{name}.py", asked)
    return 0 if check(attempt, state, asked) == "pass" else 1


def chosen(text, exercises):
    """The exercise that a number, a name or a path means, and the path if it is one of another file than in my/."""
    path = Path(text)
    if path.is_dir() and not text.isdigit():
        sys.exit(f"{text} is a folder, expected a number or a file. A class of learners goes with --class")
    name = path.name if path.suffix == ".py" or os.sep in text else text
    match = re.match(r"(?:ex(?:ercise)?[ _-]*)?0*(\d+)(?!\d)", name, re.IGNORECASE)
    number = match[1].zfill(2) if match else ""
    if number not in exercises:
        sys.exit(f"there is no exercise {text}, expected one of {', '.join(exercises)}, or a file named like one")
    if path.suffix != ".py" and os.sep not in text:
        return exercises[number], None
    if not path.is_file():
        sys.exit(f"there is no file {text}")
    return exercises[number], None if path.resolve() == (MY / f"{exercises[number]}.py").resolve() else path.resolve()


def arguments():
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("number", nargs="?", help="of the exercise, such as 07, or a file")
    for option in ("watch", "hint", "why", "list", "reset", "all"):
        parser.add_argument(f"--{option}", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--class", dest="handed_in", type=Path, metavar="DIR", help=argparse.SUPPRESS)
    parser.add_argument("--json", type=Path, metavar="FILE", help="with --all: where to write the results")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="with --class: where to write a row for each learner")
    parser.add_argument("--seed", type=int, default=0, help="of the numbers that your code is tried on, default 0")
    parser.add_argument("--limit", type=float, default=LIMIT, help=f"seconds for your code, default {LIMIT:g}")
    asked = parser.parse_args()
    if asked.json and not asked.all:
        parser.error("--json goes with --all")
    if asked.csv and not asked.handed_in:
        parser.error("--csv goes with --class")
    for path in filter(None, (asked.json, asked.csv)):
        if not path.parent.is_dir():
            parser.error(f"there is no folder {path.parent} to write {path.name} to")
    if asked.reset and not asked.number:
        parser.error("--reset needs a number, such as --reset 07")
    if asked.seed < 0:
        parser.error("--seed is 0 or more")
    if not 0 < asked.limit < 1e6:
        parser.error("--limit is a number of seconds above 0")
    if asked.handed_in and not asked.handed_in.is_dir():
        parser.error(f"{asked.handed_in} is not a folder, expected one with a folder for each learner")
    return asked


def hand_out(names):
    """Copy the stubs that are not there yet to my/; whether this is the first time."""
    first_time = not MY.exists()
    MY.mkdir(exist_ok=True)
    for name in names:
        with contextlib.suppress(FileExistsError), open(MY / f"{name}.py", "xb") as file:
            file.write((STUBS / f"{name}.py").read_bytes())
    return first_time


class State:
    """What is remembered of each exercise between runs: status and hash when last checked, failures, hints shown.

    It is read anew each time, as another window may have asked for a hint.
    """

    def all(self):
        try:
            rows = json.loads(STATE.read_text(encoding="utf-8"))
            return {name: row for name, row in rows.items() if isinstance(row, dict)}
        except (OSError, ValueError, AttributeError):
            return {}

    def row(self, name):
        return {"status": "todo", "hash": "", "code": "", "failures": 0, "hints": 0} | self.all().get(name, {})

    def put(self, name, **news):
        rows = self.all() | {name: self.row(name) | news}
        beside = STATE.with_suffix(f".{os.getpid()}.part")
        beside.write_text(json.dumps(rows, indent=1), encoding="utf-8")
        os.replace(beside, STATE)

    def status(self, name):
        """What is known about the file as it is now; None if it has changed since it was last checked."""
        row = self.row(name)
        return row["status"] if row["hash"] in ("", digest(MY / f"{name}.py")) else None

    def unfinished(self, names):
        return next((name for name in names if self.status(name) != "pass"), list(names)[-1])

    def learn(self, name, verdict):
        """Take note of a verdict; code that failed counts once, whatever its comments."""
        row, code = self.row(name), meaning(MY / f"{name}.py")
        failed = verdict["status"] in ("fail", "error", "timeout") and row["code"] != code
        self.put(name, status=verdict["status"], hash=verdict["hash"], code=code, failures=row["failures"] + failed)


def meaning(path):
    """A hash of the code in a file without its comments; of all of it where it is not Python."""
    try:
        text = path.read_bytes()
        with contextlib.suppress(SyntaxError, ValueError, RecursionError, MemoryError):
            text = ast.dump(ast.parse(text)).encode(errors="replace")
    except OSError:
        text = b""
    return hashlib.sha256(text).hexdigest()


class Attempt:
    """A process that is ready to run a learner's file on the cases of an exercise; it begins on `run`."""
    alive = set()

    def __init__(self, name, path, asked):
        self.name, self.path, self.seed, self.limit = name, path, asked.seed, asked.limit
        self.word, self.lines = secrets.token_hex(16), queue.Queue()
        paths = os.pathsep.join([str(HERE.parent), *filter(None, [os.environ.get("PYTHONPATH")])])
        self.process = subprocess.Popen(
            [sys.executable, "-m", "checks.attempt", name, str(path), str(asked.seed), str(asked.limit)], cwd=HERE,
            start_new_session=True, env=os.environ | {"PYTHONPATH": paths, MARK: self.word}, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.alive.add(self)

    def run(self, pairs=False):
        """The verdict of diagnosis.judge, and id, seed, seconds, hash and diagnoses."""
        start = time.perf_counter()
        source, records, complaint = None, [], b""
        try:
            if self.path.is_file():
                source = self.path.read_bytes()
            elif self.path.exists():
                records = [{"error": "unreadable", "why": "it is not a file"}]
            else:
                records = [{"error": "todo"}]
        except OSError as error:
            records = [{"error": "unreadable", "why": error.strerror}]
        try:
            if source is not None:
                records, complaint = self.records(source)
        finally:
            self.stop()
        diagnosis, _ = imported()
        if not records and complaint:  # before it came to the learner's code
            raise RuntimeError(f"the checks of {self.name} failed:\n{complaint.decode(errors='replace')}")
        if not records or not {"error", "end"} & set(records[-1]):
            records.append({"error": "died"})
        verdict = diagnosis.judge(self.name, records, self.seed, pairs)
        seconds = round(time.perf_counter() - start, 3)
        return {"id": self.name, "seed": self.seed, "seconds": seconds,
                "hash": hashlib.sha256(source or b"").hexdigest()} | verdict

    def records(self, source):
        """What the process reports, up to its end mark or until its time is up. Lines without its word are not its."""
        self.threads = [threading.Thread(target=target, args=arguments, daemon=True) for target, *arguments in (
            (self.read, self.process.stdout, self.lines.put), (self.read, self.process.stderr, None),
            (self.write, source))]
        for thread in self.threads:
            thread.start()
        records, until = [], time.monotonic() + self.limit
        while not records or not {"error", "end"} & set(records[-1]):
            try:
                line = self.lines.get(timeout=max(0, until - time.monotonic()))
            except queue.Empty:
                records.append({"error": "timeout", "limit": self.limit})
                break
            if line is None:
                break
            start = f"{self.word} {len(records)} ".encode()
            if line.startswith(start):
                with contextlib.suppress(ValueError):
                    record = json.loads(line[len(start):])
                    if isinstance(record, dict):
                        records.append(record)
        return records, self.complaint

    complaint, threads = b"", ()

    def read(self, pipe, put):
        """Line by line for as long as there is any; it ends with the process, or when that has nothing more to say."""
        with contextlib.suppress(OSError, ValueError):
            for line in iter(lambda: pipe.readline(LONGEST), b""):
                if put:
                    put(line)
                elif len(self.complaint) < 10_000:
                    self.complaint += line
        if put:
            self.process.wait()
            put(None)

    def write(self, source):
        with contextlib.suppress(OSError, ValueError):
            self.process.stdin.write(self.word.encode() + b"\n" + source)
            self.process.stdin.close()

    def stop(self):
        """End the process, and those that it started: also those that left its group, where they can be found."""
        if self not in self.alive:
            return
        self.alive.discard(self)
        with contextlib.suppress(OSError):
            os.killpg(self.process.pid, signal.SIGKILL) if hasattr(os, "killpg") else self.process.kill()
        self.process.wait()
        mark = f"{MARK}={self.word}".encode()
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if mark in (folder / "environ").read_bytes():
                    os.kill(int(folder.name), signal.SIGKILL)
        for thread in self.threads:
            thread.join(1)
        if not any(thread.is_alive() for thread in self.threads):  # else something still holds a pipe
            for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
                with contextlib.suppress(OSError, ValueError):
                    pipe.close()


def imported():
    """What needs NumPy is imported only here, while the learner's process is starting."""
    from checks import diagnosis, load
    return diagnosis, load


def check(attempt, state, asked):
    """Run, print what there is to say, and take note of it; returns the status."""
    _, load = imported()
    mine = attempt.path == MY / f"{attempt.name}.py"
    patience = state.row(attempt.name)["failures"] + 1 >= PATIENCE and mine or asked.why
    verdict = attempt.run(pairs=patience)
    if mine:
        state.learn(attempt.name, verdict)
    why = asked.why or mine and state.row(attempt.name)["failures"] >= PATIENCE
    print(told(verdict, load(attempt.name), why, state, attempt.path))
    return verdict["status"]


def told(verdict, exercise, why, state, path):
    """The verdict in words for the learner."""
    name, number = verdict["id"], verdict["id"][2:4]
    head, file = f"ex{number} {exercise.FUNCTION}", short(path)
    if verdict["status"] == "todo":
        begin = ("\n  Nothing is written yet, so nothing can be named. Read the first lines of the file, then write\n"
                 f"  in place of `raise NotImplementedError`. How to begin: {COMMAND} {number} --hint") if why else ""
        return f"{head}: to do, {exercise.TITLE}. Open {file}{begin}"
    if verdict["status"] == "pass":
        following = state.unfinished(sorted(path.stem for path in STUBS.glob("ex[0-9][0-9]_*.py")))
        done = following == name and state.status(name) == "pass"
        then = "That was the last one that was open." if done else f"Next: {COMMAND} {following[2:4]}"
        return f"{head}: right, all of {', '.join(exercise.OUTPUTS)}.\n{then}"
    lines = [f"{head}: not yet      (a failing check is normal here)", *("  " + line for line in verdict["map"])]
    if printed := verdict["printed"].splitlines():
        first = f", of which these are the first {PRINTED} lines" if len(printed) > PRINTED else ""
        lines += ["", f"  Your code printed{first}:", *("  | " + line for line in printed[:PRINTED])]
    lines += ["", *wrapped(verdict["observation"].splitlines())]
    if why:
        causes = verdict["causes"] or list(filter(None, [verdict["unnamed"]]))
        lines += ["", *wrapped(causes)] if causes else []
        if sum("numbers equal" in cause for cause in causes) > 1:
            lines += wrapped(["These give equal numbers here, so the numbers cannot tell which of them it is."])
    elif verdict["question"]:
        lines += wrapped([verdict["question"]])
    more = not why and (verdict["causes"] or verdict["unnamed"])
    return "\n".join([*lines, f"  {COMMAND} {number} --hint" + ("  or  --why" if more else "")])


def wrapped(texts):
    return [textwrap.fill(text, 100, initial_indent="  ", subsequent_indent="    ") for text in texts]


def watch(name, names, state, asked):
    """Check now, and at every save whichever was saved. A process stands ready, so that feedback comes soon."""
    paths = {each: MY / f"{each}.py" for each in names}
    seen, attempt = {each: saved(path) for each, path in paths.items()}, Attempt(name, paths[name], asked)
    print(f"Watching {short(paths[name]) if len(names) == 1 else short(MY)}. Ctrl-C ends.", flush=True)
    changed = [name]
    try:
        while True:
            for each in changed:
                if attempt.name != each:
                    attempt.stop()
                    attempt = Attempt(each, paths[each], asked)
                print(f"\n{time.strftime('%H:%M:%S')}  ", end="")
                check(attempt, state, asked)
                sys.stdout.flush()
                name, attempt = each, Attempt(each, paths[each], asked)
            time.sleep(POLL)
            now = {each: saved(path) for each, path in paths.items()}
            changed = [each for each in names if now[each] and now[each] != seen[each]]
            seen |= {each: now[each] for each in changed}
    except KeyboardInterrupt:
        print()
        return 0 if state.status(name) == "pass" else 1
    finally:
        attempt.stop()


def saved(path):
    """When and how long; None while an editor is replacing it."""
    with contextlib.suppress(OSError):
        return path.stat().st_mtime_ns, path.stat().st_size
    return None


def hint(name, state):
    _, load = imported()
    hints, shown = load(name).HINTS, state.row(name)["hints"]
    number = min(shown + 1, len(hints))
    state.put(name, hints=number)
    print(textwrap.fill(f"{name[:4]}, hint {number} of {len(hints)}: {hints[number - 1]}", 100))
    if shown >= len(hints):
        answer = HERE / "answers" / f"{name}.py"
        more = f" {COMMAND} {name[2:4]} --why says more about your code; the answer is in {short(answer)}"
        print("There are no more." + more * answer.exists())
    return 0


def listing(names, state):
    _, load = imported()
    words = {"pass": "done", "todo": "to do", "fail": "not yet", "error": "not yet", "timeout": "not yet",
             None: "changed since it was checked"}
    for name in names:
        row = state.row(name)
        tries = f", {counted(row['failures'], 'try', 'tries')}" if row["failures"] else ""
        hints = f", {counted(row['hints'], 'hint', 'hints')}" if row["hints"] else ""
        print(f"{name[2:4]}  {load(name).TITLE:<50} {words[state.status(name)]}{tries}{hints}")
    return 0


def counted(number, one, several):
    return f"{number} {one if number == 1 else several}"


def reset(name, state):
    """The stub again. What was there gets a name of its own."""
    path = MY / f"{name}.py"
    kept = next(path.with_suffix(f".before_reset_{k}.py.bak") for k in range(1, 10**6)
                if not path.with_suffix(f".before_reset_{k}.py.bak").exists())
    shutil.copy2(path, kept)
    beside = path.with_suffix(f".{os.getpid()}.part")
    beside.write_bytes((STUBS / f"{name}.py").read_bytes())
    os.replace(beside, path)
    state.put(name, status="todo", hash="", code="", failures=0, hints=0)
    print(f"{short(path)} is the empty stub again. Your attempt is kept in {short(kept)}")
    return 0


def everything(asked, names, state):
    from checks import classroom  # only here: a check of one exercise is to be quick
    return classroom.everything(names, MY, grader(asked), state.learn, asked.json)


def whole_class(asked, names):
    from checks import classroom
    return classroom.whole_class(asked.handed_in, names, grader(asked), asked.csv)


def grader(asked):
    return lambda name, path: Attempt(name, path, asked).run(pairs=True)


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def short(path):
    """As one would type it from here."""
    with contextlib.suppress(ValueError):
        return path.relative_to(Path.cwd())
    return path


if __name__ == "__main__":
    try:
        for stream in (sys.stdout, sys.stderr):  # a terminal may not know every letter
            if stream and not stream.encoding.lower().startswith("utf"):
                from minirnn import printing  # only here: a check of one exercise is to be quick
                stream.reconfigure(errors=printing.ERRORS)
        status = main()
        print(end="", flush=True)
        sys.exit(status)
    except BrokenPipeError:  # who reads has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except KeyboardInterrupt:
        sys.exit(130)
    except ModuleNotFoundError as missing:
        if missing.name not in ("numpy", "minirnn"):
            raise
        home = HERE.parent if (HERE.parent / "pyproject.toml").exists() else "minirnn's folder, with pyproject.toml"
        sys.exit(f"{missing.name} is not installed: run `pip install -e .` in {home}, then this again")
    finally:
        for attempt in list(Attempt.alive):
            attempt.stop()
