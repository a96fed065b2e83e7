"""What becomes of ledgers whose processes are killed, forked, many, or out of disk.

    python tests/ledger/killed.py WHAT FOLDER [NUMBER ...]

prints what it found as JSON. It is a process of its own, with one thread: its children are forks, and so a death costs
milliseconds, not an import. Tests and benchmarks both ask it.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import alcore
from alcore import Ledger, LedgerError
from alcore.ledger import database

N, K = 60, 5
SCORES = 2 + np.cos(np.arange(N))
HEURISTICS = [alcore.Power(alcore.Precomputed(SCORES)), alcore.Precomputed(SCORES), alcore.Random()]
Say = Callable[[Any], None]


# --- a loop that goes on from whatever it finds -----------------------------------------------------------------------


def take_turn(ledger: Ledger) -> Any:
    """One change, settled by what the ledger holds: {id: label} where it told, True for others, None at the end."""
    count, queries = ledger.counts(), ledger.open_queries()
    if queries:
        query = queries[0]
        if len(query) == K and query.number % 4 == 3:
            ledger.withdraw(query)
            return True
        told = {one: f"{one} of {query.number}" for one in query.ids[: 2 if len(query) == K else K].tolist()}
        ledger.tell(query, told, annotator="ann")
        return told
    if count["labelled"] == 0:
        ledger.label({0: "begun with"})
        return {0: "begun with"}
    if 20 <= count["labelled"] < 40 and not count["aside"]:
        ledger.set_aside(ledger.pool[:3])
    elif count["labelled"] >= 40 and count["aside"]:
        ledger.restore(ledger.aside)
    else:
        heuristic = HEURISTICS[count["labelled"] % len(HEURISTICS)]
        query = ledger.ask(heuristic, None, K, rng=count["labelled"], note=lambda batch: batch.indices.tolist())
        return True if len(query) else None
    return True


def go_on(path: Path, checkpoint: int, say: Say) -> None:
    """To the end; what is said is on disk. Every so many pages SQLite moves its log into the file."""
    with Ledger.open(path, N) as ledger:
        with ledger._database.reading() as connection:
            connection.execute(f"PRAGMA wal_autocheckpoint = {checkpoint}")
        while (turn := take_turn(ledger)) is not None:
            say(turn)


def content(path: Path) -> dict[str, list[Any]]:
    """All that a ledger holds, but for times, and SQLite's own check of it."""
    statements = {
        "check": "PRAGMA integrity_check",
        "about": "SELECT * FROM about",
        "queries": "SELECT query, asker, step, heuristic, free, ranked, withdrawn IS NULL FROM queries ORDER BY query",
        "picks": "SELECT * FROM picks ORDER BY query, place",
        "items": "SELECT position, state, query, label, annotator FROM items ORDER BY position",
        "notes": "SELECT * FROM notes ORDER BY asker, step",
        "history": "SELECT number, position, action, query, label, annotator FROM history ORDER BY number",
    }
    connection = sqlite3.connect(path)
    found = {name: connection.execute(statement).fetchall() for name, statement in statements.items()}
    connection.close()
    return found


def twice(found: dict[str, list[Any]]) -> list[int]:
    """Ids that were labelled twice, or asked once more than withdrawn and once more again."""
    counts = {action: np.zeros(len(found["items"]) + N, int) for action in ("asked", "withdrawn", "labelled")}
    open_most = np.zeros_like(counts["asked"])
    for _, position, action, *_ in found["history"]:
        if action in counts:
            counts[action][position] += 1
        open_most = np.maximum(open_most, counts["asked"] - counts["withdrawn"])
    return [int(one) for one in np.flatnonzero((counts["labelled"] > 1) | (open_most > 1))]


# --- children ---------------------------------------------------------------------------------------------------------


