"""What the tutorials share: where figures go, whether this is a quick run, and printing on any terminal.

A run writes its figures beside the committed ones, so that nothing which belongs to the project changes; with --figures
it renews those, and with --into FOLDER it writes them there.
"""

import sys
from pathlib import Path

from minirnn import files, plots, printing

QUICK = "--quick" in sys.argv  # for tests: less training, so the numbers that the prose claims are not asserted
FIGURES = Path(__file__).parent / "figures" / ("quick" if QUICK else "" if "--figures" in sys.argv else "run")
if "--into" in sys.argv[:-1]:
    FIGURES = Path(sys.argv[sys.argv.index("--into") + 1])

sys.stdout, sys.stderr = printing.Steady(sys.stdout), printing.Steady(sys.stderr)
try:  # now, not after the training
    FIGURES.mkdir(parents=True, exist_ok=True)
    files.check_writable(FIGURES / "figure.png")
except (OSError, ValueError):
    sys.exit(f"The figures go to {FIGURES}, which cannot be written: choose another folder with --into FOLDER")


def save(figure, name):
    """Write a matplotlib figure to tutorials/figures/."""
    with files.replacing(FIGURES / name) as file:
        plots.save(figure, file, format=Path(name).suffix[1:], dpi=110)
    home = Path(__file__).parents[1]
    print(f"figure: {(FIGURES / name).relative_to(home) if home in FIGURES.parents else FIGURES / name}")
