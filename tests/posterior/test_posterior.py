"""What users do with a posterior: parts from any source, labels in any order, draws that heuristics read, refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

import alcore
from tests.posterior.test_laplace import draws_of, softmax

N, C, T = 40, 4, 7
LOGITS = draws_of(1)
PROBS = softmax(LOGITS)
ROWS, LABELS = [3, 0, 17, 22, 31, 5], [0, 3, 1, 1, 2, 0]


def learned(parts: Any, **options: Any) -> alcore.Posterior:
    posterior = alcore.Posterior(parts, **options)
    posterior.learn(ROWS, LABELS)
    return posterior


def test_one_by_one_in_another_order_or_at_once_is_the_same() -> None:
    at_once = learned(PROBS)
    one_by_one = alcore.Posterior(PROBS)
    for place in (4, 0, 5, 2, 1, 3):
        one_by_one.learn([ROWS[place]], [LABELS[place]])
    assert one_by_one.labelled == at_once.labelled == 6
    assert one_by_one.scale == pytest.approx(at_once.scale, rel=0.02)
    fixed, again = learned(PROBS, scale=2.0), alcore.Posterior(PROBS, scale=2.0)
    for place in (4, 0, 5, 2, 1, 3):
        again.learn([ROWS[place]], [LABELS[place]])
    np.testing.assert_allclose(again.mode, fixed.mode, atol=1e-9)
    np.testing.assert_allclose(again.covariance, fixed.covariance, atol=1e-9)
    assert again.evidence == pytest.approx(fixed.evidence, abs=1e-9)


def test_the_same_label_again_changes_nothing_and_another_is_refused() -> None:
    posterior = learned(PROBS)
    mode = posterior.mode
    posterior.learn(ROWS[:2], LABELS[:2])
    np.testing.assert_array_equal(posterior.mode, mode)
    with pytest.raises(ValueError, match="expected 3 for row 0, which was learned before, got 2") as refusal:
        posterior.learn([0, 9], [2, 2])
    assert posterior.labelled == 6
    assert "with posterior.forget()" in str(refusal.value)
    clean = posterior.forget()
    clean.learn([0], [2])
    assert (clean.labelled, posterior.labelled) == (1, 6)
    np.testing.assert_array_equal(posterior.mode, mode)


def test_before_any_label_the_draws_have_the_covariance_of_the_saved_ones() -> None:
    posterior = alcore.Posterior(LOGITS, kind="logits")
    drawn = np.log(np.asarray(posterior.draws(count=20_000, rng=0)).astype(np.float64))
    centred = LOGITS - LOGITS.mean(axis=1, keepdims=True)
    drawn -= drawn.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(drawn.mean(axis=-1), centred.mean(axis=-1), atol=0.06)
    pair = [np.stack([one[2, 1], one[30, 3]]) for one in (drawn, centred)]
    np.testing.assert_allclose(np.cov(pair[0]), np.cov(pair[1], ddof=0), atol=0.15)


def test_a_label_changes_the_row_and_rows_like_it() -> None:
    posterior = alcore.Posterior({"pool": PROBS, "test": PROBS[:5]})
    before = posterior.predictive("pool")
    posterior.learn([7], [2])
    after = posterior.predictive("pool")
    assert after[7, 2] > before[7, 2]
    np.testing.assert_allclose(posterior.predictive("test"), after[:5], atol=1e-7)


def test_predictions_of_learned_labels_come_near_them() -> None:
    """Labels that the directions can express: those that one draw would give."""
    logits = 4 * draws_of(3, (300, 3, 60))
    truth = logits[..., 5].argmax(axis=1)
    posterior = alcore.Posterior({"pool": logits[:200], "test": logits[200:]}, kind="logits")
    before = (posterior.predictive("test").argmax(axis=1) == truth[200:]).mean()
    posterior.learn(np.arange(200), truth[:200])
    after = (posterior.predictive("test").argmax(axis=1) == truth[200:]).mean()
    assert after > before + 0.2
    assert 10 < posterior.effective_dimension < posterior.dimension == 59
    assert "200 labels learned" in repr(posterior)


@pytest.mark.parametrize("kind", ["probs", "logits"])
def test_any_source_gives_the_same(kind: str, tmp_path: Path) -> None:
    array = (LOGITS if kind == "logits" else PROBS).astype(np.float32)
    np.save(tmp_path / "preds.npy", array)
    zarr.create_array(tmp_path / "preds.zarr", data=array, chunks=(6, C, T))
    expected = learned(array, kind=kind, scale=1.5)
    values = np.asarray(expected.draws(rng=3))
    others = [
        tmp_path / "preds.npy",
        str(tmp_path / "preds.zarr"),
        [array[:11], array[11:12], array[12:]],
        array.tolist(),
    ]
    turned = [learned(array.transpose(2, 0, 1), kind=kind, scale=1.5, axes="TNC")]
    for posterior in [*(learned(one, kind=kind, scale=1.5) for one in others), *turned]:
        np.testing.assert_allclose(np.asarray(posterior.draws(rng=3)), values, atol=2e-6)
    half = learned(array.astype(np.float16), kind=kind, scale=1.5)
    np.testing.assert_allclose(half.mode, expected.mode, atol=0.02)


def test_draws_are_read_in_blocks_by_everything(tmp_path: Path) -> None:
    posterior = learned({"pool": PROBS, "targets": PROBS[:6]})
    drawn, targets = posterior.draws(rng=1), posterior.draws("targets", rng=1)
    array = np.asarray(drawn)
    assert drawn.shape == array.shape == (N, C, 100)
    assert drawn.dtype == array.dtype == np.float32
    np.testing.assert_allclose(array.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(np.concatenate(list(drawn.read_blocks(7))), array)
    np.testing.assert_array_equal(np.asarray(posterior.draws(rng=1)), array)
    np.testing.assert_array_equal(np.asarray(targets), array[:6])
    np.testing.assert_array_equal(alcore.bald(drawn), alcore.bald(array))
    assert alcore.BatchBALD().select(drawn, 3).indices.tolist() == alcore.BatchBALD().select(array, 3).indices.tolist()
    np.testing.assert_allclose(alcore.epig(drawn, targets), alcore.epig(array, array[:6]))
    alcore.save_predictions(tmp_path / "drawn.zarr", drawn)
    np.testing.assert_array_equal(zarr.open_array(tmp_path / "drawn.zarr")[:], array)
    ledger = alcore.Ledger(N)
    ledger.label({3: "cat"})
    query = ledger.ask(alcore.BALD(), drawn, 3)
    assert 3 not in query.ids


def test_names_of_rows_stay() -> None:
    xarray = pytest.importorskip("xarray")
    names = np.array([f"row {place}" for place in range(N)])
    axes = {"N": "obs", "C": "label", "T": "member"}
    source = xarray.DataArray(PROBS.transpose(2, 0, 1), dims=("member", "obs", "label"), coords={"obs": names})
    named = learned(xarray.DataArray(source), axes=axes).draws(rng=1)
    plain = learned(PROBS).draws(rng=1)
    scores = alcore.bald(named)
    assert scores.dims == ("obs",)
    np.testing.assert_array_equal(scores.obs, names)
    np.testing.assert_array_equal(scores.values, alcore.bald(plain))
    for heuristic in (alcore.BALD(), alcore.BatchBALD(), alcore.PowerBALD()):
        batch = heuristic.select(named, 3, rng=0)
        assert batch.ids.tolist() == names[batch.indices].tolist()
        np.testing.assert_array_equal(batch.indices, heuristic.select(plain, 3, rng=0).indices)
        assert heuristic.select(plain, 3, rng=0).ids is None
    assert alcore.batchbald(named, 2).ids.tolist() == names[alcore.batchbald(plain, 2).indices].tolist()


def test_zeros_and_certain_draws_stay_finite() -> None:
    votes = np.eye(C)[np.random.default_rng(0).integers(C, size=(N, T))].transpose(0, 2, 1)
    minus = np.where(np.arange(C)[:, None] == 1, -np.inf, LOGITS)
    for posterior in (learned(votes), learned(votes.astype(np.float16))):
        assert np.isfinite(np.asarray(posterior.draws(rng=0))).all()
        assert np.isfinite(posterior.evidence)
    assert np.isfinite(np.asarray(learned(minus, kind="logits").draws(rng=0))).all()
    certain = learned(np.full((N, C, T), 0.25))
    assert certain.effective_dimension == pytest.approx(0)
    np.testing.assert_allclose(np.asarray(certain.draws(rng=0)), 0.25)


def test_few_members_learn_little_and_say_so() -> None:
    posterior = learned(PROBS[..., :3])
    assert posterior.dimension == 2
    assert posterior.effective_dimension <= 2
    assert repr(posterior).endswith("of 2)")
    assert learned(PROBS[..., :1]).dimension == 0


def test_a_draw_without_weight_gives_no_direction() -> None:
    weights = np.array([1, 2, 0, 1, 1, 3, 1])
    posterior, without = (
        learned(PROBS, weights=weights, scale=1.0),
        learned(np.delete(PROBS, 2, axis=-1), weights=np.delete(weights, 2), scale=1.0),
    )
    assert posterior.mode[2] == 0
    np.testing.assert_allclose(np.delete(posterior.mode, 2), without.mode, atol=1e-9)
    assert posterior.dimension == 5


def test_kinds_have_draws_of_their_kind() -> None:
    yes, labels = PROBS[:, 0], PROBS[:, :3]
    binary = alcore.Posterior(yes, kind="binary")
    binary.learn(ROWS, [1, 0, 1, 1, 0, 0])
    drawn = binary.draws(rng=0)
    assert (drawn.kind, drawn.shape) == ("binary", (N, 1, 100))
    assert alcore.bald(drawn, kind=drawn.kind).shape == (N,)
    several = alcore.Posterior(labels, kind="multilabel")
    several.learn(ROWS, np.random.default_rng(0).integers(2, size=(6, 3)))
    assert alcore.BatchBALD().select(several.draws(rng=0), 2, kind="multilabel", rng=0).indices.shape == (2,)
    numbers = alcore.Posterior(
        {"a": LOGITS[:, 0], "b": LOGITS[:4, 0]}, kind="mean", variance={"a": 0.5, "b": np.full((4, 1), 2.0)}
    )
    numbers.learn([0, 1], [0.5, 1.5], part="a")
    assert numbers.draws("b").kind == "mean"
    assert alcore.variance(numbers.draws("b"), "epistemic").shape == (4,)


def test_rows_that_are_no_predictions_are_refused_where_they_are_read() -> None:
    broken = PROBS.copy()
    broken[4, 1, 2] = np.nan
    posterior = alcore.Posterior({"pool": broken})
    posterior.learn([0], [1])
    with pytest.raises(ValueError, match=r"pool: expected finite numbers, but pool\[4, 1, 2\] is nan"):
        posterior.learn([4], [1])
    with pytest.raises(ValueError, match=r"pool\[4, 1, 2\] is nan"):
        alcore.bald(posterior.draws())
    with pytest.raises(ValueError, match="pass kind='logits'"):
        learned(LOGITS)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p: p.learn([40], [0]), "rows: expected row numbers from 0 to 39 of part 'pool', but rows\\[0\\] is 40"),
        (lambda p: p.learn([-1], [0]), "rows\\[0\\] is -1"),
        (lambda p: p.learn([1, 1], [0, 0]), "row 1 is there twice"),
        (lambda p: p.learn([True, False], [0, 0]), "For a mask pass np.flatnonzero"),
        (lambda p: p.learn([[1]], [0]), "expected shape \\(n,\\)"),
        (lambda p: p.learn([1, 2], [0]), "labels: expected shape \\(2,\\)"),
        (lambda p: p.learn([1], [4]), "expected classes from 0 to 3, but labels\\[0\\] is 4"),
        (lambda p: p.learn([1], [0.5]), "labels"),
        (lambda p: p.learn([1], [0], part="tset"), "part: expected one of 'pool', got 'tset'"),
        (lambda p: p.draws("test"), "part: expected one of 'pool'"),
        (lambda p: p.draws(count=0), "count"),
        (lambda p: alcore.Posterior({}), "got an empty mapping"),
        (lambda p: alcore.Posterior({1: PROBS}), "expected names as keys"),
        (lambda p: alcore.Posterior({"a": PROBS, "b": PROBS[..., :5]}), "b: expected shape \\(N, 4, 7\\), as a has"),
        (lambda p: alcore.Posterior(PROBS[..., None, :]), "expected shape \\(N, C, T\\)"),
        (lambda p: alcore.Posterior(iter([PROBS])), "can be read only once"),
        (lambda p: alcore.Posterior(PROBS, scale=0), "scale: expected a number above 0"),
        (lambda p: alcore.Posterior(PROBS, weights=[1, 2]), "weights: expected shape \\(7,\\)"),
        (lambda p: alcore.Posterior(LOGITS, kind="mean"), "variance"),
        (lambda p: alcore.Posterior({"a": LOGITS}, kind="mean", variance={"b": 1.0}), "got none for 'a', only for 'b'"),
    ],
)
def test_what_is_refused(call: Any, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        call(alcore.Posterior(PROBS))


def test_inputs_are_not_written_to() -> None:
    array = PROBS.copy()
    array.flags.writeable = False
    posterior = learned(array)
    posterior.predictive()
    np.asarray(posterior.draws())
    np.testing.assert_array_equal(array, PROBS)
    posterior.mode[:] = 5
    assert (posterior.mode != 5).all()
