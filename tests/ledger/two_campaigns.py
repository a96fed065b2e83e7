"""Two campaigns side by side: twelve processes with hostile ids, that are killed and interrupted and copied at random moments."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from alcore import Ledger
from tests.ledger.campaign_judge import Copy, judged
from tests.ledger.campaign_worker import CAMPAIGNS, Worker, work
from tests.ledger.children import Child
from tests.ledger.hostile_names import NAMES

PROCESSES = 12
KILLS = 25  # of one pair of ledgers; then another pair begins
PAUSE = 0.2  # seconds at most between two things that happen to the processes
EVENTS = ["kill", "interrupt", "copy"]
CHANCES = [0.4, 0.5, 0.1]


def two_campaigns(folder: Path, kills: int, seed: int = 0) -> dict[str, Any]:
    """``kills`` deaths in pairs of ledgers, each judged when its processes have ended. What is wrong is listed."""
    totals, wrong = Counter[str](), dict[str, list[str]]()
    for number, start in enumerate(range(0, kills, KILLS)):
        place = folder / f"{number}"
        counts, copies = one_pair(place, min(KILLS, kills - start), np.random.default_rng([seed, number]))
        more, found = judged(place, copies)
        totals += counts + more
        for kind, texts in found.items():
            wrong.setdefault(kind, []).extend(f"{number}: {text}" for text in texts)
        if not any(found.values()):
            shutil.rmtree(place)
    return {**totals, "wrong": wrong}


def one_pair(place: Path, kills: int, rng: np.random.Generator) -> tuple[Counter[str], list[Copy]]:
    """Two ledgers of the same ids, until as many processes were killed; each that dies is followed by another."""
    place.mkdir(parents=True)
    for campaign in CAMPAIGNS:
        Ledger.open(place / f"{campaign}.db", ids=NAMES).close()
    begin = Worker(place, 0, 0)
    for campaign in CAMPAIGNS:
        for kind in ("label", "ask", "backup"):  # an empty ledger would take the other's export, and be it
            begin.turn(kind, campaign)
    begin.close()
    counts, copies = Counter[str](), list[Copy]()
    lives = [1] * PROCESSES
    children = [started(place, number, 1) for number in range(PROCESSES)]
    while counts["kills"] < kills:
        time.sleep(rng.uniform(0, PAUSE))
        number, event = int(rng.integers(PROCESSES)), str(rng.choice(EVENTS, p=CHANCES))
        if event == "kill":
            children[number].kill()
            counts["kills"] += children[number].wait()[0]
            lives[number] += 1
            children[number] = started(place, number, lives[number])
        elif event == "interrupt":
            os.kill(children[number].pid, signal.SIGINT)
            counts["interrupts"] += 1
        else:
            way = str(rng.choice(("frozen", "frozen, alone", "alone")))
            copies.append(copied(place, int(rng.choice(CAMPAIGNS)), len(copies), way, children))
    (place / "stop").touch()
    for child in children:
        child.wait()
    counts["copies"] += len(copies)
    return counts, copies


def started(place: Path, number: int, life: int) -> Child:
    """A process whose interrupts wait until it is ready for them."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return Child(lambda send: work(place, number + 1, life))
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def copied(place: Path, campaign: int, number: int, way: str, children: list[Child]) -> Copy:
    """What ``cp`` makes of the file: with its log, of one moment, as it takes two files for one; or of the file alone."""
    path, target = place / f"{campaign}.db", place / f"cp {number} of {campaign}.db"
    began = time.monotonic()
    if way != "alone":
        for child in children:
            os.kill(child.pid, signal.SIGSTOP)
            os.waitpid(child.pid, os.WUNTRACED)
    shutil.copyfile(path, target)
    logged = way == "frozen" and os.path.exists(f"{path}-wal")
    if logged:
        shutil.copyfile(f"{path}-wal", f"{target}-wal")
    if way != "alone":
        for child in children:
            os.kill(child.pid, signal.SIGCONT)
    return Copy(target, campaign, began, may_be_refused=way != "frozen")
