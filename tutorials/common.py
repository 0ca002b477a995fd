"""What the tutorials share: where figures go, and whether this is a quick run.

A run writes its figures beside the committed ones, so that nothing which belongs to the project changes; with --figures
it renews those.
"""

import sys
from pathlib import Path

QUICK = "--quick" in sys.argv  # for tests: less training, so the numbers that the prose claims are not asserted
FIGURES = Path(__file__).parent / "figures" / ("quick" if QUICK else "" if "--figures" in sys.argv else "run")


def save(figure, name):
    """Write a matplotlib figure to tutorials/figures/."""
    FIGURES.mkdir(parents=True, exist_ok=True)
    figure.savefig(FIGURES / name, dpi=110)
    print(f"figure: {(FIGURES / name).relative_to(Path(__file__).parents[1])}")
