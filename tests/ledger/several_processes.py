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
from tests.ledger.children import Child, Send


def processes(folder: Path, items: int, count: int, k: int) -> dict[str, Any]:
    """``count`` processes make the file together and ask and tell until nothing is free, k ids at a time."""
    path, start = folder / "run.db", time.perf_counter()

    def work(name: str) -> Callable[[Send], None]:
        def ask_and_tell(send: Send) -> None:
            asked, calls = [], 0
            rng = np.random.default_rng([ord(letter) for letter in name])
            with Ledger.open(path, items) as ledger:
                while len(query := ledger.ask(alcore.Random(), None, k, asker=name, rng=rng)):
                    ledger.tell(query, [name] * len(query))
                    asked += query.ids.tolist()
                    calls += 2
            send({"asked": len(asked), "different": len(set(asked)), "calls": calls + 1})

        return ask_and_tell

    children = [Child(work(f"process {number}")) for number in range(count)]
    reports = [child.wait()[1][0] for child in children]
    seconds = time.perf_counter() - start
    with Ledger.open(path) as ledger:
        per_item = {len(ledger.history(one)) for one in range(items)}
        counts = ledger.counts()
    return {
        "asked": sum(one["asked"] for one in reports),
        "different": sum(one["different"] for one in reports),
        "least": min(one["asked"] for one in reports),
        "calls": sum(one["calls"] for one in reports),
        "seconds": seconds,
        "events of each item": sorted(per_item),
        "counts": counts,
        "check": content(path)["check"],
    }


def opened_twice(folder: Path) -> list[int]:
    """A process opens its file once more and lets go of that; another comes and goes; the first goes on and is killed."""
    path = folder / "run.db"

    def first(send: Send) -> None:
        with Ledger.open(path, N) as ledger:
            Ledger.open(path).close()
            send("open")
            while not (folder / "gone").exists():
                time.sleep(0.001)
            ledger.label({1: "first"})
            send("labelled")
            time.sleep(1_000)

    child = Child(first)
    child.receive()
    Child(lambda send: Ledger.open(path).label({2: "second"})).wait()

    def come_and_go(send: Send) -> None:
        with Ledger.open(path) as ledger:
            ledger.label({3: "third"})

    Child(come_and_go).wait()
    (folder / "gone").touch()
    child.receive()
    child.kill()
    child.wait()
    with Ledger.open(path) as ledger:
        return ledger.labelled.tolist()


# --- forks ------------------------------------------------------------------------------------------------------------


def forks(folder: Path) -> dict[str, Any]:
    """Parent and child go on with one ledger; the parent closes it first."""
    ledger = Ledger.open(folder / "run.db", N)
    ledger.label({0: "parent"})
    reading, writing = os.pipe()

    def go_on_with_it(send: Send) -> None:
        ledger.label({1: "child"})
        send("labelled")
        os.read(reading, 1)
        ledger.label({2: "child, after the parent closed it"})
        send(ledger.ask(alcore.Random(), None, 3, asker="child", rng=0).ids.tolist())

    child = Child(go_on_with_it)
    child.receive()
    ledger.label({3: "parent"})
    asked = ledger.ask(alcore.Random(), None, 3, rng=0).ids.tolist()
    ledger.close()
    os.write(writing, b"x")
    _, (theirs,) = child.wait()
    with Ledger.open(folder / "run.db") as again:
        return {"labelled": again.labelled.tolist(), "asked": again.asked.tolist(), "queries": [asked, theirs]}


def forks_refused(folder: Path) -> dict[str, Any]:
    """Of a ledger in memory; and of a file while a call is under way, of another thread or of the one that forks."""
    database.WAIT = 0.01
    memory, ledger = Ledger(N), Ledger.open(folder / "run.db", N)

    def use(one: Ledger) -> Callable[[Send], None]:
        def try_it(send: Send) -> None:
            try:
                send(one.counts())
            except LedgerError as error:
                send(str(error).removeprefix(str(folder)))

        return try_it

    held, go = threading.Event(), threading.Event()

    def hold() -> None:
        with ledger._database.writing():
            held.set()
            go.wait()

    results = {"memory": Child(use(memory)).wait()[1][0]}
    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    results["another thread"] = Child(use(ledger)).wait()[1][0]
    go.set()
    thread.join()
    with ledger._database.writing():
        results["the same thread"] = Child(use(ledger)).wait()[1][0]
    ledger.label({1: "parent"})
    results["afterwards"] = Child(use(ledger)).wait()[1][0]
    ledger.close()
    return results
