"""The house: who may import whom, what stays outside, what `import alcore` costs."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "alcore"
# Each level imports only from the levels below it; a folder is one level of the house.
LEVELS = [
    {"cli"},
    {"bench"},
    {"adapting", "plot"},
    {"loop"},
    {"ledger"},
    {"heuristics", "stopping"},
    {"batches", "risk"},
    {"scores"},
    {"sources"},
    {"door"},
    {"kernels"},
]
NAMES_KERNELS = {"batches", "risk", "scores", "sources"}
FRAMEWORKS = {"torch", "tensorflow", "keras", "jax", "flax", "sklearn"}
HEAVY = {
    *FRAMEWORKS,
    "numba",
    "scipy",
    "dask",
    "zarr",
    "h5py",
    "pyarrow",
    "matplotlib",
    "typer",
    "rich",
    "pandas",
    "jinja2",
}
MODULES = sorted(PACKAGE.rglob("*.py"))


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imports(path: Path) -> Iterator[str]:
    """Every module imported anywhere in a file, functions included."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def level(name: str) -> int:
    return next(i for i, rooms in enumerate(LEVELS) if name in rooms)


def rooms_imported(path: Path) -> set[str]:
    known = set().union(*LEVELS)
    parts = (name.split(".") for name in imports(path))
    return {part[1] for part in parts if part[0] == "alcore" and len(part) > 1 and part[1] in known}


def test_every_file_has_a_level() -> None:
    rooms = {room(path) for path in MODULES} - {"__init__", "py"}
    assert rooms == set().union(*LEVELS)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_downwards(path: Path) -> None:
    own = room(path)
    if own == "__init__":
        return
    for other in rooms_imported(path) - {own}:
        assert level(other) > level(own), f"{path.name} imports {other}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_numba_stays_in_the_kernels(path: Path) -> None:
    tops = {name.split(".")[0] for name in imports(path)}
    if room(path) == "kernels":
        assert tops <= {"__future__", "numba", "llvmlite", "numpy", "math", "heapq", "collections", "typing", "alcore"}
        assert rooms_imported(path) <= {"kernels"}
    else:
        assert "numba" not in tops
        assert "kernels" not in rooms_imported(path) or room(path) in NAMES_KERNELS


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_frameworks_stay_outside(path: Path) -> None:
    assert not FRAMEWORKS & {name.split(".")[0] for name in imports(path)}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_nothing_is_unpickled(path: Path) -> None:
    assert not {"pickle", "dill", "joblib", "marshal", "shelve"} & {name.split(".")[0] for name in imports(path)}
    assert "allow_pickle=True" not in path.read_text()


def test_tests_mirror_the_folders() -> None:
    for folder in set().union(*LEVELS):
        assert list((ROOT / "tests" / folder).glob("test_*.py")), folder


def test_adapters_is_a_folder_and_not_a_package() -> None:
    assert not (ROOT / "adapters" / "__init__.py").exists()


def test_import_stays_light() -> None:
    code = "import sys, json, alcore; print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not HEAVY & set(json.loads(done.stdout))


def test_what_a_campaign_or_a_comparison_needs_is_imported_when_it_is_named() -> None:
    code = (
        "import sys, alcore; later = {'sqlite3', *(f'alcore.{name}' for name in "
        "('ledger', 'loop', 'stopping', 'bench', 'plot'))}; "
        "assert not later & set(sys.modules); from alcore import *; assert later <= set(sys.modules); "
        "assert {'Ledger', 'stopping'} <= set(dir(alcore)); alcore.stopping.LabelBudget(1) | alcore.stopping.LabelBudget(2); "
        "assert not hasattr(alcore, 'Nothing')"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_scoring_loads_numba_and_nothing_else_heavy() -> None:
    code = (
        "import sys, json, numpy, alcore; alcore.bald(numpy.full((2, 2, 2), 0.5)); "
        "print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert HEAVY & set(json.loads(done.stdout)) <= {"numba", "scipy"}  # numba itself looks for scipy


def test_functions_fit_on_a_screen() -> None:
    long = []
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                body = node.body[1:] if ast.get_docstring(node) else node.body
                if body and (node.end_lineno or 0) - body[0].lineno >= 50:
                    long.append(f"{path.name}:{node.name}")
    assert long == []
