"""`python -m minirnn watch`: see a network of one unit work, one operation at a time, forward and back.

moments.py says what there is to see. Here it is drawn, and shown in a window or written to a file.
"""

import io
import re
import sys

import numpy as np

from .. import files
from ..diagrams import BACKWARD, FORWARD
from ..plots import GREY
from .moments import NETWORKS, Moment, gradient, label, layout, moments, number, side_by_side

SECONDS = 3  # that an operation of the backward pass stays; one of the forward pass half as long
STEPS = 4  # more would be too small to read
ENDINGS = ".gif", ".html", ".png"
WIDTH, HEIGHT, PANEL = 1.8, 0.66, 2.95  # of a box, and of the words below y = 0, in inches
BUTTONS = {"fa-minus": "−", "fa-plus": "+", "fa-fast-backward": "|◀◀", "fa-fast-forward": "▶▶|",
           "fa-step-backward": "|◀", "fa-step-forward": "▶|", "fa-play fa-flip-horizontal": "◀", "fa-play": "▶",
           "fa-pause": "❚❚"}


def run(args):
    ending = args.out.suffix.lower() if args.out else ""
    if args.out and ending not in ENDINGS:
        raise ValueError(f"--out is {args.out}, expected a name that ends in {', '.join(ENDINGS)}")
    if args.steps and args.steps > STEPS or args.forget and len(args.forget) > STEPS:
        raise ValueError(f"expected --steps of at most {STEPS}, and at most {STEPS} numbers after --forget")
    if args.at and (args.forget or ending in (".gif", ".html")):
        raise ValueError(f"--at {args.at} is one operation, expected --out FILE.png or no --out, and no --forget")
    if args.forget and args.network != "lstm":
        raise ValueError(f"--forget is the bias of the LSTM's forget gate, expected lstm and not {args.network}")
    if args.forget and not np.isfinite(args.forget).all():
        raise ValueError(f"--forget is {' '.join(map(str, args.forget))}, expected finite numbers such as -1 1 3")
    if args.out:
        files.check_writable(args.out)
    shown = side_by_side(args.forget, args.steps or STEPS) if args.forget else moments(args.network, args.steps)
    at = _find(shown, args.at) if args.at else len(shown) - 1 if args.out else 0
    inches = (12.4, 1.25 * len(args.forget) + 1.5) if args.forget else size(args.network, shown[0].T)

    def paint(figure, k):
        count = f"{k + 1} of {len(shown)}"
        draw_biases(figure, args.forget, shown[k], count) if args.forget else draw(figure, args.network, shown[k], count)

    if not args.out:
        return _window(inches, paint, len(shown), at)

    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    figure = Figure(figsize=inches, dpi=100)
    FigureCanvasAgg(figure)
    with files.replacing(args.out) as file:
        if ending == ".png":
            paint(figure, at)
            figure.savefig(file, format="png")
        elif ending == ".gif":
            _gif(file, figure, _shows(figure, paint, len(shown)), shown)
        else:
            _html(file, figure, _shows(figure, paint, len(shown)), len(shown))
    count = "one moment" if ending == ".png" else f"{len(shown)} moments"
    print(f"{args.out} shows {count} of the {args.network}")
    return 0


def _find(shown, at):
    """The index of a moment such as t=2,B3 or t=1,c. Where the terms of a sum come one by one: the last."""
    wanted = re.fullmatch(r"t=(\d+),(\w+)", at.replace("c̃", "g"))
    fits = [k for k, moment in enumerate(shown) if wanted and (str(moment.t), moment.tag) == wanted.groups()]
    if not fits:
        raise ValueError(f"--at is {at}, expected t=STEP,NAME with STEP from 0 to {shown[0].T} and NAME one of "
                         f"{', '.join(dict.fromkeys(moment.tag for moment in shown))}, such as t=1,B2")
    return fits[-1]


# --- The picture, in inches

def size(name, T):
    return max(12.4, T * NETWORKS[name].width + WIDTH + 0.2), max(y for _, y in NETWORKS[name].places.values()) + 0.85 + PANEL


