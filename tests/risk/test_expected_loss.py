"""The loss that draws expect of a model: against every label of every draw, any source, what is refused."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import alcore
from tests.cases import dirichlet, special

KINDS = ("log", "zero-one", "brier")
each_loss = pytest.mark.parametrize("loss", KINDS)
SAMPLE = np.concatenate([special(), dirichlet(10, 4, 6, seed=1), dirichlet(6, 4, 6, seed=2, alpha=0.05)])
SAID = dirichlet(len(SAMPLE), 4, 1, seed=3)[..., 0]


def loss_of(loss: str, said: np.ndarray, label: int) -> float:
    if loss == "log":
        return -math.log(said[label])
    if loss == "zero-one":
        return float(max(range(len(said)), key=lambda c: said[c]) != label)
    return float(sum((said[c] - (c == label)) ** 2 for c in range(len(said))))


def expected(loss: str, probs: np.ndarray, said: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Every label of every draw of every row."""
    draws = probs.shape[-1]
    shares = np.ones(draws) / draws if weights is None else np.asarray(weights) / np.sum(weights)
    return np.array(
        [
            sum(
                shares[t] * row[c, t] * loss_of(loss, f, c)
                for c, t in np.ndindex(*row.shape)
                if row[c, t] * shares[t] > 0
            )
            for row, f in zip(probs, said, strict=True)
        ]
    )


@pytest.mark.interpreted
@each_loss
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 1e-6), (np.float16, 2e-3)])
def test_equals_the_mean_over_every_label_and_draw(loss: str, dtype: type, tolerance: float) -> None:
    probs = SAMPLE.astype(dtype)
    found = alcore.expected_loss(probs, SAID, loss=loss, floor=0)
    np.testing.assert_allclose(found, expected(loss, probs.astype(float), SAID), rtol=tolerance, atol=tolerance)
    own = probs.astype(float).mean(axis=-1)
    found = alcore.expected_loss(probs, loss=loss, floor=0)
    np.testing.assert_allclose(found, expected(loss, probs.astype(float), own), rtol=tolerance, atol=tolerance)
    assert found.dtype == np.float64


@pytest.mark.interpreted
def test_losses_that_draws_expect_of_their_own_mean_are_measures() -> None:
    for dtype in (np.float32, np.float64):
        probs = SAMPLE.astype(dtype)
        np.testing.assert_allclose(alcore.expected_loss(probs, floor=0), alcore.entropy(probs), rtol=1e-12, atol=1e-15)
        least = alcore.expected_loss(probs, loss="zero-one", floor=0)
        np.testing.assert_array_equal(least, alcore.least_confidence(probs))


@each_loss
def test_weights_equal_repeated_draws(loss: str) -> None:
    counts = np.array([3, 1, 0, 2, 1, 5])
    found = alcore.expected_loss(SAMPLE, SAID, loss=loss, weights=counts)
    repeated = alcore.expected_loss(np.repeat(SAMPLE, counts, axis=-1), SAID, loss=loss)
    np.testing.assert_allclose(found, repeated, rtol=1e-12)
    exact = expected(loss, SAMPLE, SAID, counts)
    np.testing.assert_allclose(
        alcore.expected_loss(SAMPLE, SAID, loss=loss, weights=counts, floor=0), exact, rtol=1e-12
    )


