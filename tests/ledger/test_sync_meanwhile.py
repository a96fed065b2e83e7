"""Labels are taken while a push lasts, however long Label Studio lets it wait."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from alcore import Ledger, Precomputed
from alcore.ledger.label_studio import scaled
from alcore.ledger.sync.client import Client, Unreachable
from alcore.ledger.sync.label_studio_project import (
    AT_ONCE,
    FAST,
    FIRST,
    LARGEST,
    LEAST,
    Annotation,
    Project,
    Settings,
    Task,
)
from alcore.ledger.sync.sending import Sending
from alcore.ledger.sync.sync import Sync
from tests.ledger.label_studio_people import results

NOW = datetime.now(UTC)
PATIENCE = 120.0  # seconds


class Slow(Project):
    """A project with a task of id 0, which somebody labels when a push begins. The push ends when the label is in the ledger."""

    def __init__(self, ledger: Ledger, fails: bool) -> None:
        super().__init__(mock.Mock(spec=Client, url="http://host"), 1)
        self.ledger, self.fails, self.pushed = ledger, fails, list[dict[str, Any]]()
        self.scores: list[tuple[int, float]] = []
        self.looks = 0

    def settings(self) -> Settings:
        return Settings("", "label", (), "Sequential sampling", "alcore 0")

    def tasks(self, since: datetime | None = None) -> Iterator[tuple[Task | None, datetime]]:
        self.looks += 1
        if self.looks == 3:
            raise Unreachable("busy")
        given = (Annotation(5, "ann@x", results("cat"), False, False, NOW),) if self.looks > 1 else ()
        meta = {"ledger": self.ledger.identity, "query": 1, "q": 1.0, "score": 2.0}
        yield Task(70, 0, meta, None, False, given, NOW), NOW
        if self.looks > 3:  # a part of the push
            yield Task(71, 1, meta, None, False, (), NOW), NOW

    def versions(self) -> list[str]:
        return ["alcore 0"]

    def push(self, tasks: Any) -> None:
        until = time.monotonic() + PATIENCE
        while self.looks < 5 and time.monotonic() < until:
            time.sleep(0.01)
        assert self.ledger.labels == ["cat"]
        if self.fails:
            raise Unreachable("did not answer")
        self.pushed += tasks

    def delete_untouched(self, numbers: Any) -> int:
        raise AssertionError("what is pushed is not removed")

    def write_scores(self, scores: Any, version: str) -> None:
        self.scores += scores

    def show_first(self, version: str) -> None:
        assert self.scores
        assert not self.pushed  # the new order comes first

    def add_tab(self) -> None:
        pass


@pytest.mark.parametrize("fails", [False, True])
def test_labels_are_taken_while_a_push_lasts(tmp_path: Path, fails: bool) -> None:
    with Ledger.open(tmp_path / "run.db", 3) as ledger:
        ledger.ask(Precomputed([2.0, 1.0, 0.0]), None, 2)
        project = Slow(ledger, fails)
        sync = Sync(ledger, project, poll=0.01)
        if fails:
            with pytest.raises(Unreachable, match="did not answer"):
                sync.round()
        else:
            done = sync.round()
            assert done.text() == "1 labels taken, 1 tasks pushed, 1 tasks put into a new order"
            assert "busy" in done.notes
            assert [task["data"]["id"] for task in project.pushed] == [1]
        assert project.scores == [(70, scaled(2.0))]
        assert ledger.labels == ["cat"]
        assert sync._latest is None  # all is read anew


def pushed(
    count: int, send: Any = lambda number: None, fast: Callable[[int], bool] = lambda number: True
) -> list[list[int]]:
    """The numbers of the tasks in each request. ``fast``: which requests the push takes for fast, whatever time they take."""
    requests: list[list[int]] = []

    class Told(Sending):
        def __init__(self, call: Any) -> None:
            self.number = len(requests) + 1
            requests.append([one["n"] for one in call.args[2]])
            super().__init__(lambda: send(self.number))

        def ended(self, seconds: float | None = None) -> bool:
            if seconds:
                seconds = PATIENCE if fast(self.number) else 0.01
            return super().ended(seconds)

    with mock.patch("alcore.ledger.sync.label_studio_project.Sending", Told):
        Project(mock.Mock(spec=Client), 1).push([{"n": number} for number in range(count)])
    return requests


def test_requests_grow_while_the_server_is_fast() -> None:
    requests = pushed(750)
    assert [len(part) for part in requests] == [FIRST, 2 * FIRST, LARGEST, LARGEST, LARGEST]
    assert [*chain(*requests)] == list(range(750))
    assert pushed(0) == []


def test_requests_that_the_server_keeps_waiting_hold_up_nothing() -> None:
    most, last = threading.Semaphore(AT_ONCE), threading.Event()

    def slow(number: int) -> None:
        assert most.acquire(blocking=False), "too many at once"
        if number == 1:
            assert last.wait(PATIENCE)
        elif number > 2:
            time.sleep(0.3)
        if number == 4:
            last.set()
        most.release()

    requests = pushed(200, slow, lambda number: number == 2)
    assert sorted(chain(*requests)) == list(range(200))
    assert [len(part) for part in requests[:3]] == [FIRST, FIRST // 2, FIRST]
    assert min(map(len, requests[:-1])) >= LEAST


def test_a_push_that_fails_waits_for_what_is_on_its_way() -> None:
    done, failed = list[int](), threading.Event()

    def send(number: int) -> None:
        if number == 2:
            failed.set()
            raise Unreachable("did not answer")
        assert failed.wait(PATIENCE)
        time.sleep(0.3)
        done.append(number)

    with pytest.raises(Unreachable, match="did not answer"):
        pushed(1000, send, lambda number: number == 2)
    assert done == [1]


def test_a_request_is_fast_that_ends_in_time() -> None:
    """The threads themselves, with the limit that a push has."""
    ended, asked = threading.Event(), list[float | None]()
    call = Sending(lambda: ended.wait(PATIENCE))
    assert not call.ended(0.01)
    ended.set()
    assert call.ended(PATIENCE)

    class Asked(Sending):
        def ended(self, seconds: float | None = None) -> bool:
            asked.append(seconds)
            return super().ended(seconds)

    with mock.patch("alcore.ledger.sync.label_studio_project.Sending", Asked):
        client = mock.Mock(spec=Client)
        Project(client, 1).push([{"n": 0}])
    client.send.assert_called_once_with("POST", "/api/projects/1/import", [{"n": 0}], timeout=mock.ANY)
    assert asked[0] == FAST
