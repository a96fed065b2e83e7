"""Commands that run in a process of their own, each with the threads and the compilation that `make test` can pay for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import SOAK

ROOT = Path(__file__).parents[2]
# Two workers share two cores: one thread each (the laws in PyTorch: 2 s of CPU, 8 s with threads that wait for each other), and
# XLA's programs are not optimised (a model of the laws: 0.26 s of CPU, not 0.78 s). `make soak` runs frameworks as users do.
CHEAP = {
    "OMP_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "XLA_FLAGS": "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false",
}


def run(*command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Python with these arguments, in the root of the repository."""
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONDONTWRITEBYTECODE": "1"}
    environment = {**os.environ, **quiet, **({} if SOAK else CHEAP), **variables}
    return subprocess.run([sys.executable, *command], capture_output=True, text=True, cwd=ROOT, env=environment)
