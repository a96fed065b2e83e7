"""Several processes with one ledger, and forks of one that has it open."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import alcore
from alcore import Ledger, LedgerError
from alcore.ledger import database
from tests.ledger.campaign_loop import N, content
from tests.ledger.children import Child, Say


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
