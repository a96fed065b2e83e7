"""Each framework passes its tests in a process of its own: Keras has one backend in a process, and none is imported twice."""

from __future__ import annotations

import pytest

from tests.adapters.processes import run

# backend of Keras: folders of tests, adapters whose docstrings have examples
PROCESSES = {
    "jax": (["flax", "keras"], ["alcore_flax"]),
    "torch": (["torch", "keras", "sklearn"], ["alcore_torch", "alcore_sklearn"]),
    "tensorflow": (["keras"], ["alcore_keras"]),
}


@pytest.mark.parametrize("backend", PROCESSES)
def test_adapters_keep_the_laws_and_their_examples_run(backend: str) -> None:
    """The laws of every adapter, what its layers, data and models need beside them, and the examples of its docstrings."""
    folders, adapters = PROCESSES[backend]
    files = [*(f"tests/adapters/{folder}" for folder in folders), *(f"adapters/{adapter}" for adapter in adapters)]
    done = run("-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *files, KERAS_BACKEND=backend)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
