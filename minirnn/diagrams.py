"""Diagrams: the LSTM cell, and networks as boxes and arrows with the numbers of the forward and the backward pass.

`graph` draws what it is told and knows no network. A layout says where the boxes stand and which arrows join them;
what they show is given apart. So one layout can be drawn again with other numbers, or step after step.

matplotlib is imported when the first diagram is drawn.
"""

import numpy as np

from .plots import BLUE, GREEN, GREY, ORANGE

FORWARD, BACKWARD = BLUE, ORANGE  # what runs forward, and what runs back


def graph(ax, places, boxes, arrows, size=(1.5, 0.8), wide=(), fontsize=11):
    """Draw a network with the numbers of both passes.

    places  {name: (x, y)}  the centre of each box
    boxes   {name: (text of the forward pass, text of the backward pass)}; an empty text is left out
    arrows  {(from, to): (what forward does, what backward multiplies by)}; forward runs along, backward the other way.
            None leaves out that direction. A third entry says where along the arrow the words stand, 0.5 if not given
    size    width and height of a box; wide = {name: width} for those of another width
    """
    from matplotlib.patches import Rectangle
    wide = dict(wide)
    half = {name: np.array([wide.get(name, size[0]), size[1]]) / 2 for name in places}
    words = {"ha": "center", "va": "center"}
    for name, (above, below) in boxes.items():
        (x, y), (w, h) = places[name], half[name]
        ax.add_patch(Rectangle((x - w, y - h), 2 * w, 2 * h, facecolor="white", edgecolor=GREY, zorder=2))
        shift = 0.21 * size[1] if above and below else 0
        ax.text(x, y + shift, above, color=FORWARD, fontsize=fontsize, zorder=3, **words)
        ax.text(x, y - shift, below, color=BACKWARD, fontsize=fontsize, zorder=3, **words)
    for (start, end), (forward, backward, *where) in arrows.items():
        where = where[0] if where else 0.5
        a, b = _edge(places[start], half[start], places[end], half[end])
        along = (b - a) / np.linalg.norm(b - a)
        left = np.array([-along[1], along[0]])
        for one, other, side, text, colour in ((a, b, 1, forward, FORWARD), (b, a, -1, backward, BACKWARD)):
            if text is not None:
                shift = 0.09 * side * left if None not in (forward, backward) else 0
                ax.annotate("", other + shift, one + shift, zorder=1,
                            arrowprops={"arrowstyle": "->", "color": colour, "shrinkA": 1, "shrinkB": 1, "lw": 1.3})
                _beside(ax, a + where * (b - a) + 0.13 * side * left, side * left, text, colour, fontsize - 1)
    ax.axis("off")
    return ax


def _edge(a, half_a, b, half_b):
    """Where the arrow from box a to box b leaves and arrives: straight up, straight across, or between centres."""
    a, b = np.array(a, float), np.array(b, float)
    for axis in (0, 1):  # boxes beside or above each other are joined at right angles, at the middle of the smaller one
        if abs(b - a)[axis] < max(half_a[axis], half_b[axis]):
            a[axis] = b[axis] = (b if half_b[axis] < half_a[axis] else a)[axis]
    gap = b - a
    out = lambda half: gap * min(half[k] / abs(gap[k]) for k in (0, 1) if gap[k])
    return a + out(half_a), b - out(half_b)


def _beside(ax, at, direction, text, colour, fontsize):
    """A text on the side of a line that `direction` points to."""
    x, y = direction
    ax.annotate(text, at, xytext=(4 * x, 4 * y), textcoords="offset points", color=colour, fontsize=fontsize, zorder=3,
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.3},
                ha="center" if abs(x) < 0.3 else "left" if x > 0 else "right",
                va="center" if abs(y) < 0.3 else "bottom" if y > 0 else "top")


def unrolled(steps):
    """The layout of an RNN unrolled in time, with the loss on top: places, arrows (from, to) and the width of the loss.

    Boxes are h_0, and for each step t x_t, a_t and h_t, and L.
    """
    places, arrows = {"h_0": (0, 0)}, []
    for t in range(1, steps + 1):
        places |= {f"a_{t}": (4.4 * t - 2.2, 0), f"h_{t}": (4.4 * t, 0), f"x_{t}": (4.4 * t - 2.2, -1.7)}
        arrows += [(f"h_{t - 1}", f"a_{t}"), (f"a_{t}", f"h_{t}"), (f"x_{t}", f"a_{t}"), (f"h_{t}", "L")]
    places["L"] = (2.2 * (steps + 1), 1.7)
    return places, arrows, {"L": 4.4 * (steps - 1) + 1.5}


