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

OPTIONAL = ["cffi", "coverage", "yaml"]  # numba imports them where they are installed; alcore does not ask for them

IMPORT = """
import json, sys, time
start = time.perf_counter()
{statement}
seconds = time.perf_counter() - start
print(json.dumps(dict(seconds=seconds, modules=[name for name in sys.modules if "." not in name])))
"""

STARTED = """import gc; gc.disable(); import numpy, numba
from numba.core.registry import cpu_target; cpu_target.target_context.refresh()"""

FIRST_CALL = """
import json, sys, time
sys.modules.update(dict.fromkeys({hidden}))
start = time.perf_counter()
import alcore, numpy
probs = numpy.random.default_rng(0).standard_exponential((100, 10, 20), dtype=numpy.float32)
probs /= probs.sum(axis=1, keepdims=True)
before = time.perf_counter()
alcore.bald(probs)
end = time.perf_counter()
print(json.dumps(dict(seconds=end - start, call=end - before, processor=time.process_time())))
"""


def tables(_peer: Peer) -> Iterator[Table]:
    text = (
        f"New processes, medians of {RUNS} ({COLD_RUNS} where the compile cache is cold: an empty folder), with the bytecode that "
        "an installation writes. The first score is `alcore.bald` of a float32 (100, 10, 20); its time begins before "
        f"`import alcore`. numba imports {', '.join(OPTIONAL)} where they are installed, as they are for the tests: a row is "
        "without them. Its first call also fills its tables and imports scipy.linalg; `numba, started` is that with Python's "
        "collector off, as alcore keeps it meanwhile, and no less can be had through numba."
    )
    columns = ["what", "seconds", "target", "reached", "remark"]
    with tempfile.TemporaryDirectory() as bytecode:
        yield Table("Start-up", text, columns, [*_import_rows(bytecode), *_first_call_rows(bytecode)])


def _import_rows(bytecode: str) -> list[list[str]]:
    runs = {
        name: _runs(IMPORT.format(statement=statement), bytecode)
        for name, statement in {
            "alcore": "import alcore",
            "all": "from alcore import *",
            "numpy": "import numpy",
            "scipy": "import numpy, scipy.linalg.cython_blas",
            "numba": "import numpy, numba",
            "started": STARTED,
        }.items()
    }
    took = {name: statistics.median(run["seconds"] for run in own) for name, own in runs.items()}
    found = [name for name in UNWANTED if name in runs["alcore"][0]["modules"]]
    remark = "loads none of " + ", ".join(UNWANTED) if not found else "loads " + ", ".join(found)
    return [
        ["`import alcore`", f"{took['alcore']:.3f}", "≤ 0.35", yes_no(took["alcore"] <= 0.35 and not found), remark],
        [
            "`from alcore import *`",
            f"{took['all']:.3f}",
            "",
            "",
            "every public name; each is imported when it is named",
        ],
        ["`import numpy` alone", f"{took['numpy']:.3f}", "", "", "part of what follows"],
        [
            "`import numpy, scipy.linalg` alone",
            f"{took['scipy']:.3f}",
            "",
            "",
            "part of `numba, started`: numba looks for a BLAS",
        ],
        ["`import numpy, numba` alone", f"{took['numba']:.3f}", "", "", "part of the first score"],
        [
            "numba, started, collector off",
            f"{took['started']:.3f}",
            "",
            "",
            "part of the first score, and no less of it",
        ],
    ]


def _first_call_rows(bytecode: str) -> list[list[str]]:
    whole, bare = FIRST_CALL.format(hidden=[]), FIRST_CALL.format(hidden=OPTIONAL)
    cold = []
    for _ in range(COLD_RUNS):
        with tempfile.TemporaryDirectory() as folder:
            cold.append(_child(whole, bytecode, folder))
            if len(cold) == COLD_RUNS:
                warm = [_child(whole, bytecode, folder) for _ in range(RUNS)]
                alone = [_child(bare, bytecode, folder) for _ in range(RUNS)]
    return [
        _first_call_row("warm", warm, 0.5),
        _first_call_row(f"warm, without {', '.join(OPTIONAL)}", alone, 0.5),
        _first_call_row("cold", cold, 4.0),
    ]


def _first_call_row(cache: str, runs: list[dict[str, Any]], target: float) -> list[str]:
    whole, call, processor = (statistics.median(run[name] for run in runs) for name in ("seconds", "call", "processor"))
    fastest = min(run["seconds"] for run in runs)
    remark = f"the call itself {call:.3f}; fastest {fastest:.3f}; processor time {processor:.3f}"
    return [f"first score, compile cache {cache}", f"{whole:.3f}", f"≤ {target:g}", yes_no(whole <= target), remark]


def _runs(code: str, bytecode: str) -> list[dict[str, Any]]:
    """Of as many processes, after one that writes the bytecode."""
    return [_child(code, bytecode) for _ in range(RUNS + 1)][1:]


def _child(code: str, bytecode: str, cache: str | None = None) -> dict[str, Any]:
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": bytecode, **({"NUMBA_CACHE_DIR": cache} if cache else {})}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout))
