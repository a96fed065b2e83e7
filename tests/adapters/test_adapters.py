"""Every adapter keeps the laws of adapters, each framework in a process of its own, and stays outside the library."""

from __future__ import annotations

import ast
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import INTERPRETED

ROOT = Path(__file__).parents[2]
ADAPTERS = sorted((ROOT / "adapters").glob("alcore_*"))
FILES = sorted((ROOT / "adapters").glob("alcore_*/*.py"))
# what the laws call it, the tests of it alone, the adapter, environment
SUITES = {
    "torch": ("torch.networks", "torch", "alcore_torch", {}),
    "keras on TensorFlow": ("keras.networks", "keras", "alcore_keras", {"KERAS_BACKEND": "tensorflow"}),
    "keras on JAX": ("keras.networks", "keras", None, {"KERAS_BACKEND": "jax"}),
    "keras on PyTorch": ("keras.networks", "keras", None, {"KERAS_BACKEND": "torch"}),
    "flax linen": ("flax.linen_networks", "flax", "alcore_flax", {}),
    "flax nnx": ("flax.nnx_networks", None, None, {}),
    "scikit-learn": (None, "sklearn", "alcore_sklearn", {}),
}
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONDONTWRITEBYTECODE": "1", **more}


@pytest.mark.skipif(INTERPRETED, reason="adapters have no kernels")
@pytest.mark.parametrize("name", SUITES)
def test_laws(name: str) -> None:
    laws, alone, adapter, more = SUITES[name]
    files = [f"tests/adapters/{file}" for file in (laws and "laws.py", alone) if file]
    files += [f"adapters/{adapter}"] if adapter else []  # the examples in its docstrings
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *files]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, env=environment(**more, ALCORE_ADAPTER=laws or "")
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]


@pytest.mark.skipif(INTERPRETED, reason="adapters have no kernels")
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_examples_run(example: Path, tmp_path: Path) -> None:
    command = [sys.executable, str(example), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment())
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    (file,) = (path for path in tmp_path.iterdir() if "mask" not in path.name)
    bench = [sys.executable, "-m", "alcore.cli", "bench", str(file), "-k", "5"]
    done = subprocess.run(bench, capture_output=True, text=True, env=environment())
    assert done.returncode == 0, done.stderr[-4000:]


def test_every_adapter_has_the_same_names() -> None:
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


@pytest.mark.parametrize("folder", ADAPTERS, ids=lambda path: path.name)
def test_adapters_are_thin(folder: Path) -> None:
    assert sum(lines_of_code(path) for path in folder.rglob("*.py")) <= 350


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_adapters_import_their_framework_and_public_names(path: Path) -> None:
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
def test_an_adapter_without_its_framework_names_the_extra(folder: Path) -> None:
    extra = folder.name.removeprefix("alcore_")
    blocked = ["torch", "keras", "jax", "flax", "sklearn"]
    code = f"import sys; sys.modules.update(dict.fromkeys({blocked})); import {folder.name}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment())
    assert f"pip install 'alcore[{extra}]'" in done.stderr


@pytest.mark.parametrize("framework", ["torch", "tensorflow", "keras", "jax", "flax", "sklearn"])
def test_every_framework_is_here_to_be_tested(framework: str) -> None:
    assert importlib.util.find_spec(framework) is not None, (
        f"{framework} is not installed: its adapter would go untested"
    )
