"""Metrics of classes, texts and rankings: by hand, against plain definitions, and what each refuses."""

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minirnn import losses, metrics

PREDICTED, TRUE = np.array([[1, 1, 0], [1, 2, 2]]), np.array([[1, 0, 0], [2, 2, 0]])
RANKED, CAME = np.array([[7, 8, 9], [8, 9, 7], [9, 8, 7]]), np.array([8, 8, 5])  # at rank 2, at rank 1, nowhere
REFERENCE = "police killed the gunman"  # the example of Lin 2004, section 3

id_pairs = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1).map(np.transpose)
texts = st.lists(st.integers(0, 2), max_size=7)


@st.composite
def rankings(draw):
    """Rows of different items ranked (n, m), the item of each that came, and k."""
    m = draw(st.integers(1, 5))
    ranked = draw(st.lists(st.permutations(range(m)), min_size=1, max_size=6))
    true = draw(st.lists(st.integers(0, m), min_size=len(ranked), max_size=len(ranked)))  # m itself is never ranked
    return ranked, true, draw(st.integers(1, m))


# --- Classes


def test_accuracy_by_hand():
    assert metrics.accuracy(PREDICTED, TRUE) == 3 / 6


def test_accuracy_counts_only_what_the_mask_leaves():
    assert metrics.accuracy(PREDICTED, TRUE, losses.length_mask([3, 1], T=3)) == 2 / 4


def test_what_is_masked_may_be_anything():
    assert metrics.accuracy([4, -100], [4, 10**9], [True, False]) == 1


@given(id_pairs)
def test_accuracy_is_the_mean_of_what_is_equal(pair):
    predicted, true = pair
    assert metrics.accuracy(predicted, true) == (predicted == true).mean()
    assert metrics.accuracy(true, true) == 1


@pytest.mark.parametrize("positive, expected", [
    (0, (1 / 1, 1 / 3, 2 / 4)), (1, (1 / 3, 1 / 1, 2 / 4)), (2, (1 / 2, 1 / 2, 2 / 4)), (3, (0.0, 0.0, 0.0)),
])
def test_precision_recall_and_f1_by_hand(positive, expected):
    assert metrics.precision_recall_f1(PREDICTED, TRUE, positive) == expected


def test_what_is_undefined_is_zero():
    assert metrics.precision_recall_f1([0, 0], [1, 0]) == (0, 0, 0)  # never predicted
    assert metrics.precision_recall_f1([1, 0], [0, 0]) == (0, 0, 0)  # never true


def test_booleans_are_classes_too():
    assert metrics.precision_recall_f1(np.array([0.9, 0.6, 0.1]) > 0.5, [True, False, False]) == (1 / 2, 1, 2 / 3)


@given(id_pairs, st.integers(0, 3))
def test_f1_is_the_harmonic_mean_and_symmetric(pair, positive):
    predicted, true = pair
    precision, recall, f1 = metrics.precision_recall_f1(predicted, true, positive)
    assert f1 == pytest.approx(2 * precision * recall / (precision + recall) if precision + recall else 0)
    assert metrics.precision_recall_f1(true, predicted, positive) == (recall, precision, f1)


def test_macro_f1_by_hand():
    assert metrics.macro_f1(PREDICTED, TRUE) == (2 / 4 + 2 / 4 + 2 / 4) / 3
    assert metrics.macro_f1([0, 0, 0, 5], [0, 0, 0, 9]) == (1 + 0 + 0) / 3  # 5 is never true, 9 is never predicted


@given(id_pairs)
def test_macro_f1_is_symmetric_and_one_if_all_is_right(pair):
    predicted, true = pair
    assert metrics.macro_f1(predicted, true) == metrics.macro_f1(true, predicted)
    assert metrics.macro_f1(true, true) == 1


@pytest.mark.parametrize("one, two, p", [(0, 0, 1), (1, 1, 1), (0, 1, 1), (0, 5, 2 / 32), (1, 5, 2 * 7 / 64)])
def test_paired_errors_are_a_coin_thrown_where_the_two_differ(one, two, p):
    wrong, other = np.zeros((2, 20), bool)
    wrong[:one], other[10:10 + two], wrong[15:], other[15:] = True, True, True, True  # both wrong: says nothing
    assert metrics.paired(wrong, other) == (one, two, p) and metrics.paired(other, wrong) == (two, one, p)


# --- Texts


