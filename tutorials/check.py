"""Check your exercises: `python tutorials/check.py`, after each change of a file in tutorials/my/.

    check.py               the first exercise that is not finished
    check.py 07            this one; so with the options below
    check.py --watch       again at every save
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
import collections
import contextlib
import csv
import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # for tiny arrays more only cost time
HERE = Path(__file__).resolve().parent
STUBS, MY = HERE / "exercises", HERE / "my"
STATE = MY / ".state.json"
LIMIT = 10.0  # seconds for a learner's code
PATIENCE = 3  # failing versions of a file before the cause is named unasked
POLL = 0.05
COMMAND = "python tutorials/check.py"
WELCOME = f"""\
The exercises are now yours, in {{my}}: open {{first}} in an editor and read its first lines.
Write your code in place of `raise NotImplementedError`, save, and run this again: {COMMAND}
Stuck? Add --hint, or --why. Nothing that you write is ever overwritten. A failing check is normal here.
"""


def main():
    asked = arguments()
    exercises = {path.stem[2:4]: path.stem for path in sorted(STUBS.glob("ex[0-9][0-9]_*.py"))}
    if not exercises:
        sys.exit(f"no exercises in {STUBS}: nothing was checked")
    if asked.number and asked.number.zfill(2) not in exercises:
        sys.exit(f"there is no exercise {asked.number}, expected one of {', '.join(exercises)}")
    if asked.handed_in:
        return whole_class(asked, list(exercises.values()))
    first_time = hand_out(exercises.values())
    state = State()
    name = exercises[asked.number.zfill(2)] if asked.number else state.unfinished(exercises.values())
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
        return watch(name, state, asked)
    attempt = Attempt(name, MY / f"{name}.py", asked.seed)
    return 0 if check(attempt, state, asked) == "pass" else 1


def arguments():
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("number", nargs="?", help="of the exercise, such as 07")
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
    """What is remembered of each exercise between runs: status and hash when last checked, failures, hints shown."""

    def __init__(self):
        try:
            self.of = json.loads(STATE.read_text(encoding="utf-8"))
            assert all(isinstance(row, dict) for row in self.of.values())
        except (OSError, ValueError, AttributeError, AssertionError):
            self.of = {}

    def row(self, name):
        return {"status": "todo", "hash": "", "failures": 0, "hints": 0} | self.of.get(name, {})

    def put(self, name, **news):
        self.of[name] = self.row(name) | news
        beside = STATE.with_suffix(f".{os.getpid()}.part")
        beside.write_text(json.dumps(self.of, indent=1), encoding="utf-8")
        os.replace(beside, STATE)

    def status(self, name):
        """What is known about the file as it is now; None if it has changed since it was last checked."""
        row = self.row(name)
        return row["status"] if row["hash"] in ("", digest(MY / f"{name}.py")) else None

    def unfinished(self, names):
        return next((name for name in names if self.status(name) != "pass"), list(names)[-1])

    def learn(self, name, verdict):
        """Take note of a verdict; a file that failed counts once."""
        row = self.row(name)
        failed = verdict["status"] in ("fail", "error", "timeout") and row["hash"] != verdict["hash"]
        self.put(name, status=verdict["status"], hash=verdict["hash"], failures=row["failures"] + failed)


class Attempt:
    """A process that is ready to run a learner's file on the cases of an exercise; it begins on `run`."""

    def __init__(self, name, path, seed):
        self.name, self.path, self.seed, self.stopped = name, path, seed, False
        paths = os.pathsep.join([str(HERE.parent), *filter(None, [os.environ.get("PYTHONPATH")])])
        self.process = subprocess.Popen(
            [sys.executable, "-m", "checks.attempt", name, str(path), str(seed)], cwd=HERE, start_new_session=True,
            env=os.environ | {"PYTHONPATH": paths}, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def run(self, limit=LIMIT, pairs=False):
        """The verdict of diagnosis.judge, and id, seed, seconds, hash and diagnoses."""
        start = time.perf_counter()
        source = self.path.read_bytes() if self.path.is_file() else None
        records, complaint = ([{"error": "todo"}], b"") if source is None else self.records(source, limit)
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

    def records(self, source, limit):
        """What the process reports, line by line, until it ends or its time is up."""
        late, output, complaint = False, b"", b""
        try:
            output, complaint = self.process.communicate(source, limit)
        except subprocess.TimeoutExpired as expired:
            late, output = True, expired.stdout or b""
        finally:
            self.stop()
        records = []
        for line in output.splitlines():
            with contextlib.suppress(ValueError):  # the last may be cut off
                records.append(json.loads(line))
        if late:
            records.append({"error": "timeout", "limit": limit})
        return records, complaint

    def stop(self):
        """End the process, and those that it started."""
        if self.stopped:
            return
        self.stopped = True
        with contextlib.suppress(OSError):
            os.killpg(self.process.pid, signal.SIGKILL) if hasattr(os, "killpg") else self.process.kill()
        self.process.wait()
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
    failures = state.row(attempt.name)["failures"]
    patience = failures + 1 >= PATIENCE or asked.why
    verdict = attempt.run(asked.limit, pairs=patience)
    state.learn(attempt.name, verdict)
    print(told(verdict, load(attempt.name), asked.why or state.row(attempt.name)["failures"] >= PATIENCE, state))
    return verdict["status"]


def told(verdict, exercise, why, state):
    """The verdict in words for the learner."""
    name, number = verdict["id"], verdict["id"][2:4]
    head, file = f"ex{number} {exercise.FUNCTION}", short(MY / f"{name}.py")
    if verdict["status"] == "todo":
        return f"{head}: to do, {exercise.TITLE}. Open {file}"
    if verdict["status"] == "pass":
        following = state.unfinished(sorted(path.stem for path in STUBS.glob("ex[0-9][0-9]_*.py")))
        then = "That was the last one that was open." if following == name else f"Next: {COMMAND} {following[2:4]}"
        return f"{head}: right, all of {', '.join(exercise.OUTPUTS)}.\n{then}"
    lines = [f"{head}: not yet      (a failing check is normal here)", *("  " + line for line in verdict["map"])]
    if verdict["printed"]:
        lines += ["", "  Your code printed:", *("  | " + line for line in verdict["printed"].splitlines()[:20])]
    lines += ["", *wrapped(verdict["observation"].splitlines())]
    if why:
        causes = verdict["causes"] or list(filter(None, [verdict["unnamed"]]))
        lines += ["", *wrapped(causes)] if causes else []
        if sum("numbers equal" in cause for cause in causes) > 1:
            lines += wrapped(["These give equal numbers here, so the numbers cannot tell which of them it is."])
    elif verdict["question"]:
        lines += wrapped([verdict["question"]])
    return "\n".join([*lines, f"  {COMMAND} {number} --hint" + ("" if why else "  or  --why")])


def wrapped(texts):
    return [textwrap.fill(text, 100, initial_indent="  ", subsequent_indent="    ") for text in texts]


def watch(name, state, asked):
    """Check now and at every save. A process stands ready, so that feedback comes at once."""
    path, seen, attempt = MY / f"{name}.py", None, Attempt(name, MY / f"{name}.py", asked.seed)
    print(f"Watching {short(path)}. Ctrl-C ends.", flush=True)
    try:
        while True:
            with contextlib.suppress(OSError):  # an editor may be replacing it
                if (now := (path.stat().st_mtime_ns, path.stat().st_size)) != seen:
                    seen = now
                    print(f"\n{time.strftime('%H:%M:%S')}  ", end="")
                    status = check(attempt, state, asked)
                    sys.stdout.flush()
                    attempt = Attempt(name, path, asked.seed)
            time.sleep(POLL)
    except KeyboardInterrupt:
        print()
        return 0 if state.status(name) == "pass" else 1
    finally:
        attempt.stop()


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
        tries = f", {row['failures']} tries" if row["failures"] else ""
        hints = f", {row['hints']} hints" if row["hints"] else ""
        print(f"{name[2:4]}  {load(name).TITLE:<50} {words[state.status(name)]}{tries}{hints}")
    return 0


def reset(name, state):
    """The stub again. What was there gets a name of its own."""
    path = MY / f"{name}.py"
    kept = next(path.with_suffix(f".before_reset_{k}.py.bak") for k in range(1, 10**6)
                if not path.with_suffix(f".before_reset_{k}.py.bak").exists())
    shutil.copy2(path, kept)
    beside = path.with_suffix(f".{os.getpid()}.part")
    beside.write_bytes((STUBS / f"{name}.py").read_bytes())
    os.replace(beside, path)
    state.put(name, status="todo", hash="", failures=0, hints=0)
    print(f"{short(path)} is the empty stub again. Your attempt is kept in {short(kept)}")
    return 0


def graded(name, path, asked):
    """The verdict on one file, in the form that goes to a teacher."""
    verdict = Attempt(name, path, asked.seed).run(asked.limit, pairs=True)
    found = verdict["causes"] or [verdict["observation"].splitlines()[0]] if verdict["observation"] else []
    return {key: verdict[key] for key in ("id", "status")} | {"diagnoses": found} | {
        key: verdict[key] for key in ("seed", "seconds", "hash")}


def grade_all(pairs, asked):
    """Verdicts on (name, path) pairs, in order: as many at a time as there are cores."""
    from concurrent.futures import ThreadPoolExecutor  # only here: a check of one exercise is to be quick
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(lambda pair: graded(*pair, asked), pairs))


