"""The recipes of the page on predicting in parallel: tasks of a job array, one killed and started again, and tasks of Dask."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from signal import SIGKILL

import numpy as np
import pytest

import alcore
from tests.adapters.processes import CHEAP, ROOT

SCRIPTS = ROOT / "examples" / "parallel"
ROWS, TASKS = 2000, 3
PREPARED = """
import alcore_torch, numpy, torch
from torch import nn
model = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Dropout(0.5), nn.Linear(32, 3))
torch.save(model.state_dict(), "model.pt")
alcore_torch.predict(model, numpy.load("pool.npy"), draws=20, kind="logits", out="one.npy", progress=False)
"""
# In place of the script: the process is killed when it has written its first chunk and has the second in memory.
KILLED = """
import os, runpy, signal, sys
from alcore.sources.saving_range import SavingRange
flush = SavingRange._flush
def flush_or_die(self):
    if self._place > self.rows[0]:
        os.kill(os.getpid(), signal.SIGKILL)
    flush(self)
SavingRange._flush = flush_or_die
runpy.run_path(sys.argv[1], run_name="__main__")
"""


def started(folder: Path, *command: str, **variables: object) -> subprocess.Popen[str]:
    """A process in the folder, as a scheduler starts it."""
    path = os.pathsep.join([str(ROOT), str(ROOT / "adapters"), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, **CHEAP, "PYTHONPATH": path, **{name: str(one) for name, one in variables.items()}}
    return subprocess.Popen(
        [sys.executable, *command],
        cwd=folder,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def task(folder: Path, number: int, *code: str) -> subprocess.Popen[str]:
    script = str(SCRIPTS / "predict_range.py")
    return started(folder, *code, script, SLURM_ARRAY_TASK_ID=number, SLURM_ARRAY_TASK_COUNT=TASKS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rows and a model on disk, and the draws of one call."""
    folder = tmp_path_factory.mktemp("pool")
    np.save(folder / "pool.npy", np.random.default_rng(0).normal(size=(ROWS, 8)).astype(np.float32))
    process = started(folder, "-c", PREPARED)
    said = process.communicate()[0]
    assert process.returncode == 0, said
    return folder


def assert_as_one_call(folder: Path, name: str) -> None:
    np.testing.assert_allclose(
        np.asarray(alcore.open_predictions(folder / name)[:]), np.load(folder / "one.npy"), rtol=0, atol=1e-5
    )
    assert len(alcore.BatchBALD().select(folder / name, k=3, rng=0)) == 3


def test_a_job_array_writes_one_store_and_a_killed_task_is_started_again(folder: Path) -> None:
    """Its rows are missing until then, though chunks of them are there."""
    processes = [task(folder, 0), task(folder, 1, "-c", KILLED), task(folder, 2)]
    said = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [0, -SIGKILL, 0], said
    store = alcore.SharedStore(folder / "preds.zarr")
    (killed,) = store.missing
    assert killed == store.ranges(TASKS)[1]
    assert (folder / "preds.zarr" / "c" / str(killed[0] // store.chunk)).exists()
    with pytest.raises(ValueError, match=f"rows {killed[0]} to {killed[1] - 1} are in no range"):
        alcore.bald(folder / "preds.zarr")
    again = task(folder, 1)
    said = [again.communicate()[0]]
    assert again.returncode == 0, said
    assert store.missing == []
    assert_as_one_call(folder, "preds.zarr")


def test_workers_of_dask_write_one_store(folder: Path) -> None:
    """Each range from a loader of its own rows."""
    process = started(folder, str(SCRIPTS / "predict_on_dask.py"))
    said = process.communicate()[0]
    assert process.returncode == 0, said
    assert "6 ranges are there, missing: []" in said
    assert_as_one_call(folder, "dask.zarr")
