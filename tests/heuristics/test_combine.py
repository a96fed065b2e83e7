"""Several heads: each head's scores on one scale, then added."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import alcore
from tests.cases import dirichlet

ROWS = 40
CLASSES = dirichlet(ROWS, 3, 7, seed=1)
BOXES = alcore.Ragged(dirichlet(3 * ROWS, 4, 5, seed=2), np.arange(0, 3 * ROWS + 1, 3))
HEADS = {"class": CLASSES, "box": BOXES}
BOTH = {"class": alcore.BALD(), "box": alcore.Reduce(alcore.Entropy(), "sum")}
SCORES = {"class": alcore.bald(CLASSES), "box": BOTH["box"].score(BOXES)}


def ranks(scores: Any) -> np.ndarray:
    """Every pair of rows compared."""
    own, other = np.asarray(scores)[:, None], np.asarray(scores)[None, :]
    points = (own > other) + 0.5 * (own == other)
    n = len(own)
    return (points.sum(axis=1) - 0.5) / (n - 1) if n > 1 else np.full(n, 0.5)


def standard(scores: Any) -> np.ndarray:
    array = np.asarray(scores, float)
    return (array - array.mean()) / array.std() if np.ptp(array) else np.zeros(len(array))


SCALES = {"rank": ranks, "standard": standard}


@pytest.mark.parametrize("scale", SCALES)
def test_scores_of_heads_are_scaled_and_added(scale: str) -> None:
    weights = {"box": 0.5, "class": 2}
    combined = alcore.Combine(BOTH, weights, scale)
    expected = 2 * SCALES[scale](SCORES["class"]) + 0.5 * SCALES[scale](SCORES["box"])
    np.testing.assert_allclose(combined.score(HEADS), expected, rtol=1e-10, atol=1e-12)
    equal = SCALES[scale](SCORES["class"]) + SCALES[scale](SCORES["box"])
    np.testing.assert_allclose(alcore.Combine(BOTH, scale=scale).score(HEADS), equal, rtol=1e-10, atol=1e-12)
    batch = combined.select(HEADS, 5)
    assert batch.indices.tolist() == alcore.top(combined.score(HEADS), 5).indices.tolist()
    assert (batch.q == 1).all()
    assert combined.name == f"{scale}(2*class:bald + 0.5*box:sum(entropy))"


NUMBERS = st.one_of(st.integers(-3, 3).map(float), st.floats(-1e300, 1e300), st.floats(-1e-300, 1e-300))


@given(scores=st.lists(NUMBERS, min_size=0, max_size=9), infinite=st.booleans())
def test_ranks_are_the_share_of_rows_below(scores: list[float], infinite: bool) -> None:
    given_scores = [*scores, np.inf, -np.inf, np.inf] if infinite else scores
    found = alcore.Combine({"own": alcore.Precomputed(np.array(given_scores, float))}).score({"own": None})
    np.testing.assert_allclose(found, ranks(given_scores) if given_scores else [], atol=1e-15)
    assert ((found >= 0) & (found <= 1)).all()


@given(
    scores=st.lists(st.integers(-100, 100), min_size=1, max_size=9), factor=st.sampled_from([1e-200, 1e-3, 1.0, 1e305])
)
def test_standard_scores_have_mean_0_and_deviation_1(scores: list[int], factor: float) -> None:
    own = alcore.Precomputed(np.array(scores) * factor)
    found = alcore.Combine({"own": own}, scale="standard").score({"own": None})
    np.testing.assert_allclose(found, standard(scores), rtol=1e-9, atol=1e-9)


def test_constant_heads_move_no_row() -> None:
    rng = np.random.default_rng(0)
    other = rng.random(50)
    for constant in (np.zeros(50), np.full(50, 0.7), 0.7 + rng.normal(0, 1e-16, 50)):
        heads = {"flat": alcore.Precomputed(constant), "own": alcore.Precomputed(other)}
        nothing: dict[str, Any] = {"flat": None, "own": None}
        found = alcore.Combine(heads, scale="standard").score(nothing)
        np.testing.assert_allclose(found, standard(other), rtol=1e-12)
    by_rank = alcore.Combine({"flat": alcore.Precomputed(np.full(50, 0.7)), "own": alcore.Precomputed(other)})
    np.testing.assert_allclose(by_rank.score(nothing), 0.5 + ranks(other), rtol=1e-12)


def test_infinite_scores_have_a_rank_and_no_standard_score() -> None:
    opposed = np.array([[[1.0, 0.0], [0.0, 1.0]], [[0.5, 0.5], [0.5, 0.5]]])
    infinite = {"own": alcore.PairwiseKL()}
    assert alcore.Combine(infinite).score({"own": opposed}).tolist() == [1, 0]
    with pytest.raises(
        ValueError, match=r"predictions\['own'\]: expected finite .* row 0 is infinite .* scale='rank'.*floor=1e-6"
    ):
        alcore.Combine(infinite, scale="standard").score({"own": opposed})
    assert alcore.Combine({"own": alcore.PairwiseKL(floor=1e-6)}, scale="standard").score({"own": opposed})[0] == 1


class Broken(alcore.RowWise):
    """A heuristic that a user wrote, which gives NaN."""

    name, rows, honours_mask, cost = "broken", None, False, 1

    def prepare(self, reading: Any) -> Broken:
        return self

    def score_block(self, block: Any) -> Any:
        raise AssertionError("not called")

    def _score(self, predictions: Any, reading: Any, rng: Any) -> Any:
        return np.array([0.1, np.nan])


def test_nan_is_refused_with_its_head_and_row() -> None:
    with pytest.raises(ValueError, match=r"predictions\['own'\]: scores: expected numbers, but scores\[1\] is nan"):
        alcore.Combine({"own": Broken()}).score({"own": None})


# --- options of each head ---------------------------------------------------------------------------------------------


def test_a_head_has_its_own_options_of_reading() -> None:
    expected = alcore.Combine(BOTH).score(HEADS)
    logits = {"class": np.log(CLASSES), "box": BOXES}
    own = alcore.Combine(BOTH, options={"class": {"kind": "logits"}})
    np.testing.assert_allclose(own.score(logits), expected, atol=0.03)  # two close rows may change places
    stacked = {"class": np.moveaxis(CLASSES, 2, 0), "box": BOXES}
    own = alcore.Combine(BOTH, options={"class": {"axes": "TNC"}})
    np.testing.assert_array_equal(own.score(stacked), expected)
    weights = [1, 0, 2, 1, 1, 1, 3]
    own = alcore.Combine(BOTH, options={"class": {"weights": weights}})
    by_hand = ranks(alcore.bald(CLASSES, weights=weights)) + ranks(SCORES["box"])
    np.testing.assert_allclose(own.score(HEADS), by_hand)
    two = alcore.Combine({"class": alcore.BALD(), "other": alcore.Entropy()}, options={"other": {"kind": "probs"}})
    by_hand = ranks(alcore.bald(np.log(CLASSES), kind="logits")) + ranks(alcore.entropy(CLASSES))
    np.testing.assert_allclose(two.score({"class": np.log(CLASSES), "other": CLASSES}, kind="logits"), by_hand)


def test_a_head_has_its_own_kind() -> None:
    yes = np.random.default_rng(3).beta(1, 2, (ROWS, 6))
    tags = np.random.default_rng(4).beta(1, 2, (ROWS, 4, 6))
    heads = {"class": CLASSES, "yes": yes, "tags": tags}
    own = alcore.Combine(
        dict.fromkeys(heads, alcore.BALD()),
        options={"yes": {"kind": "binary"}, "tags": {"kind": "multilabel", "over_labels": "max"}},
    )
    by_hand = ranks(SCORES["class"]) + ranks(alcore.bald(yes, kind="binary"))
    by_hand += ranks(alcore.bald(tags, kind="multilabel", over_labels="max"))
    np.testing.assert_allclose(own.score(heads), by_hand)


def test_a_mask_is_of_a_head() -> None:
    tokens = dirichlet(ROWS * 4, 3, 5, seed=7).reshape(ROWS, 4, 3, 5).transpose(0, 2, 1, 3)
    padding = np.arange(4) >= (np.arange(ROWS) % 4 + 1)[:, None]
    heads = {"class": CLASSES, "text": tokens}
    both = alcore.Combine({"class": alcore.BALD(), "text": alcore.Reduce(alcore.BALD(), "sum")})
    by_hand = ranks(SCORES["class"]) + ranks(alcore.reduce(alcore.bald(tokens), "sum", mask=padding))
    np.testing.assert_allclose(both.score(heads, mask={"text": padding}), by_hand)
    with pytest.raises(TypeError, match="mask: expected a mapping of 'class', 'text'"):
        both.score(heads, mask=padding)
    with pytest.raises(ValueError, match="mask: expected the heads 'class', 'text', got the unknown 'txt'"):
        both.score(heads, mask={"txt": padding})


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("predictions", "error", "said"),
    [
        (
            {"class": CLASSES},
            ValueError,
            "expected the heads 'class', 'box', but 'box' is missing. Add predictions for 'box'",
        ),
        (
            {**HEADS, "mask": CLASSES},
            ValueError,
            "expected the heads 'class', 'box', got the unknown 'mask'. Leave 'mask' out",
        ),
        (
            CLASSES,
            TypeError,
            r"expected a mapping of 'class', 'box' to predictions, got ndarray.*predictions=\{'class'",
        ),
        (None, TypeError, "expected a mapping"),
        (
            {"class": CLASSES[:39], "box": BOXES},
            ValueError,
            r"predictions\['box'\]: expected 39 rows, as head 'class' has, got 40",
        ),
        ({"class": CLASSES, "box": 3}, TypeError, r"predictions\['box'\]: probs: expected an array"),
        ({"class": 3 * CLASSES, "box": BOXES}, ValueError, r"predictions\['class'\]: probs: expected probabilities"),
        ({"class": CLASSES[:, :, None], "box": BOXES}, ValueError, r"predictions\['class'\]: scores: .*Reduce"),
    ],
)
def test_predictions_that_are_not_those_of_the_heads_are_refused(
    predictions: Any, error: type[Exception], said: str
) -> None:
    combined = alcore.Combine(BOTH)
    for work in (combined.score, lambda heads: combined.select(heads, 2)):
        with pytest.raises(error, match=said):
            work(predictions)


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"heuristics": {}}, ValueError, "heuristics: expected at least one head"),
        ({"heuristics": [alcore.BALD()]}, TypeError, "heuristics: expected a mapping"),
        ({"heuristics": {1: alcore.BALD()}}, TypeError, "heuristics: expected names of heads as strings, got 1"),
        ({"heuristics": {"class": alcore.BatchBALD()}}, TypeError, "batchbald: expected a row-wise heuristic"),
        ({"heuristics": {"class": alcore.PowerBALD()}}, TypeError, r"\['class'\].*SoftRank\(Combine"),
        (
            {"heuristics": {"class": alcore.Random()}},
            TypeError,
            r"heuristics\['class'\]: expected a row-wise heuristic",
        ),
        ({"heuristics": {"class": "bald"}}, TypeError, r"heuristics\['class'\]: expected a row-wise heuristic"),
        ({"weights": {"class": 1}}, ValueError, "weights: expected the heads 'class', 'box', but 'box' is missing"),
        ({"weights": {"class": 1, "box": 1, "a": 1}}, ValueError, "weights: .*got the unknown 'a'"),
        ({"weights": {"class": 1, "box": np.nan}}, ValueError, r"weights\['box'\]: expected a finite number"),
        ({"weights": {"class": 1, "box": "1"}}, TypeError, r"weights\['box'\]: expected a number"),
        ({"weights": {"class": 0, "box": 0.0}}, ValueError, "weights: expected a weight other than 0 .* only zeros"),
        ({"weights": [1, 2]}, TypeError, r"weights: expected a mapping of 'class', 'box' to a number"),
        ({"scale": "raw"}, ValueError, "scale: expected 'rank' or 'standard', got 'raw'"),
        ({"scale": None}, ValueError, "scale: expected 'rank' or 'standard', got None"),
        ({"options": {"klass": {}}}, ValueError, "options: expected the heads 'class', 'box', got the unknown 'klass'"),
        ({"options": {"class": {"kind": "logit"}}}, ValueError, "kind: expected"),
        ({"options": {"class": {"mask": None}}}, TypeError, "mask: expected one of the options kind, axes"),
        ({"options": {"class": "logits"}}, TypeError, r"options\['class'\]: expected a mapping"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(arguments: dict[str, Any], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        alcore.Combine(**{"heuristics": BOTH, **arguments})


def test_it_draws_and_does_not_add_up() -> None:
    combined = alcore.Combine(BOTH)
    drawn = alcore.SoftRank(combined, 2).select(HEADS, 4, rng=0)
    np.testing.assert_array_equal(drawn.q, alcore.softrank(combined.score(HEADS), 4, beta=2, rng=0).q)
    assert (drawn.q < 1).all()
    assert alcore.Power(combined).name == "power-rank(1*class:bald + 1*box:sum(entropy))"
    for work in (lambda: alcore.BALD() + combined, lambda: alcore.Reduce(combined)):  # type: ignore[operator, arg-type]
        with pytest.raises(TypeError, match="expected a row-wise heuristic|unsupported operand"):
            work()


def test_streams_and_what_it_was_given_stay_as_they_are() -> None:
    heuristics, weights = dict(BOTH), {"class": 1.0, "box": 2.0}
    combined = alcore.Combine(heuristics, weights)
    expected = combined.score(HEADS)
    heuristics.clear()
    weights["box"] = 99
    flat = BOXES.flat
    streams = {
        "class": iter([CLASSES[:11], CLASSES[11:]]),
        "box": alcore.Ragged(iter([flat[:50], flat[50:]]), BOXES.offsets),
    }
    np.testing.assert_array_equal(combined.score(streams), expected)
    assert combined == alcore.Combine(BOTH, {"class": 1, "box": 2})
    assert len({combined, alcore.Combine(BOTH, {"class": 1, "box": 2}), alcore.Combine(BOTH)}) == 2
    assert len(combined.select({"class": CLASSES[:0], "box": alcore.Ragged(flat[:0], [0])}, 3)) == 0
