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
from .moments import NETWORKS, gradient, label, layout, moments, number, side_by_side

SECONDS = 3  # that an operation of the backward pass stays; one of the forward pass half as long
STEPS = 4  # more would be too small to read
ENDINGS = ".gif", ".html", ".png"
WIDTH, HEIGHT, PANEL = 1.62, 0.66, 3.3  # of a box, and of the words below y = 0, in inches
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
    paint = lambda figure, moment: (draw_biases if args.forget else draw)(figure, args.network, moment)
    if not args.out:
        return _window(inches, paint, shown, at)

    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    figure = Figure(figsize=inches, dpi=100)
    FigureCanvasAgg(figure)
    shown = [shown[at]] if ending == ".png" else shown
    with files.replacing(args.out) as file:
        {".gif": _gif, ".html": _html, ".png": _png}[ending](file, figure, paint, shown)
    print(f"{args.out} shows {len(shown)} moment{'s' * (len(shown) > 1)} of the {args.network}")
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
    return max(11.8, T * NETWORKS[name].width + 2), max(y for _, y in NETWORKS[name].places.values()) + 0.85 + PANEL


def draw(figure, name, moment):
    """One moment: the network, what is lit in it, and the words below."""
    figure.clear()
    (width, height), middle = figure.get_size_inches(), moment.T * NETWORKS[name].width / 2
    left, right, colour = middle - width / 2, middle + width / 2, FORWARD if moment.forward else BACKWARD
    ax = figure.add_axes((0, 0, 1, 1), xlim=(left, right), ylim=(-PANEL, height - PANEL))
    ax.axis("off")
    places, edges = layout(name, moment.T)
    for box, place in places.items():
        _box(ax, box, place, (moment.T - 1) * NETWORKS[name].width * (box == "L_0"), moment, colour)
    for edge in edges:
        _arrow(ax, edge, places, moment.lit.get(edge), moment.forward)
    ax.text(left + 0.3, height - PANEL - 0.12, moment.title, fontsize=18, va="top", weight="bold", color=colour)
    ax.text(right - 0.3, 0.12 - PANEL, "green: above 0   purple: below 0   darker: larger", fontsize=11.5, va="bottom",
            ha="right", color="#555555")
    y = -1.0
    for line in moment.lines:
        ax.text(left + 0.3, y, line, fontsize=14.5, va="center", weight="bold" if " is a sum" in line else "normal")
        y -= 0.32
    for line in moment.code:
        ax.text(left + 0.3, y - 0.06, f"{name}.py:{line}", fontsize=12, va="center", family="monospace",
                bbox={"facecolor": "#eeeeee", "edgecolor": "none", "pad": 2.5})
        y -= 0.3


def _tint(value):
    """Sign by hue, size by darkness: green and purple, which colour-blind eyes tell apart."""
    hue = np.array((0.11, 0.47, 0.22) if value > 0 else (0.46, 0.16, 0.51))
    return 1 - 0.65 * min(1, abs(value) / 1.5) ** 0.7 * (1 - hue)


def _box(ax, box, place, longer, moment, colour):
    """Above its value, below the gradient of it; three dots where something is still to be added."""
    from matplotlib.patches import Rectangle
    (x, y), w, h = place, WIDTH + longer, 0.42 if box == "L_0" else HEIGHT
    if box.startswith("all"):
        ax.add_patch(Rectangle((x - 0.92, y - 1.78), 1.84, 3.56, facecolor="#f2f2f2", edgecolor=GREY, lw=0.8, zorder=0))
        return
    keys = (box, gradient(box)) if box != "L_0" else (box,)
    for k, key in enumerate(keys, 1):
        value, low, row = moment.known.get(key, moment.partly.get(key)), y + h / 2 - k * h / len(keys), h / len(keys)
        text, tint = label(key) if key == box else "", "white"
        if value is not None:
            so_far = " …" * (key not in moment.known)
            text, tint = f"{label(key)} = {number(value, key[:2] == 'x_')}{so_far}", _tint(value.item())
        ax.add_patch(Rectangle((x - w / 2, low), w, row, facecolor=tint, zorder=2))
        ax.text(x, low + row / 2 - 0.01, text, fontsize=13.5, ha="center", va="center", zorder=4)
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
        above = HEIGHT / 2 + 0.14 if ya == yb and abs(b - a)[0] < 0.9 else 0  # between boxes it has no room
        ax.text(*(a + b) / 2 + (0, above), words, fontsize=13.5, color=BACKWARD, ha="center", va="center", zorder=5,
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.0})