def draw(figure, name, moment, count=""):
    """One moment: the network, what is lit in it, and the words below."""
    figure.clear()
    (width, height), middle = figure.get_size_inches(), moment.T * NETWORKS[name].width / 2
    left, right, colour = middle - width / 2 + 0.3, middle + width / 2 - 0.3, FORWARD if moment.forward else BACKWARD
    ax = figure.add_axes((0, 0, 1, 1), xlim=(left - 0.3, right + 0.3), ylim=(-PANEL, height - PANEL))
    ax.axis("off")
    places, edges = layout(name, moment.T)
    for box, place in places.items():
        _box(ax, box, place, (moment.T - 1) * NETWORKS[name].width * (box == "L_0"), moment, colour)
    for edge in edges:
        _arrow(ax, edge, places, moment.lit.get(edge), moment.forward)
    ax.text(left, height - PANEL - 0.12, moment.title, fontsize=16.5, va="top", weight="bold", color=colour)
    for k, line in enumerate(moment.lines):
        ax.text(left, -1 - 0.33 * k, line, fontsize=14.5, va="center")
    for k, (words, code) in enumerate(moment.rows, len(moment.lines)):
        y, sign = -1.05 - 0.33 * k, "+ " if k > len(moment.lines) else "   "
        ax.text(left, y, sign * bool(words) + words, fontsize=14.5, va="center", color=BACKWARD)
        ax.text(left + 3.7 * bool(words), y, code, fontsize=11.5, va="center", family="monospace",
                bbox={"facecolor": "#eeeeee", "edgecolor": "none", "pad": 2.5})
    y, words = 0.17 - PANEL, {"fontsize": 12, "va": "center", "color": "#444444"}
    loss = " + ".join(f"h_{t}" for t in range(1, moment.T + 1))
    ax.text(left, y, f"L = {loss}      dX = dL/dX      ≈ rounded      darker = larger", **words)
    for x, text, sign in ((1.75, "above 0", 1), (0.8, "below 0", -1)):
        ax.text(right - 0.75 - x, y, text, **words, bbox={"facecolor": _tint(sign), "edgecolor": "none", "pad": 2.5})
    ax.text(right, y, count, ha="right", **words)


def _tint(value):
    """Sign by hue, size by darkness: green and purple, which colour-blind eyes tell apart."""
    hue = np.array((0.11, 0.47, 0.22) if value > 0 else (0.46, 0.16, 0.51))
    return 1 - 0.65 * min(1, abs(value) / 1.5) ** 0.7 * (1 - hue)


def _box(ax, box, place, longer, moment, colour):
    """Above its value, below the gradient of it, "so far" where something is still to be added."""
    from matplotlib.patches import Rectangle
    (x, y), w, h = place, WIDTH + longer, 0.42 if box == "L_0" else HEIGHT
    if box.startswith("all"):
        ax.add_patch(Rectangle((x - 1.02, y - 1.78), 2.04, 3.56, facecolor="#f2f2f2", edgecolor=GREY, lw=0.8, zorder=0))
        return
    keys = (box, gradient(box)) if box != "L_0" else (box,)
    for k, key in enumerate(keys, 1):
        value, low, row = moment.known.get(key, moment.partly.get(key)), y + h / 2 - k * h / len(keys), h / len(keys)
        text, tint = label(key) if key == box or moment.tag == "start" else "", "white"
        if value is not None:
            so_far = " so far" * (key not in moment.known)
            text, tint = f"{label(key)} = {number(value, key[:2] == 'x_')}{so_far}", _tint(value.item())
        ax.add_patch(Rectangle((x - w / 2, low), w, row, facecolor=tint, zorder=2))
        ax.text(x, low + row / 2 - 0.01, text, fontsize=13 if len(text) < 16 else 12, ha="center", va="center", zorder=4)
    colour, line = (colour, 3.5) if box in moment.lit else (GREY, 0.8)
    ax.add_patch(Rectangle((x - w / 2, y - h / 2), w, h, facecolor="none", edgecolor=colour, linewidth=line, zorder=3))


def _arrow(ax, edge, places, words, forward):
    """From the side of one box to the side of the other. A lit one of the backward pass runs back."""
    (xa, ya), (xb, yb) = (np.array(places[box], float) for box in edge)
    xb, lit = xa if edge[1] == "L_0" else xb, words is not None
    aside, up = np.sign(xb - xa) * (abs(xb - xa) > 0.1), np.sign(yb - ya)
    reach = {"all": 1.78, "L_0": 0.21}.get(edge[1][:3], HEIGHT / 2)
    a = np.array((xa + aside * WIDTH / 2, ya + up * HEIGHT / 2 * (not aside)))
    b = np.array((xb - aside * WIDTH / 2, yb - up * reach * (not aside)))
    start, end = (b, a) if lit and not forward else (a, b)
    colour, width = ((FORWARD if forward else BACKWARD), 2.6) if lit else ("#c4c4c4", 1)
    ax.annotate("", end, start, zorder=1.5 if lit else 1, arrowprops={
        "arrowstyle": "-|>" if lit else "->", "color": colour, "lw": width, "shrinkA": 0, "shrinkB": 0,
        "mutation_scale": 15})
    if words:
        above = HEIGHT / 2 + 0.14 if ya == yb and abs(b - a)[0] < 0.9 and len(words) > 4 else 0  # has no room on the line
        ax.text(*a + (b - a) * (0.55 if yb > ya and aside else 0.5) + (0, above), words, fontsize=13.5, color=BACKWARD, ha="center", va="center", zorder=5,
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.0})


