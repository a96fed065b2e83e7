"""The ledger: what it survives, what it costs of ten million ids, and how much it writes down in a second."""

from __future__ import annotations

import json
import os
import resource
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from harness import QUICK, RUNS, OtherWork, Peer, Table, clock, in_new_process, turns, yes_no

import alcore

KILLED = Path(__file__).parents[2] / "tests" / "ledger" / "killed.py"
DEATHS, BIRTHS = 200, 50
ITEMS, PROCESSES, K = 20_000, 8, 10
LIMITS = [2_000, 20_000, 40_000, 80_000, 120_000, 200_000]  # bytes
IDS = 1_000_000 if QUICK else 10_000_000
LABELLED = 10_000
ASKED = 100
LETTERS = 20
TELLS = 200
BARE = 5
TEXT = 1 << 13  # names


def tables(_peer: Peer) -> Iterator[Table]:
    yield survival_table()
    yield size_table()
    yield durable_table()


# --- what it survives -------------------------------------------------------------------------------------------------


def survival_table() -> Table:
    text = (
        "`tests/ledger/killed.py`, each in a process of its own, in the folder of temporary files. The loop asks 60 ids by three "
        "heuristics, 5 at a time, notes, tells in parts, withdraws, sets aside and restores; SIGKILL comes at random moments "
        "from the fork on, also while SQLite moves its log into the file; the next process goes on from what it finds. Reached: "
        "no label is lost that `tell` had returned, nothing is labelled or asked twice, and the ledger at the end is that of a "
        "loop nobody killed: queries, picks, notes, labels, history, all but times."
    )
    rows = [deaths_row(), births_row(), processes_row(), full_row()]
    return Table("What the ledger survives", text, ["what", "found", "target", "reached"], rows)


def found(what: str, *numbers: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(KILLED), what, folder, *map(str, numbers)]
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
        return dict(json.loads(done.stdout))


def deaths_row() -> list[str]:
    what = found("kills", DEATHS, 1)
    wrong = len(what["lost"]) + len(what["twice"]) + len(what["different"])
    result = f"{what['killed']} deaths in {what['ledgers']} ledgers, {what['beginning']} before the first call: "
    result += (
        f"{len(what['lost'])} labels lost, {len(what['twice'])} ids twice, {len(what['different'])} tables different"
    )
    return [f"`kill -9` of a loop, {DEATHS} times", result, "0, 0, 0", yes_no(what["killed"] == DEATHS and not wrong)]


def births_row() -> list[str]:
    what = found("births", BIRTHS)
    whole = what["made"] + len(what["refused"])  # each is opened again, used and checked, or killed.py fails
    result = (
        f"{what['killed']} deaths, {len(what['refused'])} before there was a ledger; whole when opened again: {whole}"
    )
    return [f"`kill -9` while a ledger is made, {BIRTHS} times", result, f"{BIRTHS} whole", yes_no(whole == BIRTHS)]


def processes_row() -> list[str]:
    what = found("processes", ITEMS, PROCESSES, K)
    rate = f"{what['asked'] / what['seconds']:.0f} items, {what['calls'] / what['seconds']:.0f} asks and tells a second"
    result = f"{what['different']} different of {what['asked']} asked; {rate}"
    whole = what["different"] == what["asked"] == what["counts"]["labelled"] == ITEMS
    reached = yes_no(whole and what["events of each item"] == [2])
    return [f"{PROCESSES} processes, {ITEMS} items, k = {K}", result, "disjoint, complete", reached]


def full_row() -> list[str]:
    runs = [found("full", limit) for limit in LIMITS]
    right = [run for run in runs if run["same"] and run["right"] and run["kept"] == run["told"] and run["end"] == 400]
    clear = [run for run in right if "the disk is full" in run["refused"] and "\n" not in run["refused"]]
    result = f"{len(clear)} of {len(runs)}: one sentence, nothing of the call recorded, gone on when there was room"
    return ["no room (RLIMIT_FSIZE), several limits", result, f"{len(runs)}", yes_no(len(clear) == len(runs))]


# --- ten million ids --------------------------------------------------------------------------------------------------


def size_table() -> Table:
    numbers, names = in_new_process(of_numbers), in_new_process(of_names)
    text = (
        f"{thousands(IDS)} ids, whole numbers and names of {LETTERS} characters in random order, each in a new process; "
        f"{thousands(LABELLED)} are labelled. k = {ASKED}, `Precomputed` scores in float32, medians of {RUNS} in turn, pool and "
        "asks among a tenth once: an ask, less what its heuristic's own `select` takes of all ids, is the ledger's. The file "
        "is measured with no id labelled. Memory is the process's largest, less what it was with ids and scores made. What bounds "
        f"the pool of names, the fastest of {BARE}: SQLite alone joins the names into texts, and Python alone cuts those texts."
    )
    rows = []
    for what, unit, target in SIZES:
        for kind, measured in (("numbers", numbers), ("names", names)):
            if what not in measured:
                continue
            value, limit = measured[what], target
            reached = "" if limit is None else yes_no(value <= limit)
            rows.append(
                [what, kind, f"{rounded(value)} {unit}", "" if limit is None else f"≤ {limit:g} {unit}", reached]
            )
    return Table("A ledger of ten million ids", text, ["what", "ids", "measured", "target", "reached"], rows)


def thousands(number: int) -> str:
    return f"{number:,}".replace(",", " ")


def rounded(value: float) -> str:
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"


