"""The tests of what changed since the last commit (or in it, where nothing did), a path a line: what `make check` runs.

    python tests/changed.py

A module's tests are the files that are named after it, anywhere under tests/, and else its folder's; a changed test is its own.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
ALWAYS = (Path("tests/test_architecture.py"),)
PROCESSES = {"alcore_torch": "torch", "alcore_keras": "tensorflow", "alcore_flax": "jax", "alcore_sklearn": "torch"}


def changed() -> list[Path]:
    """Files that differ from the last commit, or the files of that commit."""
    found = _git("diff", "--name-only", "HEAD") + _git("ls-files", "--others", "--exclude-standard")
    return [Path(name) for name in found or _git("diff", "--name-only", "HEAD~1", "HEAD")]


def tests_of(path: Path) -> Iterator[Path]:
    if path.parts[0] == "docs" or path.name in ("README.md", "CONTRIBUTING.md", "mkdocs.yml"):
        yield Path("tests/docs")
    if path.suffix != ".py" or not (ROOT / path).exists():
        return
    if path.parts[0] == "tests":
        if path.name.startswith("test_"):
            yield path
        elif path.parent != Path("tests"):
            yield path.parent
    elif path.parts[0] == "alcore" and len(path.parts) > 2:
        named = sorted((ROOT / "tests").rglob(f"test_{path.stem}*.py"))
        yield from (one.relative_to(ROOT) for one in named)
        if not named:
            yield Path("tests", *path.parts[1:-1])
    elif path.parts[0] == "docs_build":
        yield Path("tests/docs_build")
    elif path.parts[0] == "adapters":
        yield Path("tests/adapters/test_adapters.py")
        law = "test_adapters_keep_the_laws_and_their_examples_run"
        yield Path(f"tests/adapters/test_frameworks.py::{law}[{PROCESSES[path.parts[1]]}]")


def chosen(paths: list[Path]) -> list[Path]:
    """Each once, and none that lies in a folder that is chosen too."""
    found = {test for path in paths for test in tests_of(path) if _exists(test)} | set(ALWAYS)
    return sorted(one for one in found if not any(parent in found for parent in one.parents))


def _exists(test: Path) -> bool:
    return (ROOT / str(test).split("::")[0]).exists()


def _git(*words: str) -> list[str]:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.split()


if __name__ == "__main__":
    print("\n".join(map(str, chosen(changed()))))