def test_knowing_nothing_of_v_tokens_has_perplexity_v():
    loss, _ = losses.cross_entropy(np.zeros((2, 3, 7), np.float32), np.ones((2, 3), int))
    assert metrics.perplexity(loss) == pytest.approx(7, rel=1e-6)
    assert metrics.perplexity(0.0) == 1


def test_perplexity_overflows_to_infinity_without_a_warning():
    assert metrics.perplexity(1e3) == math.inf
    assert metrics.perplexity(np.float32(100)) == pytest.approx(math.exp(100))  # would be inf in float32


@pytest.mark.parametrize("candidate, unigrams, bigrams, subsequence", [
    (REFERENCE, 1, 1, 1),
    ("police kill the gunman", 3 / 4, 1 / 3, 3 / 4),
    ("the gunman kill police", 3 / 4, 1 / 3, 2 / 4),
    ("the gunman police killed", 1, 2 / 3, 2 / 4),
    ("the gunman", 2 * 2 / 6, 2 * 1 / 4, 2 * 2 / 6),
    ("the the the", 2 * 1 / 7, 0, 2 * 1 / 7),  # clipped: the reference has it once
    ("Police", 0, 0, 0),
    ("", 0, 0, 0),
])
def test_rouge_by_hand(candidate, unigrams, bigrams, subsequence):
    assert metrics.rouge_n(candidate, REFERENCE) == unigrams
    assert metrics.rouge_n(candidate, REFERENCE, n=2) == bigrams
    assert metrics.rouge_l(candidate, REFERENCE) == subsequence


@pytest.mark.parametrize("rouge", [metrics.rouge_n, metrics.rouge_l])
def test_rouge_takes_words_and_ids_in_lists_and_arrays(rouge):
    assert rouge("a  b\nc d", ["a", "c", "x"]) == 2 * 2 / 7
    assert rouge(np.array([1, 2, 3, 4]), (1, 3, 9)) == 2 * 2 / 7


@given(texts, texts)
def test_rouge_l_measures_the_longest_common_subsequence(candidate, reference):
    def subsequences(tokens):
        return {kept for length in range(len(tokens) + 1) for kept in combinations(tokens, length)}

    longest = max(map(len, subsequences(candidate) & subsequences(reference)))
    total = len(candidate) + len(reference)
    assert metrics.rouge_l(candidate, reference) == (2 * longest / total if total else 0)


@given(texts, texts, st.integers(1, 3))
def test_rouge_n_pairs_off_equal_n_grams(candidate, reference, n):
    grams, left = ([tuple(t[i:i + n]) for i in range(len(t) - n + 1)] for t in (candidate, reference))
    total, shared = len(grams) + len(left), 0
    for gram in grams:
        if gram in left:
            left.remove(gram)
            shared += 1
    assert metrics.rouge_n(candidate, reference, n) == (2 * shared / total if total else 0)


@given(texts, texts)
def test_rouge_is_symmetric_and_one_for_equal_texts(candidate, reference):
    for rouge in (metrics.rouge_n, metrics.rouge_l):
        assert rouge(candidate, reference) == rouge(reference, candidate)
        assert rouge(candidate, candidate) == bool(candidate)
    assert metrics.rouge_l(candidate, reference) <= metrics.rouge_n(candidate, reference)


# --- Rankings


@pytest.mark.parametrize("k, hits, reciprocal_ranks", [(1, 1, 1), (2, 2, 1 / 2 + 1), (3, 2, 1 / 2 + 1)])
def test_hit_rate_and_mrr_by_hand(k, hits, reciprocal_ranks):
    assert metrics.hit_rate(RANKED, CAME, k) == hits / 3
    assert metrics.mrr(RANKED, CAME, k) == reciprocal_ranks / 3


def test_an_item_ranked_twice_counts_where_it_is_first():
    assert metrics.hit_rate([[4, 7, 7]], [7], k=3) == 1 and metrics.mrr([[4, 7, 7]], [7], k=3) == 1 / 2


@given(rankings())
def test_mrr_is_the_mean_of_one_over_the_rank(ranking):
    ranked, true, k = ranking
    ranks = [row.index(item) + 1 if item in row else math.inf for row, item in zip(ranked, true)]
    assert metrics.mrr(ranked, true, k) == pytest.approx(np.mean([1 / r if r <= k else 0 for r in ranks]))
    assert metrics.hit_rate(ranked, true, k) == np.mean([r <= k for r in ranks])


@given(rankings())
def test_mrr_is_at_most_the_hit_rate_and_equal_at_one(ranking):
    assert metrics.mrr(*ranking) <= metrics.hit_rate(*ranking)
    assert metrics.mrr(*ranking[:2], 1) == metrics.hit_rate(*ranking[:2], 1)


