"""`python -m minirnn watch`: see a network of one unit work, one operation at a time, forward and back.

moments.py says what there is to see. Here it is drawn, and shown in a window or written to a file.
"""

import hashlib
import re
import sys

import numpy as np

from .. import files
from ..diagrams import BACKWARD, FORWARD
from ..plots import GREY
from .moments import moments, side_by_side
from .networks import NETWORKS, gradient, label, layout, number, outputs

READ, STEPS = 3000, 4  # thousandths of a second that an operation of the backward pass stays; more steps are too small
WIDTH, HEIGHT, LINE = 1.98, 0.66, 0.34  # of a box, and from one line of words to the next, in inches
BUTTONS = {"fa-minus": "−", "fa-plus": "+", "fa-fast-backward": "|◀◀", "fa-fast-forward": "▶▶|",
           "fa-step-backward": "|◀", "fa-step-forward": "▶|", "fa-play fa-flip-horizontal": "◀", "fa-play": "▶",
           "fa-pause": "❚❚"}


def run(args):
    ending = args.out.suffix.lower() if args.out else ""
    if args.out and ending not in (".gif", ".html", ".png"):
        raise ValueError(f"--out is {args.out}, expected a name that ends in .gif, .html or .png")
    if args.steps and args.steps > STEPS or args.forget and len(args.forget) > STEPS:
        raise ValueError(f"expected --steps of at most {STEPS}, and at most {STEPS} numbers after --forget")
    if args.at and (args.forget or ending in (".gif", ".html")):
        raise ValueError(f"--at {args.at} is one operation, expected --out FILE.png or no --out, and no --forget")
    if args.forget and (args.network != "lstm" or not np.isfinite(args.forget).all()):
        raise ValueError(f"--forget is {' '.join(map(str, args.forget))} with {args.network}, expected finite numbers "
                         "such as -1 1 3, and the lstm")
    if args.out:
        files.check_writable(args.out)
    shown = side_by_side(args.forget, args.steps or STEPS) if args.forget else moments(args.network, args.steps)
    first = [one[0] for one in shown] if args.forget else shown
    at = _find(shown, args.at) if args.at else len(shown) - 1 if args.out else 0
    inches = (12.4, 1.25 * len(args.forget) + 1.5) if args.forget else size(args.network, first[0].T)
    draws, of = (draw_biases, args.forget) if args.forget else (draw, args.network)
    paint = lambda figure, k: draws(figure, of, shown[k], f"{k + 1} of {len(shown)}")
    if not args.out:
        return _window(inches, paint, len(shown), at)

    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    figure = FigureCanvasAgg(Figure(figsize=inches, dpi=100)).figure

    def show(k):
        paint(figure, k)
        if sys.stderr.isatty() and ending != ".png":
            print(f"\rdrawn {k + 1}/{len(shown)}", end="\n" * (k + 1 == len(shown)), file=sys.stderr, flush=True)

    with files.replacing(args.out) as file:
        if ending == ".png":
            show(at)
            figure.savefig(file, format="png")
        else:
            (_gif if ending == ".gif" else _html)(file, figure, show, [_pause(one) for one in first[:-1]] + [3 * READ])
    print(f"{args.out} shows {'one moment' if ending == '.png' else f'{len(shown)} moments'} of the {args.network}")
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
    top, width = max(y for _, y in NETWORKS[name].places.values()), NETWORKS[name].width
    return max(12.4, T * width + WIDTH + 0.2), top + 4.05 + LINE * T


def _words(ax, x, y, text, fontsize, behind=None, **style):
    box = {"bbox": {"facecolor": behind, "edgecolor": "none", "pad": 2}} if behind is not None else {}
    ax.text(x, y, text, fontsize=fontsize, **{"va": "center"} | box | style)


