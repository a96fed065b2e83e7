"""Where a scene is played: an empty folder, what its statements can name, and what the ledger holds in the end."""

from __future__ import annotations

import csv
import json
import os
import shlex
import shutil
import sqlite3
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from typer.testing import CliRunner

import alcore
from alcore import Ledger
from alcore.cli import app
from alcore.ledger import places
from alcore.ledger.sync.sync import Sync
from alcore.stopping import AnyOf, InformationBelow, LabelBudget, Past, StablePredictions, UncertaintyBelow
from tests.cases import dirichlet
from tests.ledger.children import Child
from tests.ledger.read_only_places import FORMAT_1
from tests.remedy_scenes import Scene

REFUSED = (ValueError, TypeError, ImportError)
PROBS = dirichlet(10, 3, 6, seed=5)


class SaidError(ValueError):
    """What a command prints on the error stream, or what a child says."""


class Stage:
    """The names that statements of a scene can use, in the current folder."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.names: dict[str, Any] = {
            **{name: getattr(alcore, name) for name in alcore.__all__},
            **{
                one.__name__: one
                for one in (AnyOf, InformationBelow, LabelBudget, Past, StablePredictions, UncertaintyBelow)
            },
            **{one.__name__: one for one in (cli, note, shell, lines, rows, table, in_child, locked, label_in, typed)},
            **{one.__name__: one for one in (alcore, csv, json, os, shutil, sqlite3, pyarrow, suppress, Path, Sync)},
            "patch": patch.setattr,
            "np": np,
            "places": places,
            "probs": PROBS,
            "truth": PROBS.mean(-1).argmax(1),
            "FORMAT_1": FORMAT_1,
            "path": "my run.db",
        }

    def refusal(self, scene: Scene) -> str:
        """What the refused statement says."""
        exec(scene.before, self.names)
        with pytest.raises(REFUSED) as caught:
            exec(scene.refused, self.names)
        return str(caught.value)

    def remedied(self, scene: Scene, said: str) -> None:
        """Run the remedy as it was printed, and compare what the ledger holds."""
        remedy = scene.remedy.replace("{here}", os.getcwd())
        assert remedy in said, said
        for gap, value in scene.gaps.items():
            assert gap in remedy
            remedy = remedy.replace(gap, value)
        self.names["remedy"] = remedy
        exec(scene.after.replace("<>", remedy), self.names)
        assert eval(scene.also, self.names), scene.also
        if scene.holds is not None:
            assert self.held() == scene.holds

    def held(self) -> dict[Any, Any]:
        ledger = self.names.get("ledger")
        if not isinstance(ledger, Ledger):
            ledger = Ledger.open(self.names["path"], readonly=True)
        return dict(zip(ledger.labelled.tolist(), ledger.labels, strict=True))


# --- what statements call ---------------------------------------------------------------------------------------------


def cli(command: str, *more: str) -> str:
    """Run a command line of alcore. What it refuses is raised."""
    result = _run(command, more)
    if result.exit_code:
        raise SaidError(result.stderr)
    return str(result.stdout)


def note(command: str) -> None:
    """Run a command line whose note names what to do."""
    result = _run(command, ())
    assert result.exit_code == 0, result.output
    raise SaidError(result.stderr)


def _run(command: str, more: tuple[str, ...]) -> Any:
    program, *words = shlex.split(command)
    assert program == "alcore"
    return CliRunner().invoke(app, [*words, *more])


def shell(command: str) -> str:
    return subprocess.run(command, shell=True, check=True, capture_output=True, text=True).stdout


def lines(name: str, *records: Any) -> None:
    """A file of JSON lines."""
    Path(name).write_text("".join(json.dumps(one) + "\n" for one in records))


def rows(name: str, *given: str) -> None:
    """A file of CSV as a text editor shows it."""
    Path(name).write_text("".join(f"{one}\n" for one in ("id,label", *given)))


def table(name: str, *records: dict[str, Any]) -> None:
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(list(records)), name)


def typed(name: str, labels: dict[Any, str], to: str | None = None) -> None:
    """What an annotator types into a table's cells in a spreadsheet program."""
    with open(name, newline="") as file:
        found = list(csv.DictReader(file))
    with open(to or name, "w", newline="") as file:
        writer = csv.DictWriter(file, list(found[0]))
        writer.writeheader()
        writer.writerows({**row, "label": labels.get(row["id"], row["label"])} for row in found)


def in_child(work: Callable[[], Any]) -> None:
    """Run it in a fork. What that refuses is raised here."""

    def run(send: Callable[[Any], None]) -> None:
        try:
            work()
            send(None)
        except REFUSED as error:
            send(str(error))

    said = Child(run).wait()[1][0]
    if said is not None:
        raise SaidError(said)


def label_in(path: str, labels: dict[int, str]) -> None:
    """What a process does that was started anew."""
    with Ledger.open(path) as ledger:
        ledger.label(labels)


def locked(path: str) -> Callable[[], None]:
    """Another connection writes to the file, until the function that comes back is called: soon after that it ends."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("BEGIN IMMEDIATE")
    return threading.Timer(0.05, connection.close).start
