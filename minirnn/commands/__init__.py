"""What the command line does: a file a command, each with `run(args)`, which returns the exit status."""

from .. import files, plots

PICTURES = ".png", ".jpg", ".pdf", ".svg", ".eps"


def check_outputs(plot, *others, source=None):
    """Refuse now what could not be written after hours of training, or would overwrite another file of this run."""
    outputs = [path for path in (plot, *others) if path]
    for path in outputs:
        files.check_writable(path)
    if plot and plot.suffix.lower() not in PICTURES:
        raise ValueError(f"{plot} is no picture that can be drawn, expected a name that ends in {', '.join(PICTURES)}")
    names = [path.resolve() for path in (source, *outputs) if path]
    if len(set(names)) < len(names):
        raise ValueError("two of the files named are the same: one would overwrite the other, give each its own name")


def save_figure(figure, path):
    """Write a picture beside and rename it."""
    with files.replacing(path) as file:
        plots.save(figure, file, format=path.suffix[1:], dpi=150)
