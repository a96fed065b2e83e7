"""What is public is documented, and what is documented is true."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

import alcore
import alcore.bench
import alcore.plot
import alcore.stopping
from tests.cases import CASES

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
PUBLIC = {name: getattr(alcore, name) for name in alcore.__all__}
PUBLIC |= {f"bench.{name}": getattr(alcore.bench, name) for name in alcore.bench.__all__}
PUBLIC |= {f"plot.{name}": getattr(alcore.plot, name) for name in alcore.plot.__all__}
PUBLIC |= {f"stopping.{name}": getattr(alcore.stopping, name) for name in alcore.stopping.__all__}
FUNCTIONS = {name: member for name, member in PUBLIC.items() if inspect.isfunction(member)}


def test_all_lists_what_the_package_exports() -> None:
    exported = {
        name for name, member in vars(alcore).items() if not name.startswith("_") and not inspect.ismodule(member)
    }
    assert exported - {"annotations"} | {"adapting", "bench", "plot", "stopping"} == set(alcore.__all__)


@pytest.mark.parametrize("name", PUBLIC)
def test_public_names_have_docstrings(name: str) -> None:
    assert len(inspect.getdoc(PUBLIC[name]) or "") > 40


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_have_an_example_that_runs(name: str) -> None:
    assert ">>> " in (inspect.getdoc(FUNCTIONS[name]) or "")


@pytest.mark.parametrize("name", [case.function.__name__ for case in CASES])
def test_measures_state_formula_shapes_units_range_cost_and_errors(name: str) -> None:
    text = inspect.getdoc(FUNCTIONS[name]) or ""
    for part in ("Args:", "Returns:\n    (N, ...) float64", "The cost is O(", "Raises:", "Paper"):
        assert part in text
    assert "nats" in text or "no unit" in text
    assert re.search(r"0 …|at least", text)


def test_the_readme_lists_every_measure() -> None:
    rows = re.findall(r"^\| `(\w+)` \| `(\w+)` \| `([\w-]+)` \|", README, re.MULTILINE)
    assert set(rows) == {(case.function.__name__, type(case.object).__name__, case.name) for case in CASES}


def test_the_first_screen_has_the_two_commands() -> None:
    first_screen = "\n".join(README.splitlines()[:25])
    assert "make demo" in first_screen
    assert "make test" in first_screen


def test_the_changelog_and_the_version_agree_with_the_package() -> None:
    project = (ROOT / "pyproject.toml").read_text()
    assert f'version = "{alcore.__version__}"' in project
    assert "## [Unreleased]" in (ROOT / "CHANGELOG.md").read_text()