SIZES: list[tuple[str, str, float | None]] = [
    ("file, bytes an unlabelled id", "bytes", 100),
    ("make", "s", None),
    ("open", "s", 1),
    ("ask, the ledger's part", "ms", 50),
    ("ask, the heuristic's part", "ms", None),
    ("ask among a tenth of the ids, from the pool", "ms", 1000),
    ("ask among a tenth, in another order", "ms", None),
    ("tell", "ms", None),
    ("counts", "ms", None),
    ("pool, the first time", "ms", 800),
    ("pool, again", "ms", 800),
    ("texts of all names, by SQLite alone", "ms", None),
    ("strings of ready texts, by Python alone", "ms", None),
    ("memory", "MiB", None),
]


def of_numbers() -> dict[str, Any]:
    return measure({"size": IDS})


def of_names() -> dict[str, Any]:
    numbers = np.random.default_rng(1).integers(0, 2**63, IDS)
    return measure({"ids": [f"{number:0{LETTERS}x}" for number in numbers.tolist()]})


def measure(given: dict[str, Any]) -> dict[str, Any]:
    scores = np.random.default_rng(0).random(IDS, np.float32)
    heuristic = alcore.Precomputed(scores)
    heuristic.select(None, ASKED)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.db"
        result = {"make": clock(lambda: alcore.Ledger.open(path, **given).close())()}
        named = "ids" in given
        given.clear()
        result["file, bytes an unlabelled id"] = path.stat().st_size / IDS
        result["open"] = statistics.median(clock(lambda: alcore.Ledger.open(path).close())() for _ in range(RUNS))
        with alcore.Ledger.open(path) as ledger:
            ledger.label_randomly(LABELLED, rng=0, labels=lambda ids: [0] * len(ids))
            result |= calls(ledger, heuristic)
        result["memory"] = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        return result | bare(path) if named else result


def bare(path: Path) -> dict[str, float]:
    """What must be done for all names, and nothing else. In milliseconds."""
    between = "FROM names NOT INDEXED WHERE position >= ? AND position < ?"
    with closing(sqlite3.connect(path)) as connection:
        ranges = [(start, start + TEXT) for start in range(0, IDS, TEXT)]
        statement = f"SELECT group_concat(name, '\n') {between}"

        def read() -> list[str]:
            return [connection.execute(statement, one).fetchone()[0] for one in ranges]

        texts = read()
        assert sum(text.count("\n") + 1 for text in texts) == IDS
        sides = {
            "texts of all names, by SQLite alone": clock(read),
            "strings of ready texts, by Python alone": clock(lambda: [text.split("\n") for text in texts]),
        }
        return {what: 1e3 * min(side() for _ in range(BARE)) for what, side in sides.items()}


def calls(ledger: alcore.Ledger, heuristic: alcore.Heuristic) -> dict[str, float]:
    """In milliseconds."""
    sides: dict[str, Callable[[], object]] = {
        "select": lambda: heuristic.select(None, ASKED),
        "ask": lambda: ledger.ask(heuristic, None, ASKED),
        "tell": lambda: ledger.tell(ledger.open_queries()[0], [1] * ASKED),
        "counts": ledger.counts,
    }
    taken = {name: statistics.median(seconds) * 1e3 for name, seconds in turns(timed(sides)).items()}
    pools: list[Any] = []  # last: once ten million names are let go of, the system gives new arrays smaller pages
    for what in ("pool, the first time", "pool, again"):
        pools.clear()
        taken[what] = clock(lambda: pools.append(ledger.pool))() * 1e3
    tenth = pools[0][::10]
    few = alcore.Precomputed(np.arange(len(tenth)))
    for what, given in (("from the pool", tenth), ("in another order", np.random.default_rng(0).permutation(tenth))):
        taken[what] = clock(lambda given=given: ledger.withdraw(ledger.ask(few, None, ASKED, ids=given)))() * 1e3
    return {
        "ask, the ledger's part": taken["ask"] - taken["select"],
        "ask, the heuristic's part": taken["select"],
        "ask among a tenth of the ids, from the pool": taken["from the pool"],
        "ask among a tenth, in another order": taken["in another order"],
        **{name: taken[name] for name in ("tell", "counts", "pool, the first time", "pool, again")},
    }


def timed(sides: dict[str, Callable[[], object]]) -> dict[str, Callable[[], float]]:
    return {name: clock(side) for name, side in sides.items()}


# --- durable ----------------------------------------------------------------------------------------------------------


def durable_table() -> Table:
    others = OtherWork()
    with tempfile.TemporaryDirectory() as folder:
        synced = syncs(Path(folder) / "bare")
        with alcore.Ledger.open(Path(folder) / "run.db", 100 * TELLS + TELLS) as ledger:
            one = rate(lambda number: ledger.label({number: 0}))
            many = rate(
                lambda number: ledger.label(dict.fromkeys(range(TELLS + 100 * number, TELLS + 100 * number + 100), 0))
            )
    text = (
        f"`label` from one process, {TELLS} calls each in the folder of temporary files; each is on disk (fsync) when it returns. "
        "The bare disk: 4 KiB written at the end of a file and fsync, as often. No target: the disk sets the rate. "
        f"Other work meanwhile: {others.cores():.2f} cores."
    )
    rows = [
        ["the bare disk", f"{synced:.0f}", ""],
        ["1 label a call", f"{one:.0f}", f"{one:.0f}"],
        ["100 labels a call", f"{many:.0f}", f"{100 * many:.0f}"],
    ]
    return Table("Labels on disk", text, ["what", "calls a second", "labels a second"], rows)


def rate(call: Callable[[int], object]) -> float:
    start = time.perf_counter()
    for number in range(TELLS):
        call(number)
    return TELLS / (time.perf_counter() - start)


def syncs(path: Path) -> float:
    with open(path, "wb", buffering=0) as file:

        def write(_: int) -> None:
            file.write(bytes(4096))
            os.fsync(file.fileno())

        return rate(write)
