"""A ledger on a full disk refuses in one sentence, records nothing of the call, and goes on when there is room."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.ledger.examples import run_scenario


@pytest.mark.parametrize("limit", [2_000, 20_000, 40_000, 80_000, 120_000, 200_000])
def test_a_file_that_may_not_grow(tmp_path: Path, limit: int) -> None:
    result = run_scenario("full", tmp_path, limit)
    assert result["refused"].startswith(f"{tmp_path / 'run.db'}: the disk is full or cannot be written")
    assert "\n" not in result["refused"]
    assert result["same"], "nothing of the refused call is recorded"
    assert result["kept"] == result["told"]
    assert result["right"]
    assert result["end"] == 400
    assert result["told"] > 0 or limit < 120_000


def test_a_small_disk(tmp_path: Path) -> None:
    if not shutil.which("mount"):
        pytest.skip("there is no mount")
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=640k", "tmpfs", tmp_path], capture_output=True, text=True
    )
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    try:
        result = run_scenario("small_disk", tmp_path)
    finally:
        subprocess.run(["umount", tmp_path], check=True)
    assert "the disk is full" in result["refused"]
    assert result["same"]
    assert result["told"] > 0
    assert result["more"] == 3