def draw(figure, name, moment, count=""):
    """One moment: the network, what is lit in it, and the words below."""
    figure.clear()
    (width, height), middle, low = figure.get_size_inches(), moment.T * NETWORKS[name].width / 2, -3.2 - LINE * moment.T
    left, right, colour = middle - width / 2 + 0.3, middle + width / 2 - 0.3, FORWARD if moment.forward else BACKWARD
    ax = figure.add_axes((0, 0, 1, 1), xlim=(left - 0.3, right + 0.3), ylim=(low, height + low))
    ax.axis("off")
    places, edges = layout(name, moment.T)
    for box, place in places.items():
        _box(ax, box, place, (moment.T - 1) * NETWORKS[name].width * (box == "L_0"), moment, colour)
    for edge in edges:
        _arrow(ax, edge, places, moment.lit.get(edge), moment.forward)
    _words(ax, left, height + low - 0.25, moment.title, 17, weight="bold", color=colour)
    for k, line in enumerate(moment.lines):
        _words(ax, left, -1.17 - LINE * k, line, 15)
    for k, (part, code) in enumerate(moment.rows):
        y = -1.24 - LINE * (len(moment.lines) + k)
        _words(ax, left, y, ("+ " if k else "   ") * bool(part) + part, 15, color=BACKWARD)
        _words(ax, left + 4 * bool(part), y, code, 13 if len(code) < 75 else 12, "#eeeeee", family="monospace")
    sums = [f"d{key} ≈ {number(moment.known[f'd{key}'])}" for key in NETWORKS[name].params if f"d{key}" in moment.known]
    for x, row, text, behind in (
            (0, 2, "     ".join(sums), None), (right - left - 0.95, 0, count, None), (0, 0, "above 0", _tint(1)),
            (1, 0, "below 0", _tint(-1)), (2, 0, "darker: further from 0      grey arrow: not in use now", None),
            (0, 1, f"L = {outputs(moment.T)}      dX = dL/dX      ≈ rounded, the last digit may be off by one", None)):
        _words(ax, left + x, low + 0.2 + LINE * row, text, 13.5, behind, color="#333333")


def _tint(value):
    """Sign by hue, size by darkness: green and purple, which colour-blind eyes tell apart."""
    hue = np.array((0.11, 0.47, 0.22) if value > 0 else (0.46, 0.16, 0.51))
    return 1 - 0.65 * min(1, abs(value) / 1.5) ** 0.7 * (1 - hue)


def _box(ax, box, place, longer, moment, colour):
    """Above its value, below the gradient of it, "so far" where something is still to be added."""
    from matplotlib.patches import Rectangle
    (x, y), w, h = place, WIDTH + longer, HEIGHT
    if box.startswith("gates"):
        return ax.add_patch(Rectangle((x - 1.11, y - 1.78), 2.22, 3.56, fc="#f2f2f2", ec=GREY, lw=0.8, zorder=0))
    for key, low in ((box, y), (gradient(box), y - h / 2)):
        value = moment.known.get(key, moment.partly.get(key))
        text, tint = label(key) if key == box or moment.tag == "signs" else "", "white"
        if value is not None:
            text, tint = f"{label(key)} = {number(value)}{' so far' * (key not in moment.known)}", _tint(value.item())
        ax.add_patch(Rectangle((x - w / 2, low), w, h / 2, facecolor=tint, zorder=2))
        _words(ax, x, low + h / 4 - 0.01, text, 13.5 if len(text) < 17 else 13, ha="center", zorder=4)
    colour, line = (colour, 3.5) if box in moment.lit else (GREY, 0.8)
    ax.add_patch(Rectangle((x - w / 2, y - h / 2), w, h, facecolor="none", edgecolor=colour, linewidth=line, zorder=3))


def _arrow(ax, edge, places, words, forward):
    """From the side of one box to the side of the other. A lit one of the backward pass runs back."""
    (xa, ya), (xb, yb) = (np.array(places[box], float) for box in edge)
    xb, lit = xa if edge[1] == "L_0" else xb, words is not None
    aside, up = np.sign(xb - xa) * (abs(xb - xa) > 0.1), np.sign(yb - ya)
    reach = 1.78 if edge[1][:-2] == "gates" else HEIGHT / 2
    a = np.array((xa + aside * WIDTH / 2, ya + up * HEIGHT / 2 * (not aside)))
    b = np.array((xb - aside * WIDTH / 2, yb - up * reach * (not aside)))
    start, end = (b, a) if lit and not forward else (a, b)
    colour, width = ((FORWARD if forward else BACKWARD), 2.6) if lit else ("#c4c4c4", 1)
    style = {"arrowstyle": "-|>" if lit else "->", "color": colour, "lw": width, "mutation_scale": 15}
    ax.annotate("", end, start, zorder=1.5 if lit else 1, arrowprops=style | {"shrinkA": 0, "shrinkB": 0})
    if words:
        above = 0.47 if ya == yb and abs(b - a)[0] < 0.9 and len(words) > 4 else 0  # the line is too short for them
        x, y = a + (b - a) * 0.5 + (0.17 * (yb > ya and aside and edge[0][0] != "h"), above)
        _words(ax, x, y, words, 14, "white", color=BACKWARD, ha="center", zorder=5)


