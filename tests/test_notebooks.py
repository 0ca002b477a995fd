"""Notebooks: all that the scripts say, valid, and at home in any folder."""

import base64
import json
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

TUTORIALS = Path(__file__).parent.parent / "tutorials"
NUMBERED = sorted(TUTORIALS.glob("[0-9][0-9]_*.py"))
PNG = b"\x89PNG"
ADDED = re.compile(r"\s+|!\[.*?\]\(.*?\)|\*The figure above: .*?\.\*|</?details>|<summary>.*?</summary>")
STANDS_IN = """
import json, sys, types
shown = []
class Image:
    def __init__(self, content):
        self.content = content
python, showing = types.ModuleType("IPython"), types.ModuleType("IPython.display")
python.version_info, python.get_ipython = (9, 0), lambda: None  # matplotlib asks
showing.Image, showing.display = Image, shown.append
sys.modules |= {"IPython": python, "IPython.display": showing}
namespace = {}
for cell in json.load(open(sys.argv[1], encoding="utf-8"))["cells"]:
    if cell["cell_type"] == "code":
        exec(cell["source"], namespace)
print(len(shown), shown[0].content[:4])
"""


def make(*arguments, status=0, **environment):
    environment = os.environ | {"PYTHONPATH": str(TUTORIALS.parent), "PYTHONIOENCODING": "utf-8"} | environment
    done = subprocess.run([sys.executable, "-W", "error", str(TUTORIALS / "notebook.py"), *map(str, arguments)],
                          cwd="/", env=environment, encoding="utf-8", capture_output=True)
    assert done.returncode == status, done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def notebooks(tmp_path_factory):
    folder = tmp_path_factory.mktemp("notebooks")
    make("--out", folder, "--quick")
    return {path: json.loads((folder / f"{path.stem}.ipynb").read_bytes()) for path in NUMBERED}, folder


def test_all_code_and_all_prose_of_the_scripts_is_there(notebooks):
    for path, notebook in notebooks[0].items():
        first, *others = notebook["cells"]
        assert first["cell_type"] == "code" and "pip install" in first["source"] and "QUICK = True" in first["source"]
        code = "".join(cell["source"] for cell in others if cell["cell_type"] == "code")
        prose = "".join(cell["source"] for cell in others if cell["cell_type"] == "markdown")
        kind, kinds = None, {"code": "", "prose": ""}
        for row in path.read_text(encoding="utf-8").splitlines():
            if row.startswith("# %%"):
                kind = "prose" if "[markdown]" in row else "code"
            elif kind == "code" and not row.startswith("from common"):
                kinds["code"] += row
            elif kind == "prose" and "![" not in row and row != "# ## Answer":
                kinds["prose"] += row[1:]
        bare = lambda text: ADDED.sub("", text)
        assert bare(code) == bare(kinds["code"]), path.name
        assert bare(prose) == bare(kinds["prose"]), path.name


def test_a_question_ends_its_cell_and_an_answer_waits_for_a_click(notebooks):
    for path, notebook in notebooks[0].items():
        cells = notebook["cells"]
        for cell, following in zip(cells, cells[1:]):
            if cell["cell_type"] == "markdown" and "PREDICT:" in cell["source"]:
                assert cell["source"].split("\n\n")[-1].startswith("PREDICT:"), path.name
                assert following["cell_type"] == "code", path.name
            if "proof" in cell["metadata"].get("tags", []):
                assert cell["metadata"]["jupyter"] == {"source_hidden": True}
        answers = [cell["source"] for cell in cells if "## Answer" in cell["source"] or "<details>" in cell["source"]]
        assert all(text.startswith("<details><summary>") and text.endswith("</details>") for text in answers)


def test_no_picture_is_looked_for_in_a_folder(notebooks):
    for path, notebook in notebooks[0].items():
        for cell in notebook["cells"]:
            links = re.findall(r"!\[.*?\]\((.*?)\)", cell["source"])
            assert {f"attachment:{name}" for name in cell.get("attachments", ())} == set(links), path.name
    one = next(notebook for path, notebook in notebooks[0].items() if path.stem == "12_the_lstm_cell")
    picture, = [name["image/png"] for cell in one["cells"] for name in cell.get("attachments", {}).values()]
    assert base64.b64decode(picture) == (TUTORIALS / "figures" / "12_the_lstm_cell.png").read_bytes()


def test_its_cells_run_in_another_folder_and_show_what_they_draw(notebooks, tmp_path):
    environment = os.environ | {"PYTHONPATH": str(TUTORIALS.parent), "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run([sys.executable, "-c", STANDS_IN, str(notebooks[1] / "04_is_it_right.ipynb")], cwd=tmp_path,
                          env=environment, encoding="utf-8", capture_output=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.endswith(f"1 {PNG}\n") and not list(tmp_path.iterdir())


def test_nbformat_finds_them_valid(notebooks):
    nbformat = pytest.importorskip("nbformat")
    for notebook in notebooks[0].values():
        nbformat.validate(nbformat.from_dict(notebook))


def test_nbclient_runs_one(tmp_path):
    for name in ("nbclient", "ipykernel"):
        pytest.importorskip(name)
    make("1", "--out", tmp_path, "--execute")
    notebook = json.loads((tmp_path / "01_one_step_by_hand.ipynb").read_bytes())
    pictures = [output["data"]["image/png"] for cell in notebook["cells"] for output in cell.get("outputs", ())
                if "image/png" in output.get("data", ())]
    assert len(pictures) == 1 and base64.b64decode(pictures[0]).startswith(PNG)


def test_what_somebody_wrote_into_a_notebook_is_kept(tmp_path):
    make("06", "--out", tmp_path)
    target = tmp_path / "06_the_weight_update.ipynb"
    fresh = target.read_bytes()
    make("06", "--out", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [target.name]
    mine = json.loads(fresh)
    mine["cells"][3]["source"] = ["mine = 1\n", "mine"]
    target.write_text(json.dumps(mine))
    assert "yours is now" in make("06", "--out", tmp_path)
    assert target.read_bytes() == fresh
    assert json.loads((tmp_path / "06_the_weight_update_kept_1.ipynb").read_bytes()) == mine


def test_bad_input_gets_one_line(tmp_path):
    assert "there is no tutorial 77, expected 01 to" in make("77", status=2)
    (tmp_path / "file").write_text("")
    assert "choose another folder with --out" in make("1", "--out", tmp_path / "file", status=2)
    if find_spec("nbclient") is None:
        said = make("1", "--out", tmp_path, "--execute", status=2)
        assert "pip install nbclient ipykernel" in said and "Traceback" not in said
