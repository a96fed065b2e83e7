"""A framework is tested in a process of its own (`test_frameworks`), so its folder is collected where the command line names it."""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent
FOLDERS = {HERE / name for name in ("torch", "keras", "flax", "sklearn")}

pytest.register_assert_rewrite("tests.adapters.laws", *(f"tests.adapters.{one.name}.predictions" for one in FOLDERS))


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    named = [config.invocation_params.dir / arg.split("::")[0] for arg in config.args]
    if collection_path in FOLDERS and not any(one.is_relative_to(collection_path) for one in named):
        return True
    return None
