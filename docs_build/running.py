"""Run pages, each in a process of its own, and keep what they gave until the page or the library changes."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from docs_build.blocks import blocks

ROOT = Path(__file__).parents[1]
PLANNING = "from planning"  # so a page imports benchmarks/planning, which reads benchmarks/capacity.json
DOCS = ROOT / "docs"
KEPT = ROOT / "build" / "docs"
PICTURE = re.compile(r"!\[[^\]]*\]\((?P<path>[\w/.-]+)\)")
QUIET = {
    "ALCORE_PROGRESS": "0",
    "COLUMNS": "76",
    "CUDA_VISIBLE_DEVICES": "",
    "HF_HUB_OFFLINE": "1",
    "KERAS_BACKEND": "tensorflow",
    "MPLBACKEND": "Agg",
    "NO_COLOR": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
    "PYTHONUNBUFFERED": "1",
    "TERM": "dumb",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TZ": "UTC",
}


@dataclass(frozen=True)
class Ran:
    """What a page gave: the outputs of its blocks, or the end of the error that stopped it."""

    page: Path
    outputs: list[list[str]]
    seconds: float
    error: str = ""


def pages() -> list[Path]:
    """Every page of the guide, and those that every repository keeps in its root."""
    return [*sorted(DOCS.rglob("*.md")), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]


def run_all(wanted: Iterable[Path], workers: int) -> Iterator[Ran]:
    """Each page's result as it ends, in the order given. Two pages at a time leave no core idle and none crowded."""
    with ThreadPoolExecutor(workers) as pool:
        yield from pool.map(run, wanted)


def run(page: Path) -> Ran:
    """Run a page, or read what it gave when neither it nor the library has changed since."""
    kept = KEPT / page.relative_to(ROOT).with_suffix("")
    text = page.read_text()
    key = _key(text)
    result = kept / "result.json"
    if not result.exists() or json.loads(result.read_text())["key"] != key:
        shutil.rmtree(kept, ignore_errors=True)
        kept.mkdir(parents=True)
        with tempfile.TemporaryDirectory() as folder:
            if error := _run_in(Path(folder), page, kept / "ran.json"):
                return Ran(page, [], 0.0, error)
            _keep_pictures(text, page, Path(folder), kept)
        result.write_text(json.dumps({"key": key, **json.loads((kept / "ran.json").read_text())}, indent=1))
    ran = json.loads(result.read_text())
    return Ran(page, ran["outputs"], ran["seconds"])


def _run_in(folder: Path, page: Path, result: Path) -> str:
    """The error that stopped the page, or nothing."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    python = os.pathsep.join([str(ROOT), str(ROOT / "adapters"), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(  # noqa: S603 - this very module's pages
        [sys.executable, "-m", "docs_build.page", str(page), str(folder), str(result)],
        cwd=ROOT,
        env={**os.environ, **QUIET, "PATH": path, "PYTHONPATH": python},
        capture_output=True,
        text=True,
        check=False,
    )
    return "" if done.returncode == 0 else done.stderr[-3000:]


def pictures(page: Path, text: str) -> list[str]:
    """Names of the pictures that the page's own blocks write: those in a folder of the page's name."""
    folder = f"{page.stem}/"
    return [found["path"].removeprefix(folder) for found in PICTURE.finditer(text) if found["path"].startswith(folder)]


def _keep_pictures(text: str, page: Path, folder: Path, kept: Path) -> None:
    for name in pictures(page, text):
        if not (folder / name).exists():
            raise FileNotFoundError(f"{page}: no block writes {name}, which the page shows.")
        shutil.copy(folder / name, kept / name)


def _key(text: str) -> str:
    """Changes with the code of the page and with every file that it may import or read."""
    parts = [repr([(block.info, block.code if block.info == "python" else "", block.mark) for block in blocks(text)])]
    parts += [command for block in blocks(text) if block.info == "console" for command in block.code.splitlines()]
    parts += [found["path"] for found in PICTURE.finditer(text)]
    if PLANNING in text:
        planning = [*sorted((ROOT / "benchmarks" / "planning").rglob("*.py")), ROOT / "benchmarks" / "capacity.json"]
        parts += [path.read_text() for path in planning]
    return hashlib.sha256("\n".join([*parts, _library()]).encode()).hexdigest()


@cache
def _library() -> str:
    files = [path for folder in ("alcore", "adapters", "examples") for path in (ROOT / folder).rglob("*.py")]
    files += [ROOT / "docs_build" / "page.py", ROOT / "docs_build" / "running.py", ROOT / "constraints.txt"]
    return hashlib.sha256(b"".join(path.read_bytes() for path in sorted(files))).hexdigest()
