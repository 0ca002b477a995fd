"""Write tutorials as Jupyter notebooks: `python tutorials/notebook.py 01 12`; without a number, all of them.

A notebook runs from any folder, wherever minirnn is installed. Its first cell says how to install it and has the switch
QUICK. Figures appear below the cell that draws them, and are written nowhere. The scripts stay the source.
"""

import argparse
import base64
import itertools
import json
import re
import sys
from pathlib import Path

import cells

from minirnn import files, printing

HERE = Path(__file__).parent
PICTURE = re.compile(r"!\[(.*?)\]\((.*?([^/]+\.(?:png|gif)))\)")
SHARED = re.compile(r"^from common import .*\n", re.M)
PROOF = "proof", "hide-input", "raises-exception"  # whoever changes a number sees what no longer holds, and goes on
FIRST = '''\
# This notebook needs minirnn and Python 3.10 or newer. To install minirnn, once, remove the # of the next line.
# %pip install FOLDER_OF_MINIRNN
QUICK = {quick}  # True: train less, so figures and numbers show less than the prose says


def save(figure, name):
    """Show a matplotlib figure below the cell."""
    import io
    from IPython.display import Image, display
    from minirnn import plots
    picture = io.BytesIO()
    plots.save(figure, picture, format="png", dpi=110)
    display(Image(picture.getvalue()))
'''


def main():
    sys.stdout, sys.stderr = printing.Steady(sys.stdout), printing.Steady(sys.stderr)
    parser = argparse.ArgumentParser(prog="python tutorials/notebook.py", description=__doc__.split("\n\n")[0])
    parser.add_argument("numbers", nargs="*", metavar="NN", help="of tutorials, such as 01 08 (default: all)")
    parser.add_argument("--out", metavar="DIR", type=Path, default=HERE / "notebooks",
                        help="where they go (default: tutorials/notebooks)")
    parser.add_argument("--execute", action="store_true", help="run them too; needs nbclient and ipykernel")
    parser.add_argument("--quick", action="store_true", help="with the switch QUICK on")
    asked = parser.parse_args()
    paths = [cells.chosen(number, parser) for number in asked.numbers] or cells.TUTORIALS
    if asked.execute:
        try:
            import ipykernel  # noqa: F401
            import nbclient  # noqa: F401
        except ImportError as error:
            parser.error(f"--execute needs {error.name}, which is not installed: pip install nbclient ipykernel")
    for path in paths:
        target = asked.out / f"{path.stem}.ipynb"
        notebook = of(path, asked.quick)
        try:
            asked.out.mkdir(parents=True, exist_ok=True)
            keep_what_differs(target, notebook)
            write(target, notebook)
        except OSError as error:
            parser.error(f"{target} cannot be written ({error.strerror}): choose another folder with --out DIR")
        print(f"notebook: {target}")
        if asked.execute and not execute(target):
            sys.exit(1)


def of(path, quick=False):
    """The notebook (nbformat 4.5) of a tutorial, as a dict."""
    made, drawn = [code(FIRST.format(quick=quick))], set()
    for cell in cells.read(path):
        if cell.is_prose:
            made.append(markdown(path.parent, cell, drawn))
        else:
            drawn |= set(re.findall(r'save\(\w+, "(.*?)"\)', cell.text))
            made.append(code(SHARED.sub("", cell.text), PROOF if cell.is_proof else []))
    for k, cell in enumerate(made):
        cell["id"] = f"cell-{k:02}"
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {"cells": made, "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
            "nbformat": 4, "nbformat_minor": 5}


def code(text, tags=()):
    metadata = {"tags": list(tags), "jupyter": {"source_hidden": True}} if tags else {}
    return {"cell_type": "code", "execution_count": None, "metadata": metadata, "outputs": [], "source": text.strip()}


def markdown(folder, cell, drawn):
    """Prose; a picture that a cell above has drawn stands there already, another one travels in the cell."""
    attachments = {}

    def picture(found):
        words, link, name = found.groups()
        if name in drawn:
            return f"*The figure above: {words}.*"
        kind, content = Path(name).suffix[1:], (folder / link).read_bytes()
        attachments[name] = {f"image/{kind}": base64.b64encode(content).decode()}
        return f"![{words}](attachment:{name})"

    text = PICTURE.sub(picture, cell.prose).strip()
    if cell.is_answer:  # to be opened by a click
        text = text.replace("## Answer\n", "<details><summary><b>Answer</b></summary>\n", 1) + "\n\n</details>"
    return {"cell_type": "markdown", "metadata": {}, "source": text} | (
        {"attachments": attachments} if attachments else {})


def write(target, notebook):
    with files.replacing(target) as file:
        file.write((json.dumps(notebook, ensure_ascii=False, indent=1) + "\n").encode())


def keep_what_differs(target, notebook):
    """A notebook in which somebody has changed a cell gets another name."""
    if not target.exists():
        return
    try:
        old = [cell["source"] for cell in json.loads(target.read_bytes())["cells"]]
        old = ["".join(source) for source in old]  # Jupyter writes a list of lines
    except (ValueError, LookupError, TypeError):
        old = None
    if old != [cell["source"] for cell in notebook["cells"]]:
        names = (target.with_name(f"{target.stem}_kept_{k}.ipynb") for k in itertools.count(1))
        kept = next(path for path in names if not path.exists())
        target.rename(kept)
        print(f"{target.name} was not as it is written here: yours is now {kept}")


def execute(target):
    """Run a notebook in its folder and keep what it shows; False if a cell fails."""
    import nbclient
    import nbformat
    notebook = nbformat.read(target, as_version=4)
    failed = False
    try:
        nbclient.NotebookClient(notebook, timeout=1800, kernel_name="python3",
                                resources={"metadata": {"path": str(target.parent)}}).execute()
    except nbclient.exceptions.CellExecutionError:
        failed = True
    write(target, notebook)
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            if output["output_type"] == "error":
                failed = True
                print(f"{target.name}: a cell fails, {output['ename']}: {output['evalue']}", file=sys.stderr)
    return not failed


if __name__ == "__main__":
    main()
