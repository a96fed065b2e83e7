"""``Sync``: one round takes what annotators did, pushes what the ledger asks, orders it, and removes what it took back.

Every round begins with what is there, on both sides. So a killed round leaves nothing that the next one does not find: tasks that
were pushed are found by their id and ledger, and a task that is there twice loses the copy that nobody has touched.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import pairwise
from sqlite3 import Connection
from typing import Any

from alcore.ledger import reading
from alcore.ledger.errors import LedgerError
from alcore.ledger.ids import about_ids, rows_where_in
from alcore.ledger.ledger import Ledger
from alcore.ledger.query import Query
from alcore.ledger.sync import taking
from alcore.ledger.sync.label_studio_project import SAMPLING, Annotation, Project, Settings, Task
from alcore.ledger.sync.taking import Seen, Taken

MARGIN = timedelta(seconds=30)  # a task may become visible after others with a later time
WHOLE = 20  # rounds between two that read all tasks, to see which were deleted
VERSION = "alcore"
AT_ONCE = (
    50  # tasks that one of many rounds pushes: a large push takes long while others label, and labels would wait for it
)
LEAST = 1e-9  # a lower score gets no lower ones below it: all get new scores

Data = Callable[[Any], Mapping[str, Any]]  # what Label Studio shows of an id


@dataclass(frozen=True)
class Wanted:
    """A pick that waits for its label."""

    position: int
    id: Any
    query: int
    asker: str
    meta: dict[str, Any]


@dataclass
class Round:
    """What a round did. ``waiting`` ids of the ledger have a task that waits for a label, ``left`` ids have none yet."""

    taken: Taken = field(default_factory=Taken)
    pushed: int = 0
    ordered: int = 0
    removed: int = 0
    waiting: int = 0
    left: int = 0
    notes: list[str] = field(default_factory=list)

    def text(self) -> str:
        """In plain words. An empty text if nothing happened."""
        counts = {
            "labels taken": self.taken.labels,
            "labels corrected": self.taken.corrected,
            "ids set aside, which annotators skipped": self.taken.skipped,
            "ids open again, whose annotation was deleted": self.taken.opened,
            "tasks pushed": self.pushed,
            "tasks put into a new order": self.ordered,
            "tasks removed": self.removed,
        }
        return ", ".join(f"{count:,} {what}" for what, count in counts.items() if count)


class Sync:
    """Keeps a ledger and a project of Label Studio alike, round by round.

    Args:
        ledger: the ledger.
        project: the project.
        asker: push the open query of this asker only. None: the open queries of all.
        data: what Label Studio shows of an id, such as {"image": "https://host/7.png"}.
    """

    def __init__(self, ledger: Ledger, project: Project, asker: str | None = None, data: Data | None = None) -> None:
        if ledger.readonly:
            raise LedgerError(
                "ledger: expected a ledger that can be written, as sync records labels, got one that was opened with "
                "readonly=True. Open it to write: Ledger.open(path)."
            )
        self.ledger, self.project, self.asker = ledger, project, asker
        self.data: Data = data or (lambda one: {})
        self.identity = ledger.identity
        self.remote = f"Label Studio {project.name}"
        self.tasks: dict[int, Task] = {}  # of this ledger, as last read
        self._latest: datetime | None = None
        self.rounds = 0
        self._shared = False  # whether tasks of another ledger wait in the project

    def round(self, patience: float = math.inf) -> Round:
        """Do what is to be done now: all of it, or what takes little time. The next round goes on where this one ended.

        Args:
            patience: how many seconds a change of many tasks' ``meta`` may take. If it is finite, a round pushes few tasks too.
        """
        done, settings = Round(), self.project.settings()
        self._read()
        groups = self._groups(done)
        done.taken = self._take(groups, settings)
        wanted, seen = self._wanted()
        live = self._live(groups, seen)
        missing = [one for one in wanted if one.position not in live and self.asker in (None, one.asker)]
        if patience < math.inf:
            missing, done.left = missing[:AT_ONCE], max(0, len(missing) - AT_ONCE)
        self._order(wanted, live, missing, settings, done)
        done.removed += self._remove(wanted, live)
        self._write_meta(wanted, live, patience)
        done.waiting = sum(one.position in live for one in wanted) + len(missing)
        return done

    # --- what is there ----------------------------------------------------------------------------------------------------

    def _read(self) -> None:
        """The tasks of this ledger: those that changed, and sometimes all."""
        whole = self._latest is None or self.rounds % WHOLE == 0
        since = None if whole or self._latest is None else self._latest - MARGIN
        tasks, latest = ({} if whole else dict(self.tasks)), self._latest
        for task, updated in self.project.tasks(since):
            latest = updated if latest is None else max(latest, updated)
            if task is not None and task.meta["ledger"] == self.identity:
                tasks[task.number] = task
            elif task is not None and not task.touched:
                self._shared = True
        self.tasks, self._latest = tasks, latest
        self.rounds += 1

    def _groups(self, done: Round) -> dict[int, list[Task]]:
        """The tasks of each position, the oldest first."""
        ids = {task.id for task in self.tasks.values() if isinstance(task.id, int | str)}
        with self.ledger._database.reading() as connection:
            positions = _positions(connection, ids)
        groups: dict[int, list[Task]] = {}
        for number in sorted(self.tasks):
            task = self.tasks[number]
            position = positions.get(task.id) if isinstance(task.id, int | str) else None
            if position is None:
                done.notes.append(
                    f"task {number}: its data has the id {task.id!r}, which the ledger does not have. It was left alone."
                )
            else:
                groups.setdefault(position, []).append(task)
        return groups

    def _take(self, groups: Mapping[int, list[Task]], settings: Settings) -> Taken:
        with self.ledger._database.reading() as connection:
            seen = taking.read_seen(connection, self.remote)
        news: dict[int, tuple[Any, list[Annotation]]] = {}
        for position, tasks in groups.items():
            annotations = [one for task in tasks for one in task.annotations]
            if taking.has_news(annotations, seen.get(position, Seen())):
                news[position] = (tasks[0].id, annotations)
        if not news:
            return Taken()
        with self.ledger._database.writing() as connection:
            return taking.take(connection, self.remote, news, settings.control)

    def _wanted(self) -> tuple[list[Wanted], dict[int, Seen]]:
        """What waits for a label, the most informative first: query by query, each in the order chosen."""
        with self.ledger._database.reading() as connection:
            seen = taking.read_seen(connection, self.remote)
            queries = reading.open_queries(connection, None)
            positions = _positions(connection, {one for query in queries for one in query.ids.tolist()})
        return [one for query in queries for one in self._wanted_of(query, positions)], seen

    def _wanted_of(self, query: Query, positions: Mapping[Any, int]) -> Iterable[Wanted]:
        columns = (query.ids.tolist(), query.scores.tolist(), query.q.tolist())
        for one, score, q in zip(*columns, strict=True):
            real = {} if score != score else {"score": score}
            meta = {"ledger": self.identity, "query": query.number, "q": q, **real}
            yield Wanted(positions[one], one, query.number, query.asker, meta)

    def _live(self, groups: Mapping[int, list[Task]], seen: Mapping[int, Seen]) -> dict[int, Task]:
        """The task in which each position can be answered: what was answered before does not count."""
        live: dict[int, Task] = {}
        for position, tasks in groups.items():
            open_ones = [one for one in tasks if not taking.is_answered(one.annotations, seen.get(position, Seen()))]
            if open_ones:
                live[position] = next((one for one in open_ones if one.touched), open_ones[0])
        return live

    # --- what is done -----------------------------------------------------------------------------------------------------

    def _order(
        self, wanted: list[Wanted], live: dict[int, Task], missing: list[Wanted], settings: Settings, done: Round
    ) -> None:
        """Push what is missing, and keep the scores of all tasks that wait in their order.

        What comes last gets lower scores than what is there. Otherwise all get new scores under a new version, and the project then
        shows this one. Old versions stay: while Label Studio deletes one, which takes long, nobody can label.
        """
        absent = {one.position for one in missing}
        row = [one for one in wanted if one.position in live or one.position in absent]
        there = [one for one in row if one.position in live]
        own = settings.version.startswith(self._prefix)
        known = [live[one.position].score if own else None for one in there]
        ordered = _falls(known)
        others = self._shared and settings.version.startswith(f"{VERSION} ") and not own
        if others:
            done.notes.append(
                "tasks of another ledger are in this project. Their order was kept. Use a project for each ledger."
            )
        if (ordered or others) and not missing:
            if settings.sampling != SAMPLING and row:
                self.project.show_first(settings.version)
            return
        self._check_shown(missing, settings)
        done.pushed = len(missing)
        lowest = known[-1] if known and ordered else 1.0
        if own and ordered and row[len(there) :] == missing and lowest is not None and lowest > LEAST:
            self._push(missing, lowest if there else 1.0 + 1.0 / len(missing), settings.version)
        else:
            self._order_anew(row, live, missing, settings, not others)
            done.ordered = 0 if ordered else len(there)
        self.project.add_tab()

    def _push(self, missing: list[Wanted], below: float, version: str) -> None:
        share = below / (len(missing) + 1)
        scores = (share * (len(missing) - place) for place in range(len(missing)))
        self.project.push([self._as_task(one, score, version) for one, score in zip(missing, scores, strict=True)])

    def _order_anew(
        self, row: list[Wanted], live: Mapping[int, Task], missing: list[Wanted], settings: Settings, shown: bool
    ) -> None:
        versions = [one for one in [*self.project.versions(), settings.version] if one.startswith(self._prefix)]
        version = f"{self._prefix}{1 + max(map(_number, versions), default=0)}"
        scores = {one.position: (len(row) - place) / len(row) for place, one in enumerate(row)}
        self._latest = None  # the scores are read anew, also where this ends in an error
        self.project.push([self._as_task(one, scores[one.position], version) for one in missing])
        there = [(live[one.position].number, scores[one.position]) for one in row if one.position in live]
        self.project.write_scores(there, version)
        if shown:
            self.project.show_first(version)

    @property
    def _prefix(self) -> str:
        return f"{VERSION} {self.identity[:8]} "

    def _as_task(self, one: Wanted, score: float, version: str) -> dict[str, Any]:
        prediction = {"model_version": version, "score": score, "result": []}
        return {"data": {**self.data(one.id), "id": one.id}, "meta": one.meta, "predictions": [prediction]}

    def _check_shown(self, missing: list[Wanted], settings: Settings) -> None:
        if missing and (lacking := [one for one in settings.shown if one not in {**self.data(missing[0].id), "id": 0}]):
            names = ", ".join(f"${one}" for one in lacking)
            raise LedgerError(
                f"{self.project.name}: its labelling interface shows {names}. Say what it is for each "
                f"id: --data {lacking[0]}=https://host/{{id}}.png"
            )

    def _remove(self, wanted: list[Wanted], live: Mapping[int, Task]) -> int:
        """Delete tasks that nobody has touched and whose id waits for no label, or waits in another task."""
        kept = {live[one.position].number for one in wanted if one.position in live}
        stale = [number for number, task in self.tasks.items() if not task.touched and number not in kept]
        if not stale:
            return 0
        self._latest = None  # a draft does not change the time of its task, so all tasks are read again
        return self.project.delete_untouched(stale)

    def _write_meta(self, wanted: list[Wanted], live: Mapping[int, Task], patience: float) -> None:
        """A task that another query asks for now says so. It costs a request each, so a later round may do the rest."""
        until = time.monotonic() + patience
        for one in wanted:
            task = live.get(one.position)
            if task is not None and task.meta != one.meta and task.number in self.tasks:
                self.project.write_meta(task.number, one.meta)
                self.tasks[task.number] = replace(self.tasks[task.number], meta=one.meta)
                if time.monotonic() > until:
                    return


def _positions(connection: Connection, ids: Iterable[Any]) -> dict[Any, int]:
    """Positions of those ids that the ledger has."""
    about = about_ids(connection)
    if about.named:
        names = [one for one in ids if isinstance(one, str)]
        return dict(rows_where_in(connection, "SELECT name, position FROM names WHERE name", names))
    whole = [one for one in ids if isinstance(one, int) and not isinstance(one, bool)]
    return {one: one for one in whole if 0 <= one < about.size}


def _falls(scores: list[float | None]) -> bool:
    """Whether all scores are there, and each is lower than the one before."""
    there = [score for score in scores if score is not None]
    return len(there) == len(scores) and all(one > other for one, other in pairwise(there))


def _number(version: str) -> int:
    last = version.rpartition(" ")[2]
    return int(last) if last.isdecimal() else 0