@each_loss
def test_any_cutting_and_layout_gives_the_same_bits(loss: str, tmp_path: Any) -> None:
    for dtype in (np.float16, np.float32, np.float64):
        stored, said = SAMPLE.astype(dtype), SAID.astype(dtype)
        scores = alcore.expected_loss(stored, said, loss=loss)
        np.save(tmp_path / "preds.npy", stored)
        blocks = [stored[:1], stored[1:1], stored[1:8], stored[8:]]
        read_only = stored.copy()
        read_only.flags.writeable = False
        swapped = stored.astype(stored.dtype.newbyteorder())
        for other in (iter(blocks), blocks, tmp_path / "preds.npy", np.asfortranarray(stored), swapped, read_only):
            np.testing.assert_array_equal(alcore.expected_loss(other, said, loss=loss), scores)
        if dtype is np.float64:
            np.testing.assert_array_equal(alcore.expected_loss(stored, said.tolist(), loss=loss), scores)
        for other in (np.asfortranarray(said), said.astype(said.dtype.newbyteorder()), np.repeat(said, 2, axis=0)[::2]):
            before = other.tobytes()
            np.testing.assert_array_equal(alcore.expected_loss(stored, other, loss=loss), scores)
            assert other.tobytes() == before
        assert stored.tobytes() == SAMPLE.astype(dtype).tobytes()
        alone = [
            alcore.expected_loss(stored[i : i + 1], said[i : i + 1], loss=loss, floor=0)[0] for i in range(len(said))
        ]
        np.testing.assert_array_equal(alcore.expected_loss(stored, said, loss=loss, floor=0), alone)


@each_loss
def test_logits_equal_their_softmax(loss: str) -> None:
    found = alcore.expected_loss(np.log(SAMPLE[6:]), np.log(SAID[6:]) + 3, loss=loss, kind="logits")
    np.testing.assert_allclose(found, alcore.expected_loss(SAMPLE[6:], SAID[6:], loss=loss), rtol=1e-9)


@each_loss
@pytest.mark.parametrize("floor", [0.0, 0.1, 0.5, 1.0])
def test_no_score_is_under_the_floor(loss: str, floor: float) -> None:
    plain = alcore.expected_loss(SAMPLE, SAID, loss=loss, floor=0)
    found = alcore.expected_loss(SAMPLE, SAID, loss=loss, floor=floor)
    np.testing.assert_array_equal(found, np.maximum(plain, floor * plain.mean()))
    if floor:
        batch = alcore.power(found, k=4, rng=0)
        assert batch.support.tolist() == [len(SAMPLE) - m for m in range(4)]


def test_what_is_certain_everywhere_is_drawn_uniformly() -> None:
    certain = np.zeros((5, 3, 2))
    certain[:, 1] = 1
    for loss in KINDS:
        scores = alcore.expected_loss(certain, loss=loss)
        np.testing.assert_array_equal(scores, 0)
        batch = alcore.power(scores, k=2, rng=0)
        assert np.isfinite(alcore.lure([0.0, 1.0], batch.q, 5, support=batch.support)).all()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_what_the_model_rules_out_is_refused_under_the_log_loss(dtype: type) -> None:
    draws = np.array([[[0.5, 0.5], [0.5, 0.5]]])
    said = r"predicted: expected probabilities above 0 .*predicted\[0, 1\] is 0.*np.clip\(predicted, 1e-6, None\)"
    ruled_out = np.array([[1.0, 0.0]], dtype)
    with pytest.raises(ValueError, match=said):
        alcore.expected_loss(draws, ruled_out)
    logits = np.array([[0, -np.inf]], dtype)
    with pytest.raises(
        ValueError, match=r"predicted\[0, 1\] is 0.*Clip the logits.*np.maximum\(predicted, predicted.max\("
    ):
        alcore.expected_loss(draws, logits, kind="logits")
    certain_no = np.maximum(logits, logits.max(axis=1, keepdims=True) - 14)
    assert alcore.expected_loss(draws, certain_no, kind="logits")[0] == pytest.approx(7, rel=1e-3)
    clipped = np.clip(ruled_out, 1e-6, None)
    assert alcore.expected_loss(draws, clipped)[0] == pytest.approx(-np.log(float(clipped[0, 1])) / 2, rel=1e-5)
    for loss in ("zero-one", "brier"):
        assert alcore.expected_loss(draws, ruled_out, loss=loss)[0] > 0


