"""What a pass over predictions on a cluster costs: the formulas.

A pass has five resources. Each has its own time, and the pass takes at least the longest of them:

    store      bytes as they are stored / bandwidth of the store
    workers    (reading + computing of all blocks, one after the other in a thread) / threads
    scheduler  tasks · seconds a task + bytes that come back · seconds a byte
    network    bytes that come back / bandwidth of the driver
    driver     blocks · seconds a block + bytes that come back · seconds a byte

A joint batch may need further passes. Its workers keep the chunks that they read first, each as many as fit into the memory of a
call. Of those a further pass reads and decompresses nothing, and the scheduler gets one task a block.

Seconds of the work itself are measured (`Costs`). Bandwidths are those of the user's own store and network (`Cluster`).
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path

COSTS = Path(__file__).parents[1] / "capacity.json"
BLOCK_BYTES = 32 << 20  # of predictions in a block, see alcore/sources/spread.py
SENT_AHEAD = 2  # blocks a thread that are sent before the first has come back, see alcore/sources/spread.py
SCORE_BYTES = 8  # float64, one score a row
MEMORY = 400 << 20  # of a call, see memory= of alcore.batchbald


@dataclass(frozen=True)
class Costs:
    """Seconds of processor time, measured on one core. 0 is a resource that costs nothing."""

    number: float  # a number of the predictions, in a thread of a worker
    decode: float = 0.0  # a byte of the predictions that is read and decompressed, in a thread of a worker
    block: float = 0.0  # a block, in a thread of a worker, in addition
    task: float = 0.0  # a task, in the scheduler
    passed_on: float = 0.0  # a byte that comes back, in the scheduler
    sent: float = 0.0  # a block, in the driver
    received: float = 0.0  # a byte that comes back, in the driver
    start: float = 0.0  # a pass, before its first block
    search: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)  # of a joint batch, see `search_seconds`

    def search_seconds(self, kept: int, numbers: int, k: int) -> float:
        """The greedy search in the driver: a · kept^b · (C·T)^c · k^d, fitted to measured searches."""
        factor, rows, cells, picks = self.search
        return float(factor * kept**rows * numbers**cells * k**picks)


@dataclass(frozen=True)
class Cluster:
    """Workers, and how fast bytes reach them. Bytes a second."""

    workers: int
    threads: int = 1  # of each worker
    store: float = math.inf  # what the store gives all workers together
    link: float = math.inf  # what it gives one thread
    network: float = math.inf  # what reaches the driver
    memory: float = (
        MEMORY  # bytes of chunks that each worker keeps for the next pass of a joint batch: memory= of the call
    )
    slow: float = 0.0  # share of the threads that are stragglers
    slowness: float = 1.0  # how many times as long they compute

    @property
    def all_threads(self) -> int:
        return self.workers * self.threads

    @property
    def ahead(self) -> int:
        """Blocks that are sent before the first has come back."""
        return SENT_AHEAD * (self.all_threads + 1)


@dataclass(frozen=True)
class Job:
    """One heuristic over one pool."""

    rows: int  # N
    classes: int  # C
    draws: int  # T
    itemsize: int  # bytes a number
    stored: float = 1.0  # bytes in the store for each byte of predictions
    block_rows: int = 0  # 0: as alcore cuts them
    chunks: int = 1  # of the store, in a block
    kept: int = 0  # m: rows that a joint heuristic holds in its first pass, and the most that a block sends
    k: int = 0  # query size of a joint heuristic
    passes: int = 1
    in_memory: int = 0  # so many first blocks are in the memory of the workers, as in a further pass

    @property
    def numbers(self) -> int:
        """Of a row."""
        return self.classes * self.draws

    @property
    def row_bytes(self) -> int:
        return self.numbers * self.itemsize

    @property
    def rows_a_block(self) -> int:
        return min(self.rows, self.block_rows or max(1, BLOCK_BYTES // self.row_bytes))

    @property
    def blocks(self) -> int:
        return math.ceil(self.rows / self.rows_a_block)

    @property
    def cell_bytes(self) -> int:
        """A row that a block sends: float32 at least, its number, and what bounds it."""
        return self.numbers * max(4, self.itemsize) + 16

    def each_pass(self, in_memory: int = 0) -> list[Job]:
        """The passes, of which each holds as many rows. Further ones find so many blocks in the memory of the workers."""
        return [replace(self, passes=1), *[replace(self, passes=1, in_memory=in_memory)] * (self.passes - 1)]

    def reads(self, block: int) -> bool:
        """Whether the chunks of a block come from the store."""
        return block >= self.in_memory

    def rows_of(self, block: int) -> int:
        return min(self.rows_a_block, self.rows - block * self.rows_a_block)

    def back(self, block: int, ahead: int) -> float:
        """Bytes that a block sends: a score a row, and the rows that may be among the best.

        A block is told what the driver held when it was sent. The first ones are told nothing. Of a later one, m / (blocks that
        had come back) rows are expected to be better than the worst that is held. A further pass gets the scores instead of
        sending them, and sends no row that cannot be the next pick, so this is the most that it moves.
        """
        rows, known = self.rows_of(block), block - ahead + 1
        better = min(self.kept, rows) if known < 1 else min(self.kept / known, rows)
        return SCORE_BYTES * rows + better * self.cell_bytes


@dataclass(frozen=True)
class Plan:
    """The time of a job on a cluster. What is said of one pass is said of the first."""

    job: Job
    cluster: Cluster
    costs: Costs

    @cached_property
    def back_bytes(self) -> float:
        """Of one pass."""
        return sum(self.job.back(block, self.cluster.ahead) for block in range(self.job.blocks))

    @property
    def kept_blocks(self) -> int:
        """How many blocks the workers keep for the next pass. One whose worker has no room left for a whole block is read again."""
        if not self.job.kept:  # other heuristics keep nothing
            return 0
        each = self.cluster.memory // (self.job.rows_a_block * self.job.row_bytes)
        return int(min(self.job.blocks, self.cluster.workers * each))

    def read_seconds(self, block: int) -> float:
        """In a thread that has its link for itself."""
        job = self.job
        return job.reads(block) * job.rows_of(block) * job.row_bytes * job.stored / self.cluster.link

    def work_seconds(self, block: int) -> float:
        """Of a thread, once the bytes of the block are here."""
        job, costs = self.job, self.costs
        decode = job.reads(block) * job.row_bytes * costs.decode
        return costs.block + job.rows_of(block) * (decode + job.numbers * costs.number)

    @cached_property
    def bounds(self) -> dict[str, float]:
        """The seconds of each resource in one pass."""
        job, cluster, costs = self.job, self.cluster, self.costs
        busy = sum(self.read_seconds(block) + self.work_seconds(block) for block in range(job.blocks))
        read = job.rows - min(job.rows, job.in_memory * job.rows_a_block)
        tasks = job.blocks + sum(job.reads(block) for block in range(job.blocks)) * job.chunks
        return {
            "store": read * job.row_bytes * job.stored / cluster.store,
            "workers": busy / min(cluster.all_threads, job.blocks),
            "scheduler": tasks * costs.task + self.back_bytes * costs.passed_on,
            "network": self.back_bytes / cluster.network,
            "driver": job.blocks * costs.sent + self.back_bytes * costs.received,
        }

    @property
    def bound(self) -> str:
        """The resource that takes longest."""
        return max(self.bounds, key=lambda name: self.bounds[name])

    @property
    def after(self) -> float:
        """The search for a joint batch, once the rows are here."""
        job = self.job
        return self.costs.search_seconds(job.kept, job.numbers, job.k) if job.kept else 0.0

    @property
    def each_pass(self) -> list[Plan]:
        return [Plan(job, self.cluster, self.costs) for job in self.job.each_pass(self.kept_blocks)]

    @property
    def seconds(self) -> float:
        """At least so long: all passes with their starts, and the search."""
        return sum(self.costs.start + max(one.bounds.values()) for one in self.each_pass) + self.after


# --- measured costs ---------------------------------------------------------------------------------------------------


def load_costs(heuristic: str = "bald", dtype: str = "float16", *, compressed: bool = False) -> Costs:
    """The costs that benchmarks/capacity.py measured last, for C = 10 and T = 20."""
    found = json.loads(COSTS.read_text(encoding="utf-8"))
    return Costs(
        number=found["number"][heuristic][dtype],
        decode=found["decode"]["zstd" if compressed else "none"],
        search=tuple(found["search"]),
        **found["cluster"],
    )


def save_costs(
    number: dict[str, dict[str, float]], decode: dict[str, float], search: list[float], cluster: Costs
) -> None:
    """What `load_costs` reads."""
    own = {name: value for name, value in asdict(cluster).items() if name not in ("number", "decode", "search")}
    text = json.dumps({"number": number, "decode": decode, "search": search, "cluster": own}, indent=1)
    COSTS.write_text(text + "\n", encoding="utf-8")
