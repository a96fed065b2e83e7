"""The installed command: pipes, version and help, and names of files printed as they are."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import alcore
from alcore.cli import app
from tests.cli.prediction_commands import PROBS, done, make_folder, run


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return make_folder(tmp_path, monkeypatch)


MARKUP = ("[red]x.npy", "[red]:smile:[bold].npy", "x[.npy", "a\\.npy", "[link=x]y.npy", "ß ½.npy")


COMMAND = Path(sys.executable).with_name("alcore")


def test_the_installed_command(here: Path) -> None:
    def shell(line: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["sh", "-c", f'"{COMMAND}" {line}'], capture_output=True, text=True)

    chosen = shell("select several.npz -k 3")
    assert (chosen.returncode, chosen.stderr) == (0, "")
    assert chosen.stdout == done("select", "several.npz", "-k", 3)
    refused = shell("score logits.npy -o s.npy")
    assert refused.returncode == 2
    assert refused.stdout == ""
    assert refused.stderr.startswith("error: probs: expected probabilities")
    assert refused.stderr.count("\n") == 1
    assert not Path("s.npy").exists()


@pytest.mark.parametrize(
    "closed", [">&- 2>&-", "| head -n 1", *(pytest.param(one, marks=pytest.mark.soak) for one in (">&-", "2>&-"))]
)
def test_closed_pipes_are_no_failure(here: Path, closed: str) -> None:
    line = f'"{COMMAND}" select preds.npy -k 3 {closed}'
    result = subprocess.run(["sh", "-c", line], capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, "")


def test_version_and_help(here: Path) -> None:
    assert done("--version") == f"{alcore.__version__}\n"
    shown = done("--help")
    assert all(command in shown for command in ("score", "select", "bench", "--version"))
    for command in ("score", "select", "bench"):
        assert "Predictions: .npy, .npz, zarr or HDF5, a path or a URL." in " ".join(done(command, "--help").split())


def test_without_arguments_the_help_is_shown() -> None:
    result = CliRunner().invoke(app, [])
    assert result.exit_code == 2
    assert "select" in result.stdout


@pytest.mark.parametrize("name", MARKUP)
def test_names_are_printed_as_they_are(here: Path, name: str) -> None:
    assert run("select", name).stderr == f"error: {name}: no such file.\n"
    np.save(name, PROBS)
    output = f"out-{name}"
    assert done("score", name, "-o", output).endswith(f"-> {output}\n")
    assert Path(output).exists()
    assert f"{name} (in memory)" in done("bench", name, "-k", 2, "--heuristics", "bald")