def draw_biases(figure, _, shown):
    """The cell line of each, one below the other."""
    figure.clear()
    T = shown.moments[0].T
    width, height = figure.get_size_inches()
    far = (width - 3.3) / T
    ax = figure.add_axes((0, 0, 1, 1), xlim=(-2.35, width - 2.35), ylim=(0, height))
    ax.axis("off")
    colour = FORWARD if shown.forward else BACKWARD
    title = "Forward: one LSTM with other forget biases" if shown.forward else "What the forget gate lets through"
    ax.text(-2.1, height - 0.15, title, fontsize=18, va="top", weight="bold", color=colour)
    ax.text(-2.1, 0.32, f"L = h_{T}.   Each arrow back multiplies by f_t = σ(… + b_f).   dc_t = dc_{{t+1}} ⊙ f_{{t+1}} "
            "+ what comes through h_t", fontsize=14, va="center")
    for row, (bias, moment) in enumerate(zip(shown.biases, shown.moments)):
        places = {f"c_{t}": (far * t, height - 1.3 - 1.25 * row) for t in range(T + 1)}
        part = moment.known["dc_0"] / moment.known[f"dc_{T}"] if "dc_0" in moment.known else np.nan
        left = "" if np.isnan(part) else f"\n{part.item():.1%} left"
        ax.text(-2.1, places["c_0"][1], f"b_f = {bias:g}{left}", fontsize=15, va="center", weight="bold")
        for t in range(T + 1):
            box = f"c_{t}"
            arrived = gradient(box) in moment.known
            lit = {box: None} if t == moment.t else {}
            _box(ax, box, places[box], 0, moment._replace(lit=lit, partly={}), colour)
            if t < T:
                words = f"× {number(moment.known[f'f_{t + 1}'])}" if arrived else None
                _arrow(ax, (box, f"c_{t + 1}"), places, words, False)


# --- Where it goes

def _shows(figure, paint, shown):
    """Draws a moment and says on a terminal how far it is."""
    def show(k):
        paint(figure, shown[k])
        if sys.stderr.isatty():
            print(f"\rdrawn {k + 1}/{len(shown)}", end="\n" if k + 1 == len(shown) else "", file=sys.stderr, flush=True)
    return show


def _png(file, figure, paint, shown):
    paint(figure, shown[0])
    figure.savefig(file, format="png")


def _gif(file, figure, paint, shown):
    from PIL import Image  # matplotlib brings it
    show, pictures = _shows(figure, paint, shown), []
    for k in range(len(shown)):
        show(k)
        figure.canvas.draw()
        picture = Image.fromarray(np.asarray(figure.canvas.buffer_rgba())[..., :3].copy())
        pictures.append(picture.quantize(128, dither=Image.Dither.NONE))
    pauses = [500 * SECONDS * (1 if moment.forward else 2) for moment in shown[:-1]] + [3000 * SECONDS]
    pictures[0].save(file, format="GIF", save_all=True, append_images=pictures[1:], duration=pauses, loop=0)


def _html(file, figure, paint, shown):
    """matplotlib's own player. It links a font for the signs on its buttons: here they are letters."""
    from matplotlib import rc_context
    from matplotlib.animation import FuncAnimation
    with rc_context({"animation.embed_limit": 100}):
        film = FuncAnimation(figure, _shows(figure, paint, shown), len(shown), init_func=lambda: None)
        page = film.to_jshtml(fps=1 / SECONDS)
    page = re.sub(r"<link[^>]*>", '<meta charset="utf-8">', page)
    page = re.sub(r'<i class="fa ([\w -]+)"></i>', lambda icon: BUTTONS[icon[1]], page)
    file.write(page.encode())


def _window(inches, paint, shown, at):
    import matplotlib
    from matplotlib import pyplot
    if pyplot.get_backend().lower() in ("agg", "cairo", "pdf", "pgf", "ps", "svg", "template"):
        raise ValueError("there is no screen for a window: write a file with --out FILE.gif, FILE.html or FILE.png")
    with matplotlib.rc_context({"toolbar": "None"}):
        figure = pyplot.figure("minirnn", figsize=inches)
    keys(figure, paint, shown, at)
    pyplot.show()
    return 0


def keys(figure, paint, shown, at=0):
    """→ and ← step, space plays and stops, home and end jump."""
    timer, playing = figure.canvas.new_timer(interval=1000 * SECONDS), False

    def go(k):
        nonlocal at
        at = min(max(k, 0), len(shown) - 1)
        paint(figure, shown[at])
        figure.canvas.draw_idle()

    def press(event):
        nonlocal playing
        if event.key == " ":
            playing = not playing
            timer.start() if playing else timer.stop()
        elif event.key in ("left", "right", "home", "end"):
            go({"left": at - 1, "right": at + 1, "home": 0, "end": len(shown) - 1}[event.key])

    manager = getattr(figure.canvas, "manager", None)
    if manager and getattr(manager, "key_press_handler_id", None):  # matplotlib's own meaning of these keys
        figure.canvas.mpl_disconnect(manager.key_press_handler_id)
    figure.canvas.mpl_connect("key_press_event", press)
    timer.add_callback(lambda: go((at + 1) % len(shown)))
    go(at)
