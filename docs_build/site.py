"""The site: built by mkdocs, strictly, and again only when something it shows has changed."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys

from filelock import FileLock

from docs_build import included, running

SITE = running.ROOT / "build" / "site"
KEY = running.ROOT / "build" / "site.key"


def mkdocs(*arguments: str) -> None:
    """Runs mkdocs, which prints what is wrong; its end is this program's end where it fails."""
    told = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}  # mkdocs-material's notice of its successor
    subprocess.run([sys.executable, "-m", "mkdocs", *arguments], cwd=running.ROOT, env=told, check=True)  # noqa: S603


def build() -> None:
    """Builds the site where it is missing or old. A link that leads nowhere is an error."""
    KEY.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{KEY}.lock"):
        key = _key()
        if not KEY.exists() or KEY.read_text() != key:
            KEY.unlink(missing_ok=True)
            mkdocs("build", "--strict", "--clean")
            KEY.write_text(key)


def _key() -> str:
    root = running.ROOT
    files = [path for folder in ("docs", "build/docs") for path in (root / folder).rglob("*") if path.is_file()]
    files += [path for folder in ("alcore", "adapters", "docs_build") for path in (root / folder).rglob("*.py")]
    files += [root / "mkdocs.yml", *(root / name for name in included.SOURCES)]
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(str(path.relative_to(root)).encode() + path.read_bytes())
    return digest.hexdigest()
