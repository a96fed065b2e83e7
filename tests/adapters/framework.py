"""What the laws of adapters ask of a framework: the same small networks, with weights that are given, and its adapter."""

from __future__ import annotations

import importlib
import os
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np

MEAN, VARIANCE, EPSILON = 0.1 * np.arange(8.0), 1 + 0.1 * np.arange(8.0), 1e-3
FEATURES, HIDDEN, CLASSES = 6, 8, 3


@dataclass(frozen=True)
class Weights:
    """x (n, 6) @ w1 + b1 -> batch norm (MEAN, VARIANCE, EPSILON, scale 1, offset 0) -> relu -> dropout -> @ w2 + b2: (n, 3)."""

    w1: np.ndarray
    b1: np.ndarray
    w2: np.ndarray
    b2: np.ndarray

    @classmethod
    def of(cls, seed: int) -> Weights:
        rng = np.random.default_rng(seed)
        shapes = (FEATURES, HIDDEN), (HIDDEN,), (HIDDEN, CLASSES), (CLASSES,)
        return cls(*(rng.normal(size=shape).astype(np.float32) for shape in shapes))

    def logits(self, x: np.ndarray) -> np.ndarray:
        hidden = ((x @ self.w1 + self.b1) - MEAN) / np.sqrt(VARIANCE + EPSILON)
        return np.maximum(hidden, 0) @ self.w2 + self.b2


class Framework(ABC):
    """One framework (of Keras: one backend) and its adapter, ``self.adapter``, with predict, DropConnect and InitialWeights."""

    adapter: Any

    @abstractmethod
    def network(self, weights: Weights, rate: float) -> Any:
        """The network of `Weights` with dropout of that rate, as an adapter's ``predict`` takes it."""

    @abstractmethod
    def linear(self, w: np.ndarray, rate: float | None) -> Any:
        """x (n, 6) -> dropout, none where the rate is None -> x @ w (6, 3), no bias."""

    @abstractmethod
    def in_a_dict(self, weights: Weights, rate: float) -> Any:
        """The network, but it returns {"logits": ..., "hidden": ...}."""

    @abstractmethod
    def infer(self, model: Any, x: np.ndarray) -> np.ndarray:
        """What the model says without dropout, logits."""

    @abstractmethod
    def state(self, model: Any) -> list[np.ndarray]:
        """Copies of all weights and of the statistics of normalisation."""

    @abstractmethod
    def spoil(self, model: Any) -> None:
        """Set a weight to zeros, in place."""


def framework() -> Framework:
    """That named in the environment variable ALCORE_ADAPTER: torch, keras, linen, nnx."""
    made: Framework = importlib.import_module(f"tests.adapters.{os.environ['ALCORE_ADAPTER']}_networks").FRAMEWORK
    return made