def lstm_cell(ax=None):
    """One step of the LSTM in the article's symbols: the cell line above, four small layers below, h_t at the end."""
    if ax is None:
        from matplotlib import pyplot
        ax = pyplot.subplots(figsize=(10, 5.2), layout="constrained")[1]
    from matplotlib.patches import Circle, FancyBboxPatch
    centre = {"ha": "center", "va": "center"}

    def line(*points, colour="black", width=1.6, arrow=True):
        (*_, before, last) = points
        ax.plot(*zip(*points[:-1]), color=colour, linewidth=width, solid_joinstyle="round", zorder=1)
        ax.annotate("", last, before, zorder=1, arrowprops={
            "arrowstyle": "-|>" if arrow else "-", "color": colour, "lw": width, "shrinkA": 0, "shrinkB": 0,
            "mutation_scale": 10 + 2 * width})

    def operation(x, y, sign):
        ax.add_patch(Circle((x, y), 0.3, facecolor="white", edgecolor="black", linewidth=1.4, zorder=3))
        ax.text(x, y, sign, fontsize=15, zorder=4, **centre)

    def layer(x, name, phi, question, colour=GREEN):
        ax.add_patch(FancyBboxPatch((x - 0.5, 1.15), 1, 0.7, boxstyle="round,pad=0.04", facecolor=colour, alpha=0.25,
                                    edgecolor="none", zorder=2))
        ax.text(x, 1.5, phi, fontsize=16, zorder=4, **centre)
        ax.text(x + 0.12, 2.02, name, fontsize=18, color=colour, va="bottom", zorder=4)
        ax.text(x, 0.5, question, fontsize=12.5, color="#444444", va="top", ha="center")

    CELL, BUS = 4.4, 0.7
    ax.add_patch(FancyBboxPatch((1.1, -0.45), 10.1, 5.65, boxstyle="round,pad=0.1", facecolor="#f4f4f4", edgecolor=GREY,
                                linewidth=1, zorder=0))
    line((0, CELL), (1.7, CELL), colour=ORANGE, width=4)
    line((2.3, CELL), (4.7, CELL), colour=ORANGE, width=4)
    line((5.3, CELL), (11.9, CELL), colour=ORANGE, width=4)
    line((0, BUS), (8.0, BUS), arrow=False, colour=BLUE)
    line((0.5, -0.5), (0.5, BUS), arrow=False, colour=BLUE)
    for x in (2, 4, 6, 8):
        line((x, BUS), (x, 1.1), colour=BLUE)
    line((2, 1.9), (2, CELL - 0.3))  # f_t
    line((4, 1.9), (4, 3.0), (4.7, 3.0))  # i_t
    line((6, 1.9), (6, 3.0), (5.3, 3.0))  # c~_t
    line((5, 3.3), (5, CELL - 0.3))
    line((9.2, CELL), (9.2, 3.72))  # to tanh
    line((9.2, 3.2), (9.2, 2.8))
    line((8, 1.9), (8, 2.5), (8.9, 2.5))  # o_t
    line((9.5, 2.5), (11.9, 2.5), colour=BLUE, width=3)
    operation(2, CELL, "⊙"), operation(5, CELL, "+"), operation(5, 3.0, "⊙"), operation(9.2, 2.5, "⊙")
    ax.add_patch(FancyBboxPatch((8.82, 3.27), 0.76, 0.38, boxstyle="round,pad=0.04", facecolor="white",
                                edgecolor="black", zorder=3))
    ax.text(9.2, 3.46, "tanh", fontsize=12, zorder=4, **centre)
    layer(2, "$f_t$", "σ", "keep the\nold cell?"), layer(4, "$i_t$", "σ", "let the\nnew in?")
    layer(6, r"$\tilde{c}_t$", "tanh", "what is\nnew?", colour=ORANGE), layer(8, "$o_t$", "σ", "show\nthe cell?")
    for x, y, text, colour in ((-0.15, CELL, "$c_{t-1}$", ORANGE), (12.05, CELL, "$c_t$", ORANGE),
                               (-0.15, BUS, "$h_{t-1}$", BLUE), (12.05, 2.5, "$h_t$", BLUE),
                               (0.5, -0.65, "$x_t$", BLUE)):
        ax.text(x, y, text, fontsize=20, color=colour, va="top" if y < 0 else "center",
                ha="center" if y < 0 else "right" if x < 0 else "left")
    ax.text(5.45, CELL + 0.16, r"$c_t = f_t \odot c_{t-1} + i_t \odot \tilde{c}_t$", fontsize=15, color=ORANGE,
            va="bottom")
    ax.text(8.75, 1.95, r"$h_t = o_t \odot \tanh(c_t)$", fontsize=15, color=BLUE, va="top")
    ax.set(xlim=(-1.1, 12.8), ylim=(-1.3, 5.35), aspect="equal")
    ax.axis("off")
    return ax
