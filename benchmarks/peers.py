"""The peers' side of the benchmarks: runs inside their environment, obeys JSON commands, one a line.

{"versions": ["baal"]}     -> {"baal": "2.1.0"}
{"load": "x.npy"}          -> {"shape": [...]}       the array that is scored from now on
{"targets": "x.npy"}       -> {"shape": [...]}       the targets from now on
{"time": "bald"}           -> {"seconds": 0.5}       one call
{"save": "scores.npy"}     -> {"saved": true}        the scores of the last call
{"map": "x.npy"}           -> {"shape": [...]}       one image (1, C, H, W, T) from now on
{"score_map": "float16"}   -> {"seconds": 3.5}       Baal's BALD(reduction="mean") of it, as it is or as normalised float32
{"map_memory": "float16"}  -> {"score": 0.3, "grown": 900.0}
                                                      the same: its score, and MiB above the start
{"batch": {"of": "redux", "k": 10, "samples": 10000}}
                           -> {"seconds": 60.0, "indices": [...], "information": 4.1, "nan": 0}
                                                      BatchBALD, one call: its picks, the information it says, picks by NaN
{"predict": {"rows": 1024, "draws": 50, "batch": 128, "replicate": true}}
                           -> {"seconds": 0.9, "grown": 60.0}
                                                      Baal's wrapper around the network of adapters/loops_torch.py, median of 3; MiB
"""

from __future__ import annotations

import importlib.metadata
import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from adapters.loops_torch import SHAPE, network
from baal.active import heuristics
from baal.bayesian.dropout import patch_module
from baal.modelwrapper import ModelWrapper, TrainingArgs
from batchbald_redux.batchbald import get_batchbald_batch
from harness import mebibytes_grown

CALLS: dict[str, Callable[..., np.ndarray]] = {
    "bald": heuristics.BALD().compute_score,
    "epig": heuristics.EPIG().compute_score,
}


def redux_batch(probs: np.ndarray, k: int, samples: int) -> dict[str, Any]:
    """The logarithms are not timed; zeros among the probabilities would make it choose rows with NaN."""
    log_probs = torch.from_numpy(np.log(np.maximum(probs, np.finfo(np.float32).tiny)).transpose(0, 2, 1)).contiguous()
    start = time.perf_counter()
    batch = get_batchbald_batch(log_probs, k, samples)
    seconds = time.perf_counter() - start
    lost = int(np.isnan(batch.scores).sum())
    return {"seconds": seconds, "indices": batch.indices, "information": batch.scores[-1], "nan": lost}


def baal_batch(probs: np.ndarray, k: int, samples: int) -> dict[str, Any]:
    """``num_samples`` is the batch size, ``num_draw`` the configurations of each draw; the batch is the first k of its ranks."""
    heuristic = heuristics.BatchBALD(num_samples=k, num_draw=samples // probs.shape[-1])
    start = time.perf_counter()
    ranks, scores = heuristic.get_ranks(probs)
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "indices": ranks[:k].tolist(), "information": float(scores.max()), "nan": 0}


BATCHES = {"redux": redux_batch, "baal": baal_batch}


class Worker:
    arrays: tuple[np.ndarray, ...]
    image: np.ndarray
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

    def map(self, path: str) -> dict[str, Any]:
        self.image = np.load(path, allow_pickle=False)
        return {"shape": list(self.image.shape)}

    def score_map(self, dtype: str) -> dict[str, Any]:
        start = time.perf_counter()
        self._map_score(dtype)
        return {"seconds": time.perf_counter() - start}

    def map_memory(self, dtype: str) -> dict[str, Any]:
        found: list[float] = []
        grown = mebibytes_grown(lambda: found.append(self._map_score(dtype)))
        return {"score": found[0], "grown": grown}

    def _map_score(self, dtype: str) -> float:
        image = self.image
        if dtype == "float32":
            image = image.astype(np.float32)
            image /= image.sum(axis=1, keepdims=True)
        return float(heuristics.BALD(reduction="mean").get_uncertainties(image)[0])

    def batch(self, command: dict[str, Any]) -> dict[str, Any]:
        torch.manual_seed(0)
        return BATCHES[command["of"]](self.arrays[0], command["k"], command["samples"])

    def predict(self, command: dict[str, Any]) -> dict[str, Any]:
        images = np.random.default_rng(0).random((command["rows"], *SHAPE), np.float32)
        data = torch.utils.data.TensorDataset(torch.from_numpy(images), torch.zeros(len(images)))
        options = {"batch_size": command["batch"], "use_cuda": False, "workers": 0}
        args = TrainingArgs(replicate_in_memory=command["replicate"], **options)
        wrapper = ModelWrapper(patch_module(network(), inplace=False), args)

        def predict() -> float:
            start = time.perf_counter()
            wrapper.predict_on_dataset(data, command["draws"], verbose=False)
            return time.perf_counter() - start

        wrapper.predict_on_dataset(torch.utils.data.Subset(data, range(command["batch"])), 2, verbose=False)
        grown = mebibytes_grown(predict)
        return {"seconds": statistics.median(predict() for _ in range(3)), "grown": grown}

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