def everything(asked, names, state):
    results = grade_all([(name, MY / f"{name}.py") for name in names], asked)
    for result in results:
        state.learn(result["id"], result)
        said = "; ".join(result["diagnoses"])
        print(f"{result['id'][2:4]}  {result['id'][5:]:<24} {result['status']:<8} {said[:78]}")
    passed = sum(result["status"] == "pass" for result in results)
    print(f"{passed} of {len(results)} right")
    if asked.json:
        write(asked.json, json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    return 0 if passed == len(results) else 1


def whole_class(asked, names):
    if not asked.handed_in.is_dir():
        sys.exit(f"{asked.handed_in} is not a folder, expected one with a folder for each learner")
    learners = sorted(path for path in asked.handed_in.iterdir() if path.is_dir() and not path.name.startswith("."))
    if not learners:
        sys.exit(f"no folders in {asked.handed_in}, expected one for each learner: nothing was checked")
    print(f"Running the code of {len(learners)} learners, with your rights and {asked.limit:g} s each: no sandbox.",
          flush=True)
    results = grade_all([(name, learner / f"{name}.py") for learner in learners for name in names], asked)
    rows, said = [], collections.Counter()
    for k, learner in enumerate(learners):
        mine = results[k * len(names):(k + 1) * len(names)]
        rows.append([learner.name, sum(r["status"] == "pass" for r in mine), *(r["status"] for r in mine)])
        said.update((r["id"][2:4], words) for r in mine for words in r["diagnoses"])
        found = any((learner / f"{name}.py").exists() for name in names)
        print(f"{learner.name:<24} " + (f"{rows[-1][1]} of {len(names)} right" if found else
                                        f"nothing: no file in this folder has a name like {names[0]}.py"))
    for (number, words), count in said.most_common():
        print(f"{count:>4} {'#' * min(count, 30):<8} ex{number}  {words}")
    if asked.csv:
        table = io.StringIO()
        csv.writer(table, lineterminator="\n").writerows([["learner", "passed", *(name[:4] for name in names)], *rows])
        write(asked.csv, table.getvalue())
    return 0 if all(result["status"] == "pass" for result in results) else 1


def write(path, text):
    """Beside and renamed: the file is either as before or whole."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    beside.write_text(text, encoding="utf-8")
    os.replace(beside, path)


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def short(path):
    """As one would type it from here."""
    with contextlib.suppress(ValueError):
        return path.relative_to(Path.cwd())
    return path


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
    except ModuleNotFoundError as missing:
        if missing.name not in ("numpy", "minirnn"):
            raise
        sys.exit(f"{missing.name} is not installed: run `pip install -e .` in {short(HERE.parent)}, then this again")