@pytest.mark.interpreted
def test_ties_of_the_tested_model_go_to_the_lowest_class() -> None:
    draws = np.array([[[0.2], [0.5], [0.3]]])
    found = alcore.expected_loss(draws, [[0.4, 0.2, 0.4]] @ np.eye(3), loss="zero-one", floor=0)
    assert found[0] == pytest.approx(0.8)


def test_no_rows_have_no_scores() -> None:
    for loss in KINDS:
        assert alcore.expected_loss(np.empty((0, 3, 4)), loss=loss).shape == (0,)
        assert alcore.expected_loss(np.empty((0, 3, 4)), np.empty((0, 3)), loss=loss).shape == (0,)


@pytest.mark.interpreted
def test_what_are_no_predictions_is_refused() -> None:
    with pytest.raises(ValueError, match=r"predictions: expected shape \(N, C, T\), got \(N, 3, 5, 4\)"):
        alcore.expected_loss(np.full((2, 3, 5, 4), 1 / 3))
    wrong = SAMPLE.copy()
    wrong[3, 1, 2] = np.nan
    for source in (wrong, [wrong[:2], wrong[2:]]):
        with pytest.raises(ValueError, match=r"predictions\[3, 1, 2\] is nan"):
            alcore.expected_loss(source)
    with pytest.raises(ValueError, match="weights: expected shape"):
        alcore.expected_loss(SAMPLE, weights=[1, 2])
    with pytest.raises(ValueError, match="kind: expected one of 'probs', 'logits'"):
        alcore.expected_loss(SAMPLE, kind="labels")


def test_what_is_no_prediction_of_the_model_is_refused() -> None:
    with pytest.raises(ValueError, match=r"predicted: expected shape \(N, 4\).*got \(22, 4, 6\).*mean\(axis=-1\)"):
        alcore.expected_loss(SAMPLE, SAMPLE)
    with pytest.raises(ValueError, match=r"predicted: expected shape \(N, 4\).*got \(22, 3\)"):
        alcore.expected_loss(SAMPLE, SAID[:, :3])
    with pytest.raises(TypeError, match="If these are labels, pass predictions instead"):
        alcore.expected_loss(SAMPLE, SAID.argmax(axis=1))
    for said in (SAID[:7], np.concatenate([SAID, SAID])):
        with pytest.raises(ValueError, match=rf"predicted: expected 22 rows, as predictions has, got {len(said)}"):
            alcore.expected_loss(SAMPLE, said)
        with pytest.raises(ValueError, match=rf"predicted: expected 2[02] rows, as predictions .*has, got {len(said)}"):
            alcore.expected_loss(iter([SAMPLE[:20], SAMPLE[20:]]), said)
    logits = np.log(SAID)
    with pytest.raises(ValueError, match=r"predicted\[0, :\] sums to -.*predicted\[0, 0\] is -.*pass kind='logits'"):
        alcore.expected_loss(SAMPLE, logits)
    logits[2, 1] = np.nan
    with pytest.raises(ValueError, match=r"predicted: expected finite logits .*predicted\[2, 1\] is nan"):
        alcore.expected_loss(np.log(SAMPLE + 1e-9), logits, kind="logits")


def test_options_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="loss: expected 'log', 'zero-one' or 'brier', got 'nll'"):
        alcore.expected_loss(SAMPLE, loss="nll")
    for floor in (-0.1, 1.1, math.nan):
        with pytest.raises(ValueError, match="floor: expected a share of the mean score, at least 0 and at most 1"):
            alcore.expected_loss(SAMPLE, floor=floor)
    with pytest.raises(TypeError, match="floor: expected a number"):
        alcore.expected_loss(SAMPLE, floor="0.1")


@pytest.mark.parametrize(
    "said", ["0.5", b"0.5", {0: 0.5}, {0.5}, 0.5, object(), range, iter([0.5]), [[0.5], [0.5, 0.5]]]
)
def test_what_is_no_array_is_refused_by_name(said: Any) -> None:
    with pytest.raises(TypeError, match="^predicted: expected an array"):
        alcore.expected_loss(SAMPLE, said)
