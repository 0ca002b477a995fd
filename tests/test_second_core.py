"""What the second process found is told as if it had been found here, and what it could not finish is run here."""

import re
from pathlib import Path

import pytest

SUITE = """
import multiprocessing, os, pytest

@pytest.mark.parametrize("k", range(400))
def test_number(k):
    there = multiprocessing.parent_process() is not None
    with open("ran", "a") as file:
        file.write(f"{k} {there}\\n")
    if k == 0:
        while not os.path.exists("begun"):  # not before the second process has taken a test
            pass
    if there:
        open("begun", "w").close()
    if there and k == {broken}:
        os._exit(1)
    if k == 399:
        pytest.skip("the last one")
    assert k not in (3, 398), f"{k} there: {there}"
"""


@pytest.mark.parametrize("broken", [None, 390])
def test_every_test_is_told_once_and_in_order(broken, python, tmp_path):
    (tmp_path / "conftest.py").write_text(
        "import second_core\ndef pytest_collection_finish(session):\n    second_core.share(session)\n")
    (tmp_path / "test_suite.py").write_text(SUITE.replace("{broken}", str(broken)))
    ended = python("-m", "pytest", "-v", "-rs", "-p", "no:cacheprovider")
    told = [int(k) for k in re.findall(r"test_number\[(\d+)\] [PFS]", ended.stdout)]
    assert told == list(range(400)), ended.stdout + ended.stderr
    assert ended.returncode == 1 and "2 failed, 397 passed, 1 skipped" in ended.stdout
    assert "398 there: True" in ended.stdout and "3 there: False" in ended.stdout and "the last one" in ended.stdout
    ran = (Path(tmp_path) / "ran").read_text().splitlines()
    assert "399 True" in ran and len(ran) == 400 + (broken is not None)
