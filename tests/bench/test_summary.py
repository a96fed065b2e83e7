"""Plain words: they say what the runs show, and no more."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

import alcore
from alcore.bench import Comparison, Replay, calibration, compare, sentences
from alcore.bench.temperature_scaling import Tempering
from tests.bench.labelled_predictions import labels_of
from tests.conftest import soak

LABELS = np.arange(11)
PROBS = np.random.default_rng(4).dirichlet(np.ones(3), size=(40, 8)).transpose(0, 2, 1)


@cache
def bare_comparison() -> Comparison:
    return compare(PROBS, k=3, heuristics=["bald", "random"], samples=200, rng=0)


def replayed(
    slopes: dict[str, float], *, runs: int = 8, noise: float = 0.0, exhausted: bool = False, seed: int = 0
) -> Replay:
    rng = np.random.default_rng(seed)
    curves = {
        name: alcore.Curves(
            LABELS, {"log-likelihood": slope * LABELS + noise * rng.normal(size=(runs, 11))}, np.arange(runs)
        )
        for name, slope in slopes.items()
    }
    return Replay(1, 30, curves, {}, exhausted)


def words(replay: Replay) -> str:
    return "\n".join(sentences(replace(bare_comparison(), replays=(replay,), left_out={})))


def test_who_is_better_is_said_with_its_share_and_interval() -> None:
    text = words(replayed({"bald": 2.0, "entropy": 4.0, "random": 1.0, "margin": 0.5}))
    expected = "entropy needed 25 % of Random's labels to reach the log-likelihood that Random had with 10 labels"
    assert f"{expected} (interval 25 to 25 %)" in text
    assert "Fewer labels than Random also needed: bald (50 % of 10, 50 to 50 %)." in text
    assert "margin (with 10 labels) was clearly worse than Random" in text


def test_many_are_counted() -> None:
    text = words(replayed({"random": 1.0, **{f"h{i}": 2.0 + i for i in range(6)}}))
    assert text.count("% of 10,") == 2
    assert "and 3 more." in text


@pytest.mark.parametrize("seed", range(soak(3, 50)))
def test_noise_is_no_difference(seed: int) -> None:
    text = words(replayed({"random": 0.1, **{f"h{i}": 0.1 for i in range(8)}}, noise=1.0, seed=seed))
    assert "no heuristic was clearly better than Random" in text
    assert "worse" not in text


def test_one_run_tells_nothing_of_chance() -> None:
    text = words(replayed({"bald": 2.0, "random": 1.0}, runs=1))
    assert "one run cannot show how much is chance" in text
    assert "needed" not in text


def test_nothing_is_compared_without_random_or_with_it_alone() -> None:
    assert "label" not in words(replayed({"bald": 2.0}))
    assert "label" not in words(replayed({"random": 2.0}))


def test_exhausted_draws_are_said() -> None:
    assert "Draws are exhausted after 10 labels" in words(replayed({"bald": 2.0, "random": 1.0}, exhausted=True))
    assert "exhausted" not in words(replayed({"bald": 2.0, "random": 1.0}))


def test_how_far_a_replay_by_a_gaussian_posterior_looks() -> None:
    first = replayed({"bald": 2.0, "random": 1.0})
    curves = {
        name: replace(one, metrics={**one.metrics, "effective dimension": one.metrics["log-likelihood"] * 0 + place})
        for place, (name, one) in enumerate(first.curves.items(), 3)
    }
    gaussian = replace(first, curves=curves, posterior="gaussian", scale=1.5, fitted=40, exhausted=True)
    said = words(gaussian)
    assert "looks 10 labels ahead without training. They decide 3 to 4 of the 7 directions of the draws." in said
    assert "The scale of the draws was chosen by 40 labels that no run buys: 1.5." in said
    assert "was the first whose labels decided over 90 % of the directions" in said
    assert "The scale of the draws was given: 1.5." in words(replace(gaussian, fitted=0))
    assert "No draw predicts some of the labels" not in said
    assert "No draw predicts some of the labels" in words(replace(gaussian, scale=99.3))
    assert "No draw predicts some of the labels" not in words(replace(gaussian, scale=99.3, fitted=0))


def test_calibration_is_said_as_it_is() -> None:
    rng = np.random.default_rng(5)
    probs = rng.dirichlet(np.ones(3), size=4_000)
    labels = labels_of(probs, rng)
    good = calibration(probs, labels)
    sharp = probs**4 / (probs**4).sum(axis=1, keepdims=True)
    bad = calibration(sharp, labels)
    text = "\n".join(sentences(replace(bare_comparison(), tempering=Tempering(good))))
    assert "as far as 4,000 rows can show" in text
    assert "Warning" not in text
    text = "\n".join(sentences(replace(bare_comparison(), tempering=Tempering(bad, good, 4.0))))
    assert "Warning: the model is overconfident" in text
    assert "A temperature of 4.00" in text
    assert "alcore.bench.tempered(predictions, 4.00)" in text
    assert "temperature" not in "\n".join(sentences(replace(bare_comparison(), tempering=Tempering(bad, bad, 1.0))))


def test_batches_within_their_errors_are_not_ranked() -> None:
    result = bare_comparison()
    far = replace(result, information=np.array([1.0, 0.5]), information_error=np.array([0.01, 0.01]))
    assert ", bald gave the most information" in "\n".join(sentences(far))
    near = replace(result, information=np.array([1.0, 0.99]), information_error=np.array([0.01, 0.01]))
    assert "bald and random gave the most information" in "\n".join(sentences(near))
    assert "Some of the 3 picks are near-duplicates of earlier ones: 2 of random." in "\n".join(
        sentences(replace(result, near_duplicates=np.array([0, 2])))
    )


def test_what_is_left_out_is_said() -> None:
    assert sentences(bare_comparison())[-1].startswith("Replay is left out: it needs labels of the pool")


def test_the_first_sentence_names_who_leads_by_how_much_and_how_sure() -> None:
    first = words(replayed({"random": 1.0, "bald": 2.0, "margin": 1.0}, noise=0.1)).split("\n")[0]
    assert first.startswith("bald leads over the first 10 labels. The log-likelihood of bald was on average +5.")
    assert "(interval +5." in first
    assert "margin" not in first
    equal = words(replayed({"random": 1.0, "bald": 2.0, "entropy": 2.0}, noise=0.1)).split("\n")[0]
    assert equal.startswith(("bald and entropy lead", "entropy and bald lead"))
    assert "cannot tell the 2 leaders apart" in equal
    noise = words(replayed({"random": 0.1, **{f"h{i}": 0.1 for i in range(8)}}, noise=1.0)).split("\n")[0]
    assert noise.startswith("No heuristic clearly beats Random over the first 10 labels.")
    assert "may explain it" in noise


def test_without_replay_the_first_sentence_says_what_is_not_known() -> None:
    assert sentences(bare_comparison())[0].startswith("Which heuristic learns fastest is not known here")


def test_few_draws_are_said_with_the_number_that_is_enough() -> None:
    text = "\n".join(sentences(bare_comparison()))
    assert "8 draws are few for batches of 3" in text
    assert "bald" in text
    assert "draws)" in text
    sure = replace(bare_comparison().fresh_draws["bald"], overlap=0.9)
    enough = "\n".join(sentences(replace(bare_comparison(), fresh_draws={"bald": sure})))
    assert "8 draws are enough for batches of 3" in enough
    assert "at least 90 %" in enough
