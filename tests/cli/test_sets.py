"""Rows of different size on the command line: ``--offsets`` and ``--empty``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import alcore
from tests.cases import dirichlet
from tests.cli.prediction_commands import done, rows_picked, run

OFFSETS = np.array([0, 2, 2, 6, 7])
FLAT = dirichlet(7, 3, 5, seed=4)
EXPECTED = alcore.reduce(alcore.bald(FLAT), "sum", offsets=OFFSETS, empty=0)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    np.save("flat.npy", FLAT)
    np.save("stacked.npy", np.moveaxis(FLAT, 2, 0))
    np.save("offsets.npy", OFFSETS)
    np.savez("both.npz", boxes=FLAT, offsets=OFFSETS)
    return tmp_path


@pytest.mark.parametrize(
    "given",
    [
        ("flat.npy", "--offsets", "offsets.npy"),
        ("both.npz", "--member", "boxes", "--offsets", "offsets"),
        ("stacked.npy", "--axes", "TNC", "--offsets", "offsets.npy"),
    ],
)
def test_images_are_scored_and_chosen(here: Path, given: tuple[str, ...]) -> None:
    done("score", *given, "--reduce", "sum", "--empty", 0, "-o", "s.npy")
    np.testing.assert_array_equal(np.load("s.npy", allow_pickle=False), EXPECTED)
    picked = rows_picked(*given, "--reduce", "sum", "--empty", 0, "-k", 2)
    assert picked == alcore.top(EXPECTED, 2).indices.tolist()
    done("ledger", "create", "run.db", "--size", 4)
    done("ledger", "ask", "run.db", *given, "--reduce", "sum", "--empty", 0, "-k", 2)
    with alcore.Ledger.open("run.db") as ledger:
        assert sorted(ledger.asked) == sorted(picked)


@pytest.mark.parametrize("command", [("score", "flat.npy", "-o", "s.npy"), ("select", "flat.npy", "-k", 2)])
def test_what_is_refused_names_the_option(here: Path, command: tuple[object, ...]) -> None:
    bare = run(*command, "--offsets", "offsets.npy")
    assert "Reduce them: --reduce sum" in bare.stderr
    empty = run(*command, "--offsets", "offsets.npy", "--reduce", "sum")
    assert "row 1 has no cell" in empty.stderr
    assert "--empty 0" in empty.stderr
    np.save("short.npy", OFFSETS[:-1])
    short = run(*command, "--offsets", "short.npy", "--reduce", "sum", "--empty", 0)
    assert "offsets: expected 7 as the last entry" in short.stderr
    assert "no members" in run(*command, "--offsets", "offsets", "--reduce", "sum").stderr


def test_spans_of_one_yes_or_no(here: Path) -> None:
    spans = np.random.default_rng(0).beta(1, 2, (7, 5))
    np.save("spans.npy", spans)
    done(
        "score",
        "spans.npy",
        "--kind",
        "binary",
        "--offsets",
        "offsets.npy",
        "--reduce",
        "max",
        "--empty",
        -1,
        "-o",
        "s.npy",
    )
    expected = alcore.reduce(alcore.bald(spans, kind="binary"), "max", offsets=OFFSETS, empty=-1)
    np.testing.assert_array_equal(np.load("s.npy", allow_pickle=False), expected)


def test_bench_has_no_rows_of_different_size(here: Path) -> None:
    refused = run("bench", "flat.npy", "--offsets", "offsets.npy", "--reduce", "sum")
    assert "Leave --offsets out" in refused.stderr
