"""Grading what others wrote: every exercise of one, or of a whole class. One cell for what broke, the rest goes on."""

import ast
import collections
import csv
import io
import json
import os
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from minirnn import files

NAMED = re.compile(r"ex(?:ercise)?[ _-]*0*(\d{1,2})(?!\d).*\.py(?:\.txt)?", re.IGNORECASE)
DEEP = 3  # folders below a learner's
ALLOWED = {"numpy", "math", "minirnn.activations", "itertools", "functools"}

WATCHED = {"minirnn", "checks", "answers", "importlib", "inspect", "torch", "autograd", "jax"}


def grade_all(pairs, graded):
    """`graded(name, path)` of each pair, in order: as many at a time as there are cores."""
    pool = ThreadPoolExecutor(os.cpu_count())
    try:
        return list(pool.map(lambda pair: one_cell(graded, *pair), pairs))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def one_cell(graded, name, path):
    try:
        verdict = graded(name, path)
        found = verdict["causes"] or [verdict["observation"].splitlines()[0]] if verdict["observation"] else []
        row = {key: verdict[key] for key in ("id", "status", "seed", "seconds", "hash")}
    except Exception as broke:  # noqa: BLE001  whatever it is, the others are to be graded
        said = str(broke).strip().splitlines()[-1:]
        found = [f"could not be checked: {': '.join([type(broke).__name__, *said])[:200]}"]
        row = {"id": name, "status": "broke", "seed": None, "seconds": None, "hash": ""}
    return {"id": row["id"], "status": row["status"], "diagnoses": found, "seed": row["seed"],
            "seconds": row["seconds"], "hash": row["hash"], "flags": flags(name, path)}


def flags(name, path):
    """What a teacher may want to look at: parts of the library that the stub does not import, checks or answers."""
    stub = Path(__file__).parent.parent / "exercises" / f"{name}.py"
    try:
        allowed = ALLOWED | imported(ast.parse(stub.read_text(encoding="utf-8")))
        tree = ast.parse(Path(path).read_bytes()) if path and Path(path).is_file() else None
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    if tree is None:
        return []
    found = [f"imports {module}" for module in sorted(imported(tree))
             if module.split(".")[0] in WATCHED and module not in allowed]
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.search(
                r"\b(answers|checks)\b[/.\\]|^(answers|checks)$|\bminirnn\.\w", node.value):
            if node.value != ast.get_docstring(tree, clean=False):
                found.append(f"has the text {node.value[:40]!r}")
        elif isinstance(node, ast.Name) and node.id in ("__import__", "exec", "eval"):
            found.append(f"uses {node.id}")
    return list(dict.fromkeys(found))


def imported(tree):
    """The modules that are imported anywhere in it; `from minirnn import rnn` is minirnn.rnn."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            inside = node.module == "minirnn"
            found |= {f"minirnn.{alias.name}" for alias in node.names} if inside else {node.module}
    return found


def handed_in(folder, names):
    """{name: the learner's file for it}, and remarks on files that are named otherwise, twice there, or of no use."""
    by_number = {name[2:4]: name for name in names}
    found, remarks, others = {}, [], []
    there = sorted(walked(folder, DEEP), key=lambda path: (len(path.parts), -path.stat().st_mtime))
    for path in there:
        match = NAMED.fullmatch(path.name)
        name = match and by_number.get(match[1].zfill(2))
        if name:
            found.setdefault(name, []).append(path)
        elif path.suffix in (".py", ".txt", ".ipynb", ".zip"):
            others.append(str(path.relative_to(folder)))
    for name, paths in found.items():
        paths.sort(key=lambda path: path != folder / f"{name}.py")  # stable: the exact name first
        if paths[0] != folder / f"{name}.py":
            remarks.append(f"{name[:4]} is taken from {paths[0].relative_to(folder)}")
        if paths[1:]:
            remarks.append(f"{name[:4]} is there again and not graded: "
                           + ", ".join(str(path.relative_to(folder)) for path in paths[1:]))
    if others:
        more = " ..." * (len(others) > 5)
        remarks.append(f"not graded, as no exercise has that name: {', '.join(others[:5])}{more}")
    return {name: paths[0] for name, paths in found.items()}, remarks


def walked(folder, deep):
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.name == "__pycache__":
            continue
        if path.is_dir() and not path.is_symlink():
            if deep:
                yield from walked(path, deep - 1)
        elif path.is_file():
            yield path


def everything(names, my, graded, learn, json_file):
    results = grade_all([(name, my / f"{name}.py") for name in names], graded)
    if json_file:
        write(json_file, json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    for result in results:
        if result["status"] != "broke":
            learn(result["id"], result)
        said = "; ".join(result["diagnoses"])
        print(f"{result['id'][2:4]}  {result['id'][5:]:<24} {result['status']:<8} {said[:78]}")
    passed = sum(result["status"] == "pass" for result in results)
    print(f"{passed} of {len(results)} right")
    return 0 if passed == len(results) else 1


def whole_class(folder, names, graded, csv_file):
    learners = sorted(path for path in folder.iterdir() if path.is_dir() and path.name[0] != "."
                      and path.name != "__pycache__")
    if not learners:
        raise SystemExit(f"no folders in {folder}, expected one for each learner: nothing was checked")
    print(f"Running the code of {len(learners)} learners, with your rights: no sandbox.", flush=True)
    theirs, remarks = {}, {}
    for learner in learners:
        try:
            theirs[learner], remarks[learner] = handed_in(learner, names)
        except OSError as error:
            theirs[learner], remarks[learner] = {}, [f"the folder cannot be read: {error.strerror}"]
    none = Path(os.devnull).with_name("no such file")
    results = grade_all([(name, theirs[learner].get(name, none)) for learner in learners for name in names], graded)
    table, lines = [["learner", "passed", *(name[:4] for name in names), "flags", "remarks"]], []
    said = collections.Counter()
    for k, learner in enumerate(learners):
        mine = results[k * len(names):(k + 1) * len(names)]
        passed = sum(result["status"] == "pass" for result in mine)
        marked = [f"{result['id'][:4]} {flag}" for result in mine for flag in result["flags"]]
        table.append([learner.name, passed, *(result["status"] for result in mine), "; ".join(marked),
                      "; ".join(remarks[learner])])
        said.update((result["id"][2:4], words) for result in mine for words in result["diagnoses"])
        lines.append(f"{learner.name:<24} " + (
            f"{passed} of {len(names)} right" if theirs[learner] else
            f"nothing: no file in this folder has a name like {names[0]}.py"))
        lines += [f"    {words}" for words in [*remarks[learner], *(f"flag: {flag}" for flag in marked)]]
    if csv_file:
        sheet = io.StringIO()
        csv.writer(sheet, lineterminator="\n").writerows([[harmless(cell) for cell in row] for row in table])
        write(csv_file, "\ufeff" + sheet.getvalue())  # with the mark by which Excel knows UTF-8
    loose = [path.name for path in folder.iterdir() if path.is_file() and NAMED.fullmatch(path.name)]
    if loose:
        lines.append(f"in no learner's folder, so not graded: {', '.join(sorted(loose)[:5])}")
    lines += [f"{count:>4} {'#' * min(count, 30):<8} ex{number}  {words}" for (number, words),
    count in said.most_common()]
    print("\n".join(lines))
    return 0 if all(result["status"] == "pass" for result in results) else 1


def harmless(cell):
    """A name that begins like a formula is not one."""
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell


def write(path, text):
    """Beside and renamed: the file is either as before or whole."""
    with files.replacing(path) as file:
        file.write(text.encode("utf-8", errors="surrogateescape"))
