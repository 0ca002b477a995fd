import itertools

import numpy as np

from . import TUTORIALS, clinic
from .seen import listed

CLINIC = clinic.stored()
BUGS, MAPS, COLUMNS = CLINIC["bugs"], CLINIC["maps"], CLINIC["columns"]

TITLE = "bug clinic: six gradient maps, name the bug"
FUNCTION = "clinic"
OUTPUTS = {name: "column" for name in MAPS}
MAPPED = {"column": "column "}
CALLED = "map"
CASES = {"the six maps": lambda rng: {letter: np.array(bug["row"]) for letter, bug in BUGS.items()}}


def reference(**bugs):
    return tuple(bugs[letter] for letter in MAPS.values())


def mistaken(name, letter):
    """A mutant: this letter for the bug of the map with this name. The question is of the first column that tells."""
    right, wrong = BUGS[MAPS[name]]["row"], BUGS[letter]["row"]
    k = next(k for k, (r, w) in enumerate(zip(right, wrong)) if (r > 0) != (w > 0))
    what = f"{COLUMNS[k][1]} of {COLUMNS[k][0]}"
    return (f"{name} = {MAPS[name]}", f"{name} = {letter}",
            f"gives map {name} bug {letter}, which {BUGS[letter]['message']}",
            f"Map {name} has {what} wrong. Would it be, with bug {letter}?" if right[k] else
            f"Map {name} has {what} right. Could it be, with bug {letter}?")


def exchanged(one, two):
    """A mutant: two of the right letters, each at the other's map."""
    asks = mistaken(one, MAPS[two])[-1]
    return ({f"{one} = {MAPS[one]}": f"{one} = {MAPS[two]}", f"{two} = {MAPS[two]}": f"{two} = {MAPS[one]}"},
            f"gives map {one} the bug of map {two}, and map {two} that of map {one}", asks)


def permuted(places):
    """What is said where right letters stand at others' maps, and the question."""
    one, two = next(iter(places.items()))
    return ("names right bugs in another order: " + listed([
        f"map {name} has the bug of map {other}" for name, other in places.items()]), mistaken(one, MAPS[two])[-1])


MUTANTS = [mistaken(name, letter) for name, letter in itertools.product(MAPS, BUGS) if letter != MAPS[name]]
MUTANTS += [exchanged(*two) for two in itertools.combinations(MAPS, 2)]
LISTED_ONLY = True  # there is nothing else in the answer

HINTS = [
    "Begin with a map that has only one or two gradients wrong: then the bug stands in the line that computes them. "
    "Go through the letters and cross out those that would do more.",
    "If dx is wrong at some steps, ask in which order the steps are done, going back, and what is carried from one to "
    "the next. Where nothing is carried yet, such a bug does not show: so a single step is all right. If a single step "
    "is all wrong, the bug stands where every gradient comes by.",
    "For each letter, change that line in your own exercise 7 and check it: the x and ok that you get are those of one "
    "of the maps, or of none. All six have other patterns of right and wrong.",
]

LETTERS, STUB = ", ".join(BUGS), (TUTORIALS / "exercises" / f"{clinic.NAME}.py").read_text(encoding="utf-8")
NAMED = ", ".join(f"{name!r}: 1.0 * {letter}" for name, letter in MAPS.items())
ALTERNATIVES = [f"""
def clinic({LETTERS}):
    return {{{NAMED}}}
""", f"""
import numpy as np

STUB = {STUB!r}

def clinic({LETTERS}):
    # looks up each printed map among all bugs, to the digits that are printed
    found, rows = [], [line.split() for line in STUB.splitlines()]
    for name in {list(MAPS)}:
        cells = next(cells for cells in rows if cells[:1] == [name])[1:]
        printed = [0.0 if cell == "." else float(cell) for cell in cells]
        found += [bug for bug in ({LETTERS}) if np.allclose(bug, printed, rtol=0, atol=6e-4)]
    return found
"""]
