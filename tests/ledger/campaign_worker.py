"""One of many processes of two campaigns: it does all that people do with ledgers, at random, and keeps a journal of its own.

Before each act it writes down what it is about to do, and after it what became of it, both on disk (fsync). A label says in which
campaign, by which process, in which act and for which id it was given, so that one on another item or ledger is seen.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

import alcore
from alcore import Ledger, LedgerError
from alcore.cli import app
from tests.ledger import campaign_files
from tests.ledger.hostile_names import NAMES

CAMPAIGNS = (0, 1)
PLACES = {name: place for place, name in enumerate(NAMES)}
DRESSED = (
    "{}",
    "={}",
    "'{}",
    " {}\n",
    '"{}", "',
    "{};\t🐈",
    "-{}",
    '{{"a": "{}"}}',
)  # what surrounds the key of a label
SCORES = [float(place * 7919 % 101) for place in range(len(NAMES))]
HEURISTICS = [
    alcore.Random(),
    alcore.Precomputed(SCORES),
    alcore.Power(alcore.Precomputed([1 + one for one in SCORES])),
]
Labels = dict[str, str]


class Refused(Exception):  # noqa: N818 - as LedgerError is, by a command
    """What a command said when it ended with code 2."""


@dataclass
class Act:
    """What is to be done, for the journal, and how."""

    do: Callable[[], Any]
    ids: list[str] = field(default_factory=list)
    labels: Labels = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)


class Journal:
    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        text = os.read(self._file, os.fstat(self._file).st_size)
        os.truncate(self._file, text.rfind(b"\n") + 1)  # a death may cut a line off: then it says nothing
        os.lseek(self._file, 0, os.SEEK_END)

    def write(self, **entry: Any) -> None:
        os.write(self._file, (json.dumps({**entry, "at": time.monotonic()}) + "\n").encode())
        os.fsync(self._file)

    def close(self) -> None:
        os.close(self._file)


class Worker:
    def __init__(self, place: Path, number: int, life: int) -> None:
        self.name = f'w{number} =“x”,\n"{number}"'
        self._place, self._number, self._life, self._acts = place, number, life, 0
        self._random = random.Random(f"{place} {number} {life}")
        self._journal = Journal(place / f"journal {number}.jsonl")
        self._ledgers: dict[int, Ledger] = {}
        self._given: list[tuple[int, str, str]] = []  # labels that were acknowledged: campaign, id, label
        self._can_be_interrupted, self._streams = False, (sys.stdin, sys.stdout, sys.stderr)

    def close(self) -> None:
        self._journal.close()
        for ledger in self._ledgers.values():
            ledger.close()

    def interrupt(self, number: int, frame: Any) -> None:
        """Ctrl-C comes in the midst of acts, once in each; between them it is not heard, for the sake of the journal."""
        if self._can_be_interrupted:
            self._can_be_interrupted = False
            raise KeyboardInterrupt

    def turn(self, kind: str | None = None, campaign: int | None = None) -> None:
        """One act, of which the journal says before and after what it was."""
        kind = kind or self._random.choice(KINDS)
        campaign = self._random.choice(CAMPAIGNS) if campaign is None else campaign
        self._acts += 1
        own = {"life": self._life, "act": self._acts, "campaign": campaign, "kind": kind}
        try:
            self._can_be_interrupted = True
            act = getattr(self, f"_{kind}")(campaign)
            self._can_be_interrupted = False
            if act is None:
                return
            labels = {PLACES[one]: label for one, label in act.labels.items()}
            self._journal.write(**own, ids=[PLACES[one] for one in act.ids], labels=labels, **act.more)
            self._can_be_interrupted = True
            answer = act.do()
            self._can_be_interrupted = False
            self._journal.write(**own, end="done", answer=answer)
            self._given += [(campaign, one, label) for one, label in act.labels.items()]
        except KeyboardInterrupt:
            self._journal.write(**own, end="interrupted")
        except (LedgerError, Refused) as error:
            self._can_be_interrupted = False
            self._journal.write(**own, end="refused", text=str(error))
        except Exception as error:
            self._can_be_interrupted = False
            self._journal.write(**own, end="failed", text=f"{type(error).__name__}: {error}")
        finally:  # an interrupt can come while the runner of commands changes them
            sys.stdin, sys.stdout, sys.stderr = self._streams

    # --- inside -----------------------------------------------------------------------------------------------------------

    def _ledger(self, campaign: int) -> Ledger:
        if campaign not in self._ledgers:
            self._ledgers[campaign] = Ledger.open(self._path(campaign))
        return self._ledgers[campaign]

    def _path(self, campaign: int) -> Path:
        return self._place / f"{campaign}.db"

    def _some(self, ids: Any, most: int = 3) -> list[str]:
        there = ids.tolist()
        return self._random.sample(there, min(len(there), self._random.randint(1, most)))

    def _labels(self, campaign: int, ids: list[str]) -> Labels:
        key = f"c{campaign}w{self._number}i{self._life}a{self._acts}"
        return {one: self._random.choice(DRESSED).format(f"{key}p{PLACES[one]}.") for one in ids}

    def _open_query(self, campaign: int) -> alcore.Query | None:
        return next(iter(self._ledger(campaign).open_queries(self.name)), None)

    def _command(self, command: str, campaign: int, *words: str) -> Callable[[], None]:
        def run() -> None:
            done = CliRunner().invoke(app, ["ledger", command, str(self._path(campaign)), *words])
            if done.exit_code == 130:
                raise KeyboardInterrupt
            if done.exit_code == 2:
                raise Refused(done.stderr)
            if done.exit_code:
                raise RuntimeError(f"{command} ended with {done.exit_code}: {done.stderr}") from done.exception

        return run

    def _by_file(self, command: str, campaign: int, file: Path, *words: str) -> Callable[[], None]:
        """A file is told or imported, by Python or by the command."""
        ledger = self._ledger(campaign)
        if self._random.random() < 0.5:
            return self._command(command, campaign, str(file), "--annotator", self.name, *words)
        take = {"tell": ledger.tell_file, "import": ledger.import_file}[command]
        return lambda: take(file, annotator=self.name, overwrite="--overwrite" in words) and None

    def _file(self) -> Path:
        file = self._place / f"file {self._number}{self._random.choice(campaign_files.ENDINGS)}"
        file.unlink(missing_ok=True)
        return file

    # --- acts -------------------------------------------------------------------------------------------------------------

    def _ask(self, campaign: int) -> Act:
        heuristic, k = self._random.choice(HEURISTICS), self._random.randint(1, 4)
        ledger, seed = self._ledger(campaign), self._random.getrandbits(32)

        def ask() -> dict[str, Any]:
            query = ledger.ask(heuristic, None, k, asker=self.name, rng=seed, note=lambda batch: batch.indices.tolist())
            return {"query": query.number, "ids": [PLACES[one] for one in query.ids.tolist()]}

        return Act(ask)

    def _tell(self, campaign: int) -> Act | None:
        if (query := self._open_query(campaign)) is None:
            return self._ask(campaign)
        ledger, whole = self._ledger(campaign), self._random.random() < 0.5
        labels = self._labels(campaign, query.ids.tolist() if whole else self._some(query.ids))
        given: Any = list(labels.values()) if whole and self._random.random() < 0.5 else labels
        return Act(lambda: ledger.tell(query, given, annotator=self.name), labels=labels)

    def _tell_file(self, campaign: int) -> Act | None:
        if (query := self._open_query(campaign)) is None:
            return None
        file, labels = self._file(), self._labels(campaign, self._some(query.ids))
        query.export(file)
        campaign_files.fill(file, labels)
        return Act(self._by_file("tell", campaign, file), labels=labels)

    def _label(self, campaign: int) -> Act:
        ledger = self._ledger(campaign)
        labels = self._labels(campaign, self._some(ledger.pool))
        return Act(lambda: ledger.label(labels, annotator=self.name), labels=labels)

    def _replace(self, campaign: int) -> Act:
        ledger = self._ledger(campaign)
        labels = self._labels(campaign, self._some(ledger.labelled))
        return Act(lambda: ledger.label(labels, annotator=self.name, overwrite=True), labels=labels)

    def _import(self, campaign: int) -> Act:
        file, ids = self._file(), self._some(self._ledger(campaign).ids)
        labels = self._labels(campaign, ids)
        campaign_files.write(file, labels)
        return Act(self._by_file("import", campaign, file, "--overwrite"), labels=labels)

    def _again(self, campaign: int) -> Act | None:
        """A label that was acknowledged, by another way: no error where it is there still."""
        mine = [(one, label) for of, one, label in self._given if of == campaign]
        if not mine:
            return None
        file, labels = self._file(), dict([self._random.choice(mine)])
        campaign_files.write(file, labels)
        return Act(self._by_file("import", campaign, file), labels=labels)

    def _foreign(self, campaign: int) -> Act | None:
        """What belongs to the other campaign: its query, its query's file, its export."""
        theirs, ledger, file = 1 - campaign, self._ledger(campaign), self._file()
        query, way = self._open_query(theirs), self._random.choice(("object", "file", "export"))
        if way == "export":
            self._ledger(theirs).export(file)
            return Act(self._by_file(self._random.choice(("tell", "import")), campaign, file), more={"foreign": True})
        if query is None:
            return None
        labels = self._labels(theirs, query.ids.tolist())
        if way == "object":
            return Act(lambda: ledger.tell(query, labels), labels=labels, more={"foreign": True})
        query.export(file)
        campaign_files.fill(file, labels)
        do = self._by_file(self._random.choice(("tell", "import")), campaign, file)
        return Act(do, labels=labels, more={"foreign": True})

    def _unlabel(self, campaign: int) -> Act:
        return self._change("unlabel", campaign, self._ledger(campaign).labelled)

    def _set_aside(self, campaign: int) -> Act:
        ledger = self._ledger(campaign)
        return self._change("set-aside", campaign, ledger.pool if self._random.random() < 0.7 else ledger.asked)

    def _restore(self, campaign: int) -> Act | None:
        return self._change("restore", campaign, self._ledger(campaign).aside)

    def _change(self, command: str, campaign: int, among: Any) -> Act | None:
        ids, ledger = self._some(among), self._ledger(campaign)
        if not ids:
            return None
        if self._random.random() < 0.5:
            return Act(self._command(command, campaign, "--", *ids), ids=ids)
        call = {"unlabel": ledger.unlabel, "set-aside": ledger.set_aside, "restore": ledger.restore}[command]
        return Act(lambda: call(ids), ids=ids)

    def _withdraw(self, campaign: int) -> Act | None:
        if (query := self._open_query(campaign)) is None:
            return None
        ledger, ids = self._ledger(campaign), query.ids.tolist()
        if self._random.random() < 0.5:
            return Act(self._command("withdraw", campaign, str(query.number)), ids=ids)
        return Act(lambda: ledger.withdraw(query), ids=ids)

    def _backup(self, campaign: int) -> Act:
        copy = self._place / f"backup {self._number} {self._life} {self._acts} of {campaign}.db"
        ledger = self._ledger(campaign)
        by_command = self._random.random() < 0.5
        do = self._command("backup", campaign, str(copy)) if by_command else lambda: ledger.backup(copy)
        return Act(do, more={"copy": copy.name})

    def _reopen(self, campaign: int) -> None:
        """Processes come and go: who closes last moves the log into the file."""
        if (ledger := self._ledgers.pop(campaign, None)) is not None:
            ledger.close()


OFTEN = ("ask", "tell", "tell_file", "label", "import", "replace")
KINDS = (*OFTEN, *OFTEN, "again", "foreign", "unlabel", "unlabel", "set_aside", "restore", "restore", "withdraw")
KINDS += ("reopen", "reopen", "ask", "tell", "unlabel", "backup")


def work(place: Path, number: int, life: int) -> None:
    """Until there is a file ``stop``, or the process is killed."""
    worker = Worker(place, number, life)
    signal.signal(signal.SIGINT, worker.interrupt)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    while not (place / "stop").exists():
        worker.turn()
    worker.close()
