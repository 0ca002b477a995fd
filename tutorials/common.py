"""What the tutorials share: where figures go, and whether this is a quick run."""

import sys
from pathlib import Path

FIGURES = Path(__file__).with_name("figures")
QUICK = "--quick" in sys.argv  # for tests: less training, so the numbers that the prose claims are not asserted


def save(figure, name):
    """Write a matplotlib figure to tutorials/figures/."""
    FIGURES.mkdir(exist_ok=True)
    figure.savefig(FIGURES / name, dpi=110)
    print(f"figure: tutorials/figures/{name}")
