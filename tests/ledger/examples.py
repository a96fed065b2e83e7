"""Ledgers that several test files begin with, and what they check of files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st

import alcore
from alcore import Ledger, LedgerError

N = 40
PROBS = np.random.default_rng(0).dirichlet(np.ones(3), size=(N, 6)).transpose(0, 2, 1).copy()
IMAGES = [f"image {i}.png" for i in range(N)]
NAMES = ["", "a,b", 'say "x"', "line\nbreak", "carriage\rreturn", "both\r\nof them", "ünï 🐈", "007", "[red]x", " x "]
NAMES += [f"image {i}.png" for i in range(len(NAMES), N)]
LABELS = [
    "cat",
    "3",
    3,
    2.5,
    None,
    True,
    {"box": [1, 2.5, "a"]},
    [],
    "",
    " ",
    "null",
    "NaN",
    "a,b\r\n",
    'say "x"',
    10**30,
]
SUFFIXES = ("csv", "tsv", "jsonl", "parquet")
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.sampled_from(
        ["3", '"3"', " 3 ", "null", "NaN", "Infinity", "1e999", "[1]", "{}", "true", "", " ", "\n", "\ufeff"]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
SCRIPT = Path(__file__).with_name("killed.py")


def begin(named: bool) -> Ledger:
    return Ledger(ids=NAMES) if named else Ledger(N)


def named_as(identity: str, ledger: Ledger) -> Ledger:
    """An empty ledger of the campaign that files in ``tests/ledger/data`` and other ledgers are of."""
    with ledger._database.writing() as connection:
        connection.execute("UPDATE about SET identity = ?", (identity,))
    return ledger


def campaign(named: bool) -> Ledger:
    """Labels of every kind, some told twice; ids withdrawn, unlabelled, set aside, asked again; two open queries."""
    ledger = begin(named)
    ids = ledger.pool
    first = ledger.ask(alcore.PowerBALD(), PROBS, 15, rng=0)
    ledger.tell(first, LABELS, annotator='ann, "ö"\n')
    ledger.withdraw(ledger.ask(alcore.BatchBALD(), PROBS, 4, rng=0))
    again = ledger.ask(alcore.Random(), None, 6, asker="bo\r\nb", rng=1)
    ledger.tell(again, {again.ids[0]: "first", again.ids[1]: "second"})
    ledger.tell(again, {again.ids[0]: "other"}, annotator="10", overwrite=True)
    ledger.set_aside([again.ids[2], ledger.pool[0]])
    ledger.unlabel([first.ids[3]])
    ledger.label({ledger.pool[-1]: "bought elsewhere"})
    ledger.ask(alcore.BALD(), PROBS, 3, asker="ann")
    assert len(ids) == N
    return ledger


def asked_all(named: bool) -> Ledger:
    """Risk estimators have what they need."""
    ledger = begin(named)
    ledger.label_randomly(5, rng=0, labels=lambda ids: list(range(5)))
    ledger.tell(ledger.ask(alcore.PowerBALD(), PROBS, 4, rng=0), [0] * 4)
    return ledger


def filled(path: Path) -> None:
    with Ledger.open(path, ids=[f"a rather long name of an item, number {i}" for i in range(2_000)]) as ledger:
        ledger.label_randomly(500, rng=0, labels=lambda ids: [str(one) * 3 for one in ids])


def refused(path: Path, said: str, **arguments: Any) -> None:
    """In one sentence, with the files of the folder as they were."""
    before = {one: one.read_bytes() for one in path.parent.iterdir()}
    with pytest.raises(LedgerError, match=said) as caught:
        Ledger.open(path, **arguments)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)
    assert {one: one.read_bytes() for one in path.parent.iterdir()} == before


def run_scenario(name: str, folder: Path, *numbers: int, seconds: float = 300.0) -> Any:
    """What a scenario of killed.py finds in a process of its own; one that does not come to an end fails."""
    command = [sys.executable, str(SCRIPT), name, str(folder), *map(str, numbers)]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=seconds)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
