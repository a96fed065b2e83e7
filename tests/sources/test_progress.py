"""The bar shows on a terminal after a while, and is gone however the pass ends."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import sys
from collections.abc import Iterator

import numpy as np
import pytest
from rich.progress import Progress

import alcore
from alcore.sources import progress

ITEMS = [(10, "a"), (20, "b"), (30, "c")]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def bars(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Progress]]:
    """The bars started, on what passes for a terminal, without patience."""
    started: list[Progress] = []
    start = progress._start_bar

    def recorded(total: int | None, what: str) -> Progress:
        started.append(start(total, what))
        return started[-1]

    monkeypatch.setattr(progress, "_can_draw", lambda: True)
    monkeypatch.setattr(progress, "_start_bar", recorded)
    monkeypatch.setattr(progress, "PATIENCE", -1.0)
    yield started
    for bar in started:
        bar.stop()


def is_shown(bar: Progress) -> bool:
    return bar.live.is_started


@pytest.mark.parametrize("total", [30, None])
def test_items_pass_through_while_the_bar_advances(bars: list[Progress], total: int | None) -> None:
    seen = []
    for item in progress.track(ITEMS, total, "scoring"):
        seen.append(item)
        assert [is_shown(bar) for bar in bars] == [True] * min(1, len(seen) - 1)
    assert seen == ITEMS
    assert len(bars) == 1
    assert bars[0].tasks[0].completed == 30
    assert bars[0].tasks[0].total == total
    assert not is_shown(bars[0])


def test_the_bar_stops_when_the_consumer_raises(bars: list[Progress]) -> None:
    with contextlib.suppress(KeyError):
        for done, _ in progress.track(ITEMS, 30, "scoring"):
            if done == 20:
                raise KeyError
    assert [is_shown(bar) for bar in bars] == [False]


def test_the_bar_stops_when_the_source_raises(bars: list[Progress]) -> None:
    def failing() -> Iterator[tuple[int, str]]:
        yield from ITEMS
        raise KeyError

    with pytest.raises(KeyError):
        list(progress.track(failing(), 30, "scoring"))
    assert [is_shown(bar) for bar in bars] == [False]


def test_the_bar_stops_when_no_more_is_asked_for(bars: list[Progress]) -> None:
    tracked = progress.track(ITEMS, 30, "scoring")
    next(tracked), next(tracked)
    assert is_shown(bars[0])
    tracked.close()
    assert not is_shown(bars[0])


@pytest.mark.parametrize("threads", [1, 3])
def test_the_bar_counts_rows_and_stops_when_a_row_is_refused(bars: list[Progress], threads: int) -> None:
    alcore.set_threads(threads)
    blocks = [np.full((2, 2, 3), 0.5) for _ in range(20)]
    alcore.bald(iter(blocks))
    assert bars[0].tasks[0].completed == 40
    blocks[7] = np.full((2, 2, 3), np.nan)
    with pytest.raises(ValueError, match="is nan") as caught:
        alcore.bald(iter(blocks))
    assert [is_shown(bar) for bar in bars] == [False, False], f"still shown when {caught.value!r} arrives"


def test_nothing_is_shown_before_patience_ends(bars: list[Progress], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PATIENCE", 1e6)
    assert list(progress.track(ITEMS, 30, "scoring")) == ITEMS
    assert not bars


def test_scoring_is_silent_away_from_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "PATIENCE", -1.0)
    alcore.bald(np.full((3, 2, 4), 0.5))
    assert capfd.readouterr() == ("", "")


def test_scoring_shows_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ALCORE_PROGRESS", raising=False)
    monkeypatch.setattr(progress, "PATIENCE", -1.0)
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    alcore.bald(iter([np.full((3, 2, 4), 0.5)] * 2))
    assert "rows scored" in terminal.getvalue()


def closed() -> io.StringIO:
    stream = Terminal()
    stream.close()
    return stream


@pytest.mark.parametrize(
    ("stderr", "said", "shown"),
    [
        (Terminal(), "", True),
        (Terminal(), "1", True),
        (Terminal(), "0", False),
        (io.StringIO(), "", False),
        (None, "", False),
        (closed(), "", False),
    ],
)
def test_a_bar_is_shown_on_terminals_unless_the_environment_forbids_it(
    monkeypatch: pytest.MonkeyPatch, stderr: object, said: str, shown: bool
) -> None:
    monkeypatch.setenv("ALCORE_PROGRESS", said)
    monkeypatch.setattr(sys, "stderr", stderr)
    assert progress._can_draw() is shown


def test_no_bar_is_shown_where_rich_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert not progress._can_draw()


def test_one_bar_is_shown_at_a_time(bars: list[Progress]) -> None:
    for _ in progress.track(ITEMS, 3, "outer"):
        list(progress.track(ITEMS, 3, "inner"))
        assert sum(map(is_shown, bars)) <= 1
    assert not any(map(is_shown, bars))
    list(progress.track(ITEMS, 3, "later"))
    assert [task.description for task in bars[-1].tasks] == ["later"]
