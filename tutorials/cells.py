"""The cells of a tutorial, for whatever shows them: the stepper in a terminal, a notebook."""

import itertools
from pathlib import Path
from typing import NamedTuple

TUTORIALS = sorted(Path(__file__).parent.glob("[0-9][0-9]_*.py"))


class Cell(NamedTuple):
    line: int  # of the file, where the text begins
    header: str  # `# %% ...`
    text: str

    @property
    def is_prose(self):
        return "[markdown]" in self.header

    @property
    def is_proof(self):
        return '"proof"' in self.header

    @property
    def is_answer(self):
        return '"answer"' in self.header

    @property
    def prose(self):
        return "\n".join(row.removeprefix("#").removeprefix(" ") for row in self.text.splitlines())


def read(path):
    """The cells of a tutorial that are not empty."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    starts = [k for k, row in enumerate(lines) if row.startswith("# %%")]
    for start, end in itertools.pairwise([*starts, len(lines)]):
        text = "".join(lines[start + 1:end])
        if text.strip():
            yield Cell(start + 2, lines[start], text)


def chosen(number, parser):
    """The tutorial of this number; an unknown one ends the program with one line."""
    for path in TUTORIALS:
        if path.stem[:2] == number.zfill(2):
            return path
    parser.error(f"there is no tutorial {number}, expected 01 to {TUTORIALS[-1].stem[:2]}")