class Child:
    """A fork that does its work and ends; what it says can be read when it is dead."""

    def __init__(self, work: Callable[[Say], None]) -> None:
        reading, writing = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(reading)
            self._live(work, writing)
        os.close(writing)
        self._file = os.fdopen(reading)

    def _live(self, work: Callable[[Say], None], pipe: int) -> None:
        code = 1
        try:
            work(lambda said: os.write(pipe, (json.dumps(said) + "\n").encode()))  # type: ignore[func-returns-value]
            code = 0
        except BaseException as error:
            sys.stderr.write(f"{type(error).__name__}: {error}\n")
        finally:
            sys.stderr.flush()
            os._exit(code)

    def hear(self) -> Any:
        """The next that it says; None where it ended."""
        return json.loads(self._file.readline() or "null")

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def end(self) -> tuple[bool, list[Any]]:
        """Waits for it: whether it was killed, and what else it said. A line that was cut off was not said."""
        status = os.waitpid(self.pid, 0)[1]
        lines = [json.loads(line) for line in self._file if line.endswith("\n")]
        self._file.close()
        if os.WIFEXITED(status) and os.WEXITSTATUS(status):
            raise RuntimeError("a child failed")
        return os.WIFSIGNALED(status), lines


def labels_in_copy(path: Path, copy: Path) -> dict[int, str]:
    """The labels on disk, by way of a copy: the next process finds the file and its log as the dead one left them."""
    for old in copy.parent.glob(f"{copy.name}*"):
        old.unlink()
    for suffix in ("", "-wal", "-journal"):
        if os.path.exists(f"{path}{suffix}"):
            shutil.copyfile(f"{path}{suffix}", f"{copy}{suffix}")
    with Ledger.open(copy, N) as ledger:
        return dict(zip(ledger.labelled.tolist(), ledger.labels, strict=True))


# --- kill -9 ----------------------------------------------------------------------------------------------------------


def kills(folder: Path, count: int, seed: int = 0) -> dict[str, Any]:
    """So many deaths of the loop at random moments; a ledger that is done is compared, and another begun."""
    rng = np.random.default_rng(seed)
    go_on(folder / "whole.db", 1000, lambda said: None)
    whole = content(folder / "whole.db")
    found: dict[str, Any] = {"killed": 0, "ledgers": 0, "lost": [], "twice": [], "different": [], "beginning": 0}
    while found["killed"] < count:
        path, told = folder / f"{found['ledgers']}.db", {}
        checkpoint = int(rng.choice([1, 4, 1000]))
        while True:
            child = Child(lambda say: go_on(path, checkpoint, say))  # noqa: B023
            said = [child.hear() for _ in range(rng.integers(0, 6))]
            time.sleep(rng.uniform(0, rng.choice([0.002, 0.01])))
            if found["killed"] < count:
                child.kill()
            killed, rest = child.end()
            said = [turn for turn in [*said, *rest] if turn is not None]
            told.update({int(one): label for turn in said if turn is not True for one, label in turn.items()})
            if not killed:
                break
            found["killed"] += 1
            found["beginning"] += not said
            there = labels_in_copy(path, folder / "copy.db")
            found["lost"] += [f"{path.name}: {one}" for one in told if there.get(one) != told[one]]
        end = content(path)
        found["ledgers"] += 1
        found["twice"] += twice(end)
        found["different"] += [f"{path.name}: {name}" for name in whole if end[name] != whole[name]]
    return found


def births(folder: Path, count: int) -> dict[str, Any]:
    """So many deaths while a ledger with names is made."""
    names, rng = [f"image {i}.png" for i in range(2_000)], np.random.default_rng(0)
    for whole in ("first.db", "whole.db"):
        start = time.perf_counter()
        Child(lambda say: Ledger.open(folder / whole, ids=names).close()).end()  # noqa: B023
        seconds = time.perf_counter() - start
    found: dict[str, Any] = {"killed": 0, "made": 0, "refused": []}
    for number in range(count):
        path = folder / f"{number}.db"
        child = Child(lambda say: Ledger.open(path, ids=names).close())  # noqa: B023
        time.sleep(rng.uniform(0, seconds))
        child.kill()
        found["killed"] += child.end()[0]
        try:
            Ledger.open(path).close()
            found["made"] += 1
        except LedgerError as error:
            found["refused"].append(str(error).removeprefix(str(path)))
        with Ledger.open(path, ids=names) as ledger:
            assert len(ledger.pool) == len(names)
            assert len(ledger.label_randomly(5, rng=0, labels=list)) == 5
        assert content(path)["check"] == [("ok",)]
    return found


