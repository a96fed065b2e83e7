"""The peers' side of the benchmarks: runs inside their environment, obeys JSON commands, one a line.

{"versions": ["baal"]}     -> {"baal": "2.1.0"}
{"load": "x.npy"}          -> {"shape": [...]}       the array that is scored from now on
{"targets": "x.npy"}       -> {"shape": [...]}       the targets from now on
{"time": "bald"}           -> {"seconds": 0.5}       one call
{"save": "scores.npy"}     -> {"saved": true}        the scores of the last call
"""

from __future__ import annotations

import importlib.metadata
import json
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from baal.active import heuristics

CALLS: dict[str, Callable[..., np.ndarray]] = {
    "bald": heuristics.BALD().compute_score,
    "epig": heuristics.EPIG().compute_score,
}


class Worker:
    arrays: tuple[np.ndarray, ...]
    scores: np.ndarray

    def versions(self, packages: list[str]) -> dict[str, Any]:
        return {package: importlib.metadata.version(package) for package in packages}

    def load(self, path: str) -> dict[str, Any]:
        self.arrays = (np.load(path, allow_pickle=False),)
        return {"shape": list(self.arrays[0].shape)}

    def targets(self, path: str) -> dict[str, Any]:
        self.arrays = (self.arrays[0], np.load(path, allow_pickle=False))
        return {"shape": list(self.arrays[1].shape)}

    def time(self, name: str) -> dict[str, Any]:
        start = time.perf_counter()
        self.scores = CALLS[name](*self.arrays)
        return {"seconds": time.perf_counter() - start}

    def save(self, path: str) -> dict[str, Any]:
        np.save(path, self.scores)
        return {"saved": True}


def main() -> None:
    answers, sys.stdout = sys.stdout, sys.stderr  # what a library prints must not mix with the answers
    worker = Worker()
    for line in sys.stdin:
        [(command, argument)] = json.loads(line).items()
        print(json.dumps(getattr(worker, command)(argument)), file=answers, flush=True)


if __name__ == "__main__":
    main()
