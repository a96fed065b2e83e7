"""What a fresh set of draws would pick: against truth, where it is known, and what cannot be said."""

from __future__ import annotations

import numpy as np
import pytest

import alcore
from alcore.bench import compare
from alcore.bench.fresh_draws import extrapolated
from alcore.bench.tables import fresh_draws_table
from tests.conftest import soak

RNG = np.random.default_rng(1)
LOGITS = RNG.normal(0, 1, (150, 3, 1)) + RNG.normal(0, 1, (150, 1, 1)) ** 2 * RNG.normal(0, 1, (150, 3, 400))
PROBS = np.exp(LOGITS) / np.exp(LOGITS).sum(axis=1, keepdims=True)


def test_what_does_not_depend_on_the_draws_is_certain() -> None:
    same = np.repeat(PROBS[..., :1], 20, axis=-1)
    result = compare(same, k=5, heuristics=["entropy", "random", "power-bald"], cuts=3, rng=0)
    for found in result.fresh_draws.values():
        assert found.overlap == found.low == 1
        assert found.certain.all()
        assert found.enough <= 4


def test_noise_alone_agrees_by_chance() -> None:
    """Draws that are the same distribution in each row: fresh draws pick other rows, k / N of them by chance."""
    noise = np.random.default_rng(2).dirichlet(np.ones(3), size=(200, 60)).transpose(0, 2, 1)
    found = compare(noise, k=10, heuristics=["bald"], rng=0).fresh_draws["bald"]
    assert found.overlap < 0.2
    assert not found.certain.any()
    assert found.enough == found.enough_high == np.inf


@pytest.mark.parametrize("name", ["bald", "least-confidence"])
def test_the_overlap_is_that_of_fresh_draws(name: str) -> None:
    """Twelve sets of 40 draws, of which each is fresh for the others."""
    one = alcore.heuristic(name)
    sets, k = np.split(PROBS, 10, axis=-1), 15
    picks = [one.select(np.ascontiguousarray(part), k).indices for part in sets]
    true = np.mean([len(np.intersect1d(a, b)) / k for i, a in enumerate(picks) for b in picks[:i]])
    found = [compare(part, k=k, heuristics=[name], samples=50, cuts=10, rng=0) for part in sets[: soak(4, 10)]]
    said = [result.fresh_draws[name] for result in found]
    assert np.mean([each.overlap for each in said]) == pytest.approx(true, abs=0.1)
    assert np.mean([each.low <= true <= each.high for each in said]) >= 0.75
    sure = [
        (result.batches[0].indices[each.certain], i) for i, (result, each) in enumerate(zip(found, said, strict=True))
    ]
    kept = [np.isin(rows, other).mean() for rows, i in sure if len(rows) for j, other in enumerate(picks) if j != i]
    assert kept
    assert np.mean(kept) > 0.85


def test_the_line_is_followed_to_80_percent() -> None:
    sizes = np.array([50, 100, 150])
    logits = 0.75 * np.log(sizes / 600) + np.log(4)  # 80 % at 600 draws
    shares = dict(zip(sizes.tolist(), (1 / (1 + np.exp(-logits))).tolist(), strict=True))
    found = extrapolated(shares, 300, 50)
    assert found["enough"] == pytest.approx(600, abs=2)
    assert found["enough_low"] < 600 < found["enough_high"]
    assert found["low"] < found["overlap"] < found["high"] < 1
    assert found["overlap"] == pytest.approx(1 / (1 + np.exp(-0.75 * np.log(0.5) - np.log(4))), abs=1e-3)
    assert extrapolated(dict.fromkeys(shares, 0.05), 300, 50)["enough"] == np.inf


def test_weights_kinds_axes_and_events_go_the_same_way() -> None:
    probs = PROBS[:60, :, :24]
    options = {"k": 5, "heuristics": ["bald", "batchbald"], "cuts": 3, "samples": 50, "rng": 0}
    expected = compare(probs, **options).fresh_draws
    for given, how in (
        (np.log(probs), {"kind": "logits"}),
        (probs.transpose(2, 0, 1), {"axes": "TNC"}),
        (probs, {"weights": np.full(24, 2.0)}),
    ):
        found = compare(given, **options, **how).fresh_draws
        assert found["bald"].shares == expected["bald"].shares
        assert set(found["batchbald"].shares) == {8, 12}
    weighted = compare(probs, **options, weights=np.arange(1.0, 25)).fresh_draws["bald"]
    assert weighted.shares != expected["bald"].shares
    cells = np.stack([probs, probs], axis=2)
    reduced = compare(cells, **{**options, "heuristics": [alcore.Reduce(alcore.BALD())]})
    assert reduced.fresh_draws["mean(bald)"].shares == expected["bald"].shares
    means = np.random.default_rng(3).normal(size=(40, 2, 12))
    noise = np.random.default_rng(4).uniform(0.5, 1, size=(40, 2, 12))
    for variance in (0.5, noise, noise[..., 0]):
        result = compare(means, k=4, heuristics=["bald", "random"], kind="mean", variance=variance, cuts=3, rng=0)
        assert 0 <= result.fresh_draws["bald"].overlap < 1


def test_few_cuts_show_no_certain_pick() -> None:
    found = compare(PROBS[..., :30], k=5, heuristics=["bald"], cuts=2, rng=0).fresh_draws["bald"]
    assert found.certain is None
    table = fresh_draws_table({"bald": found})
    assert np.isnan(table["certain picks"][0])


@pytest.mark.parametrize(
    ("draws", "options", "why"),
    [
        (3, {}, "it needs at least 4 draws"),
        (8, {"weights": [0, 1, 1, 1, 1, 1, 1, 1]}, "some draws have no weight"),
        (8, {"k": 0}, "the batches are empty"),
        (8, {"cuts": 0}, "cuts is 0"),
    ],
)
def test_why_it_is_not_known_is_said(draws: int, options: dict, why: str) -> None:
    result = compare(PROBS[:30, :, :draws], **{"k": 3, "heuristics": ["bald"], "rng": 0, **options})
    assert result.fresh_draws == {}
    assert why in result.left_out["overlap with fresh draws"]
