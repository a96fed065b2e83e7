"""Every adapter stays outside the library: thin, with the same names, its framework and public names alone."""

from __future__ import annotations

import ast
import importlib.util
import sys
from pathlib import Path

import pytest

from tests.adapters.processes import ROOT, run

ADAPTERS = sorted((ROOT / "adapters").glob("alcore_*"))
FILES = sorted((ROOT / "adapters").glob("alcore_*/*.py"))


def test_every_adapter_has_the_same_names() -> None:
    """A user who knows one knows all; scikit-learn's has no noise to switch on."""
    names = {}
    for folder in ADAPTERS:
        tree = ast.parse((folder / "__init__.py").read_text())
        (names[folder.name],) = (
            set(ast.literal_eval(node.value))
            for node in tree.body
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__"
        )
    assert set(names) == {"alcore_torch", "alcore_keras", "alcore_flax", "alcore_sklearn"}
    assert names["alcore_torch"] == names["alcore_keras"] == names["alcore_flax"]
    assert "predict" in names["alcore_sklearn"]


def lines_of_code(path: Path) -> int:
    tree, source = ast.parse(path.read_text()), path.read_text().splitlines()
    docs: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            docs |= set(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    return sum(
        bool(line.strip()) and not line.strip().startswith("#") and number not in docs
        for number, line in enumerate(source, 1)
    )


# No framework says which of its layers make noise, or lets its random numbers be given from outside. What follows the numbers and
# finds the layers is of one framework alone: operations and module flags in PyTorch; functions of three backends, and what their
# compilers keep, in Keras; traced programs of two module systems in Flax. What comes before the first noise is told apart by what
# modules return in PyTorch, by what layers return inside compiled functions in Keras, and by the traced program in Flax. PyTorch's
# draws stay on a GPU until a block is whole.
# scikit-learn has classifiers and regressors
LINES = {"alcore_torch": 727, "alcore_keras": 981, "alcore_flax": 1015, "alcore_sklearn": 609}


@pytest.mark.parametrize("folder", ADAPTERS, ids=lambda path: path.name)
def test_adapters_are_thin(folder: Path) -> None:
    """At most so many lines of code each: what two of them share is in `alcore.adapting`."""
    assert sum(lines_of_code(path) for path in folder.rglob("*.py")) <= LINES.get(folder.name, 350)


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_adapters_import_their_framework_and_public_names(path: Path) -> None:
    """And nothing that unpickles."""
    own = {
        "alcore_torch": {"torch"},
        "alcore_keras": {"keras", "tensorflow", "jax", "torch"},  # the backend alone
        "alcore_flax": {"jax", "flax"},
        "alcore_sklearn": {"sklearn", "scipy"},
    }
    allowed = own[path.parent.name] | {"numpy", "alcore", path.parent.name} | set(sys.stdlib_module_names)
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules = [node.module or ""]
        else:
            continue
        for module in modules:
            assert module.split(".")[0] in allowed, module
            assert module.split(".")[0] not in {"pickle", "dill", "joblib", "marshal", "shelve"}
            if module.startswith("alcore."):
                assert module == "alcore.adapting"


@pytest.mark.parametrize("folder", ADAPTERS, ids=lambda path: path.name)
def test_an_adapter_whose_framework_is_missing_names_the_extra(folder: Path) -> None:
    """That is to be installed."""
    extra = folder.name.removeprefix("alcore_")
    blocked = ["torch", "keras", "jax", "flax", "sklearn"]
    code = f"import sys; sys.modules.update(dict.fromkeys({blocked})); import {folder.name}"
    done = run("-c", code)
    assert done.returncode != 0
    assert f"pip install 'alcore[{extra}]'" in done.stderr


@pytest.mark.parametrize("framework", ["torch", "tensorflow", "keras", "jax", "flax", "sklearn"])
def test_every_framework_is_here_to_be_tested(framework: str) -> None:
    """A framework that is missing fails, and skips nothing."""
    assert importlib.util.find_spec(framework) is not None, (
        f"{framework} is not installed: its adapter would go untested"
    )
