"""The house: what a listing shows, who may import whom, what stays outside, how deep a call goes, what `import alcore` costs."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import alcore

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
    {"batches", "posterior", "risk"},
    {"scores"},
    {"sources"},
    {"door"},
    {"kernels"},
]
NAMES_KERNELS = {"batches", "posterior", "risk", "scores", "sources"}
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
FOLDERS = sorted({path.parent for path in MODULES} - {PACKAGE})
SCRIPTS = [
    path
    for folder in ("alcore", "adapters", "benchmarks", "examples", "tests")
    for path in (ROOT / folder).rglob("*.py")
]
each_module = pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))


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


# --- what a listing shows ---------------------------------------------------------------------------------------------


def test_a_listing_is_short_and_every_folder_has_a_level() -> None:
    entries = {path.stem for path in PACKAGE.iterdir() if path.name not in ("__pycache__", "py.typed")}
    assert len(entries) <= 16
    assert entries - {"__init__"} == set().union(*LEVELS)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_every_folder_says_its_rule(folder: Path) -> None:
    """What lives here, what may be imported, where a new thing goes: in five lines of text."""
    text = ast.get_docstring(ast.parse((folder / "__init__.py").read_text())) or ""
    lines = [line for line in text.splitlines() if line.strip()]
    assert 2 <= len(lines) <= 5, text
    assert re.search(r"\b[Ii]mports\b", text), "what may be imported"
    assert re.search(r"\bA new \w+|\bjoins\b|\bcomes here\b", text), "where a new thing goes"


def test_tests_mirror_the_folders() -> None:
    for folder in set().union(*LEVELS):
        assert list((ROOT / "tests" / folder).glob("test_*.py")), folder


def test_adapters_is_a_folder_and_not_a_package() -> None:
    assert not (ROOT / "adapters" / "__init__.py").exists()


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_fit_what_one_reads_at_once(path: Path) -> None:
    """No file is over 400 lines, no body of a function over 50."""
    source = path.read_text()
    assert source.count("\n") <= 400
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            assert not body or (node.end_lineno or 0) - body[0].lineno < 50, node.name


# --- who may import whom ----------------------------------------------------------------------------------------------


@each_module
def test_imports_point_downwards(path: Path) -> None:
    own = room(path)
    if own == "__init__":
        return
    for other in rooms_imported(path) - {own}:
        assert level(other) > level(own), f"{path.name} imports {other}"


def test_no_file_imports_itself_by_way_of_others() -> None:
    """Imports inside functions and for type checkers count too; a package's ``__init__`` gathers the names of its files."""
    names = {
        path: ".".join(path.relative_to(ROOT).with_suffix("").parts) for path in MODULES if path.stem != "__init__"
    }
    wanted = {names[path]: set(imports(path)) & set(names.values()) - {names[path]} for path in names}
    while free := [name for name, own in wanted.items() if not own & set(wanted)]:
        for name in free:
            del wanted[name]
    assert not wanted, f"circle among {', '.join(sorted(wanted))}"


@each_module
def test_numba_stays_in_the_kernels(path: Path) -> None:
    tops = {name.split(".")[0] for name in imports(path)}
    if room(path) == "kernels":
        assert tops <= {
            "__future__",
            "numba",
            "llvmlite",
            "numpy",
            "math",
            "heapq",
            "collections",
            "typing",
            "gc",
            "alcore",
        }
        assert rooms_imported(path) <= {"kernels"}
    else:
        assert "numba" not in tops
        assert "kernels" not in rooms_imported(path) or room(path) in NAMES_KERNELS


@each_module
def test_frameworks_stay_outside(path: Path) -> None:
    assert not FRAMEWORKS & {name.split(".")[0] for name in imports(path)}


@each_module
def test_nothing_is_unpickled(path: Path) -> None:
    assert not {"pickle", "dill", "joblib", "marshal", "shelve"} & {name.split(".")[0] for name in imports(path)}
    assert "allow_pickle=True" not in path.read_text()


# --- how deep a call goes ---------------------------------------------------------------------------------------------


