"""Comparing heuristics: what each picks, how many rows the batches share, the same at every run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import alcore
from alcore.bench import compare
from alcore.bench.compare import DEFAULT, JOINT

RNG = np.random.default_rng(0)
PROBS = RNG.dirichlet(np.ones(3), size=(30, 6)).transpose(0, 2, 1).copy()
MAPS = RNG.dirichlet(np.ones(3), size=(20, 2, 2, 5)).transpose(0, 4, 1, 2, 3).copy()
FEW = ("bald", "entropy", "power-bald", "random")
QUICK = [alcore.BatchBALD(samples=60, exact=200) if name == "batchbald" else name for name in DEFAULT]


def picks(result: alcore.bench.Comparison) -> list[list[int]]:
    return [batch.indices.tolist() for batch in result.batches]


@pytest.mark.parametrize(
    ("k", "rows", "draws"),
    [
        *((0, 12, 6), (1, 12, 2), (7, 12, 6), (12, 12, 2), (99, 12, 6), (5, 1, 2), (5, 1, 6)),
        *(pytest.param(k, 30, draws, marks=pytest.mark.soak) for k in (0, 1, 7, 30, 99) for draws in (2, 6)),
    ],
)
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
    for counts, nats in result.information_curves.values():
        assert counts[0] == nats[0] == 0
        assert counts[-1] == min(k, rows)
        assert (np.diff(counts) > 0).all()
        assert counts.shape == nats.shape


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


def test_heuristics_of_one_name_are_numbered() -> None:
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


def test_targets_join_as_objects() -> None:
    heuristics = [alcore.EPIG(PROBS[:5]), alcore.BatchEPIG(PROBS[:5])]
    result = compare(PROBS[5:], k=3, heuristics=heuristics, rng=0)
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
    "nothing": ({"predictions": None}, "got None"),
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
