"""Makes exercise 8, the bug clinic, out of the catalogue of exercise 7. In tutorials/, with minirnn installed, run
`python -m checks.clinic` after each change of that catalogue, or `python -m checks.clinic 5` for another clinic, number
5, with other patients. A clinic of your own for each class costs a second.

It writes the stub, the answer, and ex08_bug_clinic.json, with which the exercise is graded where answers are gone.
"""

import hashlib
import json
import sys
import textwrap

import numpy as np

from . import TUTORIALS, diagnosis

NAME, SICK = "ex08_bug_clinic", "ex07_rnn_bptt"
STORED = TUTORIALS / "checks" / f"{NAME}.json"
MAPS = ["one", "two", "three", "four", "five", "six"]
LETTERS = "ABCDEFGHIJ"
ZERO = 1e-9  # below it a gradient is right, and its error rounding


def bugs(number):
    """All mistakes of the catalogue: row of errors -> (message, question). The columns of a row come with it."""
    plan = diagnosis.planned(SICK, number)
    together = [message for group in getattr(plan.exercise, "EQUAL", []) for message in group]
    chosen = [min(k for k,
    call in enumerate(plan.calls) if call[0] == words) for words in list(plan.exercise.CASES)[:2]]
    found, columns = {}, []
    for which, mistake in enumerate(plan.listed):
        message, question = mistake.message, mistake.question
        columns, row = [], []
        for call in chosen:
            for name, right in plan.right[call].items():
                error = plan.returned((which,))[call][name] - right
                steps = len(right) if plan.exercise.OUTPUTS[name].startswith("T ") else 1
                columns += [[plan.calls[call][0], f"{name}_{t}" if steps > 1 else name] for t in range(steps)]
                row += [np.linalg.norm(e) / np.linalg.norm(r) for e, r in zip(np.split(error, steps),
                                                                              np.split(right, steps))]
        row = [0.0 if error < ZERO else float(error) for error in row]
        if message not in together:
            found[message] = row, question
    return found, columns


def drawn(number):
    """The clinic with this number. No two of its bugs are wrong in the same columns, so that a map tells them apart.

    Who is drawn depends on the messages alone: a mistake that joins the catalogue changes little.
    """
    found, columns = bugs(number)
    luck = lambda message: hashlib.sha256(f"{number} {message}".encode()).hexdigest()
    seen, several = set(), []
    for message in sorted(found, key=luck):
        pattern = tuple(error > 0 for error in found[message][0])
        if pattern not in seen:
            seen.add(pattern)
            several.append(message)
    several = several[:len(LETTERS)]
    if len(several) < len(LETTERS):
        raise ValueError(f"only {len(several)} mistakes can be told apart by their maps, expected {len(LETTERS)}")
    patients = several[:len(MAPS)]
    letters = dict(zip(sorted(several), LETTERS))
    return {"number": number, "columns": columns, "maps": {name: letters[m] for name, m in zip(MAPS, patients)},
            "bugs": {letters[m]: {"message": m, "row": found[m][0], "question": found[m][1]} for m in sorted(several)}}


def stub(clinic):
    heads = [""] + [name for _, name in clinic["columns"]]
    last = len(heads) - 2
    table = [heads, ["column", *map(str, range(len(heads) - 1))]]
    table += [[name, *("." if error == 0 else f"{error:.3f}" for error in clinic["bugs"][letter]["row"])]
              for name, letter in clinic["maps"].items()]
    table = "\n".join("    " + "".join(f"{cell:<7}" for cell in row).rstrip() for row in table)
    cases = list(dict.fromkeys(words for words, _ in clinic["columns"]))
    one_step = sum(words == cases[0] for words, _ in clinic["columns"])
    choices = "\n".join(f"    {letter}  {bug['message']}" for letter, bug in clinic["bugs"].items())
    letters = ", ".join(clinic["bugs"])
    return f'''"""Exercise 8. Bug clinic: six broken backward passes. Name the bug in each.

Six people wrote exercise 7, and each made one mistake. They were tried on {cases[0]} (columns 0 to {one_step - 1})
and on {cases[1]} (columns {one_step} to {last}, where dx_0 is dx at t = 0). A number says how wrong a gradient is,

    |theirs - right| / |right|

so a dot is right, and 1 is what you get for returning zero.

{table}

These are the bugs to choose from. No two of the six have the same one, so four are left over:

{choices}

Look first where a map is right: what could not be right with that bug? Then ask what a single step cannot show. If the
bug that you name makes another map, the checker says in which columns the two differ.
"""


def clinic({letters}):
    """Each letter is a bug: an array ({len(heads) - 1},), the map that it makes. Printing them would spoil it.
    Leave all inputs as they are.

    Returns the bugs of the maps {", ".join(clinic["maps"])}, such as: return A, B, C, D, E, F, without
    quotes. About 1 line.
    """
    raise NotImplementedError
'''


def answered(clinic):
    """The answer, with a reason for each: what one sees, and what the catalogue asks who made that mistake."""
    lines = []
    for name, letter in clinic["maps"].items():
        bug = clinic["bugs"][letter]
        reason = textwrap.wrap(f"{name}: {seen(clinic, bug['row'])} {bug['question']}", 112)
        lines += [f"    # {line}" for line in reason] + [f"    {name} = {letter}  # {bug['message']}"]
    body = "\n".join(lines)
    return f'''"""Answer to exercise 8. Bug clinic."""


def clinic({", ".join(clinic["bugs"])}):
{body}
    return {", ".join(clinic["maps"])}
'''


def seen(clinic, row):
    """What is wrong on a map, in words."""
    parts = []
    for case in dict.fromkeys(words for words, _ in clinic["columns"]):
        here = [(name, error > 0) for (words, name), error in zip(clinic["columns"], row) if words == case]
        wrong, right = ([name for name, bad in here if bad is which] for which in (True, False))
        told = "all right" if not wrong else "all wrong" if not right else (
            f"only {' '.join(wrong)} wrong" if len(wrong) <= len(right) else f"only {' '.join(right)} right")
        parts.append(f"{case} {told}")
    return f"in {', in '.join(parts)}."


def files(number):
    """Path -> text of all that is made."""
    clinic = drawn(number)
    return {TUTORIALS / "exercises" / f"{NAME}.py": stub(clinic),
            TUTORIALS / "answers" / f"{NAME}.py": answered(clinic),
            STORED: json.dumps(clinic, indent=1, ensure_ascii=False) + "\n"}


def stored():
    return json.loads(STORED.read_text(encoding="utf-8"))


if __name__ == "__main__":
    for path, made in files(int(sys.argv[1]) if sys.argv[1:] else stored()["number"]).items():
        path.write_text(made, encoding="utf-8")
