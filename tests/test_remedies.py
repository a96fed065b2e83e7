"""Every remedy that a refusal prints is run, and gives what the definition says. A refusal with code that no case raises fails."""

from __future__ import annotations

import glob
from pathlib import Path
from typing import Any

import dask.array
import h5py
import matplotlib as mpl
import ml_dtypes
import numpy as np
import pandas
import pytest
import scipy.special
import xarray
import zarr

import alcore
from alcore import adapting
from alcore.adapting.predictions import Predictions
from alcore.sources import reading
from tests.cases import dirichlet
from tests.remedies import NOT_RUN, Case, texts
from tests.remedy_cases import CASES
from tests.remedy_runs import check_remedy, missing, refused

PROBS = dirichlet(12, 3, 5, seed=3)
TOKENS = dirichlet(12, 3, 4 * 5, seed=4).reshape(12, 3, 4, 5)
VOTES = np.eye(3)[np.random.default_rng(1).integers(0, 3, (12, 5))].transpose(0, 2, 1)
PADDING = np.arange(4) >= np.random.default_rng(2).integers(1, 5, (12, 1))
CERTAIN = np.eye(3)[np.zeros((12, 5), int)].transpose(0, 2, 1)
CERTAIN[0, :, 0], CERTAIN[1, :, :2] = [0, 1, 0], np.array([[0, 1, 0]] * 2).T
MINUS = PROBS.copy()
MINUS[3, :, 2] = 0.4, -1e-4, 0.6001
BROKEN = np.where(np.arange(12)[:, None, None] == 4, np.nan, PROBS)


class Lists:
    """A lazy array whose rows come as lists."""

    dtype, shape = PROBS.dtype, PROBS.shape

    def __init__(self, array: np.ndarray) -> None:
        self.held = array

    def __getitem__(self, rows: Any) -> Any:
        return self.held[rows].tolist()


class Sample:
    """A sample that says where its draws are, as those of probly do."""

    def __init__(self, array: np.ndarray, sample_axis: int) -> None:
        self.array, self.sample_axis, self.shape, self.dtype = array, sample_axis, array.shape, array.dtype

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return self.array


def entropy_of(probs: np.ndarray) -> np.ndarray:
    mean = probs.mean(-1)
    return -(mean * np.log(np.where(mean > 0, mean, 1))).sum(1)


def two_of(yes: np.ndarray) -> np.ndarray:
    """Probabilities of yes, with draws last, as probabilities of no and yes on axis 1."""
    return np.stack([1 - yes, yes], 1)


def bald_of(probs: np.ndarray) -> np.ndarray:
    return entropy_of(probs) + (probs * np.log(np.where(probs > 0, probs, 1))).sum(1).mean(-1)


def softmax_of(logits: np.ndarray) -> np.ndarray:
    return np.exp(logits) / np.exp(logits).sum(1, keepdims=True)


def brier_of(probs: np.ndarray) -> np.ndarray:
    """The expected Brier loss of the mean prediction."""
    mean = probs.mean(-1)
    return (mean * ((mean[:, None] - np.eye(3)) ** 2).sum(-1)).sum(1)


@pytest.fixture
def names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.chdir(tmp_path)
    half = VOTES.astype(ml_dtypes.bfloat16)
    mpl.use("Agg")
    np.save("half.npy", half)
    logits = np.log(PROBS) * 3 + 0.5
    write_files(logits)
    found = {name: getattr(alcore, name) for name in alcore.__all__}
    oracles = (entropy_of, two_of, bald_of, softmax_of, brier_of, Lists, Sample)
    lazy = dask.array.from_array(PROBS, chunks=(4, 3, 5))
    return {
        **found,
        **{one.__name__: one for one in oracles},
        "np": np,
        "Masked": Predictions,
        "filled": filled,
        "alcore": alcore,
        "glob": glob,
        "ml_dtypes": ml_dtypes,
        "xarray": xarray,
        "pandas": pandas,
        "scipy": scipy,
        "probs": PROBS,
        "tokens": TOKENS,
        "maps": TOKENS.reshape(12, 3, 2, 2, 5),
        "votes": VOTES,
        "half": np.load("half.npy"),
        "padding": PADDING,
        "certain": CERTAIN,
        "broken": BROKEN,
        "logits": logits,
        "skewed": PROBS * 0.9,
        "minus": MINUS,
        "mean": CERTAIN.mean(-1),
        "lazy": lazy[lazy[:, 0, 0] > 0.3],
        "ragged": np.array([PROBS[0], PROBS[1, :2], PROBS[2], None], object),
    }


def filled(store: Any, rows: Any, data: Any = None, **options: Any) -> np.ndarray:
    """Rows of a store, written as an adapter writes them."""
    asked = adapting.Request(5, dtype="float64", **options)
    out = adapting.as_out(store, rows, None, asked, list)
    blocks = [PROBS[slice(*rows)] if data is None else data]
    adapting.predict(blocks, [lambda batch, block, draw: batch[..., draw]], asked, rows=None, out=out, progress=False)
    return np.asarray(alcore.open_predictions(store.path)[slice(*rows)])


def write_files(logits: np.ndarray) -> None:
    Path("text.csv").write_text("row,score\n0,1.5\n")
    np.save("part_1.npy", PROBS[:7])
    np.save("part_2.npy", PROBS[7:])
    for draw in range(5):
        np.save(f"job_{draw}.npy", PROBS[..., draw])
    np.savez("two.npz", b=VOTES, a=PROBS)
    np.save("objects.npy", np.array([PROBS, None], object), allow_pickle=True)
    zarr.create_array("hole.zarr", shape=PROBS.shape, chunks=(4, 3, 5), dtype="f8")[:8] = logits[:8]
    with h5py.File("hole.h5", "w") as file:
        file.create_dataset("preds", shape=PROBS.shape, chunks=(4, 3, 5), dtype="f8")[:8] = logits[:8]
    filled(alcore.SharedStore("half.zarr", rows=12, chunk=4), (0, 8))
    zarr.create_array("tall.zarr", data=PROBS, chunks=(12, 3, 1))
    zarr.create_array("flat.zarr", data=PROBS.transpose(2, 0, 1).copy(), chunks=(1, 12, 3))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.call} | {case.remedy}")
def test_the_remedy_gives_what_the_definition_says(
    case: Case, names: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    if "tall" in case.call or "flat" in case.call:
        monkeypatch.setattr(reading, "BLOCK_BYTES", PROBS[0].nbytes)
    check_remedy(case, names)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_every_text_with_code_is_raised_by_a_case(names: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """A new refusal that prints code joins `tests.remedy_cases`, or this fails."""
    monkeypatch.setattr(reading, "BLOCK_BYTES", PROBS[0].nbytes)
    said = [refused(case, dict(names)) for case in CASES]
    assert len(texts()) > 50
    left = missing(texts(), NOT_RUN, said)
    assert not left, "\n".join(left)


def test_what_is_not_run_is_still_printed() -> None:
    """No reason stays in the list without its text."""
    words = " ".join(path.read_text() for path in (Path(alcore.__file__).parent).rglob("*.py"))
    for part in NOT_RUN:
        assert part in words, part