def files_on_the_stack() -> list[str]:
    """Files of alcore that a call passes through, this moment, outermost first; a file once."""
    frame, found = sys._getframe(1), dict[str, None]()
    while frame is not None:
        path = Path(frame.f_code.co_filename)
        if PACKAGE in path.parents:
            found[str(path.relative_to(PACKAGE))] = None
        frame = frame.f_back
    return list(found)[::-1]


def test_from_bald_to_the_kernel_are_at_most_four_files(monkeypatch: pytest.MonkeyPatch) -> None:
    from alcore.kernels import measures

    passed: list[list[str]] = []

    def look(cells: Any, *arguments: Any) -> None:
        passed.append(files_on_the_stack())
        out, valid = arguments[-2:]
        out[:], valid[:] = 0.0, True

    monkeypatch.setattr(measures, "bald32", look)
    for rows in (4, 200_000):  # in one block, and by several threads
        alcore.bald(np.full((rows, 2, 3), 0.5, np.float32))
    assert max(len(files) + 1 for files in passed) <= 4, passed  # and the kernel's own


def test_from_ask_to_the_ids_are_at_most_six_files(monkeypatch: pytest.MonkeyPatch) -> None:
    from alcore.batches import select
    from alcore.ledger import ids

    passed: list[list[str]] = []

    def watched(function: Any) -> Any:
        def look(*arguments: Any, **options: Any) -> Any:
            passed.append(files_on_the_stack())
            return function(*arguments, **options)

        return look

    names = {name: module for module in (ids, select) for name in ("ids_at", "top") if hasattr(module, name)}
    assert set(names) == {"ids_at", "top"}
    for name, module in names.items():
        function = getattr(module, name)
        for other in [one for one in sys.modules.values() if getattr(one, "__name__", "").startswith("alcore")]:
            if getattr(other, name, None) is function:
                monkeypatch.setattr(other, name, watched(function))
    alcore.Ledger(ids=["a", "b", "c"]).ask(alcore.Precomputed([0.1, 0.3, 0.2]), None, 2)
    assert len(passed) >= 2
    assert max(len(files) + 1 for files in passed) <= 6, passed


# --- what an import costs ---------------------------------------------------------------------------------------------


def modules_after(code: str) -> set[str]:
    """Packages that a new process has imported after this code."""
    code += "; import sys, json; print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


def test_import_stays_light() -> None:
    assert not HEAVY & modules_after("import alcore")


def test_what_a_campaign_or_a_comparison_needs_is_imported_when_it_is_named() -> None:
    code = (
        "import sys, alcore; later = {'sqlite3', *(f'alcore.{name}' for name in "
        "('ledger', 'loop', 'stopping', 'bench', 'plot'))}; "
        "assert not later & set(sys.modules); from alcore import *; assert later <= set(sys.modules); "
        "assert {'Ledger', 'stopping'} <= set(dir(alcore)); alcore.stopping.LabelBudget(1) | alcore.stopping.LabelBudget(2); "
        "assert not hasattr(alcore, 'Nothing')"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_type_checkers_find_each_name_where_it_is_imported_from() -> None:
    """The list for type checkers and the one of `alcore.__getattr__` say the same."""
    (block,) = (node for node in ast.parse((PACKAGE / "__init__.py").read_text()).body if isinstance(node, ast.If))
    said = {
        alias.name: f"alcore.{alias.name}" if node.module == "alcore" else node.module
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert said == alcore._LATER
    assert set(said) == set(alcore.__all__)


def test_the_garbage_collector_stays_as_it_was_when_numba_is_loaded() -> None:
    code = "import gc; gc.{}able(); import alcore.kernels.jit; assert gc.isenabled() is {}; assert not gc.get_freeze_count()"
    for setting, enabled in (("en", True), ("dis", False)):
        subprocess.run([sys.executable, "-c", code.format(setting, enabled)], check=True)


def test_scoring_loads_numba_and_nothing_else_heavy() -> None:
    found = modules_after("import numpy, alcore; alcore.bald(numpy.full((2, 2, 2), 0.5))")
    assert HEAVY & found <= {"numba", "scipy"}  # numba itself looks for scipy
