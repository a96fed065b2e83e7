"""No message names an option that its function lacks: every text that is raised or warned with is read, in all adapters."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.adapters.processes import ROOT

FRAMEWORKS = ("alcore_torch", "alcore_keras", "alcore_flax")
SHARED = sorted((ROOT / "alcore" / "adapting").glob("*.py"))
# Options of what users load their data with, which a remedy may name; tests of order execute them.
OF_LOADERS = {
    *("shuffle", "drop_last", "num_workers", "sampler", "batch_sampler", "in_order", "batch_size", "drop_remainder"),
    *("deterministic", "cycle_length", "num_parallel_calls", "seed", "num_epochs", "persistent_workers"),
}
OF_LAYERS = {"unroll", "run_eagerly", "train", "training"}  # options of the user's own layers and calls


def parameters(path: Path, name: str) -> set[str]:
    """Of a function, or of a class's ``__init__``."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ClassDef) and node.name == name:
            return parameters_of(next(one for one in node.body if getattr(one, "name", "") == "__init__"))
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return parameters_of(node)
    raise AssertionError(f"{path} has no {name}")


def parameters_of(node: ast.AST) -> set[str]:
    assert isinstance(node, ast.FunctionDef)
    return {one.arg for one in (*node.args.args, *node.args.kwonlyargs)}


def options(adapter: str) -> set[str]:
    folder = ROOT / "adapters" / adapter
    found = parameters(folder / "predict.py", "predict") | parameters(folder / "dropconnect.py", "DropConnect")
    return found | OF_LOADERS | OF_LAYERS


def texts(path: Path) -> Iterator[str]:
    """Sentences: texts with a blank and a full stop in them, docstrings left out."""
    tree = ast.parse(path.read_text())
    docs = {id(node.body[0].value) for node in ast.walk(tree) if _has_docstring(node)}  # type: ignore[attr-defined]
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node.value


def _has_docstring(node: ast.AST) -> bool:
    kinds = ast.Module | ast.ClassDef | ast.FunctionDef
    return isinstance(node, kinds) and ast.get_docstring(node) is not None


def named(path: Path) -> set[str]:
    """What texts name as ``option=``."""
    return {name for text in texts(path) if " " in text for name in re.findall(r"(?<![\w.'])([a-z_]+)=(?!=)", text)}


@pytest.mark.parametrize("adapter", FRAMEWORKS)
def test_an_adapter_names_options_that_it_has(adapter: str) -> None:
    """Its own texts, and those of `alcore.adapting` that it may pass on."""
    for path in (*sorted((ROOT / "adapters" / adapter).glob("*.py")), *SHARED):
        assert named(path) <= options(adapter), path.name


def test_every_adapter_of_a_framework_has_the_same_options() -> None:
    """A user who knows one knows all."""
    first, *others = (parameters(ROOT / "adapters" / one / "predict.py", "predict") for one in FRAMEWORKS)
    assert all(other == first for other in others)
    assert {"noise", "draw_axis", "ids"} <= first


def test_texts_are_read() -> None:
    """Options that are said are found, in plain and in formatted texts."""
    found = set().union(*(named(path) for path in SHARED))
    assert {"consistent", "draw_axis", "class_axis", "ids", "noise", "output", "inputs"} <= found
