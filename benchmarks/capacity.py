"""Measure what the parts of a pass on a cluster cost, check the model against passes, and write capacity.md and capacity.json.

    python benchmarks/capacity.py             # two minutes on two quiet cores, written
    python benchmarks/capacity.py --no-check  # the costs alone, printed

capacity.json is what `planning.model.load_costs` reads. The guide's page "Beyond one machine" plans with it.
"""

from __future__ import annotations

import datetime
import os
import platform
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import dask.array
import numpy as np
import zarr
from harness import OtherWork, Table, cpu_model, memory_gib, shape_text, structured_probs
from planning import measure
from planning.machines import Machines, Used, machines
from planning.model import Cluster, Costs, Job, Plan, load_costs, save_costs

import alcore

PAGE = Path(__file__).with_suffix(".md")
ROWS, CHUNK, CLASSES, DRAWS = 400_000, 10_000, 10, 20  # of the passes that check the model
CHUNKS = 2  # in a block
KEPT, PICKS = 4096, 10
CORES = len(os.sched_getaffinity(0))
PROVISIONAL = 0.2  # cores of other work, above which figures are to be measured again


def main() -> None:
    begun, others = time.perf_counter(), OtherWork()
    with tempfile.TemporaryDirectory() as folder:
        tables = cost_tables(Path(folder))
        if "--no-check" not in sys.argv:
            tables.append(check_table(Path(folder)))
    print("\n".join(table.render() for table in tables))
    if "--no-check" in sys.argv:
        return
    facts = machine(time.perf_counter() - begun, others.cores())
    PAGE.write_text(head(facts) + "\n".join(table.render() for table in tables), encoding="utf-8")


# --- costs ------------------------------------------------------------------------------------------------------------


def cost_tables(folder: Path) -> list[Table]:
    scored, decoded, searched = measure.scored(), measure.decoded(folder), measure.searched()
    with machines(2) as found:
        costs, used = measure.on_cluster(found)
    search, off = measure.fitted(searched)
    number: dict[str, dict[str, float]] = {}
    for name, dtype, classes, draws, seconds in scored:
        if (classes, draws) == (CLASSES, DRAWS):
            number.setdefault(name, {})[dtype] = seconds
    save_costs(number, {codec: seconds for codec, (seconds, _) in decoded.items()}, list(search), costs)
    return [
        score_table(scored),
        read_table(decoded),
        task_table(costs, used),
        search_table(searched, search, off),
    ]


def score_table(scored: list[tuple[str, str, int, int, float]]) -> Table:
    shapes = [f"C = {classes}, T = {draws}" for classes, draws in measure.SHAPES]
    seconds = {(name, dtype, f"C = {classes}, T = {draws}"): found for name, dtype, classes, draws, found in scored}
    rows = [
        [name, dtype, *(f"{1e9 * seconds[name, dtype, shape]:.2f}" for shape in shapes)]
        for name in measure.HEURISTICS
        for dtype in measure.DTYPES
    ]
    text = (
        "Nanoseconds a number of the predictions, N·C·T of them, in one thread. float16 is widened on the way. EPIG has "
        f"{measure.TARGETS} targets."
    )
    return Table("Scores", text, ["heuristic", "dtype", *shapes], rows)


def read_table(decoded: dict[str, tuple[float, float]]) -> Table:
    names = {"none": "not compressed", "zstd": "zstd, zarr's own choice"}
    rows = [[names[codec], f"{1e9 * seconds:.2f}", f"{stored:.2f}"] for codec, (seconds, stored) in decoded.items()]
    text = "A zarr store of float16 probabilities in the page cache, chunks of 10 000 rows of C = 10 and T = 20, in one process."
    return Table("Reading", text, ["store", "ns a byte of predictions", "bytes stored for each"], rows)


def task_table(costs: Costs, used: dict[str, Used]) -> Table:
    empty = used["empty"]
    rows = [
        ["scheduler, a task of a pass", f"{1e3 * costs.task:.2f} ms"],
        ["scheduler, an empty task of `client.map`", f"{1e3 * empty.scheduler / empty.tasks:.2f} ms"],
        ["scheduler, a byte that comes back", f"{1e9 * costs.passed_on:.2f} ns"],
        ["driver, a block", f"{1e3 * costs.sent:.2f} ms"],
        ["driver, a byte that comes back", f"{1e9 * costs.received:.2f} ns"],
        ["worker, a block, in addition to reading and scores", f"{1e3 * costs.block:.2f} ms"],
        ["a pass over one block, by the clock", f"{1e3 * costs.start:.0f} ms"],
    ]
    text = (
        f"Processor time with two workers: {measure.TINY_BLOCKS} blocks of one row, {measure.EMPTY_TASKS} empty tasks, and "
        f"{measure.BACK_TASKS} results of 1 MiB. A block is one task, and one more for each chunk that it reads. Results pass "
        "through the scheduler."
    )
    return Table("Tasks", text, ["what", "time"], rows)


