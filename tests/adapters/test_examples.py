"""Every script in examples/ runs, and ``alcore bench`` compares heuristics on the predictions it writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.adapters.processes import ROOT, run
from tests.conftest import SOAK

EXAMPLES = {path.stem: path for path in sorted((ROOT / "examples").glob("*.py"))}
SHORT = {  # what `make test` asks of them; `make soak` runs them as they are
    "active_testing": ["--repeats", "50"],
    "flax_digits": ["--draws", "10", "--steps", "10"],
    "keras_digits": ["--draws", "10", "--epochs", "3"],
    "sklearn_digits": ["--draws", "20"],
    "torch_digits": ["--draws", "10", "--steps", "10"],
}
COMPARED = {"torch_digits"}  # a .zarr file; of the others `make soak` compares heuristics too


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_run_and_alcore_bench_compares_heuristics_on_their_predictions(name: str, tmp_path: Path) -> None:
    """Each says what to type for that."""
    done = run(str(EXAMPLES[name]), str(tmp_path), *([] if SOAK else SHORT[name]))
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    (file,) = (path for path in tmp_path.iterdir() if "mask" not in path.name)
    assert f"alcore bench {file}" in done.stdout
    if SOAK or name in COMPARED:
        done = run("-m", "alcore.cli", "bench", str(file), "-k", "5")
        assert done.returncode == 0, done.stderr[-4000:]
