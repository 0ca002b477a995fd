"""Each picture shows the numbers it was given, in the Axes it was given."""

import numpy as np
import pytest
from matplotlib import colors, pyplot

from minirnn import plots

HISTORY = {"train": [3.0, 2.0, 1.5], "validation": [4.0, 2.5, 3.0], "norm": [1.0] * 3, "best": 2, "stopped": "epochs"}
TIMES, TRUTH = np.arange(1900, 1906), np.array([1.0, 4.0, 2.0, 8.0, 5.0, 7.0])
FORECASTS = {name: TRUTH + k for k, name in enumerate(("model", "persistence", "AR", "seasonal", "one more"), start=1)}
GATES = np.linspace(0, 1, 12).reshape(4, 3)
NORMS = np.array([[1.0, 10.0, 100.0], [9.0, 90.0, 900.0], [2.0, 20.0, 200.0]])

DRAW = {
    "loss_curve": lambda ax=None: plots.loss_curve(HISTORY, ax),
    "forecast": lambda ax=None: plots.forecast(TIMES, TRUTH, FORECASTS, ax),
    "through_time": lambda ax=None: plots.through_time(GATES, ax),
    "gradient_norms": lambda ax=None: plots.gradient_norms(NORMS, ax, "rnn"),
}
each_plot = pytest.mark.parametrize("draw", DRAW.values(), ids=DRAW)


@pytest.fixture(autouse=True)
def no_figure_stays_open():
    yield
    pyplot.close("all")


def lines(ax):
    """The lines drawn, by their label."""
    return {line.get_label(): line for line in ax.lines}


def entries(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


@each_plot
def test_it_draws_into_the_axes_it_is_given(draw):
    _, (ax, other) = pyplot.subplots(2)
    assert draw(ax) is ax and not other.has_data()
    ax.figure.canvas.draw()


@each_plot
def test_without_axes_it_makes_some(draw):
    one, other = draw(), draw()
    assert one.has_data() and one is not other


def test_a_loss_curve_shows_both_losses_and_the_best_epoch():
    ax = DRAW["loss_curve"]()
    for name, label in (("train", "training"), ("validation", "validation")):
        np.testing.assert_array_equal(lines(ax)[label].get_xydata(), np.column_stack([[1, 2, 3], HISTORY[name]]))
    assert list(lines(ax)["best: epoch 2"].get_xdata()) == [2, 2]
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_yscale()) == ("epoch", "loss", "log")
    assert entries(ax) == ["training", "validation", "best: epoch 2"]


def test_a_loss_curve_without_validation_has_one_line():
    assert list(lines(plots.loss_curve({**HISTORY, "validation": []}))) == ["training"]


def test_a_forecast_shows_the_truth_and_every_forecast():
    ax = DRAW["forecast"]()
    for name, values in {"truth": TRUTH, **FORECASTS}.items():
        np.testing.assert_array_equal(lines(ax)[name].get_xydata(), np.column_stack([TIMES, values]))
    assert entries(ax) == ["truth", *FORECASTS]


def test_the_first_forecasts_can_be_told_apart_and_the_first_is_the_boldest():
    drawn = [lines(DRAW["forecast"]())[name] for name in ("truth", *list(FORECASTS)[:4])]
    assert len({colors.to_hex(line.get_color()) for line in drawn}) == 5
    assert drawn[1].get_linewidth() > max(line.get_linewidth() for line in drawn[2:])


def test_a_gap_is_left_where_there_is_no_number():
    ax = plots.forecast(TIMES, TRUTH, {"model": np.where(TIMES < 1903, np.nan, TRUTH)})
    assert np.isnan(lines(ax)["model"].get_ydata()).tolist() == [True] * 3 + [False] * 3


def test_through_time_has_a_row_a_unit_and_a_column_a_step():
    ax = plots.through_time(GATES, None, times=np.arange(1900, 1904), label="forget gate", limits=(0, 1))
    image, = ax.images
    np.testing.assert_array_equal(image.get_array(), GATES.T)
    assert tuple(image.get_clim()) == (0, 1) and tuple(image.get_extent()) == (1899.5, 1903.5, -0.5, 2.5)
    assert image.origin == "lower"
    assert ax.get_ylabel() == "forget gate"


def test_through_time_has_zero_in_the_middle_unless_told_otherwise():
    assert plots.through_time(GATES - 0.75).images[0].get_clim() == (-0.75, 0.75)


def test_states_that_are_all_zero_can_be_drawn():
    plots.through_time(np.zeros((4, 3))).figure.canvas.draw()


def test_gradient_norms_are_the_median_over_the_batch():
    ax = DRAW["gradient_norms"]()
    np.testing.assert_array_equal(lines(ax)["rnn"].get_xydata(), [[0, 2], [1, 20], [2, 200]])
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_yscale()) == ("step t", "norm of dLoss/dh$_t$", "log")
    assert entries(ax) == ["rnn"]


def test_gradients_of_two_layers_share_a_picture():
    ax = DRAW["gradient_norms"]()
    assert entries(plots.gradient_norms(NORMS * 2, ax, "lstm")) == ["rnn", "lstm"]


@pytest.mark.parametrize("module", ["minirnn", "minirnn.__main__", "minirnn.plots"])
def test_matplotlib_is_imported_only_for_a_picture(module, python):
    assert python("-c", f"import sys, {module}; sys.exit('matplotlib' in sys.modules)").returncode == 0
