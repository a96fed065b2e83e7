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
from functools import partial
from sqlite3 import Connection
from typing import Any

from alcore.ledger import reading
from alcore.ledger.columns import Row
from alcore.ledger.errors import LedgerError
from alcore.ledger.ids import about_ids, rows_where_in
from alcore.ledger.label_studio import meta_of, scaled, task_of
from alcore.ledger.ledger import Ledger
from alcore.ledger.query import Query, query_rows
from alcore.ledger.shown import Shown
from alcore.ledger.sync import taking
from alcore.ledger.sync.client import Unreachable
from alcore.ledger.sync.label_studio_project import SAMPLING, Annotation, Project, Settings, Task
from alcore.ledger.sync.sending import Sending
from alcore.ledger.sync.taking import Seen, Taken

MARGIN = timedelta(seconds=30)  # a task may become visible after others with a later time
WHOLE = 20  # rounds between two that read all tasks, to see which were deleted
VERSION = "alcore"
POLL = 5.0  # seconds between two looks for labels while a push lasts


@dataclass(frozen=True)
class Wanted:
    """A pick that waits for its label."""

    position: int
    asker: str
    row: Row

    @property
    def id(self) -> Any:
        return self.row["id"]

    @property
    def meta(self) -> dict[str, Any]:
        return meta_of(self.row)

    @property
    def score(self) -> float | None:
        """As Label Studio has it."""
        return None if self.row["score"] is None else scaled(self.row["score"])


