"""Losses by hand, and what a mask, a padded target or an extreme number may and may not do to them."""

import math

import numpy as np
import pytest

from minirnn import losses

PREDICTION, TARGET = np.array([[1.0, 2.0], [5.0, -1.0]]), np.array([[3.0, 2.0], [4.0, 0.0]])
LOGITS = np.log(np.array([[1.0, 1.0, 2.0], [3.0, 4.0, 1.0]]))  # probabilities 1/4, 1/4, 1/2 and 3/8, 1/2, 1/8
STEPS = np.array([[True, True, False], [True, False, False]])  # a mask (B, T) of two padded sequences


def test_mse_by_hand():
    loss, cache = losses.mse(PREDICTION, TARGET)
    assert loss == (4 + 0 + 1 + 1) / 4
    np.testing.assert_array_equal(losses.mse_backward(cache), [[-1.0, 0.0], [0.5, -0.5]])


def test_cross_entropy_by_hand_in_nats():
    loss, cache = losses.cross_entropy(LOGITS, np.array([2, 0]))
    assert loss == pytest.approx((math.log(2) + math.log(8 / 3)) / 2, abs=1e-15)
    np.testing.assert_allclose(losses.cross_entropy_backward(cache), [[1/8, 1/8, -1/4], [-5/16, 1/4, 1/16]], atol=1e-15)


def test_knowing_nothing_of_v_classes_costs_log_v():
    assert losses.cross_entropy(np.zeros((2, 3, 7)), np.ones((2, 3), int))[0] == pytest.approx(math.log(7))


def random_case(loss):
    """Predictions (2, 3, 4) for STEPS, and targets."""
    rng = np.random.default_rng(0)
    prediction = rng.standard_normal((2, 3, 4))
    return prediction, rng.integers(4, size=(2, 3)) if loss is losses.cross_entropy else rng.standard_normal((2, 3, 4))


each_loss = pytest.mark.parametrize("loss", [losses.mse, losses.cross_entropy])


@each_loss
def test_a_masked_loss_is_the_loss_of_what_is_left(loss):
    prediction, target = random_case(loss)
    masked, masked_cache = loss(prediction, target, STEPS)
    left, left_cache = loss(prediction[STEPS], target[STEPS])
    assert masked == pytest.approx(left, rel=1e-15)
    np.testing.assert_allclose(loss.backward(masked_cache)[STEPS], loss.backward(left_cache), rtol=1e-15)


@each_loss
def test_a_mask_may_cover_any_leading_axes(loss):
    prediction, target = random_case(loss)
    assert loss(prediction, target, np.array([True, False]))[0] == loss(prediction[:1], target[:1])[0]


def test_a_mask_of_every_number_is_for_mse():
    prediction, target = random_case(losses.mse)
    mask = prediction > 0
    assert losses.mse(prediction, target, mask)[0] == pytest.approx(((prediction - target)[mask]**2).mean())


@each_loss
def test_the_gradient_of_what_is_masked_is_exactly_zero(loss):
    _, cache = loss(*random_case(loss), STEPS)
    assert (loss.backward(cache)[~STEPS] == 0).all()


@pytest.mark.parametrize("loss, anything", [
    (losses.mse, -100.0), (losses.mse, np.nan), (losses.mse, np.inf),
    (losses.cross_entropy, -100), (losses.cross_entropy, 10**9),
])
def test_a_masked_target_may_be_anything(loss, anything):
    prediction, target = random_case(loss)
    padded = target.copy()
    padded[~STEPS] = anything
    (value, cache), (padded_value, padded_cache) = loss(prediction, target, STEPS), loss(prediction, padded, STEPS)
    assert value == padded_value
    np.testing.assert_array_equal(loss.backward(cache), loss.backward(padded_cache))


@each_loss
def test_a_masked_prediction_may_be_anything(loss):
    prediction, target = random_case(loss)
    value, _ = loss(prediction, target, STEPS)
    prediction[~STEPS] = np.nan
    masked, cache = loss(prediction, target, STEPS)
    assert masked == value and (loss.backward(cache)[~STEPS] == 0).all()


@each_loss
def test_a_mask_of_numbers_is_refused(loss):
    with pytest.raises(ValueError, match="^mask is int64 of shape .*, expected booleans"):
        loss(*random_case(loss), STEPS.astype(np.int64))


@each_loss
@pytest.mark.parametrize("shape", [(3,), (1, 3), (2, 1), (2, 3, 1), (2, 3, 4, 1)])
def test_a_mask_is_not_broadcast(loss, shape):
    with pytest.raises(ValueError, match="^mask is bool of shape .*, expected booleans in the leading axes of"):
        loss(*random_case(loss), np.ones(shape, bool))


@each_loss
def test_nothing_left_has_no_mean(loss):
    with pytest.raises(ValueError, match="^mask leaves nothing of shape .*: skip a batch that is all padding$"):
        loss(*random_case(loss), np.zeros((2, 3), bool))


@pytest.mark.parametrize("target_shape", [(4,), (1, 1), (4, 4), (4, 1, 1), ()])
def test_a_column_of_predictions_is_not_broadcast_against_a_row_of_targets(target_shape):
    with pytest.raises(ValueError, match=r"^target has shape .*, expected \(4, 1\): one target for each prediction$"):
        losses.mse(np.zeros((4, 1)), np.zeros(target_shape))


def test_extreme_logits_do_not_overflow():
    logits = np.array([[1e308, 0.0], [-1e308, 0.0], [1000.0, 1000.0]])
    loss, cache = losses.cross_entropy(logits, np.array([0, 1, 0]))
    assert loss == pytest.approx(math.log(2) / 3)
    np.testing.assert_allclose(losses.cross_entropy_backward(cache), [[0, 0], [0, 0], [-1/6, 1/6]], atol=1e-15)


def test_a_sure_mistake_costs_the_difference_of_the_logits():
    assert losses.cross_entropy(np.array([[1e4, 0.0]]), np.array([1]))[0] == 1e4


@each_loss
def test_the_gradient_has_the_dtype_of_the_prediction(loss):
    prediction, target = random_case(loss)
    _, cache = loss(prediction.astype(np.float32), target if target.dtype == int else target.astype(np.float32))
    assert loss.backward(cache).dtype == np.float32


@each_loss
def test_backward_changes_nothing_and_can_be_called_again(loss):
    prediction, target = random_case(loss)
    before = prediction.copy(), target.copy()
    _, cache = loss(prediction, target, STEPS)
    first = loss.backward(cache)
    np.testing.assert_array_equal(loss.backward(cache), first)
    np.testing.assert_array_equal(prediction, before[0])
    np.testing.assert_array_equal(target, before[1])


def test_length_mask_marks_the_steps_that_are_real():
    np.testing.assert_array_equal(losses.length_mask(np.array([2, 1]), T=3), STEPS)


def test_length_mask_of_no_steps_and_of_all():
    assert losses.length_mask([0, 3], T=3).tolist() == [[False] * 3, [True] * 3]


@pytest.mark.parametrize("lengths, error", [([4, 1], ValueError), ([-1, 1], ValueError), ([1.0, 2.0], TypeError)])
def test_length_mask_refuses_lengths_that_are_none(lengths, error):
    with pytest.raises(error, match="^lengths .*, expected .*: how many steps of each sequence are real$"):
        losses.length_mask(lengths, T=3)
