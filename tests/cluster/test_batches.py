"""Joint batches on a cluster: the picks of one machine, with few rows sent to the caller."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import alcore
from alcore.batches import batchbald
from alcore.batches.search import candidates, determinant, rereading
from alcore.sources import spread
from alcore.sources.kept_chunks import KeptChunks
from tests.cases_of_kinds import Chosen, each_chosen
from tests.cluster.pools import (
    ROWS,
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
from tests.warned import what_one_says

__all__ = ["traffic"]


@pytest.fixture(params=[17, 4096], ids=["few rows sent", "all rows sent"])
def most_rows(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(candidates, "SENT_ROWS", request.param)
    monkeypatch.setattr(determinant, "SENT_ROWS", request.param)
    return int(request.param)


@each_chosen
def test_each_batch_of_each_kind(client: Any, traffic: Traffic, case: Chosen) -> None:
    pool = case.kind.pool(ROWS)
    found = case.make(pool).select(in_dask(pool.array), 2, rng=3, **pool.options)
    assert_same(found, case.select(pool, 2))
    assert len(traffic.results) > 5


BATCHES = {
    "batchbald": alcore.BatchBALD(),
    "sampled batchbald": alcore.BatchBALD(samples=600, exact=0),
    "two-bald": alcore.TwoBALD(),
    "ical": alcore.ICAL(),
    "pointwise ical": alcore.ICAL(pointwise=True, comparisons=3),
    "expected ical": alcore.ICAL(labels="expected", references=20),
    "batch-epig": alcore.BatchEPIG(probabilities(8, seed=4, draws=20)),
}


@pytest.mark.parametrize("heuristic", BATCHES.values(), ids=BATCHES)
def test_batches_are_those_of_one_machine(
    client: Any, traffic: Traffic, monkeypatch: pytest.MonkeyPatch, heuristic: alcore.Heuristic
) -> None:
    monkeypatch.setattr(candidates, "SENT_ROWS", 17)
    pool = probabilities(300, draws=20)
    assert_same(heuristic.select(in_dask(pool, 25), 6, rng=1), heuristic.select(pool, 6, rng=1))
    assert max(map(len, traffic.works)) < 1 << 20


@pytest.mark.parametrize("heuristic", [alcore.BatchBALD(), alcore.TwoBALD()], ids=["batchbald", "two-bald"])
def test_workers_send_at_most_so_many_rows_of_a_block(
    client: Any, traffic: Traffic, monkeypatch: pytest.MonkeyPatch, heuristic: alcore.Heuristic
) -> None:
    monkeypatch.setattr(candidates, "SENT_ROWS", 20)
    pool = probabilities(3000, draws=20)
    assert_same(heuristic.select(in_dask(pool, 300), 5, rng=1), heuristic.select(pool, 5, rng=1))
    first = traffic.results[:10]
    assert [len(cells) for _, _, _, cells, _ in first] == [len(rows) for _, _, rows, _, _ in first]
    assert max(len(cells) for _, _, _, cells, _ in first) <= 20
    assert sum(len(cells) for _, _, _, cells, _ in first) < 10 * 20  # later blocks know what the caller has
    assert all(len(cells) <= 20 for _, cells, _ in traffic.results[10:])


@pytest.mark.parametrize("crowd", [1, 301])
def test_rows_that_are_alike_have_the_bounds_of_one_machine(
    client: Any, monkeypatch: pytest.MonkeyPatch, crowd: int
) -> None:
    monkeypatch.setattr(candidates, "SENT_ROWS", 17)
    monkeypatch.setattr(batchbald, "CROWD", crowd)
    pool = probabilities(300, draws=20)
    found = alcore.batchbald(in_dask(pool, 25), 6, samples=600, exact=0, rng=1)
    assert_same(found, alcore.batchbald(pool, 6, samples=600, exact=0, rng=1))


class Reads:
    """How many parts of an array passes read from where it lies."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.parts: list[int] = []
        send = spread._Graph.send

        def count(own: Any, client: Any, number: int) -> list[Any]:
            self.parts.append(number)
            return send(own, client, number)

        monkeypatch.setattr(spread._Graph, "send", count)


