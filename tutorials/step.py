"""Step through a tutorial in the terminal: `python tutorials/step.py 03`; without a number, the list of them.

Shows the prose, then the code of a cell, and waits: Enter runs it, s lists what there is with its shapes, p opens a
Python prompt among it (Ctrl-D comes back), q quits. All cells share one namespace. Without a terminal it goes straight
through. A cell tagged "proof" asserts what the prose claims: it runs without being shown. Before a cell tagged "answer"
one more Enter is needed. Line numbers of tracebacks and of pdb are those of the tutorial's own file.
"""

import argparse
import code
import itertools
import sys
import types
from pathlib import Path

import numpy as np

from minirnn import printing, tree

HERE = Path(__file__).parent
KEYS = "[Enter] run  [s] shapes  [p] prompt  [q] quit > "
ANSWER = KEYS.replace("run", "the answer")


def main():
    sys.stdout, sys.stderr = printing.Steady(sys.stdout), printing.Steady(sys.stderr)
    tutorials = sorted(HERE.glob("[0-9][0-9]_*.py"))
    parser = argparse.ArgumentParser(prog="python tutorials/step.py", description=__doc__.split("\n\n")[0])
    parser.add_argument("number", nargs="?", help="of the tutorial, such as 03")
    parser.add_argument("--quick", action="store_true", help="train less, so the figures show less than the prose says")
    parser.add_argument("--figures", action="store_true", help="renew the committed figures")
    parser.add_argument("--into", metavar="FOLDER", help="where figures go (default: figures/run)")
    number = parser.parse_args().number
    if number is None:
        for path in tutorials:
            print(path.read_text(encoding="utf-8").split("# # ", 1)[1].split("\n", 1)[0])
        return
    chosen = [path for path in tutorials if path.stem[:2] == number.zfill(2)]
    if not chosen:
        parser.error(f"there is no tutorial {number}, expected 01 to {tutorials[-1].stem[:2]}")
    step(chosen[0])


def step(path):
    module = types.ModuleType("__main__")
    module.__file__ = str(path)
    sys.modules["__main__"], namespace = module, vars(module)
    for line, header, text in cells(path.read_text(encoding="utf-8")):
        asks = sys.stdin.isatty()
        if "[markdown]" in header:
            if '"answer"' in header and asks and not wait(namespace, ANSWER):
                return
            print("\n" + "\n".join(row.removeprefix("#").removeprefix(" ") for row in text.splitlines()))
            continue
        rows = text.rstrip().splitlines()
        if '"proof"' not in header:
            print("\n" + "\n".join(f"{line + k:>4}  {row}" for k, row in enumerate(rows)))
            if asks and not wait(namespace):
                return
        exec(compile("\n" * (line - 1) + text, path, "exec"), namespace)  # the empty lines keep the line numbers
        if '"proof"' in header:
            print(f"\n      lines {line}-{line + len(rows) - 1}: what was claimed is asserted, and holds")


def cells(source):
    """Line number, header (`# %% ...`) and text of each cell that is not empty."""
    lines = source.splitlines(keepends=True)
    starts = [k for k, row in enumerate(lines) if row.startswith("# %%")]
    for start, end in itertools.pairwise([*starts, len(lines)]):
        text = "".join(lines[start + 1:end])
        if text.strip():
            yield start + 2, lines[start], text


def wait(namespace, keys=KEYS):
    """Do what the reader asks for until the cell is to be run; False to quit."""
    while True:
        try:
            key = input(keys).strip().lower()
        except (EOFError, KeyboardInterrupt):
            print()
            return False
        if key == "s":
            shapes(namespace)
        elif key == "p":
            try:
                code.interact(banner="Ctrl-D comes back", local=namespace, exitmsg="")
            except SystemExit:
                pass
        elif key in ("", "q"):
            return key != "q"


def shapes(namespace):
    """A line for each array, number and text that the cells have made, also within dicts, lists and tuples."""
    for name, value in namespace.items():
        if not name.startswith("_"):
            for path, leaf in tree.leaves(value, name):
                if isinstance(leaf, np.ndarray):
                    print(f"  {path:<24} {leaf.dtype}{leaf.shape}")
                elif isinstance(leaf, (int, float, str)):
                    print(f"  {path:<24} {leaf!r:.80}")


if __name__ == "__main__":
    main()