def lock(folder: Path) -> dict[str, Any]:
    """A process is killed while it holds the file: others go on without waiting."""
    path = folder / "run.db"
    with Ledger.open(path, N, timeout=0) as ledger:

        def hold(say: Say) -> None:
            def blocks() -> Iterator[Any]:  # can be read once, so the file is held meanwhile
                say("holds")
                time.sleep(1_000)
                yield None

            with Ledger.open(path) as own:
                own.label({1: "before"})
                own.ask(alcore.BALD(), blocks(), K)

        child = Child(hold)
        heard, refused = child.hear(), None
        try:
            ledger.label({2: "meanwhile"})
        except LedgerError as error:
            refused = str(error).removeprefix(str(path))
        child.kill()
        child.end()
        ledger.label({3: "after"})
        return {"heard": heard, "refused": refused, "labelled": ledger.labelled.tolist(), "asked": len(ledger.asked)}


# --- many processes ---------------------------------------------------------------------------------------------------


def processes(folder: Path, items: int, count: int, k: int) -> dict[str, Any]:
    """Ask and tell until nothing is free, from processes that begin at once, with the making of the file."""
    path, start = folder / "run.db", time.perf_counter()

    def work(name: str) -> Callable[[Say], None]:
        def ask_and_tell(say: Say) -> None:
            asked, calls = [], 0
            rng = np.random.default_rng([ord(letter) for letter in name])
            with Ledger.open(path, items) as ledger:
                while len(query := ledger.ask(alcore.Random(), None, k, asker=name, rng=rng)):
                    ledger.tell(query, [name] * len(query))
                    asked += query.ids.tolist()
                    calls += 2
            say({"asked": len(asked), "different": len(set(asked)), "calls": calls + 1})

        return ask_and_tell

    children = [Child(work(f"process {number}")) for number in range(count)]
    said = [child.end()[1][0] for child in children]
    seconds = time.perf_counter() - start
    with Ledger.open(path) as ledger:
        per_item = {len(ledger.history(one)) for one in range(items)}
        counts = ledger.counts()
    return {
        "asked": sum(one["asked"] for one in said),
        "different": sum(one["different"] for one in said),
        "least": min(one["asked"] for one in said),
        "calls": sum(one["calls"] for one in said),
        "seconds": seconds,
        "events of each item": sorted(per_item),
        "counts": counts,
        "check": content(path)["check"],
    }


# --- forks ------------------------------------------------------------------------------------------------------------


def forks(folder: Path) -> dict[str, Any]:
    """Parent and child go on with one ledger; the parent closes it first."""
    ledger = Ledger.open(folder / "run.db", N)
    ledger.label({0: "parent"})
    reading, writing = os.pipe()

    def go_on_with_it(say: Say) -> None:
        ledger.label({1: "child"})
        say("told")
        os.read(reading, 1)
        ledger.label({2: "child, after the parent closed it"})
        say(ledger.ask(alcore.Random(), None, 3, asker="child", rng=0).ids.tolist())

    child = Child(go_on_with_it)
    child.hear()
    ledger.label({3: "parent"})
    asked = ledger.ask(alcore.Random(), None, 3, rng=0).ids.tolist()
    ledger.close()
    os.write(writing, b"x")
    _, (theirs,) = child.end()
    with Ledger.open(folder / "run.db") as again:
        return {"labelled": again.labelled.tolist(), "asked": again.asked.tolist(), "queries": [asked, theirs]}


