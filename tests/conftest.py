import os

import matplotlib
from hypothesis import settings

matplotlib.use("Agg")
settings.register_profile("local", deadline=None, max_examples=50)
settings.register_profile("ci", settings.get_profile("local"), derandomize=True, database=None)
settings.load_profile("ci" if os.environ.get("CI") else "local")

collect_ignore = ["references"]  # its script imports PyTorch, which need not be there
