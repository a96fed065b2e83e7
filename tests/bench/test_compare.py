"""Comparing heuristics: what each picks, how much they share, the same at every run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import alcore
from alcore.bench import compare
from alcore.bench.compare import DEFAULT, JOINT
from tests.cases import dirichlet

RNG = np.random.default_rng(0)
PROBS = RNG.dirichlet(np.ones(3), size=(30, 6)).transpose(0, 2, 1).copy()
MAPS = RNG.dirichlet(np.ones(3), size=(20, 2, 2, 5)).transpose(0, 4, 1, 2, 3).copy()
FEW = ("bald", "entropy", "power-bald", "random")
QUICK = [alcore.BatchBALD(samples=60, exact=200) if name == "batchbald" else name for name in DEFAULT]


def picks(result: alcore.bench.Comparison) -> list[list[int]]:
    return [batch.indices.tolist() for batch in result.batches]


@pytest.mark.parametrize(("k", "rows"), [(0, 30), (1, 30), (7, 30), (30, 30), (99, 30), (5, 1)])
@pytest.mark.parametrize("draws", [2, 6])
def test_shapes(k: int, rows: int, draws: int) -> None:
    result = compare(PROBS[:rows, :, :draws], k=k, heuristics=QUICK, samples=60, rng=0)
    count = len(DEFAULT)
    assert result.names == DEFAULT
    assert result.shape == (rows, 3, draws)
    assert result.seconds.shape == result.throughput.shape == (count,)
    assert (result.seconds > 0).all()
    assert result.overlap.shape == (count, count)
    assert {len(batch) for batch in result.batches} == {min(k, rows)}
    assert set(result.scores) == {name for name in DEFAULT if not name.startswith(("power", "soft", "random", *JOINT))}
    assert {scores.shape for scores in result.scores.values()} == {(rows,)}
    assert result.information.shape == result.information_error.shape == result.redundancy.shape == (count,)
    assert result.information_bound == pytest.approx(np.log(draws))
    assert set(result.information_curves) == set(DEFAULT)
    assert (result.information <= np.log(draws) + 4 * result.information_error + 1e-6).all()
    for picks_drawn, nats in result.information_curves.values():
        assert picks_drawn[0] == nats[0] == 0
        assert picks_drawn[-1] == min(k, rows)
        assert (np.diff(picks_drawn) > 0).all()
        assert picks_drawn.shape == nats.shape


@pytest.mark.parametrize("k", [0, 4, 30])
def test_overlap_is_the_jaccard_index(k: int) -> None:
    result = compare(PROBS, k=k, heuristics=FEW, samples=60, rng=1)
    chosen = [set(rows) for rows in picks(result)]
    np.testing.assert_array_equal(result.overlap, result.overlap.T)
    np.testing.assert_array_equal(np.diag(result.overlap), 1)
    for a, first in enumerate(chosen):
        for b, second in enumerate(chosen):
            assert result.overlap[a, b] == (len(first & second) / len(first | second) if k else 1)


def test_picks_and_scores_are_those_of_the_heuristic_alone() -> None:
    result = compare(PROBS, k=5, heuristics=["margin", alcore.BALD()], rng=0)
    assert picks(result) == [h.select(PROBS, 5).indices.tolist() for h in (alcore.Margin(), alcore.BALD())]
    np.testing.assert_array_equal(result.scores["margin"], alcore.margin(PROBS))
    np.testing.assert_array_equal(result.scores["bald"], alcore.bald(PROBS))


def test_one_seed_one_result() -> None:
    first, again, other = (compare(PROBS, k=5, heuristics=FEW, rng=seed) for seed in (3, 3, 4))
    assert picks(first) == picks(again) != picks(other)
    assert picks(first) == picks(compare(PROBS, k=5, heuristics=FEW, rng=np.random.default_rng(3)))


def test_a_draw_does_not_depend_on_the_heuristics_after_it() -> None:
    alone, among = (compare(PROBS, k=5, heuristics=h, rng=0) for h in (["random"], ["random", "power-bald"]))
    assert picks(alone)[0] == picks(among)[0]


@pytest.mark.parametrize("kind", ["npy", "npz", "zarr"])
def test_files_are_read_as_often_as_needed(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"preds.{kind}"
    if kind == "npy":
        np.save(path, PROBS)
    elif kind == "npz":
        np.savez_compressed(path, PROBS)
    else:
        import zarr

        zarr.create_array(path, shape=PROBS.shape, dtype=PROBS.dtype, chunks=(7, 3, 6))[:] = PROBS
    expected = compare(PROBS, k=5, heuristics=FEW, rng=0)
    for source in (path, str(path), alcore.open_predictions(path)):
        assert picks(compare(source, k=5, heuristics=FEW, rng=0)) == picks(expected)


def test_precomputed_scores_join_alone_drawn_and_summed() -> None:
    made = alcore.Precomputed(np.arange(30.0))
    result = compare(PROBS, k=3, heuristics=[made, alcore.Power(made), 0.5 * made + alcore.BALD(), "bald"], rng=0)
    assert picks(result)[0] == [29, 28, 27]
    np.testing.assert_array_equal(result.scores["precomputed"], np.arange(30.0))
    with pytest.raises(ValueError, match="29"):
        compare(PROBS[:29], k=3, heuristics=["bald", made])


def test_heuristics_of_one_name_are_told_apart() -> None:
    up, down = alcore.Precomputed(np.arange(30.0)), alcore.Precomputed(-np.arange(30.0))
    result = compare(PROBS, k=1, heuristics=[up, down, "bald"], rng=0)
    assert result.names == ("precomputed", "precomputed (2)", "bald")
    assert result.scores["precomputed"][29] == 29
    assert result.scores["precomputed (2)"][29] == -29


@pytest.mark.parametrize("dtype", [np.float16, np.float32, ">f8"])
def test_event_axes_are_reduced(dtype: Any) -> None:
    maps = MAPS.astype(dtype)
    heuristics = [alcore.Reduce(alcore.BALD(), "max"), alcore.Power(alcore.Reduce(alcore.Entropy())), "random"]
    result = compare(maps, k=4, heuristics=heuristics, rng=0)
    assert result.names == ("max(bald)", "power-mean(entropy)", "random")
    assert result.shape == (20, 3, 2, 2, 5)
    assert picks(result)[0] == heuristics[0].select(maps, 4).indices.tolist()


def test_padding_may_hold_anything_also_in_the_first_rows() -> None:
    mask = np.zeros((20, 2, 2), np.bool_)
    mask[:, 1, 1] = True
    spoilt = MAPS.copy()
    spoilt[:, :, 1, 1] = np.nan
    heuristic = alcore.Reduce(alcore.BALD())
    clean, padded = (compare(maps, k=4, heuristics=[heuristic], mask=mask) for maps in (MAPS, spoilt))
    np.testing.assert_array_equal(clean.scores["mean(bald)"], padded.scores["mean(bald)"])
    assert picks(clean) == picks(padded) == [heuristic.select(MAPS, 4, mask=mask).indices.tolist()]


def test_kind_and_weights_reach_every_heuristic() -> None:
    weights = np.arange(6.0)
    result = compare(np.log(PROBS), k=3, heuristics=["bald"], kind="logits", weights=weights)
    np.testing.assert_allclose(result.scores["bald"], alcore.bald(PROBS, weights=weights), rtol=1e-10)


# --- information ------------------------------------------------------------------------------------------------------

POOL = dirichlet(20, 3, 12, seed=5, alpha=0.5)
WEIGHTS = np.arange(12) % 3 + 0.5


@pytest.mark.parametrize("kind", ["probs", "logits"])
@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_information_is_that_of_the_batch(weights: Any, kind: str) -> None:
    given = np.log(POOL) if kind == "logits" else POOL
    result = compare(given, k=4, heuristics=["bald", "batchbald", "two-bald"], rng=0, weights=weights, kind=kind)
    for i, name in enumerate(result.names):
        rows = result.batches[i].indices
        exact = alcore.batch_information(POOL, rows, weights=weights).value
        assert result.information[i] == pytest.approx(exact, abs=1e-6)
        assert result.information_error[i] == 0
        alone = alcore.bald(POOL, weights=weights)[rows].sum()
        assert result.redundancy[i] == pytest.approx(alone - exact, abs=1e-6)
        picks_drawn, nats = result.information_curves[name]
        assert picks_drawn.tolist() == [0, 1, 2, 3, 4]
        for count, value in zip(picks_drawn, nats, strict=True):
            prefix = alcore.batch_information(POOL, rows[:count], weights=weights).value
            assert value == pytest.approx(prefix, abs=1e-6)
    np.testing.assert_allclose(result.information_curves["batchbald"][1][1:], result.batches[1].information, atol=1e-6)


def test_the_bound_is_log_t_or_the_entropy_of_the_weights() -> None:
    assert compare(POOL, k=1, heuristics=["random"]).information_bound == pytest.approx(np.log(12))
    shares = np.array([0.5, 0.5] + [0.0] * 10)
    assert compare(POOL, k=1, heuristics=["random"], weights=shares).information_bound == pytest.approx(np.log(2))
    with pytest.raises(ValueError, match="single draw"):
        compare(POOL[..., :1], k=1, heuristics=["random"])


def test_many_picks_are_sampled_and_say_their_error() -> None:
    result = compare(POOL, k=8, heuristics=["bald"], rng=0, samples=600)
    value, error = result.information[0], result.information_error[0]
    exact = alcore.batch_information(POOL, result.batches[0].indices).value
    assert 0 < error < 0.05
    assert abs(value - exact) <= 5 * error
    assert result.information_curves["bald"][0].tolist() == [0, 1, 2, 3, 5, 8]


def test_information_of_a_batch_does_not_depend_on_the_others() -> None:
    alone, among = (compare(POOL, k=9, heuristics=h, rng=0, samples=600) for h in (["bald"], ["bald", "margin"]))
    assert alone.information[0] == among.information[0]


def test_exhausted_draws_stay_at_the_bound_without_a_warning() -> None:
    certain = np.zeros((20, 2, 4))
    certain[np.arange(20)[:, None], (np.arange(20)[:, None] >> np.arange(4)) % 2, np.arange(4)] = 1
    result = compare(certain, k=15, heuristics=["batchbald", "bald"], rng=0, samples=100)
    batch = result.batches[0]
    assert batch.saturated_at is not None
    assert batch.saturated_at < 15
    np.testing.assert_allclose(result.information, np.log(4), atol=1e-6)
    assert result.redundancy[1] > 5
    assert (np.diff(result.information_curves["bald"][1]) >= -1e-9).all()


def test_rows_of_files_are_weighed_as_those_in_memory(tmp_path: Path) -> None:
    np.save(tmp_path / "preds.npy", POOL)
    expected, found = (
        compare(given, k=9, heuristics=FEW, rng=0, samples=600) for given in (POOL, tmp_path / "preds.npy")
    )
    np.testing.assert_array_equal(found.information, expected.information)


def test_event_axes_have_no_joint_information() -> None:
    result = compare(MAPS, k=3, heuristics=[alcore.Reduce(alcore.BALD())], rng=0)
    joint = (result.information, result.information_error, result.redundancy, result.information_bound)
    assert joint == (None,) * 4
    assert result.information_curves == {}
    with pytest.raises(ValueError, match=r"expected shape \(N, C, T\)"):
        compare(MAPS, k=3, heuristics=["batchbald"], rng=0)


def test_targets_join_as_objects() -> None:
    heuristics = [alcore.EPIG(POOL[:5]), alcore.BatchEPIG(POOL[:5])]
    result = compare(POOL[5:], k=3, heuristics=heuristics, rng=0)
    assert result.names == ("epig", "batch-epig")
    assert set(result.scores) == {"epig"}


def test_predictions_are_left_as_they_were() -> None:
    probs = PROBS.copy()
    probs.flags.writeable = False
    compare(probs, k=3, heuristics=QUICK, rng=0)
    np.testing.assert_array_equal(probs, PROBS)


@pytest.mark.parametrize("blocks", [iter([PROBS]), [PROBS, PROBS], (block for block in [PROBS])])
def test_iterables_are_refused(blocks: Any) -> None:
    with pytest.raises(TypeError, match="more than once"):
        compare(blocks, k=3)


BAD_ARGUMENTS: dict[str, tuple[dict[str, Any], str]] = {
    "no heuristic": ({"heuristics": []}, "heuristics: expected at least one"),
    "unknown name": ({"heuristics": ["bold"]}, "got 'bold'"),
    "class": ({"heuristics": [alcore.BALD]}, r"such as BALD\(\)"),
    "number": ({"heuristics": [3]}, "got 3"),
    "function": ({"heuristics": [alcore.bald]}, "heuristics: expected"),
    "negative k": ({"k": -1}, "k: expected"),
    "fractional k": ({"k": 1.5}, "k: expected"),
    "samples": ({"samples": 0}, "samples: expected at least 1"),
    "joint by a mask": ({"heuristics": ["ical"], "mask": np.zeros(30, np.bool_)}, "mask: expected"),
    "targets": ({"heuristics": ["epig"]}, "needs targets"),
    "rng": ({"rng": "0"}, "rng: expected"),
    "kind": ({"kind": "logit"}, "kind: expected"),
    "weights": ({"weights": [1.0]}, r"weights: expected shape \(6,\)"),
    "mask": ({"mask": np.zeros(30, np.bool_)}, "mask: expected"),
    "zero rows": ({"predictions": PROBS[:0]}, "at least one row"),
    "two axes": ({"predictions": PROBS[0]}, "got shape"),
    "event axes": ({"predictions": MAPS}, "Reduce"),
    "NaN": ({"predictions": np.full((6, 2, 2), np.nan)}, "is nan"),
    "mapping": ({"predictions": {"pool": PROBS}}, "members 'pool'"),
    "nothing": ({"predictions": None}, "NoneType"),
}


@pytest.mark.parametrize("case", BAD_ARGUMENTS)
def test_bad_arguments_are_refused(case: str) -> None:
    given, expected = BAD_ARGUMENTS[case]
    with pytest.raises((ValueError, TypeError), match=expected):
        compare(**{"predictions": PROBS, "k": 3, "heuristics": ["bald"], **given})


@pytest.mark.parametrize(
    ("mask", "expected"),
    [
        (np.zeros((3, 2, 2), np.bool_), r"expected shape \(20, 2, 2\)"),
        (np.zeros((20, 2), np.bool_), r"expected shape \(20, 2, 2\)"),
        (np.zeros((20, 2, 2), np.int64), "booleans"),
        (np.ones((20, 2, 2), np.bool_), "row 0"),
    ],
)
def test_bad_masks_are_refused_with_the_shape_of_all_rows(mask: np.ndarray, expected: str) -> None:
    with pytest.raises((ValueError, TypeError), match=expected):
        compare(MAPS, k=3, heuristics=[alcore.Reduce(alcore.BALD())], mask=mask)


@pytest.mark.parametrize("labels", [None, np.arange(30) % 3])
def test_a_test_set_of_one_class_is_judged(labels: Any) -> None:
    given = {"labels": labels, "test": PROBS, "test_labels": np.ones(30, np.int64), "steps": 3, "seeds": 2, "rng": 0}
    result = compare(PROBS, k=2, heuristics=["random"], **given)
    predicted = PROBS.mean(axis=-1)
    assert result.tempering.before.accuracy == pytest.approx((predicted.argmax(axis=1) == 1).mean())
    assert result.tempering.before.log_likelihood == pytest.approx(np.log(predicted[:, 1]).mean(), abs=1e-6)
    assert set(result.left_out) == (set() if labels is not None else {"replay"})
    assert len(result.replays) == (labels is not None)


@pytest.mark.parametrize("with_test", [True, False])
def test_a_pool_of_one_class_is_refused_with_what_works(with_test: bool) -> None:
    test = {"test": PROBS, "test_labels": np.arange(30) % 3} if with_test else {}
    with pytest.raises(ValueError, match=r"^labels: all 30 are class 2; .+ or compare heuristics without labels\.$"):
        compare(PROBS, k=2, heuristics=["random"], labels=np.full(30, 2), **test)
    assert compare(PROBS, k=2, heuristics=["random"], **test).classes is None


def test_a_part_of_the_pool_that_is_of_one_class_is_not_replayed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["alcore.bench.labels"], "MOST_BYTES", 12 * PROBS[0].size * 4)
    kept = np.random.default_rng(0).permutation(30)[:12]
    labels = np.ones(30, np.int64)
    labels[np.setdiff1d(np.arange(30), kept)] = 0
    given = {"labels": labels, "test": PROBS, "test_labels": np.arange(30) % 3, "rng": 0}
    result = compare(PROBS, k=2, heuristics=["random"], **given)
    assert result.replays == ()
    assert result.tempering is not None
    assert result.left_out["replay"] == "the rows that fit into memory are all of class 1"


def test_a_pool_that_is_too_large_is_replayed_in_part_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["alcore.bench.labels"], "MOST_BYTES", 12 * PROBS[0].size * 4)
    known = np.arange(len(PROBS)) % 3
    options = {"labels": known, "test": PROBS, "test_labels": known, "steps": 99, "seeds": 3, "rng": 0}
    result = compare(PROBS, k=2, heuristics=["random"], **options)
    assert (result.replays[0].ended["random"] <= 12).all()
    assert f"12 of {len(PROBS)} rows" in result.left_out["replay of all rows"]
    assert result.shape[0] == len(PROBS)
    assert any(
        sentence.startswith("Replay of all rows is left out: 12 of") for sentence in alcore.bench.sentences(result)
    )