def search_table(
    searched: list[tuple[int, int, int, int, float]], search: tuple[float, float, float, float], off: float
) -> Table:
    fit = Costs(number=0.0, search=search)
    rows = [
        [
            f"{kept}", f"{classes}", f"{draws}", f"{k}", f"{1e3 * seconds:.0f}",
            f"{1e3 * fit.search_seconds(kept, classes * draws, k):.0f}",
        ]
        for kept, classes, draws, k, seconds in searched
    ]  # fmt: skip
    text = (
        f"BatchBALD over the m rows of largest BALD of a pool of 5·m, one thread. Fitted: {search[0]:.2g} s · m^{search[1]:.2f} · "
        f"(C·T)^{search[2]:.2f} · k^{search[3]:.2f}, which is at most {off:.1f} times off."
    )
    return Table("The search for a batch", text, ["m", "C", "T", "k", "ms", "fitted ms"], rows)


# --- the model against passes -----------------------------------------------------------------------------------------


def check_table(folder: Path) -> Table:
    """BALD and BatchBALD over one store, by one worker and by two."""
    probs = structured_probs((ROWS, CLASSES, DRAWS)).astype(np.float16)
    path = str(folder / "pool.zarr")
    stored = zarr.create_array(
        path, shape=probs.shape, chunks=(CHUNK, CLASSES, DRAWS), dtype=probs.dtype, compressors=None
    )
    stored[:] = probs
    del probs
    rows = []
    for workers in (1, 2):
        with machines(workers) as found, measure.small_blocks(CHUNKS * CHUNK * CLASSES * DRAWS * 2):
            rows += check(found, path, workers)
    columns = [
        "heuristic", "workers", "passes", "bound", "predicted s", "measured s", "ratio", "processor s of all parts, predicted",
        "measured", "MB to the driver, predicted", "measured",
    ]  # fmt: skip
    text = (
        f"A zarr store {shape_text((ROWS, CLASSES, DRAWS))} of float16 that is not compressed, {CHUNKS} chunks of {CHUNK} rows a "
        f"block. Driver, scheduler and workers share the {CORES} cores of this machine: a pass takes at least the sum of their "
        f"processor time / {CORES}, and this bound is called cores. BatchBALD, k = {PICKS}, keeps {KEPT} rows. The number of "
        "passes is counted, not predicted. A further pass finds its chunks in the memory of the workers. It also computes gains, "
        "and moves at most the bytes predicted."
    )
    return Table("The model against passes", text, columns, rows)


def check(found: Machines, path: str, workers: int) -> list[list[str]]:
    pool = dask.array.from_zarr(path)
    work = {
        "BALD": lambda: alcore.bald(pool),
        "BatchBALD": lambda: alcore.BatchBALD().select(pool, k=PICKS, rng=0),
    }
    rows = []
    alcore.bald(pool)  # imports and compiles on the workers
    for name, run in work.items():
        used = found.used(run)
        rows.append(_checked(name, workers, used))
    return rows


def _checked(name: str, workers: int, used: Used) -> list[str]:
    kept = KEPT if name == "BatchBALD" else 0
    job = Job(ROWS, CLASSES, DRAWS, 2, block_rows=CHUNKS * CHUNK, chunks=CHUNKS, kept=kept, k=PICKS if kept else 0)
    job = replace(job, passes=round(used.blocks / job.blocks))
    plan = Plan(job, Cluster(workers), load_costs())
    bound, seconds = _on_cores(plan)
    own = sum(_shared(one) for one in plan.each_pass) + plan.after
    back = f"{sum(one.back_bytes for one in plan.each_pass) / 1e6:.1f}"
    return [
        name, f"{workers}", f"{job.passes}", bound, f"{seconds:.2f}", f"{used.seconds:.2f}", f"{used.seconds / seconds:.2f}",
        f"{own:.2f}", f"{used.workers + used.scheduler + used.driver:.2f}", back, f"{used.back / 1e6:.1f}",
    ]  # fmt: skip


def _shared(one: Plan) -> float:
    """Processor time of all parts in a pass."""
    return one.bounds["workers"] * one.cluster.workers + one.bounds["scheduler"] + one.bounds["driver"]


def _on_cores(plan: Plan) -> tuple[str, float]:
    """What bounds the first pass, and the seconds of all, where every part works on the same cores."""
    found = [{**one.bounds, "cores": _shared(one) / CORES} for one in plan.each_pass]
    seconds = sum(plan.costs.start + max(bounds.values()) for bounds in found) + plan.after
    return max(found[0], key=lambda name: found[0][name]), seconds


# --- the page ---------------------------------------------------------------------------------------------------------


def head(facts: str) -> str:
    return (
        "<!-- Generated by benchmarks/capacity.py: do not edit. -->\n\n# What a pass on a cluster costs\n\n"
        "Written by `python benchmarks/capacity.py`. Costs are processor time, so other work on the machine changes them less than "
        f"it changes times of the clock. The formulas are in `benchmarks/planning/model.py`.\n\n{facts}\n"
    )


def machine(seconds: float, others: float) -> str:
    again = ". Provisional: measure again on a quiet machine" if others > PROVISIONAL else ""
    facts = {
        "date": f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}, {seconds / 60:.1f} minutes",
        "processor": f"{cpu_model()}, {CORES} cores used",
        "other work meanwhile": f"{others:.2f} cores on average{again}",
        "memory": f"{memory_gib():.0f} GiB",
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "versions": f"alcore {alcore.__version__}, dask {dask.__version__}, zarr {zarr.__version__}, numpy {np.__version__}",
    }
    return "| | |\n|---|---|\n" + "".join(f"| {name} | {fact} |\n" for name, fact in facts.items())


if __name__ == "__main__":
    main()