def draw_biases(figure, biases, together, count=""):
    """The cell line of each, one below the other, at the same moment."""
    figure.clear()
    T, forward, (width, height) = together[0].T, together[0].forward, figure.get_size_inches()
    far, colour = (width - 3.4) / T, FORWARD if forward else BACKWARD
    ax = figure.add_axes((0, 0, 1, 1), xlim=(-2.4, width - 2.4), ylim=(0, height))
    ax.axis("off")
    title = "Forward: the same LSTM with other forget biases b_f" if forward else "Back: what the forget gates let through"
    ax.text(-2.1, height - 0.15, title, fontsize=16.5, va="top", weight="bold", color=colour)
    ax.text(-2.1, 0.3, f"L = h_{T}.   dc means dL/dc.   An arrow back multiplies by the forget gate f_t = σ(… + b_f).",
            fontsize=14, va="center")
    ax.text(width - 2.7, 0.3, count, fontsize=12, va="center", ha="right", color="#444444")
    for row, (bias, moment) in enumerate(zip(biases, together)):
        y = height - 1.3 - 1.25 * row
        places = {f"c_{t}": (far * t, y) for t in range(T + 1)}
        left = moment.known["dc_0"].item() / moment.known[f"dc_{T}"].item() if "dc_0" in moment.known else None
        ax.text(-2.1, y, f"b_f = {bias:g}" + (f"\n{left:.1%} left" if left is not None else ""), fontsize=15, va="center", weight="bold")
        for t, (box, place) in enumerate(places.items()):
            _box(ax, box, place, 0, moment._replace(lit={box: None} if t == moment.t else {}, partly={}), colour)
            if t < T:
                words = f"× {number(moment.known[f'f_{t + 1}'])}" if gradient(box) in moment.known else None
                _arrow(ax, (box, f"c_{t + 1}"), places, words, False)


# --- Where it goes

def _shows(figure, paint, count):
    """Draws a moment and says on a terminal how far it is."""
    def show(k):
        paint(figure, k)
        if sys.stderr.isatty():
            print(f"\rdrawn {k + 1}/{count}", end="\n" if k + 1 == count else "", file=sys.stderr, flush=True)
    return show


def _gif(file, figure, show, shown):
    from PIL import Image  # matplotlib brings it
    pictures = []
    for k in range(len(shown)):
        show(k)
        figure.canvas.draw()
        picture = Image.fromarray(np.asarray(figure.canvas.buffer_rgba())[..., :3].copy())
        pictures.append(picture.quantize(128, dither=Image.Dither.NONE))
    pauses = [_pause(one if isinstance(one, Moment) else one[0]) for one in shown]
    pictures[0].save(file, format="GIF", save_all=True, append_images=pictures[1:], duration=pauses, loop=0)


def _pause(moment):
    """In thousandths of a second: long where there is much to read."""
    return 500 * SECONDS * (6 if moment.tag in ("start", "end") else 1 if moment.forward else 4 if moment.rows[1:] else 2)


def _html(file, figure, show, count):
    """matplotlib's own player. It links a font for the signs on its buttons: here they are letters."""
    from matplotlib import rc_context
    from matplotlib.animation import FuncAnimation
    with rc_context({"animation.embed_limit": 100}):
        page = FuncAnimation(figure, show, count, init_func=lambda: None).to_jshtml(fps=1 / SECONDS)
    page = re.sub(r"<link[^>]*>", '<meta charset="utf-8">', page)
    page = re.sub(r'<i class="fa ([\w -]+)"></i>', lambda icon: BUTTONS[icon[1]], page)
    file.write(page.encode())


def _window(inches, paint, count, at):
    import matplotlib
    from matplotlib import pyplot
    if pyplot.get_backend().lower() in ("agg", "cairo", "pdf", "pgf", "ps", "svg", "template"):
        raise ValueError("there is no screen for a window: write a file with --out FILE.gif, FILE.html or FILE.png")
    with matplotlib.rc_context({"toolbar": "None"}):
        figure = pyplot.figure("minirnn", figsize=inches)
    keys(figure, lambda k: paint(figure, k), count, at)
    pyplot.show()
    return 0


def keys(figure, paint, count, at=0):
    """→ and ← step, space plays and stops, home and end jump."""
    timer, playing = figure.canvas.new_timer(interval=1000 * SECONDS), False

    def go(k):
        nonlocal at
        at = min(max(k, 0), count - 1)
        paint(at)
        figure.canvas.draw_idle()

    def press(event):
        nonlocal playing
        if event.key == " ":
            playing = not playing
            timer.start() if playing else timer.stop()
        elif event.key in ("left", "right", "home", "end"):
            go({"left": at - 1, "right": at + 1, "home": 0, "end": count - 1}[event.key])

    manager = getattr(figure.canvas, "manager", None)
    if manager and getattr(manager, "key_press_handler_id", None):  # matplotlib's own meaning of these keys
        figure.canvas.mpl_disconnect(manager.key_press_handler_id)
    figure.canvas.mpl_connect("key_press_event", press)
    timer.add_callback(lambda: go((at + 1) % count))
    go(at)
