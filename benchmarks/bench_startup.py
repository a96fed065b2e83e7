"""How long `import alcore` takes, and the first score of a new process."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

from harness import RUNS, Peer, Table, yes_no

COLD_RUNS = 3
UNWANTED = ["dask", "flax", "h5py", "jax", "keras", "matplotlib", "numba", "pandas", "rich", "scipy", "sklearn"]
UNWANTED += ["tensorflow", "torch", "typer", "zarr"]

IMPORT = """
import json, sys, time
start = time.perf_counter()
import {module}
seconds = time.perf_counter() - start
print(json.dumps(dict(seconds=seconds, modules=[name for name in sys.modules if "." not in name])))
"""

FIRST_CALL = """
import json, time
start = time.perf_counter()
import alcore, numpy
probs = numpy.random.default_rng(0).standard_exponential((100, 10, 20), dtype=numpy.float32)
probs /= probs.sum(axis=1, keepdims=True)
before = time.perf_counter()
alcore.bald(probs)
end = time.perf_counter()
print(json.dumps(dict(whole=end - start, call=end - before)))
"""


def tables(_peer: Peer) -> Iterator[Table]:
    text = (
        f"New processes, medians of {RUNS} ({COLD_RUNS} where the compile cache is cold: an empty folder). "
        "The first score is `alcore.bald` of a float32 (100, 10, 20); its time begins before `import alcore`."
    )
    columns = ["what", "seconds", "target", "reached", "remark"]
    yield Table("Start-up", text, columns, [*_import_rows(), *_first_call_rows()])


def _import_rows() -> list[list[str]]:
    runs = [_child(IMPORT.format(module="alcore")) for _ in range(RUNS)]
    seconds = statistics.median(run["seconds"] for run in runs)
    numpy_seconds = statistics.median(_child(IMPORT.format(module="numpy"))["seconds"] for _ in range(RUNS))
    found = [name for name in UNWANTED if name in runs[0]["modules"]]
    remark = "loads none of " + ", ".join(UNWANTED) if not found else "loads " + ", ".join(found)
    return [
        ["`import alcore`", f"{seconds:.3f}", "≤ 0.35", yes_no(seconds <= 0.35 and not found), remark],
        ["`import numpy` alone", f"{numpy_seconds:.3f}", "", "", "part of the above"],
    ]


def _first_call_rows() -> list[list[str]]:
    cold = []
    for _ in range(COLD_RUNS):
        with tempfile.TemporaryDirectory() as folder:
            cold.append(_child(FIRST_CALL, folder))
            if len(cold) == COLD_RUNS:
                warm = [_child(FIRST_CALL, folder) for _ in range(RUNS)]
    return [_first_call_row("warm", warm, 0.8), _first_call_row("cold", cold, 6.0)]


def _first_call_row(cache: str, runs: list[dict[str, Any]], target: float) -> list[str]:
    whole = statistics.median(run["whole"] for run in runs)
    call = statistics.median(run["call"] for run in runs)
    remark = f"the call itself {call:.3f}"
    return [f"first score, compile cache {cache}", f"{whole:.3f}", f"≤ {target:g}", yes_no(whole <= target), remark]


def _child(code: str, cache: str | None = None) -> dict[str, Any]:
    environment = {**os.environ, **({"NUMBA_CACHE_DIR": cache} if cache else {})}
    done = subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout))
