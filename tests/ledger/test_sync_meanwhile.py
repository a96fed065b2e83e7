"""Labels are taken while a push lasts, however long Label Studio lets it wait."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from alcore import Ledger, Precomputed
from alcore.ledger.label_studio import scaled
from alcore.ledger.sync.client import Client, Unreachable
from alcore.ledger.sync.label_studio_project import FIRST, LARGEST, Annotation, Project, Settings, Task
from alcore.ledger.sync.sync import Sync
from tests.ledger.label_studio_people import results

NOW = datetime.now(UTC)


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
        until = time.monotonic() + 30
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


def test_requests_grow_while_the_server_is_fast() -> None:
    def sizes(seconds: list[float], count: int) -> list[int]:
        client = mock.Mock(spec=Client)
        clock = [moment for start, one in enumerate(seconds) for moment in (100.0 * start, 100.0 * start + one)]
        with mock.patch("alcore.ledger.sync.label_studio_project.time.monotonic", side_effect=clock):
            Project(client, 1).push([{"n": number} for number in range(count)])
        sent = [call.args[2] for call in client.send.call_args_list]
        assert [one["n"] for part in sent for one in part] == list(range(count))
        return [len(part) for part in sent]

    assert sizes([0.1] * 5, 750) == [FIRST, 2 * FIRST, LARGEST, LARGEST, LARGEST]
    assert sizes([0.1, 3.1, 0.1, 0.1], 250) == [FIRST, 2 * FIRST, FIRST, FIRST]
    assert sizes([], 0) == []
