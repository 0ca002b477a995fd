"""What the tutorials share: where figures go, and whether this is a quick run."""

import sys
from pathlib import Path

QUICK = "--quick" in sys.argv  # for tests: less training, so the numbers that the prose claims are not asserted
FIGURES = Path(__file__).parent / "figures" / ("quick" if QUICK else "")  # never in place of the figures of a full run


def save(figure, name):
    """Write a matplotlib figure to tutorials/figures/."""
    FIGURES.mkdir(parents=True, exist_ok=True)
    figure.savefig(FIGURES / name, dpi=110)
    print(f"figure: {FIGURES.relative_to(FIGURES.parents[2 if QUICK else 1]) / name}")
