"""ICAL on a cluster: labels stay on the workers that drew them, and the picks are those of one machine, bit for bit."""

from __future__ import annotations

from typing import Any

import dask.array
import numpy as np
import pytest
from distributed.protocol.pickle import dumps

import alcore
from alcore.door import Reading
from alcore.sources import spread
from alcore.sources.row_subset import RowSubset
from tests.batches.ical_oracle import each_kind_of_labels, each_rule
from tests.cluster.pools import (
    Traffic,
    a_chunk_each,
    assert_no_task_is_left,
    assert_same,
    in_dask,
    kill_a_worker,
    probabilities,
    traffic,
    wait_for_two_others,
)

__all__ = ["traffic"]

CHUNKS = {
    "a row each": (1, 4, 20),
    "one": (90, 4, 20),
    "uneven": ((7, 1, 60, 22), (1, 3), (20,)),
    "draw by draw": (90, 4, 1),
}


def sent_back(traffic: Traffic) -> int:
    return sum(len(dumps(result)) for result in traffic.results)


@pytest.mark.parametrize("chunks", CHUNKS.values(), ids=CHUNKS)
@each_kind_of_labels
@each_rule
def test_any_chunks(client: Any, monkeypatch: pytest.MonkeyPatch, chunks: Any, labels: str, pointwise: bool) -> None:
    """Rows repeat, so that rows of equal dependence lie in several blocks."""
    monkeypatch.setattr(spread, "PART_BYTES", 3000)
    pool = np.tile(probabilities(45, draws=20), (2, 1, 1))
    options: dict[str, Any] = {"labels": labels, "pointwise": pointwise, "references": 30, "comparisons": 4, "rng": 2}
    lazy = dask.array.from_array(pool, chunks=chunks)
    assert_same(alcore.ical(lazy, 9, **options), alcore.ical(pool, 9, **options))


def test_more_picks_than_a_pass_serves_and_than_there_are_rows(client: Any, traffic: Traffic) -> None:
    pool = probabilities(41, draws=5)
    for pointwise in (False, True):
        options: dict[str, Any] = {"pointwise": pointwise, "references": 9, "comparisons": 3, "rng": 0}
        found = alcore.ical(in_dask(pool, 6), 50, **options)
        assert_same(found, alcore.ical(pool, 50, **options))
        assert sorted(found.indices.tolist()) == list(range(41))


def test_logits_weights_and_other_axes(client: Any, traffic: Traffic) -> None:
    pool, weights = np.log(probabilities(80, draws=12) + 1e-3).astype(np.float16), np.arange(12.0)
    expected = alcore.ical(pool, 5, kind="logits", weights=weights, rng=4)
    turned = dask.array.from_array(np.ascontiguousarray(pool.transpose(2, 0, 1)), chunks=(5, 9, 2))
    assert_same(alcore.ical(turned, 5, kind="logits", weights=weights, rng=4, axes="TNC"), expected)


@each_kind_of_labels
def test_rows_that_are_left_out(client: Any, traffic: Traffic, labels: str) -> None:
    pool, subset = probabilities(60, draws=8), RowSubset(60, np.array([0, 6, 7, 8, 9, 10, 11, 12, 13, 20, 59]))
    options: dict[str, Any] = {"labels": labels, "references": 20, "rng": 0}
    expected = alcore.ical(np.delete(pool, subset.dropped, axis=0), 6, **options)
    assert_same(alcore.ical(subset.of(in_dask(pool, 7), Reading()), 6, **options), expected)


def test_workers_send_sums_over_pairs_of_draws_and_few_rows(client: Any, traffic: Traffic) -> None:
    """Not the labels of all rows, N T bytes, and not the dependence of all rows, 8 N bytes a set."""
    blocks, rows, draws, k = 6, 4000, 20, 5
    pool = probabilities(blocks * rows, draws=draws)
    assert_same(alcore.ical(in_dask(pool, rows), k, rng=1), alcore.ical(pool, k, rng=1))
    assert len(traffic.works) == 3  # labels, sums, rows
    assert len(traffic.results) == 2 * blocks
    block = k * draws**2 + k * k * 16
    assert sent_back(traffic) < blocks * (block + 2000) < blocks * rows * draws / 8
    assert max(map(len, traffic.works)) < k * 8 * 8 * draws**2 + 4096


def test_the_pointwise_rule_reads_the_predictions_once(client: Any, traffic: Traffic) -> None:
    blocks, rows, draws, k = 5, 3000, 12, 4
    pool = probabilities(blocks * rows, draws=draws)
    options: dict[str, Any] = {"pointwise": True, "references": 40, "comparisons": 3, "rng": 1}
    assert_same(alcore.ical(in_dask(pool, rows), k, **options), alcore.ical(pool, k, **options))
    assert len(traffic.works) == 1 + 2 * k
    assert sent_back(traffic) < k * blocks * (4 * draws**2 + 2000)


def test_expected_labels_send_rows_of_the_sets_alone(client: Any, traffic: Traffic) -> None:
    blocks, rows, draws, k, references = 6, 1000, 12, 4, 10
    pool = probabilities(blocks * rows, draws=draws)
    options: dict[str, Any] = {"labels": "expected", "references": references, "rng": 1}
    assert_same(alcore.ical(in_dask(pool, rows), k, **options), alcore.ical(pool, k, **options))
    sets = k * references * 4 * draws * 4
    assert sent_back(traffic) < sets + 4000 * len(traffic.results)
    assert sent_back(traffic) < blocks * rows * k * 8 / 2


@each_rule
def test_labels_that_are_lost_with_their_worker_are_drawn_again(
    client: Any, monkeypatch: pytest.MonkeyPatch, pointwise: bool
) -> None:
    pool, killed = probabilities(60, draws=8), list[int]()
    a_chunk_each(monkeypatch)
    holding = spread.Spread.holding

    def kill_and_hold(own: Any, *arguments: Any) -> Any:
        held = holding(own, *arguments)
        killed.append(kill_a_worker(client))
        return held

    monkeypatch.setattr(spread.Spread, "holding", kill_and_hold)
    options: dict[str, Any] = {"pointwise": pointwise, "references": 30, "comparisons": 3, "rng": 1}
    assert_same(alcore.ical(in_dask(pool, 5), 4, **options), alcore.ical(pool, 4, **options))
    assert killed
    wait_for_two_others(client, *killed)


def test_labels_leave_the_workers_with_the_call(client: Any, traffic: Traffic) -> None:
    alcore.ical(in_dask(probabilities(60, draws=8), 5), 3, rng=0)
    assert_no_task_is_left(client)


@pytest.mark.parametrize("options", [{"kind": "mean"}, {"kind": "mean", "variance": 1.0}, {"weights": [1.0]}, {}])
@each_kind_of_labels
def test_refusals_are_those_of_one_machine(client: Any, traffic: Traffic, options: dict[str, Any], labels: str) -> None:
    pool = probabilities(30, draws=6) if options else probabilities(30, events=(2,))
    said = []
    for one in (pool, in_dask(pool)):
        with pytest.raises((TypeError, ValueError)) as caught:
            alcore.ical(one, 2, labels=labels, rng=0, **options)
        said.append((caught.type, str(caught.value)))
    assert said[0] == said[1]
