"""Row-wise heuristics on a cluster: the bits of one machine, whatever the chunks, the kind and the options."""

from __future__ import annotations

from typing import Any

import dask.array
import numpy as np
import pytest
import xarray
from distributed.protocol.pickle import dumps

import alcore
from alcore.door import Reading
from alcore.sources import spread
from alcore.sources.row_subset import RowSubset
from tests.cases import CASES
from tests.cases_of_kinds import KindCase, Scored, each_kind, each_scored
from tests.cluster.pools import ROWS, Traffic, assert_same, in_dask, probabilities, traffic

__all__ = ["traffic"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("kind", ["probs", "logits"])
def test_each_measure_of_classes(client: Any, traffic: Traffic, case: Any, kind: str) -> None:
    pool = probabilities(ROWS)
    numbers = pool if kind == "probs" else np.log(np.maximum(pool, 1e-3)).astype(np.float16)
    weights = np.arange(1.0, 7)
    expected = case.function(numbers, kind=kind, weights=weights)
    assert_same(case.function(in_dask(numbers), kind=kind, weights=weights), expected)
    assert len(traffic.results) > 5
    assert len(traffic.works) == 1
    assert len(traffic.works[0]) < 4096


@each_scored
def test_each_measure_of_each_kind(client: Any, traffic: Traffic, case: Scored) -> None:
    pool = case.kind.pool(ROWS)
    given: dict[str, Any] = {} if pool.variance is None else {"variance": in_dask(pool.variance)}
    found = case.make(pool).score(in_dask(pool.array), **{**pool.options, **given})
    assert_same(found, case.score(pool))
    assert len(traffic.results) > 5


@each_kind
def test_ragged_rows_of_each_kind(client: Any, traffic: Traffic, kind: KindCase) -> None:
    pool, offsets = kind.pool(ROWS), np.array([0, 5, 5, 21, 40, 41, 60])
    heuristic = alcore.Reduce(alcore.BALD(), "mean", empty=0.0)
    expected = heuristic.score(alcore.Ragged(pool.array, offsets), **pool.options)
    assert_same(heuristic.score(alcore.Ragged(in_dask(pool.array), offsets), **pool.options), expected)
    assert len(traffic.results) > 2


@pytest.mark.parametrize("variance", [0.3, np.array([0.1, 0.2, 0.4, 0.3]), "rows"], ids=["one", "outputs", "rows"])
def test_variances_are_sent_with_their_rows(client: Any, traffic: Traffic, variance: Any) -> None:
    means = np.random.default_rng(0).normal(size=(ROWS, 4, 6))
    given = np.random.default_rng(1).gamma(2, 0.2, (ROWS, 4)) if isinstance(variance, str) else variance
    assert_same(
        alcore.bald(in_dask(means), kind="mean", variance=given), alcore.bald(means, kind="mean", variance=given)
    )
    assert max(traffic.told) < 7 * 4 * 8 + 300


CHUNKS = {
    "a row each": (1, 4, 6),
    "one": (ROWS, 4, 6),
    "uneven": ((7, 1, 30, 22), (1, 3), (6,)),
    "draw by draw": (ROWS, 4, 1),
    "class by class": (13, 1, 6),
}


@pytest.mark.parametrize("chunks", CHUNKS.values(), ids=CHUNKS)
@pytest.mark.parametrize("large", [False, True], ids=["cut on the worker", "whole chunks"])
def test_any_chunks(client: Any, monkeypatch: pytest.MonkeyPatch, chunks: Any, large: bool) -> None:
    pool = probabilities(ROWS)
    monkeypatch.setattr(spread, "PART_BYTES", 1 << 20 if large else 300)
    assert_same(alcore.bald(dask.array.from_array(pool, chunks=chunks)), alcore.bald(pool))


@pytest.mark.parametrize("axes", ["TNC", "CTN", "NTC"])
def test_axes_in_any_order(client: Any, traffic: Traffic, axes: str) -> None:
    pool = probabilities(ROWS)
    turned = np.ascontiguousarray(pool.transpose(["NCT".index(letter) for letter in axes]))
    sizes = [7 if letter == "N" else 2 for letter in axes]
    assert_same(alcore.bald(dask.array.from_array(turned, chunks=tuple(sizes)), axes=axes), alcore.bald(pool))
    assert len(traffic.results) > 5


def test_arrays_of_xarray_with_chains_keep_their_names(client: Any, traffic: Traffic) -> None:
    pool = probabilities(ROWS).reshape(ROWS, 4, 2, 3)
    names, coords = ("obs", "class", "chain", "draw"), {"obs": np.arange(ROWS) + 100}
    named = xarray.DataArray(pool, dims=names, coords=coords).transpose("chain", "draw", "obs", "class")
    found = alcore.bald(named.chunk({"obs": 9, "draw": 1}))
    assert_same(found, alcore.bald(named))
    assert found.obs.values.tolist() == coords["obs"].tolist()
    assert len(traffic.results) > 5


def test_masks_maps_and_reductions(client: Any, traffic: Traffic) -> None:
    maps, padding = probabilities(ROWS, events=(3, 2)), np.random.default_rng(1).random((ROWS, 3, 2)) < 0.3
    lazy = dask.array.from_array(maps, chunks=(8, 4, 2, 2, 3))
    for heuristic in (alcore.Reduce(alcore.BALD(), "mean"), alcore.Reduce(alcore.Entropy(), "max")):
        assert_same(heuristic.score(lazy, mask=padding), heuristic.score(maps, mask=padding))
    assert_same(alcore.bald(lazy), alcore.bald(maps))
    assert len(traffic.results) > 10


@pytest.mark.parametrize("over_labels", ["sum", "mean", "max"])
def test_several_labels(client: Any, over_labels: str) -> None:
    pool = probabilities(ROWS, classes=3)
    options = {"kind": "multilabel", "over_labels": over_labels}
    assert_same(alcore.bald(in_dask(pool), **options), alcore.bald(pool, **options))


def test_targets_are_sent_once_and_may_be_lazy_too(client: Any, traffic: Traffic) -> None:
    pool, targets = probabilities(ROWS), probabilities(500, seed=2)
    expected = alcore.epig(pool, targets)
    assert_same(alcore.epig(in_dask(pool), targets), expected)
    assert len(traffic.works) == 1
    assert len(traffic.works[0]) < targets.nbytes + 4096
    assert max(traffic.told) < 300
    assert len(traffic.told) > 5
    assert_same(alcore.epig(in_dask(pool), in_dask(targets)), expected)


def test_sums_and_selections(client: Any) -> None:
    pool = probabilities(ROWS)
    mixture = 0.7 * alcore.BALD() + 0.3 * alcore.Precomputed(np.linspace(0, 1, ROWS))
    for heuristic in (mixture, alcore.Power(mixture), alcore.SoftRank(alcore.Entropy()), alcore.Random()):
        assert_same(heuristic.select(in_dask(pool), 9, rng=5), heuristic.select(pool, 9, rng=5))


SELECTING = {
    "bald": alcore.BALD(),
    "epig": alcore.EPIG(probabilities(5, seed=1)),
    "sum": 0.7 * alcore.BALD() + 0.3 * alcore.Entropy(),
    "precomputed": 1.0 * alcore.Precomputed(np.arange(240) % 7),
}


@pytest.mark.parametrize("heuristic", SELECTING.values(), ids=SELECTING)
@pytest.mark.parametrize("k", [0, 1, 5, 29, 240, 999])
def test_workers_send_the_best_rows_of_their_blocks(
    client: Any, traffic: Traffic, heuristic: alcore.Heuristic, k: int
) -> None:
    """Rows repeat, so that equal scores lie in one block and in several."""
    pool = np.tile(probabilities(48), (5, 1, 1))
    assert_same(heuristic.select(in_dask(pool, 40), k), heuristic.select(pool, k))
    assert len(traffic.works) == 1
    assert len(traffic.results) == 6
    most = k if 2 * k < 40 else 40
    assert [len(scores) for _, _, scores in traffic.results] == [most] * 6


def test_uneven_blocks_send_their_best_rows_or_all(client: Any, traffic: Traffic) -> None:
    pool = np.tile(probabilities(15), (4, 1, 1))
    lazy = dask.array.from_array(pool, chunks=((3, 31, 1, 25), 4, 6))
    assert_same(alcore.BALD().select(lazy, 4), alcore.BALD().select(pool, 4))
    assert [len(scores) for _, _, scores in traffic.results] == [3, 4, 1, 4]
    subset = RowSubset(ROWS, np.array([0, 6, 7, 8, 20, 59]))
    kept = alcore.BALD().select(np.delete(pool, subset.dropped, axis=0), 4)
    assert_same(alcore.BALD().select(subset.of(lazy, Reading()), 4), kept)


def test_a_batch_from_the_best_of_each_block_has_the_names_of_its_rows(client: Any, traffic: Traffic) -> None:
    pool, coords = probabilities(ROWS), {"obs": np.arange(ROWS) + 100}
    named = xarray.DataArray(pool, dims=("obs", "class", "draw"), coords=coords)
    found = alcore.BALD().select(named.chunk({"obs": 15}), 3)
    assert found.ids.tolist() == (found.indices + 100).tolist() == alcore.BALD().select(named, 3).ids.tolist()
    assert {len(scores) for _, _, scores in traffic.results} == {3}


def test_scores_that_cannot_be_ranked_are_refused_as_on_one_machine(client: Any, traffic: Traffic) -> None:
    maps, padding = probabilities(ROWS, events=(3,)), np.zeros((ROWS, 3), bool)
    padding[41] = True
    lazy, reduced = dask.array.from_array(maps, chunks=(20, 4, 3, 6)), alcore.Reduce(alcore.BALD(), "mean")
    for heuristic, options in ((alcore.BALD(), {}), (reduced, {"mask": padding})):
        with pytest.raises(ValueError, match="scores") as expected:
            heuristic.select(maps, 2, **options)
        with pytest.raises(ValueError, match="scores") as found:
            heuristic.select(lazy, 2, **options)
        assert str(found.value) == str(expected.value)


def test_rows_that_are_left_out_are_left_out_on_the_workers(client: Any, traffic: Traffic) -> None:
    pool, subset = probabilities(ROWS), RowSubset(ROWS, np.array([0, 6, 7, 8, 20, 59]))
    for lazy, axes in (
        (in_dask(pool), None),
        (dask.array.from_array(pool.transpose(2, 0, 1), chunks=(3, 9, 4)), "TNC"),
    ):
        reading = Reading(axes=axes)
        found = alcore.bald(subset.of(lazy, reading))
        assert_same(found, alcore.bald(np.delete(pool, subset.dropped, axis=0)))
    assert len(traffic.results) > 10
    broken = pool.copy()
    broken[30, 0, 0] = np.nan
    with pytest.raises(ValueError, match=r"\[25, 0, 0\] is nan"):  # five rows before it are left out
        alcore.bald(subset.of(in_dask(broken), Reading()))


def test_expected_losses_get_their_rows_alone(client: Any, traffic: Traffic) -> None:
    pool = probabilities(ROWS)
    predicted = pool.mean(-1)
    assert_same(alcore.expected_loss(in_dask(pool), predicted), alcore.expected_loss(pool, predicted))
    assert max(traffic.told) < 7 * 4 * 8 + 300
    assert len(traffic.works[0]) < 4096


def test_what_all_blocks_need_is_computed_once(client: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """A model that a graph holds as one task is not made again for each block."""
    monkeypatch.setattr(spread, "PART_BYTES", 1)
    pool, path = probabilities(ROWS), tmp_path / "made"

    def load() -> float:
        with path.open("a") as file:
            file.write("x")
        return 1.0

    model = dask.array.from_delayed(dask.delayed(load)(), (), np.float32)
    assert_same(
        alcore.bald(dask.array.from_array(pool, chunks=(2, 4, 6)) * model.astype(np.float32)), alcore.bald(pool)
    )
    assert path.read_text() == "x"


def test_numbers_in_the_graph_are_sent_once(client: Any, traffic: Traffic, monkeypatch: pytest.MonkeyPatch) -> None:
    pool, sent = probabilities(400), list[int]()
    get = type(client).get

    def count(own: Any, graph: Any, *arguments: Any, **options: Any) -> Any:
        sent.append(len(dumps(graph)))
        return get(own, graph, *arguments, **options)

    monkeypatch.setattr(type(client), "get", count)
    assert_same(alcore.bald(dask.array.from_array(pool, chunks=(20, 4, 6))), alcore.bald(pool))
    assert len(traffic.results) == 20
    assert sum(sent) < 2 * pool.nbytes + 20 * 4096


def test_persisted_arrays(client: Any, traffic: Traffic) -> None:
    pool = probabilities(ROWS)
    held = client.persist(in_dask(pool) * np.float32(1))
    assert_same(alcore.bald(held), alcore.bald(pool))
    assert_same(alcore.bald(held), alcore.bald(pool))


def test_without_a_client_and_where_dask_is_told_otherwise_this_process_reads(cluster: Any, traffic: Traffic) -> None:
    pool = probabilities(ROWS)
    assert_same(alcore.bald(in_dask(pool)), alcore.bald(pool))
    with cluster.as_current(), dask.config.set(scheduler="synchronous"):
        assert_same(alcore.bald(in_dask(pool)), alcore.bald(pool))
    assert not traffic.works


def test_a_call_inside_a_task_reads_there(client: Any) -> None:
    pool = probabilities(ROWS)

    def score(array: np.ndarray) -> np.ndarray:
        import alcore

        return alcore.bald(array)

    found = dask.array.from_array(pool, chunks=(20, 4, 6)).map_blocks(score, dtype=float, drop_axis=[1, 2])
    assert_same(found.compute(), alcore.bald(pool))


def test_no_rows(client: Any) -> None:
    empty = dask.array.zeros((0, 4, 6), chunks=(5, 4, 6))
    assert alcore.bald(empty).shape == (0,)
