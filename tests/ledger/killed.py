"""What becomes of ledgers whose processes are killed, forked, many, or out of disk.

    python tests/ledger/killed.py WHAT FOLDER [NUMBER ...]

prints what it result as JSON. It is a process of its own, with one thread: its children are forks, and so a death costs
milliseconds, not an import. Tests and benchmarks both ask it.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))  # where `tests` lies, as this is started by its path

import alcore
from alcore import Ledger, LedgerError
from tests.ledger.campaign_loop import K, N, asked_or_labelled_twice, content, labels_in_copy, run_to_the_end
from tests.ledger.campaign_tampering import tampered
from tests.ledger.children import Child, Send
from tests.ledger.full_disk import full, small_disk
from tests.ledger.several_processes import forks, forks_refused, opened_twice, processes
from tests.ledger.two_campaigns import two_campaigns


def kills(folder: Path, count: int, seed: int = 0) -> dict[str, Any]:
    """The loop is killed ``count`` times at random moments; a ledger at its end is compared, and another begun."""
    rng = np.random.default_rng(seed)
    run_to_the_end(folder / "whole.db", 1000, lambda message: None)
    whole = content(folder / "whole.db")
    result: dict[str, Any] = {"killed": 0, "ledgers": 0, "lost": [], "twice": [], "different": [], "beginning": 0}
    while result["killed"] < count:
        path, recorded = folder / f"{result['ledgers']}.db", {}
        checkpoint = (1, 4, 1000)[result["ledgers"] % 3]
        while True:
            child = Child(lambda send: run_to_the_end(path, checkpoint, send))  # noqa: B023
            turns = [child.receive() for _ in range(rng.integers(0, 6))]
            time.sleep(rng.uniform(0, rng.choice([0.002, 0.01])))
            if result["killed"] < count:
                child.kill()
            killed, rest = child.wait()
            turns = [turn for turn in [*turns, *rest] if turn is not None]
            recorded.update({int(one): label for turn in turns if turn is not True for one, label in turn.items()})
            if not killed:
                break
            result["killed"] += 1
            result["beginning"] += not turns
            on_disk = labels_in_copy(path, folder / "copy.db")
            result["lost"] += [f"{path.name}: {one}" for one in recorded if on_disk.get(one) != recorded[one]]
        end = content(path)
        result["ledgers"] += 1
        result["twice"] += asked_or_labelled_twice(end)
        result["different"] += [f"{path.name}: {name}" for name in whole if end[name] != whole[name]]
    return result


def births(folder: Path, count: int) -> dict[str, Any]:
    """Processes are killed while they make a ledger with names, ``count`` times."""
    names, rng = [f"image {i}.png" for i in range(2_000)], np.random.default_rng(0)
    for whole in ("first.db", "whole.db"):
        start = time.perf_counter()
        Child(lambda send: Ledger.open(folder / whole, ids=names).close()).wait()  # noqa: B023
        seconds = time.perf_counter() - start
    result: dict[str, Any] = {"killed": 0, "made": 0, "refused": []}
    for number in range(count):
        path = folder / f"{number}.db"
        child = Child(lambda send: Ledger.open(path, ids=names).close())  # noqa: B023
        time.sleep(rng.uniform(0, seconds))
        child.kill()
        result["killed"] += child.wait()[0]
        try:
            Ledger.open(path).close()
            result["made"] += 1
        except LedgerError as error:
            result["refused"].append(str(error).removeprefix(str(path)))
        with Ledger.open(path, ids=names) as ledger:
            assert len(ledger.pool) == len(names)
            assert len(ledger.label_randomly(5, rng=0, labels=list)) == 5
        assert content(path)["check"] == [("ok",)]
    return result


def killed_with_the_file_held(folder: Path) -> dict[str, Any]:
    """A process is killed while it holds the file: others go on without waiting."""
    path = folder / "run.db"
    with Ledger.open(path, N, timeout=0) as ledger:

        def hold(send: Send) -> None:
            def note(batch: alcore.Batch) -> None:  # is written with the query, so the file is held meanwhile
                send("holds")
                time.sleep(1_000)

            with Ledger.open(path) as own:
                own.label({1: "before"})
                own.ask(alcore.Random(), None, K, note=note)

        child = Child(hold)
        message, refused = child.receive(), None
        try:
            ledger.label({2: "meanwhile"})
        except LedgerError as error:
            refused = str(error).removeprefix(str(path))
        child.kill()
        child.wait()
        ledger.label({3: "after"})
        return {
            "holds": message == "holds",
            "refused": refused,
            "labelled": ledger.labelled.tolist(),
            "asked": len(ledger.asked),
        }


SCENARIOS: dict[str, Callable[..., Any]] = {
    scenario.__name__: scenario
    for scenario in (
        kills,
        births,
        killed_with_the_file_held,
        processes,
        opened_twice,
        forks,
        forks_refused,
        full,
        small_disk,
        two_campaigns,
        tampered,
    )
}

if __name__ == "__main__":
    what, folder, *numbers = sys.argv[1:]
    Path(folder).mkdir(parents=True, exist_ok=True)
    print(json.dumps(SCENARIOS[what](Path(folder), *map(int, numbers))))
