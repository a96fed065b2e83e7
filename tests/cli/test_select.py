"""``alcore select``: the rows to label, on the screen or in a file."""

from __future__ import annotations

import dataclasses
import re
import warnings
from pathlib import Path
from typing import Any

import pytest

import alcore
from tests.cli.prediction_commands import MAPS, PADDING, PROBS, TARGETS, done, make_folder, rows_picked, run, table


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return make_folder(tmp_path, monkeypatch)


@pytest.mark.parametrize("k", [0, 1, 7, 30, 99])
def test_picks_go_to_the_screen_or_to_csv(here: Path, k: int) -> None:
    batch = alcore.BALD().select(PROBS, k)
    shown = done("select", "preds.npy", "-k", k)
    assert done("select", "preds.npy", "-k", k, "-o", "picks.csv") == f"bald: {min(k, 30)} rows -> picks.csv\n"
    assert Path("picks.csv").read_text() == shown
    assert shown.splitlines()[0] == "pick,row,score,q,support"
    if k:
        columns = table(shown)
        assert columns["pick"] == list(range(1, len(batch) + 1))
        assert columns["row"] == batch.indices.tolist()
        assert columns["score"] == batch.scores.tolist()
        assert columns["q"] == batch.q.tolist()
        assert columns["support"] == batch.support.tolist()


@pytest.mark.parametrize("name", ["power-bald", "softmax-entropy", "softrank-bald", "random"])
def test_one_seed_one_choice(here: Path, name: str) -> None:
    picks = [rows_picked("preds.npy", "-H", name, "-k", 9, "--seed", seed) for seed in (0, 0, 1)]
    assert picks[0] == picks[1] == alcore.heuristic(name).select(PROBS, 9, rng=0).indices.tolist()
    assert picks[0] != picks[2]


def test_beta_reaches_the_draw(here: Path) -> None:
    cold = rows_picked("preds.npy", "-H", "power-bald", "--beta", 1e4, "-k", 5, "--seed", 0)
    assert cold == alcore.BALD().select(PROBS, 5).indices.tolist()


@pytest.mark.parametrize("name", ["bald", "power-bald"])
def test_rows_of_maps_are_chosen(here: Path, name: str) -> None:
    picks = rows_picked("maps.npy", "-H", name, "--reduce", "max", "--mask", "mask.npy", "-k", 4, "--seed", 2)
    heuristic = alcore.heuristic(name, reduce="max")
    assert picks == heuristic.select(MAPS, 4, mask=PADDING, rng=2).indices.tolist()


@pytest.mark.parametrize("name", ["batchbald", "two-bald", "ical", "ical-pointwise", "batch-epig"])
def test_joint_batches_bring_what_they_know(here: Path, name: str) -> None:
    given = ("--targets", "targets.npy") if name == "batch-epig" else ()
    shown = table(done("select", "preds.npy", "-H", name, "-k", 4, "--seed", 3, *given))
    options = {"targets": TARGETS} if given else {}
    batch = alcore.heuristic(name, **options).select(PROBS, 4, rng=3)
    assert shown["row"] == batch.indices.tolist()
    assert shown["score"] == batch.scores.tolist()
    extra = [column for column in ("information", "effective_draws") if getattr(batch, column) is not None]
    assert list(shown) == ["pick", "row", "score", "q", "support", *extra]
    for column in extra:
        assert shown[column] == getattr(batch, column).tolist()
    assert extra or name not in ("batchbald", "batch-epig")


def test_samples_and_exact_reach_batchbald(here: Path) -> None:
    given = ("preds.npy", "-H", "batchbald", "-k", 6, "--seed", 1)
    shown = table(done("select", *given, "--samples", 60, "--exact", 0))
    batch = alcore.batchbald(PROBS, 6, samples=60, exact=0, rng=1)
    assert shown["information"] == batch.information.tolist()
    assert shown["information"] != table(done("select", *given))["information"]


def test_exhausted_draws_are_a_note_of_one_line(here: Path) -> None:
    result = run("select", "certain.npy", "-H", "batchbald", "-k", 9, "-o", "picks.csv")
    assert result.exit_code == 0
    assert re.fullmatch(r"note: BatchBALD: the 4 draws were exhausted after \d of 9 picks: .+\n", result.stderr)
    assert result.stdout == "batchbald: 9 rows -> picks.csv\n"
    assert len(table(Path("picks.csv").read_text())["row"]) == 9


def test_other_warnings_stay_warnings(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def warn(*arguments: Any, **options: Any) -> None:
        warnings.warn("beware", FutureWarning, stacklevel=2)

    monkeypatch.setattr(alcore.BALD, "select", warn, raising=False)
    assert isinstance(run("select", "preds.npy").exception, FutureWarning)  # as pytest makes it


def test_picks_that_are_not_certain_are_noted(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = dataclasses.replace(alcore.batchbald(PROBS, 4, rng=0), certified_until=2)
    monkeypatch.setattr(alcore.BatchBALD, "_choose", lambda *arguments: batch)
    result = run("select", "preds.npy", "-H", "batchbald", "-k", 4)
    assert re.fullmatch(r"note: only the first 2 of 4 picks are certain .+ read again, such as .npy.\n", result.stderr)
    assert len(table(result.stdout)["row"]) == 4