def draw_biases(figure, biases, together, count=""):
    """The cell line of each, one below the other, at the same moment."""
    figure.clear()
    T, forward, (width, height) = together[0].T, together[0].forward, figure.get_size_inches()
    far, colour = (width - 3.7) / T, FORWARD if forward else BACKWARD
    ax = figure.add_axes((0, 0, 1, 1), xlim=(-2.6, width - 2.6), ylim=(0, height))
    ax.axis("off")
    title = "Forward: one LSTM with several forget biases b_f" if forward else "Back: what the forget gates let through"
    _words(ax, -2.4, height - 0.25, title, 16.5, weight="bold", color=colour)
    _words(ax, -2.4, 0.3, f"L = h_{T}.   dc means dL/dc.   f_t = σ(… + b_f).   "
           "Back: dc_t = dc_{t+1} · f_{t+1}, as drawn, + what comes through h_t", 13)
    _words(ax, width - 2.8, 0.3, count, 12, ha="right", color="#444444")
    for row, (bias, moment) in enumerate(zip(biases, together)):
        places, known = {f"c_{t}": (far * t, height - 1.3 - 1.25 * row) for t in range(T + 1)}, moment.known
        left = f"\ndc_0 / dc_{T}\n= {(known['dc_0'] / known[f'dc_{T}']).item():.1%}" if "dc_0" in known else ""
        _words(ax, -2.4, places["c_0"][1], f"b_f = {bias:g}{left}", 13, weight="bold")
        for t, (box, place) in enumerate(places.items()):
            _box(ax, box, place, 0, moment._replace(lit={box: None} if t == moment.t else {}, partly={}), colour)
            if t < T:
                words = f"× {number(known[f'f_{t + 1}'])}" if gradient(box) in known else None
                _arrow(ax, (box, f"c_{t + 1}"), places, words, False)


# --- Where it goes

def _pause(moment):
    """Long where there is much to read: at the start, and where parts meet in a sum."""
    return READ * (3 if moment.tag in ("start", "signs") else 0.5 if moment.forward else 2 if moment.rows[1:] else 1)


def _gif(file, figure, show, pauses):
    """All pictures have the same 256 colours. So of each next one only what differs is kept. The comment is the hash of
    all words: it tells whether a GIF is that of today."""
    from PIL import Image  # matplotlib brings it
    wide, high = figure.canvas.get_width_height()
    tall = Image.new("RGB", (wide, high * len(pauses)))
    said = []
    for k in range(len(pauses)):
        show(k)
        figure.canvas.draw()
        said += [text.get_text() for text in figure.axes[0].texts]
        tall.paste(Image.fromarray(np.asarray(figure.canvas.buffer_rgba())), (0, k * high))
    tall = tall.quantize(256, dither=Image.Dither.NONE)
    first, *others = (tall.crop((0, k * high, wide, (k + 1) * high)) for k in range(len(pauses)))
    comment = hashlib.sha256("\n".join(said).encode()).hexdigest()
    first.save(file, format="GIF", save_all=True, append_images=others, duration=pauses, loop=0, comment=comment)


def _html(file, figure, show, pauses):
    """matplotlib's own player. It links a font for the signs on its buttons: here they are letters."""
    from matplotlib import rc_context
    from matplotlib.animation import FuncAnimation
    with rc_context({"animation.embed_limit": 100}):
        page = FuncAnimation(figure, show, len(pauses), init_func=lambda: None).to_jshtml(fps=1000 / READ)
    page = re.sub(r"<link[^>]*>", '<meta charset="utf-8">', page)
    page = re.sub(r'<i class="fa ([\w -]+)"></i>', lambda icon: BUTTONS[icon[1]], page)
    file.write(page.encode())


def _window(inches, paint, count, at):
    from matplotlib import pyplot
    if pyplot.get_backend().lower() in ("agg", "cairo", "pdf", "pgf", "ps", "svg", "template"):
        raise ValueError("there is no screen for a window: write a file with --out FILE.gif, FILE.html or FILE.png")
    with pyplot.rc_context({"toolbar": "None"}):
        figure = pyplot.figure("minirnn", figsize=inches)
    keys(figure, lambda k: paint(figure, k), count, at)
    pyplot.show()
    return 0


def keys(figure, paint, count, at=0):
    """→ and ← step, space plays and stops, home and end jump."""
    timer, playing = figure.canvas.new_timer(interval=READ), False

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
