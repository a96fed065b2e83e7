"""A process that is killed while it writes predictions, and what it leaves behind for runs that go on."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import tempfile
from collections.abc import Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path
from signal import SIGKILL
from typing import Any

import numpy as np
import zarr  # noqa: F401 - once, before processes are forked

from alcore.sources import writing
from tests.adapters.framework import FEATURES, Framework, Weights
from tests.conftest import soak

# Three blocks of one shape: a model is compiled once for them.
ROWS = np.random.default_rng(0).normal(size=(48, FEATURES)).astype(np.float32)
WEIGHTS = Weights.of(1)
OPTIONS: dict[str, Any] = {"draws": 6, "batch_size": 16, "seed": 3, "kind": "logits", "progress": False}
STARTED: dict[type[Framework], tuple[BaseProcess, Path]] = {}
FILES = [(suffix, consistent) for consistent in (False, True)[: soak(1, 2)] for suffix in (".npy", ".zarr")]


def begin(framework: Framework) -> None:
    """Start a process that writes all of `FILES` and is killed when of each two blocks of three are on disk.

    It is forked when the framework is imported and has run nothing (``pytest_sessionstart``): a fork does not survive the threads
    of a framework that runs, and a new interpreter would import it again, for up to five seconds.
    """
    folder = Path(tempfile.mkdtemp())
    process = multiprocessing.get_context("fork").Process(target=_write_until_killed, args=(framework, folder))
    process.start()
    STARTED[type(framework)] = process, folder


def ended(framework: Framework) -> Path:
    """The folder in which the process of this framework left what it had written."""
    process, folder = STARTED[type(framework)]
    process.join()
    assert process.exitcode == -SIGKILL, f"{type(framework).__name__} was not killed: {process.exitcode}"
    return folder


def remove_all() -> None:
    for process, folder in STARTED.values():
        process.join()
        shutil.rmtree(folder)
    STARTED.clear()


def _write_until_killed(framework: Framework, folder: Path) -> None:
    """Each file is begun where the one before has two blocks on disk, so that one kill interrupts all of them."""
    files, append = iter(FILES), writing.Saving.append

    def begin_the_next() -> None:
        suffix, consistent = next(files, ("", False))
        if not suffix:
            os.kill(os.getpid(), SIGKILL)
        data: Any = ROWS if suffix == ".npy" else batches_of_rows([])
        out = folder / name_of(suffix, consistent)
        framework.adapter.predict(framework.network(WEIGHTS, 0.5), data, out=out, consistent=consistent, **OPTIONS)

    def append_or_begin_the_next(self: writing.Saving, *block: Any) -> None:
        if len(self.ends) == 2:
            begin_the_next()
        append(self, *block)

    writing.Saving.append = append_or_begin_the_next  # type: ignore[method-assign]
    begin_the_next()


def name_of(suffix: str, consistent: bool) -> str:
    return f"{'consistent' if consistent else 'plain'}{suffix}"


def batches_of_rows(seen: list[int]) -> Iterator[np.ndarray]:
    for start in range(0, len(ROWS), 16):
        seen.append(start)
        yield ROWS[start : start + 16]


def left_behind(killed: Path, suffix: str, consistent: bool, folder: Path) -> Path:
    """The file to be written in another folder, beside a copy of what is there of it."""
    out = folder / name_of(suffix, consistent)
    shutil.copytree(killed / f"{out.name}.part", folder / f"{out.name}.part")
    return out
