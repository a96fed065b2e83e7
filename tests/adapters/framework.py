"""What the laws of adapters ask of a framework: the same small networks, with weights that are given, and its adapter."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import alcore

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
        """x (n, features) -> dropout, none where the rate is None -> x @ w (features, classes), no bias."""

    @abstractmethod
    def in_a_dict(self, weights: Weights, rate: float) -> Any:
        """The network, but it returns {"logits": ..., "hidden": ...}."""

    @abstractmethod
    def infer(self, model: Any, x: np.ndarray) -> np.ndarray:
        """The logits that the model predicts, with its dropout off."""

    @abstractmethod
    def state(self, model: Any) -> list[np.ndarray]:
        """Copies of all weights and of the statistics of normalisation."""

    @abstractmethod
    def spoil(self, model: Any) -> None:
        """Set a weight to zeros, in place."""


@dataclass(frozen=True)
class Picks:
    """Rows drawn from 40, their labels, the weights that undo the drawing, and what training on them has to come to."""

    x: np.ndarray  # (12, 6)
    y: np.ndarray
    v: np.ndarray
    line: str  # of the guide: a weighted training loss in one framework

    @classmethod
    def of(cls, name: str) -> Picks:
        guide = (Path(__file__).parents[2] / "docs" / "risk.md").read_text()
        (line,) = re.findall(rf"^\| {name} \| `(.*)` \|$", guide, re.MULTILINE)
        rng = np.random.default_rng(3)
        batch = alcore.power(rng.exponential(size=40) + 0.1, k=12, rng=rng)
        v = alcore.lure_weights(batch.q, 40, support=batch.support)
        return cls(rng.normal(size=(12, FEATURES)).astype(np.float32), rng.integers(0, CLASSES, 12), v, line)

    def gradient(self, w: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Of mean_m v_m (-log p_m), p the softmax of x @ w + b, with respect to w."""
        grown = np.exp(self.x @ w + b)
        apart = grown / grown.sum(axis=1, keepdims=True) - np.eye(CLASSES)[self.y]
        return np.asarray(self.x.T @ (apart * self.v[:, None]) / len(self.v))
