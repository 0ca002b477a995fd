import gc
import os
import subprocess
import sys
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy: at these sizes threads mostly wait for each other

import matplotlib
import pytest
from hypothesis import settings

import second_core

matplotlib.use("Agg")
settings.register_profile("local", deadline=None, max_examples=40)
settings.register_profile("ci", settings.get_profile("local"), derandomize=True, database=None)
settings.load_profile("ci" if os.environ.get("CI") else "local")

gc.set_threshold(100_000, 50, 50)  # thousands of small tests: looking for garbage at each took a tenth of the time

collect_ignore = ["references"]  # its script imports PyTorch, which need not be there


def pytest_collection_finish(session):
    second_core.share(session)


@pytest.fixture
def python(tmp_path):
    """Run Python with these arguments in a process of its own, in the test's folder, where minirnn is found."""
    here = Path(__file__).parent
    path = os.pathsep.join([str(here.parent), str(here), *filter(None, [os.environ.get("PYTHONPATH")])])

    def run(*arguments):
        return subprocess.run([sys.executable, *arguments], cwd=tmp_path, env=os.environ | {"PYTHONPATH": path},
                              capture_output=True, text=True)
    return run
