"""A real Label Studio on loopback with an SQLite file, for a test: its Python's path is in ALCORE_LABEL_STUDIO."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.ledger.exchanges import TOKEN

PYTHON = os.environ.get("ALCORE_LABEL_STUDIO", "")
START = 3600.0  # seconds: it makes its tables first, which takes minutes where the machine is busy
SETTINGS = {"LATEST_VERSION_CHECK": "0", "COLLECT_ANALYTICS": "0", "SENTRY_DSN": "", "FRONTEND_SENTRY_DSN": ""}


@contextmanager
def label_studio(folder: Path) -> Iterator[str]:
    """Its address. It ends with the test."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    account = ["--username", "owner@example.org", "--password", "of-no-use-1", "--user-token", TOKEN]
    where = ["--port", str(port), "--internal-host", "127.0.0.1", "--data-dir", str(folder)]
    program = str(Path(PYTHON).with_name("label-studio"))
    command = [program, "start", "--no-browser", "--enable-legacy-api-token", *account, *where]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "LABEL_STUDIO"))}
    environment |= SETTINGS | {"LABEL_STUDIO_BASE_DATA_DIR": str(folder)}
    with open(folder / "log.txt", "wb") as log:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
            stdin=subprocess.DEVNULL,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait(url, process, folder / "log.txt")
        yield url
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + START
    while process.poll() is None and time.monotonic() < until:
        try:
            with urllib.request.urlopen(f"{url}/api/version/", timeout=60):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
    said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-10:]
    raise RuntimeError("\n".join(["Label Studio did not start. Its last lines:", *said]))