# --- Bad input


@pytest.mark.parametrize("metric", [metrics.accuracy, metrics.precision_recall_f1, metrics.macro_f1])
@pytest.mark.parametrize("predicted, true, error, says", [
    (PREDICTED, TRUE[0], ValueError, "predicted has shape (2, 3) and true (3,), expected the same, not empty"),
    (TRUE[:, :1], TRUE[:, 0], ValueError, "predicted has shape (2, 1) and true (2,), expected the same, not empty"),
    ([], [], ValueError, "predicted has shape (0,) and true (0,), expected the same, not empty"),
    ([[1], [2, 3]], TRUE, ValueError, "predicted is ragged, expected a regular array"),
    ([0.9, 0.2], [1, 0], TypeError, "predicted is float64, true int64, expected ids: take argmax or a threshold"),
    ([1, 0], ["b", "a"], TypeError, "predicted is int64, true <U1, expected ids"),
])
def test_classes_refuse(metric, predicted, true, error, says):
    assert_refused(error, says, metric, predicted, true)


@pytest.mark.parametrize("mask, says", [
    (np.ones((2, 3), int), "mask is int64 of shape (2, 3), expected booleans of shape (2, 3)"),
    ([True, False], "mask is bool of shape (2,), expected booleans of shape (2, 3)"),
    (np.zeros((2, 3), bool), "mask is bool of shape (2, 3), expected booleans of shape (2, 3), not all False: make"),
    ([[True], [True, False]], "mask is ragged, expected a regular array"),
])
def test_accuracy_refuses_a_wrong_mask(mask, says):
    assert_refused(ValueError, says, metrics.accuracy, PREDICTED, TRUE, mask)


@pytest.mark.parametrize("error, says, metric, arguments", [
    (TypeError, "positive is of type str, expected an integer", metrics.precision_recall_f1, (PREDICTED, TRUE, "1")),
    (TypeError, "positive is of type list, expected", metrics.precision_recall_f1, (PREDICTED, TRUE, [0, 1, 2])),
    (TypeError, "cross_entropy is (", metrics.perplexity, (losses.cross_entropy(np.zeros((1, 2)), [0]),)),
    (ValueError, "n is 0, expected a whole number of at least 1", metrics.rouge_n, ("a b", "a b", 0)),
    (TypeError, "n is 1.5, expected a whole number of at least 1", metrics.rouge_n, ("a b", "a b", 1.5)),
    (ValueError, "candidate has shape (2, 3), expected (T,): one", metrics.rouge_n, (PREDICTED, [1])),
    (ValueError, "reference has shape (), expected (T,): one sequence of ids or words", metrics.rouge_l, ([1], 1)),
    (ValueError, "reference is ragged, expected", metrics.rouge_l, ([1], [[1], [1, 2]])),
])
def test_every_other_mistake_is_refused(error, says, metric, arguments):
    assert_refused(error, says, metric, *arguments)


@pytest.mark.parametrize("metric", [metrics.hit_rate, metrics.mrr])
@pytest.mark.parametrize("ranked, true, k, error, says", [
    (RANKED, CAME, 4, ValueError, "ranked has shape (3, 3) and true (3,), expected (n, m) and (n,), not empty, with m "
                                  "at least k, 4: rank more items or take a smaller k"),
    (RANKED, CAME, 0, ValueError, "k is 0, expected a whole number of at least 1"),
    (RANKED, CAME, 2.0, TypeError, "k is 2.0, expected a whole number of at least 1"),
    (RANKED, CAME[:2], 1, ValueError, "ranked has shape (3, 3) and true (2,), expected (n, m) and (n,)"),
    (RANKED, CAME[:, None], 1, ValueError, "ranked has shape (3, 3) and true (3, 1), expected (n, m) and (n,)"),
    (RANKED[0], CAME, 1, ValueError, "ranked has shape (3,) and true (3,), expected (n, m) and (n,)"),
    (RANKED[:0], CAME[:0], 1, ValueError, "ranked has shape (0, 3) and true (0,), expected (n, m) and (n,), not empty"),
])
def test_rankings_refuse(metric, ranked, true, k, error, says):
    assert_refused(error, says, metric, ranked, true, k)


def assert_refused(error, says, metric, *arguments):
    with pytest.raises(error) as caught:
        metric(*arguments)
    assert str(caught.value).startswith(says) and "\n" not in str(caught.value)
