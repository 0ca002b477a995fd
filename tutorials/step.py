"""Step through a tutorial in the terminal: `python tutorials/step.py 04`; without a number, the list of them.

Shows the prose, then the code of a cell, and waits: Enter runs it, s lists what there is with its shapes, p opens a
Python prompt among it (Ctrl-D comes back), q quits. All cells share one namespace. Without a terminal it goes straight
through. A cell tagged "proof" asserts what the prose claims: it runs without being shown. If you have changed
something, what is claimed may no longer hold: a line says so, and the page goes on. Before a cell tagged "answer" one
more Enter is needed. Line numbers of tracebacks and of pdb are those of the tutorial's own file.
"""

import argparse
import code
import sys
import traceback
import types

import cells
import numpy as np

from minirnn import printing, tree

KEYS = "[Enter] run  [s] shapes  [p] prompt  [q] quit > "
ANSWER = KEYS.replace("run", "the answer")


def main():
    sys.stdout, sys.stderr = printing.Steady(sys.stdout), printing.Steady(sys.stderr)
    parser = argparse.ArgumentParser(prog="python tutorials/step.py", description=__doc__.split("\n\n")[0])
    parser.add_argument("number", nargs="?", help="of the tutorial, such as 03")
    parser.add_argument("--quick", action="store_true", help="train less, so the figures show less than the prose says")
    parser.add_argument("--figures", action="store_true", help="renew the committed figures")
    parser.add_argument("--into", metavar="FOLDER", help="where figures go (default: figures/run)")
    number = parser.parse_args().number
    if number is None:
        for path in cells.TUTORIALS:
            print(path.read_text(encoding="utf-8").split("# # ", 1)[1].split("\n", 1)[0])
        return 0
    return step(cells.chosen(number, parser))


def step(path):
    """Go through the cells; 1 if something that the prose claims does not hold."""
    module = types.ModuleType("__main__")
    module.__file__ = str(path)
    sys.modules["__main__"], namespace = module, vars(module)
    status = 0
    for cell in cells.read(path):
        asks = sys.stdin.isatty()
        if cell.is_prose:
            if cell.is_answer and asks and not wait(namespace, ANSWER):
                return status
            print("\n" + cell.prose)
            continue
        rows = cell.text.rstrip().splitlines()
        if not cell.is_proof:
            print("\n" + "\n".join(f"{cell.line + k:>4}  {row}" for k, row in enumerate(rows)))
            if asks and not wait(namespace):
                return status
        program = compile("\n" * (cell.line - 1) + cell.text, path, "exec")  # these keep the line numbers
        if not cell.is_proof:
            exec(program, namespace)
            continue
        try:
            exec(program, namespace)
            said = "what was claimed is asserted, and holds"
        except Exception as error:
            where = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)][0]
            said = (f"line {where.lineno} does not hold: {where.line}\n"
                    "      If you have changed something, this is no fault.")
            status = 1
        print(f"\n      lines {cell.line}-{cell.line + len(rows) - 1}: {said}")
    return status


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
    sys.exit(main())
