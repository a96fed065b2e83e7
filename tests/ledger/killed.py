"""What becomes of ledgers whose processes are killed, forked, many, or out of disk.

    python tests/ledger/killed.py WHAT FOLDER [NUMBER ...]

prints what it found as JSON. It is a process of its own, with one thread: its children are forks, and so a death costs
milliseconds, not an import. Tests and benchmarks both ask it.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))  # where `tests` lies, as this is started by its path

import alcore
from alcore import Ledger, LedgerError
from tests.ledger.campaign_loop import K, N, Say, content, go_on, labels_in_copy, twice
from tests.ledger.children import Child
from tests.ledger.full_disk import full, small_disk
from tests.ledger.several_processes import forks, forks_refused, processes, second_look


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


SCENARIOS: dict[str, Callable[..., Any]] = {
    scenario.__name__: scenario
    for scenario in (kills, births, lock, processes, second_look, forks, forks_refused, full, small_disk)
}

if __name__ == "__main__":
    what, folder, *numbers = sys.argv[1:]
    Path(folder).mkdir(parents=True, exist_ok=True)
    print(json.dumps(SCENARIOS[what](Path(folder), *map(int, numbers))))
