"""``--mask LABELS --ignore-index 255``: a file of labels says which cells do not count."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import alcore
from tests.cli.ledger_commands import done as ledger_done
from tests.cli.prediction_commands import MAPS, PADDING, done, make_folder, rows_picked, run

REDUCED = ("maps.npy", "--reduce", "mean")
BY_LABEL = (*REDUCED, "--mask", "labels.npy", "--ignore-index", 255)
BY_MASK = (*REDUCED, "--mask", "mask.npy")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    make_folder(tmp_path, monkeypatch)
    np.save("labels.npy", np.where(PADDING, 255, 1).astype(np.uint8))
    np.save("tags.npy", np.where(PADDING, -100, 1))
    return tmp_path


def test_every_command_takes_labels(here: Path) -> None:
    done("score", *BY_LABEL, "-o", "s.npy")
    np.testing.assert_array_equal(np.load("s.npy"), alcore.Reduce(alcore.BALD()).score(MAPS, mask=PADDING))
    done("score", *REDUCED, "--mask", "tags.npy", "--ignore-index", -100, "-o", "t.npy")
    np.testing.assert_array_equal(np.load("t.npy"), np.load("s.npy"))
    assert rows_picked(*BY_LABEL, "-k", 4) == rows_picked(*BY_MASK, "-k", 4)
    at_positions = ("-H", "batchbald", "--positions", 3, "-k", 3, "--seed", 1)
    found = rows_picked("maps.npy", "--mask", "labels.npy", "--ignore-index", 255, *at_positions)
    assert found == alcore.batchbald(MAPS, 3, positions=3, mask=PADDING, rng=1).indices.tolist()
    plan = ("-k", 3, "--heuristics", "bald,entropy", "--csv")
    done("bench", *BY_LABEL, *plan, "a.csv")
    done("bench", *BY_MASK, *plan, "b.csv")
    assert Path("a.csv").read_text().split("\n")[0] == Path("b.csv").read_text().split("\n")[0]
    ledger_done("create", "run.db", "--size", 20)
    asked = ledger_done("ask", "run.db", *BY_LABEL, "-k", 2)
    expected = alcore.Reduce(alcore.BALD()).select(MAPS, 2, mask=PADDING).indices.tolist()
    assert [int(line.split(",")[0]) for line in asked.splitlines()[1:3]] == expected


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((*BY_MASK, "--ignore-index", 255), "--ignore-index: expected a mask of labels.*got booleans.*Leave --ignore-index out"),
        ((*REDUCED, "--ignore-index", 255), "--ignore-index: expected labels too.*Pass --mask LABELS.npy"),
        ((*REDUCED, "--mask", "labels.npy"), "--mask: expected booleans.*pass --ignore-index 255 too"),
        ((*REDUCED, "--mask", "labels.npy", "--ignore-index", -1), "--ignore-index: expected a label of the mask's type uint8"),
        (("maps.npy", "--mask", "labels.npy", "--ignore-index", 255), "--mask: bald scores cells.*Reduce them: --reduce mean."),
        (("preds.npy", "--reduce", "mean", "--mask", "mask.npy"), "Leave --mask out"),
    ],
)  # fmt: skip
def test_refusals_name_the_options(here: Path, options: tuple[object, ...], said: str) -> None:
    result = run("score", *options, "-o", "s.npy")
    assert result.exit_code == 2
    pattern, shown = said.split(".*"), " ".join(result.stderr.split())
    assert all(part in shown for part in pattern), shown
    assert not Path("s.npy").exists()
