"""What tests of ``alcore score | select | bench`` share: a folder of predictions, and commands run in it."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from alcore.cli import app

RNG = np.random.default_rng(0)
PROBS = RNG.dirichlet(np.ones(3), size=(30, 6)).transpose(0, 2, 1).copy()
MAPS = RNG.dirichlet(np.ones(3), size=(20, 2, 2, 5)).transpose(0, 4, 1, 2, 3).copy()
PADDING = np.zeros((20, 2, 2), np.bool_)
PADDING[:, 1, 1] = True
WEIGHTS = np.arange(6.0)
TARGETS = RNG.dirichlet(np.ones(3), size=(4, 6)).transpose(0, 2, 1).copy()
CERTAIN = np.zeros((30, 2, 4))  # 30 rows that ask two questions about four draws
CERTAIN[np.arange(30)[:, None], (np.arange(30)[:, None] >> np.arange(4)) % 2, np.arange(4)] = 1


def make_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of predictions, the current one."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", "120")
    np.save("preds.npy", PROBS)
    np.save("logits.npy", np.log(PROBS) + 1)
    np.save("maps.npy", MAPS)
    np.save("mask.npy", PADDING)
    np.save("weights.npy", WEIGHTS)
    np.savez("several.npz", pool=PROBS, pool_labels=np.arange(30) % 3, test=PROBS[:9])
    np.savez("unnamed.npz", a=PROBS, b=PROBS)
    np.savez("asked.npz", pool=PROBS, target=TARGETS)
    np.save("targets.npy", TARGETS)
    np.save("certain.npy", CERTAIN)
    return folder


def run(*arguments: object) -> Any:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def done(*arguments: object) -> str:
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    assert not result.stderr
    return str(result.stdout)


def table(text: str) -> dict[str, list[float]]:
    rows = list(csv.DictReader(io.StringIO(text)))
    return {name: [float(row[name]) for row in rows] for name in rows[0]} if rows else {}


def rows_picked(*arguments: object) -> list[int]:
    return [int(row) for row in table(done("select", *arguments))["row"]]