def forks_refused(folder: Path) -> dict[str, Any]:
    """Of a ledger in memory; and of a file while a call is under way, of another thread or of the one that forks."""
    database.WAIT = 0.01
    memory, ledger = Ledger(N), Ledger.open(folder / "run.db", N)

    def use(one: Ledger) -> Callable[[Say], None]:
        def try_it(say: Say) -> None:
            try:
                say(one.counts())
            except LedgerError as error:
                say(str(error).removeprefix(str(folder)))

        return try_it

    held, go = threading.Event(), threading.Event()

    def hold() -> None:
        with ledger._database.writing():
            held.set()
            go.wait()

    found = {"memory": Child(use(memory)).end()[1][0]}
    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    found["another thread"] = Child(use(ledger)).end()[1][0]
    go.set()
    thread.join()
    with ledger._database.writing():
        found["the same thread"] = Child(use(ledger)).end()[1][0]
    ledger.label({1: "parent"})
    found["afterwards"] = Child(use(ledger)).end()[1][0]
    ledger.close()
    return found


def second_look(folder: Path) -> list[int]:
    """A process opens its file once more and lets go of that; another comes and goes; the first goes on and is killed."""
    path = folder / "run.db"

    def first(say: Say) -> None:
        with Ledger.open(path, N) as ledger:
            Ledger.open(path).close()
            say("open")
            while not (folder / "gone").exists():
                time.sleep(0.001)
            ledger.label({1: "told"})
            say("told")
            time.sleep(1_000)

    child = Child(first)
    child.hear()
    Child(lambda say: Ledger.open(path).label({2: "told"})).end()

    def come_and_go(say: Say) -> None:
        with Ledger.open(path) as ledger:
            ledger.label({3: "told"})

    Child(come_and_go).end()
    (folder / "gone").touch()
    child.hear()
    child.kill()
    child.end()
    with Ledger.open(path) as ledger:
        return ledger.labelled.tolist()


# --- a full disk ------------------------------------------------------------------------------------------------------


def full(folder: Path, limit: int) -> dict[str, Any]:
    """No file may grow beyond so many bytes, until a call was refused; the ledger is gone on with thereafter."""
    path = folder / "run.db"

    def fill(say: Say) -> None:
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
        found = fill_up(path)
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        say({**found, **go_on_filling(path)})

    return dict(Child(fill).end()[1][0])


def fill_up(path: Path) -> dict[str, Any]:
    """Until it is refused: the refusal, and whether the ledger held the same after it as before."""
    try:
        ledger = Ledger.open(path, 400)
    except LedgerError as error:
        return {"refused": str(error), "told": 0, "same": _size(path) == 0}
    told, before = 0, ledger.counts()
    try:
        while True:
            query = ledger.ask(alcore.Random(), None, K, rng=0)
            before = ledger.counts()
            ledger.tell(query, [f"{one} " * 100 for one in query.ids.tolist()])
            told, before = told + len(query), ledger.counts()
    except LedgerError as error:
        same = ledger.counts() == before and before["labelled"] == told
        try:
            ledger.close()
        except LedgerError:
            same = False
        return {"refused": str(error), "told": told, "same": same}


def go_on_filling(path: Path) -> dict[str, Any]:
    with Ledger.open(path, 400) as ledger:
        found = {"kept": ledger.counts()["labelled"]}
        while len(query := ledger.ask(alcore.Random(), None, 50, rng=0)):
            ledger.tell(query, [f"{one} " * 100 for one in query.ids.tolist()])
        right = all(
            label == f"{one} " * 100 for one, label in zip(ledger.labelled.tolist(), ledger.labels, strict=True)
        )
        return {**found, "right": right, "end": ledger.counts()["labelled"]}


def small_disk(folder: Path) -> dict[str, Any]:
    """A file system with room for little: a file there is filled up to its end, and then a place is made."""
    ballast = folder / "ballast"
    ballast.write_bytes(bytes(150_000))
    found = fill_up(folder / "run.db")
    ballast.unlink()
    return found | {"more": len(_ask_once_more(folder / "run.db"))}


def _ask_once_more(path: Path) -> Any:
    with Ledger.open(path) as ledger:
        for query in ledger.open_queries():
            ledger.tell(query, [0] * len(query))
        return ledger.label_randomly(3, rng=0, labels=lambda ids: [0] * len(ids))


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


if __name__ == "__main__":
    what, folder, *numbers = sys.argv[1:]
    Path(folder).mkdir(parents=True, exist_ok=True)
    print(json.dumps(globals()[what](Path(folder), *map(int, numbers))))