def test_a_failed_certificate_takes_one_more_pass_over_rows_that_workers_keep(
    client: Any, traffic: Traffic, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twenty copies of the best row fill what is held. The others are screened where they are."""
    pool = probabilities(600, draws=20)
    pool[100:120] = pool[int(alcore.bald(pool).argmax())]
    expected, reads = alcore.batchbald(pool, 4, rng=0), Reads(monkeypatch)
    monkeypatch.setattr(candidates, "SENT_ROWS", 16)
    assert_same(alcore.batchbald(in_dask(pool, 50), 4, rng=0), expected)
    assert 2 <= len(traffic.works) <= 4
    assert reads.parts == list(range(12))
    traffic.works.clear()
    monkeypatch.setattr(candidates, "SENT_ROWS", 600)
    assert_same(alcore.batchbald(in_dask(pool, 50), 4, rng=0), expected)
    assert len(traffic.works) == 1


def test_parts_without_room_on_the_workers_are_read_again(
    client: Any, traffic: Traffic, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool, reads = probabilities(600, draws=20), Reads(monkeypatch)
    part = pool[:50].nbytes
    monkeypatch.setattr(candidates, "SENT_ROWS", 16)
    monkeypatch.setattr(candidates, "KeptChunks", lambda memory: KeptChunks(2 * part))
    assert_same(alcore.batchbald(in_dask(pool, 50), 4, rng=0), alcore.batchbald(pool, 4, rng=0))
    assert len(traffic.works) > 1
    counts = np.bincount(reads.parts)
    assert counts[4:].max() > 1
    assert (counts == 1).sum() >= 2
    assert counts[:2].tolist() == [1, 1]  # kept from the first pass on, wherever they lie


@pytest.mark.filterwarnings("ignore::alcore.SaturationWarning")
@pytest.mark.parametrize("exact", [0, 10_000])
@pytest.mark.parametrize("seed", range(3))
def test_gains_that_hardly_shrink_and_rise_by_their_noise(
    client: Any, traffic: Traffic, monkeypatch: pytest.MonkeyPatch, exact: int, seed: int
) -> None:
    """Many draws, so that every later pick is near the one before, and few samples."""
    monkeypatch.setattr(candidates, "SENT_ROWS", 17)
    pool = probabilities(400, draws=60, seed=seed)
    pool[200:260] = pool[seed]
    options: dict[str, Any] = {"samples": 120, "exact": exact, "rng": seed, "fill": "stop"}
    found, expected = (alcore.batchbald(one, 30, **options) for one in (in_dask(pool, 40), pool))
    assert_same(found, expected)
    assert len(expected) > 5
    assert len(traffic.works) > 3


def test_rows_that_are_lost_with_their_worker_are_read_again(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    pool, killed = probabilities(300, draws=20), list[int]()
    a_chunk_each(monkeypatch)
    monkeypatch.setattr(candidates, "SENT_ROWS", 17)
    read = rereading.Rereading.read

    def kill_and_read(own: Any, *arguments: Any) -> Any:
        if not killed:
            killed.append(kill_a_worker(client))
        return read(own, *arguments)

    monkeypatch.setattr(rereading.Rereading, "read", kill_and_read)
    assert_same(alcore.batchbald(in_dask(pool, 25), 6, rng=1), alcore.batchbald(pool, 6, rng=1))
    assert killed
    wait_for_two_others(client, *killed)


def test_rows_leave_the_workers_with_the_call(client: Any, traffic: Traffic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "SENT_ROWS", 17)
    alcore.batchbald(in_dask(probabilities(300, draws=20), 25), 6, rng=1)
    assert len(traffic.works) > 1
    assert_no_task_is_left(client)


def test_log_det_sends_few_means(client: Any, traffic: Traffic, most_rows: int) -> None:
    means = np.random.default_rng(0).normal(size=(400, 2, 12)).astype(np.float32)
    options: dict[str, Any] = {"variance": np.random.default_rng(1).gamma(2, 0.3, (400, 2))}
    assert_same(alcore.log_det(in_dask(means, 40), 8, rng=0, **options), alcore.log_det(means, 8, rng=0, **options))
    assert max(len(result[2]) for result in traffic.results[:10]) <= most_rows
    assert max(map(len, traffic.works)) < 1 << 16


def test_many_labels_and_positions(client: Any, most_rows: int) -> None:
    labels = probabilities(80, classes=12, draws=16)
    options: dict[str, Any] = {"kind": "multilabel", "rng": 0, "samples": 200}
    assert_same(alcore.batchbald(in_dask(labels), 4, **options), alcore.batchbald(labels, 4, **options))
    maps = probabilities(80, events=(3, 3), draws=16)
    assert_same(alcore.batchbald(in_dask(maps), 4, positions=5, rng=0), alcore.batchbald(maps, 4, positions=5, rng=0))


def test_picks_that_tell_nothing_end_the_batch_alike(client: Any, most_rows: int) -> None:
    pool = probabilities(200, draws=3)
    with pytest.warns(alcore.SaturationWarning) as ours:
        found = alcore.batchbald(in_dask(pool, 20), 12, rng=0)
    with pytest.warns(alcore.SaturationWarning) as expected:
        assert_same(found, alcore.batchbald(pool, 12, rng=0))
    assert what_one_says(ours, alcore.SaturationWarning) == what_one_says(expected, alcore.SaturationWarning)


def test_information_of_named_rows(client: Any) -> None:
    pool = probabilities(ROWS)
    found, expected = (alcore.batch_information(one, [3, 50, 8]) for one in (in_dask(pool), pool))
    assert found == expected
