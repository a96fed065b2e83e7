"""Whatever an adapter takes from `alcore.adapting` is a public name of it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from alcore import adapting

FILES = sorted((Path(__file__).parents[2] / "adapters").glob("alcore_*/*.py"))


def names_taken(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "alcore.adapting":
            names |= {alias.name for alias in node.names}
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "adapting":
            names.add(node.attr)
    return names


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_adapters_take_public_names_alone(path: Path) -> None:
    assert names_taken(path) <= set(adapting.__all__)


def test_public_names_are_there() -> None:
    assert [name for name in adapting.__all__ if not hasattr(adapting, name)] == []


def test_the_search_finds_names() -> None:
    assert {"predict", "Request", "as_size"} <= set().union(*map(names_taken, FILES))
