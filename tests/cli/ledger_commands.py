"""A folder with predictions and a ledger, and `alcore ledger` called in it."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from alcore import Ledger
from alcore.cli import app

N = 30
PROBS = np.random.default_rng(0).dirichlet(np.ones(3), size=(N, 6)).transpose(0, 2, 1).copy()
MAPS = np.random.default_rng(1).dirichlet(np.ones(3), size=(N, 2, 5)).transpose(0, 3, 1, 2).copy()
PADDING = np.random.default_rng(2).random((N, 2)) < 0.3
PADDING[:, 0] = False
TARGETS = PROBS[:4]
NAMES = [f"[red]{i}[/red].png" for i in range(N)]


def make_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with predictions and a ledger, the current one."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", "120")
    np.save("preds.npy", PROBS)
    np.save("maps.npy", MAPS)
    np.save("mask.npy", PADDING)
    np.savez("several.npz", pool=PROBS, target=TARGETS)
    Path("ids.txt").write_text("".join(f"{name}\n" for name in NAMES))
    Ledger.open("run.db", N).close()
    return folder


def run(*arguments: object) -> Any:
    return CliRunner().invoke(app, ["ledger", *(str(argument) for argument in arguments)])


def done(*arguments: object) -> str:
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    assert not result.stderr
    return str(result.stdout)


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def ids_asked(*arguments: object) -> list[int]:
    return [int(row["id"]) for row in table(done("ask", "run.db", *arguments))]


def fill(name: str, labels: dict[str, str]) -> None:
    """What an annotator does in a spreadsheet."""
    rows = table(Path(name).read_text())
    for row in rows:
        row["label"] = labels.get(row["id"], row["label"])
    with open(name, "w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
