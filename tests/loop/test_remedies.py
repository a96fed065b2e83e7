"""Every remedy that a refusal of the loop prints is run. A refusal with code that no case raises fails."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import alcore
from alcore import Ledger
from alcore.loop.curves import Curves
from tests.loop.runs import TRUTH, N, committee, make, probs
from tests.remedies import Case, texts
from tests.remedy_cases_of_loops import OF_LOOPS
from tests.remedy_runs import check_remedy, missing, refused


def begun() -> Ledger:
    """A ledger with labels."""
    ledger = Ledger(N)
    ledger.label(dict(enumerate(TRUTH[:2].tolist())))
    return ledger


def written() -> str:
    """The file of a ledger without labels."""
    Ledger.open("made.db", size=N).close()
    return "made.db"


def first() -> np.ndarray:
    """Predictions of the rows that are free in the first step, which the run draws its first labels beside."""
    free = np.setdiff1d(np.arange(N), started())
    return probs(committee(started(), TRUTH[started()]), free)


def started() -> np.ndarray:
    """The rows that a run labels before its first step."""
    loop = make(heuristic=alcore.Random(), stop=None, k=1)
    step = next(iter(loop))
    assert step.query is not None
    return np.setdiff1d(loop.ledger.labelled, step.query.ids)


def chosen(loop: Any) -> list[int]:
    """The rows of a run's first step, by their places among the free ones."""
    step = next(iter(loop))
    free = np.setdiff1d(np.arange(N), started())
    return sorted(np.searchsorted(free, step.query.ids).tolist())


def best(scores: np.ndarray, k: int) -> list[int]:
    return sorted(np.argsort(-scores, kind="stable")[:k].tolist())


def labelled(loop: Any) -> list[int]:
    loop.run()
    found: list[int] = loop.ledger.labelled.tolist()
    return found


def handed_out(wait: Any) -> bool:
    """Whether the file for annotators shows what the run's first query asks."""
    loop = make(oracle=wait)
    assert list(loop) == []
    (query,) = loop.ledger.open_queries()
    (file,) = Path().glob("tasks*.json")
    shown = [task["data"] for task in json.loads(file.read_text())]
    return len(shown) == len(query) and all(f"image {i}" in str(shown) for i in query.ids.tolist())


def stream(model: Any, ids: Any) -> Any:
    """Predictions that can be read once."""
    return (probs(model, ids)[start : start + 10] for start in range(0, len(ids), 10))


def scales(loop: Any) -> list[float]:
    """Of the posteriors that learned labels between two trainings."""
    updates = [step.query.update for step in loop if step.query is not None]
    return [one["scale"] for one in updates if one is not None]


def files_after(command: str, wait: Any) -> list[list[int]]:
    """How many files for annotators of this run there are after a command of a shell, and how many that were moved away."""
    subprocess.run(command, shell=True, check=True)
    loop = make(oracle=wait())
    assert list(loop) == []
    (query,) = loop.ledger.open_queries()
    files = [path.read_text() for path in Path().rglob("*.csv")]
    assert all(query.ledger in text for text in files)
    return [[len(files)], [len(list(Path().rglob("*.csv.old")))]]


@pytest.fixture
def names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.chdir(tmp_path)
    own = (make, begun, written, first, chosen, best, labelled, handed_out, stream, scales, files_after)
    return {
        **{name: getattr(alcore, name) for name in ("ActiveLearning", "BALD", "EPIG", "Ledger", "Wait")},
        **{one.__name__: one for one in own},
        "alcore": alcore,
        "Curves": Curves,
        "LabelBudget": alcore.stopping.LabelBudget,
        "N": N,
        "TRUTH": TRUTH,
    }


@pytest.mark.parametrize("case", OF_LOOPS, ids=lambda case: f"{case.call} | {case.remedy}")
def test_the_remedy_gives_what_the_definition_says(case: Case, names: dict[str, Any]) -> None:
    check_remedy(case, names)


def test_every_text_with_code_is_raised_by_a_case(names: dict[str, Any]) -> None:
    said = [refused(case, dict(names)) for case in OF_LOOPS]
    left = missing(texts(("loop",)), (), said)
    assert not left, "\n".join(left)
