"""Compiled versions of a kernel that several processes keep in one folder at one moment."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest

KERNEL = """
from alcore.kernels.jit import kernel

@kernel()
def total(values):
    found = 0.0
    for value in values:
        found += value
    return found
"""


def loaded(path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The kernel as a process finds it that begins now."""
    spec = importlib.util.spec_from_file_location("a_kernel", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "a_kernel", module)
    spec.loader.exec_module(module)
    return module.total


@pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="nothing is compiled")
def test_a_version_is_not_taken_for_another_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second process looks into the list before the first has written there, and writes its version before the first does."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "kept"))
    (tmp_path / "a_kernel.py").write_text(KERNEL)
    first, second = (loaded(tmp_path / "a_kernel.py", monkeypatch) for _ in range(2))
    file, other = first._cache._cache_file, second._cache._cache_file
    save = file._save_data

    def save_after_the_other(*arguments: Any) -> None:
        monkeypatch.setattr(other, "_load_index", dict)
        assert second(np.arange(4.0)) == 6
        save(*arguments)

    monkeypatch.setattr(file, "_save_data", save_after_the_other)
    assert first(np.arange(4, dtype=np.float32)) == 6
    monkeypatch.undo()
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "kept"))
    for dtype in (np.float64, np.float32, np.float64):
        again = loaded(tmp_path / "a_kernel.py", monkeypatch)
        assert again(np.arange(4, dtype=dtype)) == 6
    assert again.stats.cache_hits
    versions = {path.name for path in (tmp_path / "kept").rglob("*.nbc")}
    assert len(versions) == 3  # the list of the second did not have the version of the first, which was kept again


SCORES = """
import hashlib
import numpy as np
import alcore

logits = np.random.default_rng(0).normal(scale=3, size=(500, 10, 50)).astype(np.float32)
probs = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
for scores in (alcore.bald(probs), alcore.bald(logits, kind="logits"), alcore.bald(probs.astype(float))):
    print(hashlib.sha256(scores.tobytes()).hexdigest())
"""


@pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="nothing is compiled")
def test_the_process_that_compiles_gives_the_bits_of_later_ones(tmp_path: Path) -> None:
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    answers = [
        subprocess.run(
            [sys.executable, "-c", SCORES], env=environment, check=True, capture_output=True, text=True
        ).stdout
        for _ in range(2)
    ]
    assert answers[0] == answers[1]
    assert len(answers[0].split()) == 3
