"""A page runs as its reader would run it: one namespace, one folder, every block in order; and it fails where they would."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from docs_build import running

ROOT = Path(__file__).parents[2]


def run(tmp_path: Path, text: str) -> tuple[list[list[str]], str]:
    """The outputs of a page, or the error that stopped it."""
    page, folder, result = tmp_path / "page.md", tmp_path / "folder", tmp_path / "result.json"
    page.write_text(text)
    folder.mkdir()
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        [sys.executable, "-m", "docs_build.page", str(page), str(folder), str(result)],
        cwd=ROOT,
        env={**os.environ, "PATH": path, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'adapters'}"},
        capture_output=True,
        text=True,
        check=False,
    )
    return json.loads(result.read_text())["outputs"] if result.exists() else [], done.stderr


def test_blocks_share_names_and_files(tmp_path: Path) -> None:
    text = """
```python
import pathlib
x = 20
pathlib.Path("file.txt").write_text("hello")
x + 1
```

```console
$ cat file.txt
$ ls benchmarks/sample_predictions.npz
```

```python
print(x)
```
"""
    outputs, error = run(tmp_path, text)
    assert outputs == [["21"], ["hello", "benchmarks/sample_predictions.npz"], ["20"]], error


def test_refusals_and_statuses_are_shown(tmp_path: Path) -> None:
    text = """
<!-- raises ValueError -->
```python
raise ValueError("no")
```

<!-- exit 3 -->
```console
$ sh -c 'echo said; exit 3'
```
"""
    outputs, error = run(tmp_path, text)
    assert outputs == [["ValueError: no"], ["said"]], error


def test_warnings_of_alcore_are_output(tmp_path: Path) -> None:
    text = """
```python
import warnings
import alcore
warnings.warn(alcore.SaturationWarning("exhausted"))
warnings.warn("of another library")
```
"""
    outputs, error = run(tmp_path, text)
    assert outputs == [["SaturationWarning: exhausted"]]
    assert "of another library" in error


def test_a_block_that_fails_stops_the_page(tmp_path: Path) -> None:
    outputs, error = run(tmp_path, "```python\n1 / 0\n```\n")
    assert outputs == []
    assert "line 1: this block does not run: ZeroDivisionError" in error


def test_a_block_that_should_fail_and_does_not_stops_the_page(tmp_path: Path) -> None:
    _, error = run(tmp_path, "<!-- raises ValueError -->\n```python\nx = 1\n```\n")
    assert "expected ValueError, and nothing was raised" in error


def test_another_status_stops_the_page(tmp_path: Path) -> None:
    _, error = run(tmp_path, "```console\n$ false\n```\n")
    assert "'false' ended with status 1" in error


def test_what_is_installed_and_made_must_exist(tmp_path: Path) -> None:
    outputs, error = run(tmp_path, "```console\n$ pip install '.[torch,cli]'\n$ make demo  # a comment\n```\n")
    assert outputs == [["", ""]], error


def test_an_extra_that_does_not_exist_stops_the_page(tmp_path: Path) -> None:
    _, error = run(tmp_path, "```console\n$ pip install '.[trch]'\n```\n")
    assert "alcore has no extra trch" in error


def test_a_target_that_does_not_exist_stops_the_page(tmp_path: Path) -> None:
    _, error = run(tmp_path, "```console\n$ make coffee\n```\n")
    assert "'make coffee' ended with status 2" in error


def test_a_page_that_plans_is_run_anew_when_its_costs_change(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    planning = tmp_path / "benchmarks" / "planning"
    planning.mkdir(parents=True)
    (planning / "model.py").write_text("one = 1")
    costs = planning.with_name("capacity.json")
    costs.write_text("1")
    monkeypatch.setattr(running, "ROOT", tmp_path)
    monkeypatch.setattr(running, "_library", lambda: "")
    plans, other = "```python\nfrom planning.model import one\n```", "```python\none = 1\n```"
    before = [running._key(text) for text in (plans, other)]
    costs.write_text("2")
    after = [running._key(text) for text in (plans, other)]
    assert after[0] != before[0]
    assert after[1] == before[1]
