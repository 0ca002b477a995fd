"""Pictures. Each function draws into a matplotlib Axes and returns it; `ax=None` makes a new one.

matplotlib is imported when the first picture is drawn, so `import minirnn` stays light.
"""

import re
import sys
import warnings

import numpy as np

BLUE, ORANGE, GREEN, GREY = "#0072b2", "#d55e00", "#009e73", "#999999"  # told apart by colour-blind eyes too


def _axes(ax):
    if ax is None:
        from matplotlib import pyplot
        ax = pyplot.subplots(figsize=(8, 3), layout="constrained")[1]
    return ax


def save(figure, file, **settings):
    """As figure.savefig; letters that the usual font lacks, such as Chinese ones, come from another installed one."""
    position = file.tell() if hasattr(file, "tell") else None
    lacking = _save(figure, file, settings)
    if not lacking:
        return
    name = _font_with(lacking)
    if name is None:
        letters = "".join(map(chr, sorted(lacking)[:9]))
        print(f"No installed font has {letters}: the picture shows boxes. The package fonts-noto-cjk (Debian, Ubuntu) "
              "or google-noto-sans-cjk-fonts (Fedora) brings Chinese ones.", file=sys.stderr)
        return
    from matplotlib.text import Text
    for text in figure.findobj(Text):
        text.set_fontfamily([*text.get_fontfamily(), name])
    if position is not None:
        file.seek(position), file.truncate()
    _save(figure, file, settings)


def _save(figure, file, settings):
    """Save, and return the numbers of the letters that no font of the figure has."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        figure.savefig(file, **settings)
    lacking = [re.match(r"Glyph (\d+) .*missing from", str(warning.message)) for warning in caught]
    for warning, letter in zip(caught, lacking):
        if not letter:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    return {int(letter[1]) for letter in lacking if letter}


def _font_with(letters):
    """The name of an installed font that has all these, upright and of usual weight if there is one."""
    from matplotlib import font_manager
    usual = lambda font: (font.style != "normal", font.weight not in (400, "normal", "regular"), font.name)
    fonts = [font for font in font_manager.fontManager.ttflist if not font.name.startswith("Last Resort")]  # boxes
    for font in sorted(fonts, key=usual):
        try:
            if letters <= font_manager.get_font(font.fname).get_charmap().keys():
                return font.name
        except (OSError, RuntimeError):  # it is listed but no longer there, or damaged
            continue
    return None


def loss_curve(history, ax=None):
    """Training and validation loss over the epochs of a `training.fit` history, with the epoch that was kept."""
    ax = _axes(ax)
    epochs = range(1, len(history["train"]) + 1)
    ax.semilogy(epochs, history["train"], color=BLUE, label="training")
    if history["validation"]:
        ax.semilogy(epochs, history["validation"], color=ORANGE, label="validation")
        ax.axvline(history["best"], color=GREY, linestyle=":", label=f"best: epoch {history['best']}")
    ax.set(xlabel="epoch", ylabel="loss")
    ax.legend()
    return ax


def forecast(times, truth, forecasts, ax=None):
    """The truth, and beside it each forecast of a dict {name: values}; NaN leaves a gap. The first is drawn boldest."""
    ax = _axes(ax)
    ax.plot(times, truth, color="black", linewidth=1, marker=".", markersize=4, label="truth")
    for k, (name, values) in enumerate(forecasts.items()):
        ax.plot(times, values, color=(ORANGE, BLUE, GREEN, GREY)[k % 4], linewidth=1 if k else 2, label=name)
    low, high = ax.get_ylim()
    ax.set_ylim(low, high + 0.12 * (high - low))  # room for the legend
    ax.margins(x=0.01)
    ax.legend(ncols=len(forecasts) + 1, loc="upper left", frameon=False)
    return ax


def through_time(values, ax=None, times=None, label="", limits=None):
    """A heat map of gates, cell or hidden state, (T, H): time to the right, one row a unit."""
    ax = _axes(ax)
    T, H = values.shape
    if times is None:
        times = np.arange(T)
        ax.set(xlabel="step t")
    low, high = limits or (-np.abs(values).max(), np.abs(values).max())
    image = ax.imshow(values.T, aspect="auto", interpolation="nearest", origin="lower", vmin=low, vmax=high,
                      cmap="viridis" if low >= 0 else "RdBu_r", extent=(times[0] - 0.5, times[-1] + 0.5, -0.5, H - 0.5))
    ax.set(ylabel=label, yticks=[])
    ax.figure.colorbar(image, ax=ax, pad=0.01, fraction=0.03)
    return ax


def attention_weights(weights, ax=None, keys=None, queries=None):
    """A heat map of attention's weights (Tq, T): one row a query, dark where it looks; each row sums to 1."""
    ax = _axes(ax)
    image = ax.imshow(weights, cmap="Blues", vmin=0, vmax=1)
    ax.set(xlabel="key: step of the source", ylabel="query: step of the target")
    for labels, place in ((keys, ax.set_xticks), (queries, ax.set_yticks)):
        if labels is not None:
            place(range(len(labels)), labels)
    ax.figure.colorbar(image, ax=ax, pad=0.01, fraction=0.03)
    return ax


def gradient_norms(norms, ax=None, label=None):
    """The norm of dLoss/dh_t, (B, T) as `training.gradient_through_time` returns it: the median over the batch."""
    ax = _axes(ax)
    norms = np.asarray(norms)
    ax.semilogy(np.arange(norms.shape[1]), np.median(norms, axis=0), marker=".", label=label)
    ax.set(xlabel="step t", ylabel="norm of dLoss/dh$_t$")
    if label:
        ax.legend()
    return ax


def duration(values, milliseconds, ax=None, label="size"):
    """The time of a pass against one size, log-log, a line for each of a dict {who: milliseconds}."""
    ax = _axes(ax)
    for (who, taken), colour in zip(milliseconds.items(), (ORANGE, GREY, BLUE)):
        ax.loglog(values, taken, marker=".", color=colour, label=who)
    ax.set(xlabel=label, ylabel="ms a training pass")
    ax.set_xticks(values, values)
    ax.minorticks_off()
    ax.legend(frameon=False)
    return ax
