"""SQLite files of ledgers with damaged bytes, opened one after the other in a process that they may kill.

    python tests/soak/damaged_databases.py FOLDER START STOP

writes into FOLDER/found.json what became of the inputs from START on, and which one is under way: until STOP, or until an input
has taken the process with it.
"""

from __future__ import annotations

import faulthandler
import json
import re
import shutil
import sqlite3
import sys
import zlib
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))  # where `tests` lies, as this is started by its path

import alcore
from tests.ledger.examples import campaign
from tests.soak.damaged_bytes import at_one_time, damaged, within_limits, within_time
from tests.soak.hostile_numbers import pick
from tests.soak.laws import Counts, check_sentence

END = 30  # seconds, after which an input is taken to have none
# What is no refusal in a sentence today: the kind of error, and its beginning.
KNOWN_FAULTS: list[tuple[type[BaseException], str]] = [
    (MemoryError, "$"),  # where the header or a row claims a huge size
    (IndexError, r"index -?\d+ is out of bounds for axis 0 with size \d+$|tuple index out of range$"),
    (KeyError, r"-?\d+$"),
    (TypeError, "Use \\(\\) not None as shape arguments|cannot unpack non-iterable NoneType object"),
    (json.JSONDecodeError, ""),  # of a label
    (UnicodeDecodeError, "'utf-8' codec can't decode byte"),
    (alcore.LedgerError, r".*: is damaged \(malformed database schema \([^)\n]*\n"),
]


def valid_files(folder: Path) -> list[bytes]:
    """Ledgers with names and with numbers, in the middle of a campaign."""
    found = []
    for named in (True, False):
        path = folder / f"valid {named}.db"
        exported = folder / f"{named}.csv"
        ledger = campaign(named)
        ledger.export(exported)
        with ledger.empty(path) as copy:
            copy.import_file(exported)
        found.append(path.read_bytes())
    return found


def everything_in(path: Path) -> dict[str, Any]:
    """All that a ledger says of itself."""
    with alcore.Ledger.open(path, timeout=1) as ledger:
        pool, labelled = ledger.pool.tolist(), ledger.labelled.tolist()
        found = {"pool": pool, "labelled": labelled, "labels": ledger.labels, "counts": ledger.counts()}
        found |= {"asked": ledger.asked.tolist(), "aside": ledger.aside.tolist()}
        ledger.open_queries(), ledger.count_labels()
        return found


def plainly(path: Path) -> dict[str, Any]:
    """The same from the tables of the file."""
    with closing(sqlite3.connect(path)) as connection:
        names = dict(connection.execute("SELECT position, name FROM names"))
        (size,) = connection.execute("SELECT size FROM about").fetchone()
        rows = connection.execute("SELECT position, state, label FROM items ORDER BY position").fetchall()
    named = {
        state: [names.get(row, row) for row, own, _ in rows if own == state] for state in ("labelled", "asked", "aside")
    }
    busy = {row for row, *_ in rows}
    pool = [names.get(row, row) for row in range(size) if row not in busy]
    labels = [json.loads(label) for _, state, label in rows if state == "labelled"]
    counts = {"unlabelled": size - len(rows), **{state: len(those) for state, those in named.items()}}
    return {"pool": pool, "labels": labels, "counts": counts, **named}


def check_database(path: Path, counts: Counts) -> None:
    """Refused by its name, or read as its tables are; never slowly and never in much memory."""
    counts.inputs += 1
    try:
        with within_time():
            found = everything_in(path)
    except BaseException as error:
        if any(isinstance(error, kind) and re.match(said, str(error)) for kind, said in KNOWN_FAULTS):
            counts.known_faults += 1
            return
        if not isinstance(error, alcore.LedgerError):
            raise
        check_sentence(str(error), (str(path),))
        counts.refused += 1
        return
    try:
        assert found == plainly(path)
    except sqlite3.DatabaseError:  # damage in pages that a ledger does not read; it looks for none
        counts.known_faults += 1
    else:
        counts.answered += 1


def fuzz(folder: Path, start: int, stop: int) -> None:
    with at_one_time():
        valid, counts = valid_files(folder), Counts()
    failures: list[str] = []
    with within_limits():
        for number in range(start, stop):
            (folder / "found.json").write_text(json.dumps({**asdict(counts), "number": number, "failures": failures}))
            faulthandler.dump_traceback_later(END, exit=True)
            rng = np.random.default_rng([zlib.crc32(b"sqlite"), number])
            inner = folder / "one"
            inner.mkdir()
            path = inner / "run.db"
            path.write_bytes(damaged(rng, pick(rng, valid)))
            try:
                check_database(path, counts)
            except Exception as error:
                failures.append(f"input {number}: {error!r}")
            shutil.rmtree(inner)
    faulthandler.cancel_dump_traceback_later()
    (folder / "found.json").write_text(json.dumps({**asdict(counts), "number": stop, "failures": failures}))


if __name__ == "__main__":
    fuzz(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
