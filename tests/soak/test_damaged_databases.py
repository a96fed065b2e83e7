"""SQLite files of ledgers with damaged bytes are refused in a sentence that names them, or read as their tables are.

What is not so today is counted: `damaged_databases.KNOWN_FAULTS`, and inputs that have no end. They run in a process of their own,
which has 2 GiB beyond what it begins with.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.conftest import soak
from tests.soak.laws import Counts, each_part, numbers

SCRIPT = Path(__file__).with_name("damaged_databases.py")
INPUTS = 8_000  # each opens a database: 12 ms, of which 8 go into a list of all pages that a damaged header claims
MOST_ENDLESS = soak(1, 20)


@each_part
def test_damaged_databases_are_refused_or_read_as_they_are(part: int, tmp_path: Path, counts: Counts) -> None:
    left = numbers(part, INPUTS, 40)
    endless = 0
    while left:
        folder = tmp_path / str(left.start)
        folder.mkdir()
        command = [sys.executable, str(SCRIPT), str(folder), str(left.start), str(left.stop)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=1_500)
        found = json.loads((folder / "found.json").read_text())
        assert found["failures"] == []
        for name in ("inputs", "refused", "answered", "known_faults"):
            setattr(counts, name, getattr(counts, name) + found[name])
        if done.returncode:
            assert "Timeout" in done.stderr, f"input {found['number']} killed its process: {done.stderr}"
            counts.inputs, counts.known_faults, endless = (
                counts.inputs + 1,
                counts.known_faults + 1,
                endless + 1,
            )
        left = range(found["number"] + (1 if done.returncode else 0), left.stop)
    assert endless <= MOST_ENDLESS
    assert counts.refused
    assert counts.answered
