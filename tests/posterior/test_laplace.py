"""The posterior against inference written apart from it: a dense Newton, closed-form regression, integration on a grid."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize

import alcore

N, C, T = 40, 4, 7


def draws_of(seed: int, shape: tuple[int, ...] = (N, C, T), spread: float = 1.5) -> np.ndarray:
    """Logits whose draws differ around a mean of each row."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(*shape[:2], 1)) + spread * rng.normal(size=shape)


def softmax(logits: np.ndarray) -> np.ndarray:
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)


def directions(predictors: np.ndarray, weights: np.ndarray, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """m (n, K) and Φ (n, K, T), written out."""
    mean = (predictors * weights).sum(axis=-1)
    return mean, scale * (predictors - mean[..., None]) * np.sqrt(weights)


def of_classes(f: np.ndarray, y: np.ndarray) -> float:
    return float(-np.log(softmax(f)[np.arange(len(y)), y]).sum())


def of_labels(f: np.ndarray, y: np.ndarray) -> float:
    return float(-np.log(np.where(y == 1, 1 / (1 + np.exp(-f)), 1 / (1 + np.exp(f)))).sum())


def numeric_hessian(function: Callable[[np.ndarray], float], at: np.ndarray, step: float = 1e-4) -> np.ndarray:
    size = len(at)
    eye, found = step * np.eye(size), np.empty((size, size))
    for i in range(size):
        for j in range(size):
            corners = [function(at + a * eye[i] + b * eye[j]) for a in (1, -1) for b in (1, -1)]
            found[i, j] = (corners[0] - corners[1] - corners[2] + corners[3]) / (4 * step**2)
    return found


CASES: dict[str, tuple[str, Callable[[np.ndarray], np.ndarray], tuple[int, ...], Any]] = {
    "classes": ("logits", lambda z: z, (N, C, T), of_classes),
    "probabilities": ("probs", softmax, (N, C, T), of_classes),
    "binary": ("binary_logits", lambda z: z, (N, 1, T), of_labels),
    "labels": ("multilabel", lambda z: 1 / (1 + np.exp(-z)), (N, 3, T), of_labels),
}


def labels_of(kind: str, rows: int, size: int) -> np.ndarray:
    rng = np.random.default_rng(9)
    if kind in ("logits", "probs"):
        return rng.integers(size, size=rows)
    return rng.integers(2, size=rows if kind == "binary_logits" else (rows, size))


@pytest.mark.parametrize("weights", [None, [1, 2, 0, 1, 5, 1, 1]], ids=["equal", "weights"])
@pytest.mark.parametrize("name", CASES)
def test_mode_covariance_and_evidence_are_those_of_plain_minimisation(name: str, weights: list[int] | None) -> None:
    kind, of, shape, loss = CASES[name]
    predictors, scale = draws_of(1, shape), 1.7
    rows = np.array([3, 0, 17, 22, 31, 5])
    labels = labels_of(kind, len(rows), shape[1])
    posterior = alcore.Posterior(of(predictors), kind=kind, scale=scale, weights=weights)
    posterior.learn(rows, labels)

    shares = np.full(T, 1 / T) if weights is None else np.array(weights) / np.sum(weights)
    mean, phi = directions(predictors[rows], shares, scale)
    truth = labels[:, None] if kind == "binary_logits" else labels

    def objective(a: np.ndarray) -> float:
        return loss(mean + phi @ a, truth) + 0.5 * float(a @ a)

    best = minimize(objective, np.zeros(T), method="BFGS", options={"gtol": 1e-9}).x
    hessian = numeric_hessian(objective, best)
    np.testing.assert_allclose(posterior.mode, best, atol=1e-5)
    np.testing.assert_allclose(posterior.covariance, np.linalg.inv(hessian), atol=1e-4)
    log_evidence = -objective(best) - 0.5 * np.linalg.slogdet(hessian)[1]
    assert posterior.evidence == pytest.approx(log_evidence, abs=1e-4)
    dimension = T - np.trace(np.linalg.inv(hessian))
    assert posterior.effective_dimension == pytest.approx(dimension, abs=1e-4)


def test_mode_and_covariance_of_classes_are_those_of_a_dense_newton() -> None:
    logits, scale = draws_of(2), 3.0
    rows, labels = np.arange(12), labels_of("logits", 12, C)
    posterior = alcore.Posterior(logits, kind="logits", scale=scale)
    posterior.learn(rows, labels)
    mean, phi = directions(logits[rows], np.full(T, 1 / T), scale)
    a = np.zeros(T)
    for _ in range(200):
        probs = softmax(mean + phi @ a)
        gradient = np.einsum("nct,nc->t", phi, probs - np.eye(C)[labels]) + a
        hessian = np.eye(T)
        for i in range(len(rows)):
            hessian += phi[i].T @ (np.diag(probs[i]) - np.outer(probs[i], probs[i])) @ phi[i]
        a = a - 0.5 * np.linalg.solve(hessian, gradient)
    np.testing.assert_allclose(posterior.mode, a, atol=1e-6)
    np.testing.assert_allclose(posterior.covariance, np.linalg.inv(hessian), atol=1e-6)


@pytest.mark.parametrize("outputs", [1, 2])
def test_numbers_are_learned_as_in_closed_form_regression(outputs: int) -> None:
    rng = np.random.default_rng(4)
    means = 1e3 + rng.normal(size=(N, outputs, T))
    variance = rng.uniform(0.1, 2, size=(N, outputs))
    rows, labels = np.array([1, 8, 2, 30]), 1e3 + rng.normal(size=(4, outputs))
    posterior = alcore.Posterior(means, kind="mean", variance=variance, scale=1.3)
    posterior.learn(rows, labels)
    mean, phi = directions(means, np.full(T, 1 / T), 1.3)
    flat, noise = phi[rows].reshape(-1, T), variance[rows].reshape(-1)
    covariance = np.linalg.inv(np.eye(T) + flat.T @ (flat / noise[:, None]))
    mode = covariance @ flat.T @ ((labels - mean[rows]).reshape(-1) / noise)
    np.testing.assert_allclose(posterior.mode, mode, atol=1e-8)
    np.testing.assert_allclose(posterior.covariance, covariance, atol=1e-8)
    np.testing.assert_allclose(posterior.predictive(), mean + phi @ mode, rtol=1e-8)
    total = flat @ flat.T + np.diag(noise)  # the density of the labels
    error = (labels - mean[rows]).reshape(-1)
    density = -0.5 * (error @ np.linalg.solve(total, error) + np.linalg.slogdet(2 * np.pi * total)[1])
    assert posterior.evidence == pytest.approx(density, abs=1e-8)


def test_the_predictive_of_two_classes_is_near_exact_inference() -> None:
    """Two draws: integrals over their coefficients are sums on a grid. Laplace's own bias is 0.04 after these eight labels."""
    logits = draws_of(6, (30, 2, 2))
    rows, labels = np.arange(8), labels_of("logits", 8, 2)
    posterior = alcore.Posterior(logits, kind="logits", scale=2.0)
    posterior.learn(rows, labels)
    mean, phi = directions(logits, np.full(2, 0.5), 2.0)
    grid = np.linspace(-6, 6, 241)
    a = np.stack(np.meshgrid(grid, grid), -1).reshape(-1, 2)
    f = mean[:, :, None] + np.einsum("nct,gt->ncg", phi, a)
    probs = softmax(f)
    log_weight = np.log(probs[rows, labels]).sum(axis=0) - 0.5 * (a**2).sum(axis=1)
    weight = np.exp(log_weight - log_weight.max())
    exact = probs @ (weight / weight.sum())
    found = posterior.predictive(count=20_000)
    off = a - posterior.mode
    normal = np.exp(-0.5 * np.einsum("gt,ts,gs->g", off, np.linalg.inv(posterior.covariance), off))
    np.testing.assert_allclose(found, probs @ (normal / normal.sum()), atol=4 * 0.5 / np.sqrt(20_000))
    assert np.abs(found - exact).max() < 0.05
    before = probs @ (np.exp(-0.5 * (a**2).sum(axis=1)) / np.exp(-0.5 * (a**2).sum(axis=1)).sum())
    assert np.abs(exact - before).max() > 0.1  # there was something to learn


def test_the_scale_has_the_largest_evidence_of_a_fine_grid() -> None:
    logits = draws_of(7, (200, 3, 30), spread=0.3)
    rng = np.random.default_rng(3)
    mean, phi = directions(logits, np.full(30, 1 / 30), 6.0)
    f = mean + phi @ rng.normal(size=30)
    rows = np.arange(120)
    labels = np.array([rng.choice(3, p=p) for p in softmax(f[rows])])
    chosen = alcore.Posterior(logits, kind="logits")
    assert chosen.scale == 1
    assert chosen.fit_scale(rows, labels) == chosen.scale
    assert chosen.labelled == 0
    evidence = {}
    for scale in np.exp(np.linspace(np.log(0.1), np.log(50), 80)):
        given = alcore.Posterior(logits, kind="logits", scale=float(scale))
        given.learn(rows, labels)
        evidence[scale] = given.evidence - 0.5 * (np.log(scale) / np.log(3)) ** 2
    best = max(evidence, key=lambda scale: evidence[scale])
    assert abs(np.log(chosen.scale / best)) < 0.1
    assert 2 < chosen.scale < 15  # the true one is 6
