"""The planning model and its simulation against cases that can be computed by hand."""

from __future__ import annotations

import importlib
import math
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import alcore

BENCHMARKS = str(Path(__file__).parents[1] / "benchmarks")


@pytest.fixture(scope="module")
def planning() -> Any:
    """The modules of benchmarks/planning, which is no package of alcore."""
    sys.path.insert(0, BENCHMARKS)
    try:
        yield importlib.import_module("planning.model"), importlib.import_module("planning.simulation")
    finally:
        sys.path.remove(BENCHMARKS)


def job(model: Any, **changes: Any) -> Any:
    """100 blocks of 10 rows of 4 numbers of 2 bytes."""
    return model.Job(**{"rows": 1000, "classes": 2, "draws": 2, "itemsize": 2, "block_rows": 10} | changes)


def test_one_worker_takes_the_sum_of_what_it_does(planning: Any) -> None:
    model, simulation = planning
    costs = model.Costs(number=0.01, decode=0.002, block=0.1, start=3.0)
    cluster = model.Cluster(1, link=100.0)
    # 8000 bytes at 100 a second, 4000 numbers, 8000 bytes to decode, 100 blocks.
    expected = 3 + 8000 / 100 + 4000 * 0.01 + 8000 * 0.002 + 100 * 0.1
    found = simulation.simulate(job(model), cluster, costs)
    assert found.seconds == pytest.approx(expected)
    assert model.Plan(job(model), cluster, costs).seconds == pytest.approx(expected)
    assert found.bound == "workers"
    assert found.busy == pytest.approx(1.0)


def test_with_endless_bandwidth_workers_share_the_computing(planning: Any) -> None:
    model, simulation = planning
    costs = model.Costs(number=0.01)  # 0.4 s a block
    for workers, rounds in ((2, 50), (5, 20), (7, 15), (100, 1), (1000, 1)):
        found = simulation.simulate(job(model), model.Cluster(workers), costs)
        assert found.seconds == pytest.approx(rounds * 0.4), workers
        assert model.Plan(job(model), model.Cluster(workers), costs).seconds <= found.seconds + 1e-9


def test_the_store_bounds_many_workers(planning: Any) -> None:
    model, simulation = planning
    cluster = model.Cluster(50, store=1000.0, link=500.0)
    found = simulation.simulate(job(model), cluster, model.Costs(number=0.0))
    assert found.seconds == pytest.approx(8000 / 1000)
    assert found.bound == "store"
    one = simulation.simulate(job(model), replace(cluster, workers=1), model.Costs(number=0.0))
    assert one.seconds == pytest.approx(8000 / 500)
    assert one.bound == "workers"


def test_readers_who_begin_later_share_what_is_left(planning: Any) -> None:
    """Two threads, three blocks of 80 bytes at 100 a second together: two end at 1.6 s, the third has all of it, 0.8 s."""
    model, simulation = planning
    found = simulation.simulate(job(model, rows=30), model.Cluster(2, store=100.0), model.Costs(number=0.0))
    assert found.seconds == pytest.approx(2.4)


def test_the_scheduler_bounds_small_blocks(planning: Any) -> None:
    model, simulation = planning
    costs = model.Costs(number=1e-4, task=0.5)
    found = simulation.simulate(job(model, chunks=3), model.Cluster(1000), costs)
    assert found.seconds == pytest.approx(100 * 4 * 0.5 + 40 * 1e-4)  # the last block is computed after its tasks
    assert found.bound == "scheduler"


def test_the_driver_and_its_network_bound_what_comes_back(planning: Any) -> None:
    model, simulation = planning
    at_network = simulation.simulate(job(model), model.Cluster(1000, network=10.0), model.Costs(number=0.0))
    assert (at_network.seconds, at_network.bound) == (pytest.approx(8 * 1000 / 10), "network")
    costs = model.Costs(number=0.0, sent=0.25, received=0.01)
    at_driver = simulation.simulate(job(model), model.Cluster(1000), costs)
    assert (at_driver.seconds, at_driver.bound) == (pytest.approx(100 * 0.25 + 8000 * 0.01), "driver")


def test_a_joint_batch_brings_the_best_rows_of_each_block(planning: Any) -> None:
    model, _ = planning
    batch = job(model, kept=5, k=2)
    row = 4 * 4 + 8 + 8  # four numbers in float32, which row it is, and its BALD
    assert batch.back(0, ahead=4) == batch.back(3, ahead=4) == 80 + 5 * row  # told nothing: the best five of ten
    assert batch.back(4, ahead=4) == pytest.approx(80 + 5 * row)  # one block had come back
    assert batch.back(13, ahead=4) == pytest.approx(80 + 5 / 10 * row)
    assert job(model, kept=50).back(0, ahead=4) == 80 + 10 * row  # a block has no more than ten
    assert job(model, rows=995).back(99, ahead=4) == 40  # scores of five rows


def test_passes_and_the_search_are_added(planning: Any) -> None:
    model, simulation = planning
    costs = model.Costs(number=0.01, start=2.0, search=(0.5, 1.0, 0.0, 2.0))
    twice = job(model, kept=6, k=3, passes=2)
    found = simulation.simulate(twice, model.Cluster(100), costs)
    assert [one.kept for one in twice.each_pass()] == [6, 6]
    assert found.seconds == pytest.approx(2 * (2 + 0.4) + 0.5 * 6 * 9)


