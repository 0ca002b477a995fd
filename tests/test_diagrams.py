"""A diagram shows every text that it is given, and its arrows join the boxes that they name."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from minirnn import diagrams


@pytest.fixture
def ax():
    return Figure().subplots()


def texts(ax):
    return {text.get_text() for text in ax.texts} - {""}


def arrows(ax):
    """(from, to) of each arrow, in data coordinates."""
    return [(text.xyann, text.xy) for text in ax.texts if getattr(text, "arrow_patch", None)]


def test_an_unrolled_network_has_its_boxes_and_arrows_both_ways(ax):
    places, edges, wide = diagrams.unrolled(steps=2)
    assert places.keys() == {"h_0", "a_1", "h_1", "x_1", "a_2", "h_2", "x_2", "L"} and len(edges) == 8
    boxes = {name: (f"forward {name}", f"backward {name}") for name in places}
    diagrams.graph(ax, places, boxes, {edge: (f"f{k}", f"b{k}") for k, edge in enumerate(edges)}, wide=wide)
    assert texts(ax) == {words for pair in boxes.values() for words in pair} | {
        f"{way}{k}" for k in range(8) for way in "fb"}
    assert len(ax.patches) == len(places) and len(arrows(ax)) == 2 * len(edges)
    for (start, end), (forward, back) in zip(edges, zip(arrows(ax)[::2], arrows(ax)[1::2])):
        for (tail, head), (one, other) in ((forward, (start, end)), (back, (end, start))):
            for point, name in ((tail, one), (head, other)):
                half = np.array([wide.get(name, 1.5), 0.8]) / 2
                outside = np.abs(np.array(point) - places[name]) - half
                assert outside.max() == pytest.approx(0, abs=0.1), (start, end, name)  # at the box's edge


def test_a_direction_that_is_none_is_not_drawn(ax):
    diagrams.graph(ax, {"a": (0, 0), "b": (4, 0)}, {"a": ("a", "")}, {("a", "b"): (None, "back", 0.2)})
    (tail, head), = arrows(ax)
    assert tail[0] > head[0] and texts(ax) == {"a", "back"}


def test_the_cell_has_the_articles_symbols(ax):
    diagrams.lstm_cell(ax)
    for symbol in ("$c_{t-1}$", "$c_t$", "$h_{t-1}$", "$h_t$", "$x_t$", "$f_t$", "$i_t$", r"$\tilde{c}_t$", "$o_t$"):
        assert symbol in texts(ax)
