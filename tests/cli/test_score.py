"""``alcore score``: scores of every row, written to files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import alcore
from alcore.bench.compare import DEFAULT, JOINT
from alcore.cli import app
from alcore.heuristics import names
from alcore.heuristics.base import Joint
from tests.cli.prediction_commands import MAPS, PADDING, PROBS, TARGETS, WEIGHTS, done, make_folder, run, table


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return make_folder(tmp_path, monkeypatch)


def test_scores_go_to_npy(here: Path) -> None:
    assert done("score", "preds.npy", "-o", "s.npy").startswith("bald: 30 rows, largest 0.")
    np.testing.assert_array_equal(np.load("s.npy", allow_pickle=False), alcore.bald(PROBS))


def test_scores_go_to_csv_without_loss(here: Path) -> None:
    done("score", "preds.npy", "--heuristic", "margin", "--output", "s.csv")
    columns = table(Path("s.csv").read_text())
    assert columns["row"] == list(range(30))
    np.testing.assert_array_equal(columns["score"], alcore.margin(PROBS))


@pytest.mark.parametrize("name", [name for name in DEFAULT if name not in ("random", *JOINT)])
def test_every_heuristic_scores_by_name(here: Path, name: str) -> None:
    done("score", "preds.npy", "-H", name, "-o", "s.npy")
    np.testing.assert_array_equal(np.load("s.npy"), alcore.heuristic(name).score(PROBS))


def test_logits_weights_and_floor_are_passed_on(here: Path) -> None:
    done("score", "logits.npy", "--kind", "logits", "--weights", "weights.npy", "-o", "s.npy")
    np.testing.assert_allclose(np.load("s.npy"), alcore.bald(PROBS, weights=WEIGHTS), rtol=1e-9)
    done("score", "preds.npy", "-H", "pairwise-kl", "--floor", "0.2", "-o", "s.npy")
    np.testing.assert_array_equal(np.load("s.npy"), alcore.PairwiseKL(0.2).score(PROBS))


def test_event_axes_stay_or_are_reduced_without_padding(here: Path) -> None:
    done("score", "maps.npy", "-o", "s.npy")
    np.testing.assert_array_equal(np.load("s.npy"), alcore.bald(MAPS))
    for how in ("mean", "sum", "max", "top-mean"):
        done("score", "maps.npy", "--reduce", how, "--share", 0.5, "--mask", "mask.npy", "-o", "s.npy")
        expected = alcore.reduce(alcore.bald(MAPS), how, q=0.5, mask=PADDING)
        np.testing.assert_allclose(np.load("s.npy"), expected, rtol=1e-12)


def test_no_rows_no_scores(here: Path) -> None:
    np.save("none.npy", PROBS[:0])
    assert done("score", "none.npy", "-o", "s.csv").startswith("bald: 0 rows -> ")
    assert Path("s.csv").read_text() == "row,score\n"


def test_an_old_result_is_replaced(here: Path) -> None:
    Path("s.npy").write_text("old")
    done("score", "preds.npy", "-o", "s.npy")
    assert np.load("s.npy").shape == (30,)


@pytest.mark.parametrize("name", [*JOINT, "batch-epig"])
def test_joint_heuristics_have_no_scores_to_write(here: Path, name: str) -> None:
    result = run("score", "asked.npz", "-H", name, "-o", "s.npy")
    assert result.exit_code == 2
    assert f"alcore select FILE --heuristic {name}." in result.stderr
    assert result.stderr.count("\n") == 1
    assert not Path("s.npy").exists()


def test_the_names_refused_are_those_of_every_joint_heuristic() -> None:
    joint = set()
    for name in names._PLAIN:
        options = {"batch-epig": {"targets": TARGETS}, "epig": {"targets": TARGETS}, "precomputed": {"scores": [1.0]}}
        if isinstance(alcore.heuristic(name, **options.get(name, {})), Joint):
            joint.add(name)
    assert joint == {*JOINT, "batch-epig", "log-det"}


def test_random_has_no_scores_to_write(tmp_path: Path) -> None:
    np.save(tmp_path / "preds.npy", np.full((4, 2, 3), 0.5))
    result = CliRunner().invoke(
        app, ["score", str(tmp_path / "preds.npy"), "-H", "random", "-o", str(tmp_path / "s.npy")]
    )
    assert result.exit_code == 2
    assert "alcore select FILE --heuristic random" in result.stderr
    assert not (tmp_path / "s.npy").exists()
