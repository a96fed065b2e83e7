"""A pass over predictions on a cluster, event by event: what the formulas of `model` leave out.

The driver hands out blocks in order, some ahead of the workers, and takes results in order. So one slow worker holds up all others
once they are as far ahead as the driver lets them. The scheduler does one thing at a time. Readers share the store's bandwidth in
equal parts, each up to its own link.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from dataclasses import dataclass, field

from planning.model import Cluster, Costs, Job, Plan

Event = tuple[float, int, str, tuple[int, ...]]  # when, number, what, of which block and thread


@dataclass(frozen=True)
class Simulated:
    seconds: float  # of all passes, with the search
    bound: str  # the resource that is busy longest in the first pass
    busy: float  # share of that pass in which it works


def simulate(job: Job, cluster: Cluster, costs: Costs) -> Simulated:
    """How long a job takes on a cluster."""
    plan = Plan(job, cluster, costs)
    seconds = [_Pass(one).run() for one in plan.each_pass]
    busy = min(1.0, plan.bounds[plan.bound] / seconds[0]) if seconds[0] else 1.0
    return Simulated(sum(seconds) + job.passes * costs.start + plan.after, plan.bound, busy)


class _Line:
    """A resource that does one thing at a time, first come, first served."""

    def __init__(self) -> None:
        self._free = 0.0

    def serve(self, now: float, seconds: float) -> float:
        """When what comes now is done."""
        self._free = max(now, self._free) + seconds
        return self._free


class _Store:
    """Readers share the bandwidth in equal parts. All of them have the same speed, so each ends in the order of the bytes to go."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._now, self._given = 0.0, 0.0  # bytes that each reader has got since the beginning
        self._ends: list[tuple[float, int, int]] = []

    @property
    def _speed(self) -> float:
        return min(self._cluster.link, self._cluster.store / len(self._ends))

    def _move_to(self, now: float) -> None:
        if self._ends:
            self._given += (now - self._now) * self._speed
        self._now = now

    def begin(self, now: float, amount: float, block: int, thread: int) -> None:
        self._move_to(now)
        heapq.heappush(self._ends, (self._given + amount, block, thread))

    def next_end(self) -> float:
        if not self._ends:
            return math.inf
        return self._now + max(0.0, self._ends[0][0] - self._given) / self._speed

    def end(self, now: float) -> tuple[int, int]:
        """The block and the thread of the read that ends now."""
        self._move_to(now)
        self._given, block, thread = heapq.heappop(self._ends)
        return block, thread


@dataclass
class _Pass:
    plan: Plan
    _events: list[Event] = field(default_factory=list)
    _count: int = 0

    def __post_init__(self) -> None:
        job, cluster = self.plan.job, self.plan.cluster
        self._idle = deque(range(cluster.all_threads))
        self._ready: deque[int] = deque()
        self._scheduler, self._network, self._store = _Line(), _Line(), _Store(cluster)
        self._slow = round(cluster.slow * cluster.all_threads)  # the first threads are the stragglers
        self._arrived = [False] * job.blocks
        self._next, self._head, self._driver_free = 0, 0, True
        self._reads = math.isfinite(min(cluster.link, cluster.store))

    def run(self) -> float:
        now = 0.0
        self._drive(now)
        while self._events or self._store.next_end() < math.inf:
            reading = self._store.next_end()
            if not self._events or reading <= self._events[0][0]:
                now = reading
                self._compute(now, *self._store.end(now))
            else:
                now, _, what, which = heapq.heappop(self._events)
                getattr(self, f"_{what}")(now, *which)
        return now

    def _at(self, when: float, what: str, *which: int) -> None:
        self._count += 1
        heapq.heappush(self._events, (when, self._count, what, which))

    # --- driver

    def _drive(self, now: float) -> None:
        """Take the results that are here, in order, then send blocks as far ahead as may be."""
        job, ahead, costs = self.plan.job, self.plan.cluster.ahead, self.plan.costs
        while self._head < self._next and self._arrived[self._head]:
            now += job.back(self._head, ahead) * costs.received
            self._head += 1
        while self._next < job.blocks and self._next - self._head < ahead:
            now += costs.sent
            self._at(now, "schedule", self._next)
            self._next += 1
        self._driver_free = False
        self._at(now, "rest")

    def _rest(self, now: float) -> None:
        self._driver_free = True
        if self._head < self._next and self._arrived[self._head]:
            self._drive(now)

    # --- scheduler and workers

    def _schedule(self, now: float, block: int) -> None:
        job = self.plan.job
        tasks = 1 + job.chunks * job.reads(block)
        self._at(self._scheduler.serve(now, tasks * self.plan.costs.task), "offer", block)

    def _offer(self, now: float, block: int) -> None:
        self._ready.append(block)
        self._begin(now)

    def _begin(self, now: float) -> None:
        while self._ready and self._idle:
            block, thread = self._ready.popleft(), self._idle.popleft()
            if self._reads and self.plan.job.reads(block):
                amount = self.plan.job.rows_of(block) * self.plan.job.row_bytes * self.plan.job.stored
                self._store.begin(now, amount, block, thread)
            else:
                self._compute(now, block, thread)

    def _compute(self, now: float, block: int, thread: int) -> None:
        slowness = self.plan.cluster.slowness if thread < self._slow else 1.0
        self._at(now + slowness * self.plan.work_seconds(block), "finish", block, thread)

    def _finish(self, now: float, block: int, thread: int) -> None:
        self._idle.append(thread)
        self._begin(now)
        amount = self.plan.job.back(block, self.plan.cluster.ahead)
        passed_on = self._scheduler.serve(now, amount * self.plan.costs.passed_on)
        self._at(passed_on, "leave", block)

    def _leave(self, now: float, block: int) -> None:
        amount = self.plan.job.back(block, self.plan.cluster.ahead)
        self._at(self._network.serve(now, amount / self.plan.cluster.network), "arrive", block)

    def _arrive(self, now: float, block: int) -> None:
        self._arrived[block] = True
        if self._driver_free and block == self._head:
            self._drive(now)