@dataclass
class Round:
    """What a round did. ``waiting`` ids of the ledger have a task that waits for a label."""

    taken: Taken = field(default_factory=Taken)
    pushed: int = 0
    ordered: int = 0
    removed: int = 0
    waiting: int = 0
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
        shown: what Label Studio shows of each id.
        poll: seconds between two looks for labels while a push lasts.
    """

    def __init__(
        self, ledger: Ledger, project: Project, asker: str | None = None, shown: Shown | None = None, poll: float = POLL
    ) -> None:
        if ledger.readonly:
            raise LedgerError(
                "ledger: expected a ledger that can be written, as sync records labels, got one that was opened with "
                "readonly=True. Open it to write: Ledger.open(path)."
            )
        self.ledger, self.project, self.asker, self.poll = ledger, project, asker, poll
        self.shown = shown or Shown()
        self.identity = ledger.identity
        self.remote = f"Label Studio {project.name}"
        self.tasks: dict[int, Task] = {}  # of this ledger, as last read
        self._latest: datetime | None = None
        self.rounds = 0
        self._shared = False  # whether tasks of another ledger wait in the project

    def round(self, patience: float = math.inf) -> Round:
        """Do what is to be done now. The next round goes on where this one ended.

        Args:
            patience: how many seconds a change of many tasks' ``meta`` may take.
        """
        done, settings = Round(), self.project.settings()
        self._read()
        before = dict(self.tasks)  # while a push lasts, its tasks are read too
        groups = self._groups(done)
        done.taken = self._take(groups, settings)
        wanted, seen = self._wanted()
        live = self._live(groups, seen)
        missing = [one for one in wanted if one.position not in live and self.asker in (None, one.asker)]
        missing.sort(
            key=lambda one: -math.inf if one.score is None else one.score, reverse=True
        )  # the best are there first
        self._order(wanted, live, missing, settings, done)
        done.removed += self._remove(before, wanted, live)
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
        """What waits for a label: query by query, each in the order chosen."""
        with self.ledger._database.reading() as connection:
            seen = taking.read_seen(connection, self.remote)
            queries = reading.open_queries(connection, None)
            positions = _positions(connection, {one for query in queries for one in query.ids.tolist()})
        return [one for query in queries for one in self._wanted_of(query, positions)], seen

    def _wanted_of(self, query: Query, positions: Mapping[Any, int]) -> Iterable[Wanted]:
        for row in query_rows(query):
            yield Wanted(positions[row["id"]], query.asker, row)

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
        """Push what is missing, and see that all tasks that wait have the score of their pick: Label Studio sorts by it.

        If one has another score, all get theirs under a new version, and the project then shows this one. Old versions stay: while
        Label Studio deletes one, which takes long, nobody can label.
        """
        there = [one for one in wanted if one.position in live]
        own = settings.version.startswith(self._prefix)
        stale = bool(there) and not (own and all(live[one.position].score == one.score for one in there))
        others = self._shared and settings.version.startswith(f"{VERSION} ") and not own
        if others:
            done.notes.append(
                "tasks of another ledger are in this project. Their order was kept. Use a project for each ledger."
            )
        if not missing and (others or not stale):
            if settings.sampling != SAMPLING and there:
                self.project.show_first(settings.version)
            return
        version = settings.version if own and not stale else self._next_version(settings)
        tasks = self._as_tasks(missing, version)
        self._check_shown(missing, tasks, settings)
        scores = [(live[one.position].number, one.score) for one in there if one.score is not None]
        self._meanwhile(partial(self._send, tasks, scores if stale else [], version, settings, others), settings, done)
        done.pushed, done.ordered = len(missing), len(there) if stale else 0
        self.project.add_tab()

    def _send(
        self,
        tasks: list[dict[str, Any]],
        scores: list[tuple[int, float]],
        version: str,
        settings: Settings,
        others: bool,
    ) -> None:
        """The new order comes first, as it takes little time. Label Studio refuses a version that no score has."""
        show = not others and (version, SAMPLING) != (settings.version, settings.sampling)
        self.project.write_scores(scores, version)
        if show and scores:
            self.project.show_first(version)
        self.project.push(tasks)
        if show and not scores:
            self.project.show_first(version)

    def _meanwhile(self, send: Callable[[], None], settings: Settings, done: Round) -> None:
        """Send in a thread, and take labels until it has ended.

        A push of 50 tasks takes 0.1 s where nobody writes, and took from 9 s to over 60 beside three who write without a pause.
        """
        sending = Sending(send)
        try:
            while not sending.ended(self.poll):
                self._take_again(settings, done)
        finally:
            self._latest = None  # the scores are read anew, also where this ends in an error
        sending.check()

    def _take_again(self, settings: Settings, done: Round) -> None:
        try:
            self._read()
        except Unreachable as error:
            done.notes.append(str(error))  # it is busy with the push
        else:
            done.taken.add(self._take(self._groups(done), settings))

    def _next_version(self, settings: Settings) -> str:
        versions = [one for one in [*self.project.versions(), settings.version] if one.startswith(self._prefix)]
        return f"{self._prefix}{1 + max(map(_number, versions), default=0)}"

    @property
    def _prefix(self) -> str:
        return f"{VERSION} {self.identity[:8]} "

    def _as_tasks(self, missing: list[Wanted], version: str) -> list[dict[str, Any]]:
        if not missing:
            return []
        layout = self.shown.layout([one.id for one in missing], self.ledger.named)
        return [task_of(one.row, layout, version) for one in missing]

    def _check_shown(self, missing: list[Wanted], tasks: list[dict[str, Any]], settings: Settings) -> None:
        for one, task in zip(missing, tasks, strict=True):
            if lacking := [name for name in settings.shown if name not in task["data"]]:
                names = ", ".join(f"${name}" for name in lacking)
                raise LedgerError(
                    f"{self.project.name}: its labelling interface shows {names}, which id {one.id!r} does not have. Say what it "
                    f"is for each id: --data {lacking[0]}=https://host/{{id}}.png, or name a file with a column {lacking[0]}: "
                    "--data-from items.jsonl."
                )

    def _remove(self, tasks: Mapping[int, Task], wanted: list[Wanted], live: Mapping[int, Task]) -> int:
        """Delete tasks that nobody has touched and whose id waits for no label, or waits in another task."""
        kept = {live[one.position].number for one in wanted if one.position in live}
        stale = [number for number, task in tasks.items() if not task.touched and number not in kept]
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


def _number(version: str) -> int:
    last = version.rpartition(" ")[2]
    return int(last) if last.isdecimal() else 0