def test_a_further_pass_reads_what_the_workers_do_not_keep(planning: Any) -> None:
    """Blocks of 80 bytes: each of two workers keeps three of them in 250 bytes, and the other 94 are read again."""
    model, simulation = planning
    costs = model.Costs(number=0.01, decode=0.002, block=0.1, start=2.0)
    batch = job(model, kept=6, k=3, passes=3)
    cluster = model.Cluster(2, link=100.0, memory=250.0)
    plan = model.Plan(batch, cluster, costs)
    assert plan.kept_blocks == 6
    computing = 100 * (0.1 + 0.4)
    first, later = (computing + blocks * 80 * (1 / 100 + 0.002) for blocks in (100, 94))
    assert [one.bounds["workers"] for one in plan.each_pass] == pytest.approx([first / 2, later / 2, later / 2])
    assert plan.seconds == pytest.approx(3 * 2 + first / 2 + later)
    assert simulation.simulate(batch, cluster, costs).seconds == pytest.approx(plan.seconds, rel=0.01)
    everything = replace(cluster, memory=4000.0)
    assert model.Plan(batch, everything, costs).seconds == pytest.approx(3 * 2 + first / 2 + computing)
    assert simulation.simulate(batch, everything, costs).seconds == pytest.approx(
        3 * 2 + first / 2 + computing, rel=0.01
    )
    scores = job(model, passes=3)
    assert model.Plan(scores, everything, costs).seconds == pytest.approx(3 * (2 + first / 2))  # no joint batch


def test_a_block_in_memory_is_one_task_and_no_bytes_of_the_store(planning: Any) -> None:
    model, simulation = planning
    costs = model.Costs(number=0.0, task=0.5)
    again = job(model, chunks=3, in_memory=40)
    bounds = model.Plan(again, model.Cluster(1000, store=10.0), costs).bounds
    assert bounds["scheduler"] == pytest.approx(0.5 * (100 + 60 * 3))
    assert bounds["store"] == pytest.approx(60 * 80 / 10)
    assert simulation.simulate(again, model.Cluster(1000), costs).seconds == pytest.approx(0.5 * (100 + 60 * 3))
    assert simulation.simulate(again, model.Cluster(1000, store=10.0), model.Costs(0.0)).seconds == pytest.approx(480)


def test_the_memory_of_the_model_is_that_of_a_call(planning: Any) -> None:
    model, _ = planning
    for heuristic in (alcore.BatchBALD(), alcore.TwoBALD(), alcore.LogDet()):
        assert heuristic.memory == model.MEMORY == model.Cluster(1).memory


def test_a_straggler_holds_up_the_others(planning: Any) -> None:
    """Results are taken in order: nobody gets further ahead of the slowest than the driver lets them."""
    model, simulation = planning
    costs = model.Costs(number=0.01)  # 0.4 s a block
    even = simulation.simulate(job(model), model.Cluster(4), costs).seconds
    slower = simulation.simulate(job(model), model.Cluster(4, slow=0.25, slowness=2.0), costs).seconds
    stuck = simulation.simulate(job(model), model.Cluster(4, slow=0.25, slowness=50.0), costs).seconds
    assert even == pytest.approx(100 / 4 * 0.4)
    assert slower == pytest.approx(100 / 3.5 * 0.4, rel=0.05)  # three and a half workers
    # While the slow one has a block, 20 s, the others do the nine that are sent ahead with it. They are idle before it is, so they
    # get the next three as well.
    assert stuck == pytest.approx(math.ceil(100 / (1 + 9 + 3)) * 20, rel=0.01)


@pytest.mark.parametrize("workers", [1, 3, 16, 200])
def test_no_simulation_beats_its_bounds(planning: Any, workers: int) -> None:
    model, simulation = planning
    costs = model.Costs(0.003, 1e-4, 0.02, 0.004, 1e-6, 0.003, 1e-6, 1.0, (1e-6, 1.0, 0.5, 1.0))
    cluster = model.Cluster(workers, 2, store=5e3, link=1e3, network=2e4)
    plan = model.Plan(job(model, kept=5, k=3, rows=4321), cluster, costs)
    found = simulation.simulate(plan.job, cluster, costs)
    assert plan.seconds <= found.seconds <= costs.start + plan.after + sum(plan.bounds.values()) + 2.0


def test_measured_costs_are_read_back(planning: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    model, _ = planning
    monkeypatch.setattr(model, "COSTS", tmp_path / "costs.json")
    cluster = model.Costs(0.0, task=1.0, passed_on=2.0, sent=3.0, received=4.0, start=5.0, block=6.0)
    model.save_costs({"bald": {"float16": 7.0}}, {"none": 8.0, "zstd": 9.0}, [1.0, 2.0, 3.0, 4.0], cluster)
    found = model.load_costs(compressed=True)
    assert found == replace(cluster, number=7.0, decode=9.0, search=(1.0, 2.0, 3.0, 4.0))
    assert model.load_costs().decode == 8.0


def test_the_costs_that_are_kept_are_positive(planning: Any) -> None:
    model, _ = planning
    costs = model.load_costs("entropy", "float32")
    assert min(costs.number, costs.decode, costs.task, costs.sent, costs.received, *costs.search[:1]) > 0
    assert costs.search_seconds(4096, 200, 100) > costs.search_seconds(4096, 200, 10) > 0
