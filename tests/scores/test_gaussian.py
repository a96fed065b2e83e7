"""Measures of means, kind="mean": forms of variances, the closed form of Bayesian linear regression, refusals."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import alcore
from alcore.scores import gaussian
from tests.cases import CASES
from tests.gaussians import means_and_variances, measure

pytestmark = pytest.mark.interpreted

N, D, T = 23, 3, 9
MEANS, VARIANCE = means_and_variances(N, D, T)
FUNCTIONS: dict[str, Any] = {
    "bald": alcore.bald,
    "entropy": alcore.entropy,
    "expected-entropy": alcore.expected_entropy,
    "epistemic": lambda *a, **o: alcore.variance(*a, "epistemic", **o),
}


def scored(name: str, means: Any, **options: Any) -> np.ndarray:
    return FUNCTIONS[name](means, kind="mean", **options)


@pytest.mark.parametrize("spread", [1e-2, 1e-5, 1e-7])
def test_small_information_has_relative_accuracy(spread: float) -> None:
    rng = np.random.default_rng(1)
    means = 1 + spread * rng.normal(size=(20, 1, T))
    variance = 2 * (1 + spread * rng.normal(size=(20, 1, T)))
    found = scored("bald", means, variance=variance)
    np.testing.assert_allclose(found, measure("bald", means, variance)[:, 0], rtol=1e-6)
    assert found.max() < 10 * spread**2


def test_draws_that_agree_tell_nothing() -> None:
    means, variance = np.full((4, 2, 7), 0.1), np.full((4, 2, 7), 0.3)
    np.testing.assert_array_equal(scored("bald", means, variance=variance), np.zeros(4))
    np.testing.assert_array_equal(alcore.variance(means, "epistemic"), np.zeros(4))


def test_entropy_is_the_sum_of_its_parts_and_may_be_negative() -> None:
    total = scored("entropy", MEANS, variance=VARIANCE)
    parts = scored("bald", MEANS, variance=VARIANCE) + scored("expected-entropy", MEANS, variance=VARIANCE)
    np.testing.assert_allclose(total, parts, rtol=1e-12)
    assert scored("entropy", MEANS / 1e3, variance=1e-6).max() < 0


def test_bald_bounds_the_information_of_a_mixture() -> None:
    """Two draws far apart tell log 2, by the histogram. The Gaussian of the same variance tells more."""
    means = np.array([[-20.0, 20.0], [-0.1, 0.1]])
    far, near = scored("bald", means, variance=1.0)
    assert far > np.log(2)
    y = np.linspace(-30, 30, 200_001)
    density = np.mean([np.exp(-0.5 * (y - m) ** 2) / np.sqrt(2 * np.pi) for m in means[1]], axis=0)
    mixture = -np.sum(density * np.log(density + 1e-300)) * (y[1] - y[0])
    exact = mixture - 0.5 * np.log(2 * np.pi * np.e)
    assert exact <= near + 1e-9
    assert near == pytest.approx(exact, abs=1e-4)  # Gaussian enough


def test_equals_the_closed_form_of_bayesian_linear_regression() -> None:
    """w ~ N(m, A^-1): BALD of x is ½ log(1 + x'A^-1 x / s²). Draws have a Monte Carlo error of sqrt(2 / T) in the variance."""
    rng = np.random.default_rng(0)
    train, pool, noise, draws = rng.normal(size=(12, 4)), rng.normal(size=(50, 4)), 0.25, 40_000
    posterior = np.linalg.inv(np.eye(4) + train.T @ train / noise)
    weights = rng.multivariate_normal(rng.normal(size=4), posterior, size=draws)
    exact = 0.5 * np.log1p(np.einsum("nd,de,ne->n", pool, posterior, pool) / noise)
    found = scored("bald", pool @ weights.T, variance=noise)
    np.testing.assert_allclose(found, exact, rtol=5 * np.sqrt(2 / draws))


# --- the forms of variances -------------------------------------------------------------------------------------------


def test_a_variance_has_many_forms() -> None:
    per_row = VARIANCE[..., 0]
    expected = measure("bald", MEANS, np.repeat(per_row[..., None], T, axis=2)).sum(axis=1)
    for given in (per_row, per_row[..., None], np.broadcast_to(per_row[..., None], MEANS.shape)):
        np.testing.assert_allclose(scored("bald", MEANS, variance=given), expected, rtol=1e-12)
    outputs = np.array([0.5, 1.0, 2.0])
    wide = np.broadcast_to(outputs[None, :, None], MEANS.shape)
    for given in (outputs, outputs.tolist(), tuple(outputs)):
        np.testing.assert_allclose(
            scored("bald", MEANS, variance=given), scored("bald", MEANS, variance=wide), rtol=1e-12
        )
    for number in (2, 2.0, np.float32(2), np.array(2.0)):
        np.testing.assert_allclose(
            scored("bald", MEANS, variance=number), scored("bald", MEANS, variance=np.full(D, 2.0)), rtol=1e-12
        )


def test_one_output_needs_no_axis() -> None:
    single, noise = MEANS[:, 0], VARIANCE[:, 0]
    expected = scored("bald", MEANS[:, :1], variance=VARIANCE[:, :1])
    np.testing.assert_array_equal(scored("bald", single, variance=noise), expected)
    rows = scored("bald", MEANS[:, :1], variance=noise[:, :1])
    np.testing.assert_array_equal(scored("bald", single, variance=noise[:, 0]), rows)
    np.testing.assert_array_equal(scored("bald", single.T, axes="TN", variance=noise.T), expected)
    np.testing.assert_array_equal(scored("bald", single.T, axes="TN", variance=noise[:, 0]), rows)


def test_outputs_have_factors() -> None:
    factors = np.array([0.0, 2.0, 0.5])
    each = measure("bald", MEANS, VARIANCE)
    found = scored("bald", MEANS, variance=VARIANCE, output_weights=factors)
    np.testing.assert_allclose(found, each @ factors, rtol=1e-12)
    scale = np.array([1.0, 10.0, 100.0])
    scaled = alcore.variance(MEANS * scale[:, None], "epistemic", output_weights=1 / scale**2)
    np.testing.assert_allclose(scaled, alcore.variance(MEANS, "epistemic"), rtol=1e-12)


def test_event_axes_and_padding() -> None:
    means, variance = means_and_variances(6, 2 * 4 * 5, 7, seed=3)
    maps, noise = means.reshape(6, 2, 4, 5, 7), variance.reshape(6, 2, 4, 5, 7)
    found = scored("bald", maps, variance=noise)
    assert found.shape == (6, 4, 5)
    np.testing.assert_array_equal(found[:, 1, 2], scored("bald", maps[:, :, 1, 2], variance=noise[:, :, 1, 2]))
    np.testing.assert_array_equal(
        scored("bald", maps.transpose(4, 0, 2, 3, 1), variance=noise.transpose(4, 0, 2, 3, 1), axes="TNHWC"), found
    )
    still = scored("bald", maps, variance=noise[..., 0])
    moved = scored("bald", maps.transpose(4, 0, 2, 3, 1), variance=noise[..., 0].transpose(0, 2, 3, 1), axes="TNHWC")
    np.testing.assert_array_equal(moved, still)
    mask = np.zeros((6, 4, 5), bool)
    mask[:, 3] = True
    broken = maps.copy()
    broken[:, :, 3] = np.nan
    heuristic = alcore.Reduce(alcore.BALD(), "mean")
    np.testing.assert_array_equal(
        heuristic.score(broken, kind="mean", variance=noise, mask=mask),
        heuristic.score(maps, kind="mean", variance=noise, mask=mask),
    )
    assert heuristic.score(maps, kind="mean", variance=1.0)[0] == pytest.approx(
        scored("bald", maps, variance=1.0)[0].mean()
    )


@pytest.mark.parametrize("size", [1, 5, 23])
def test_means_and_variances_may_be_cut_apart(size: int) -> None:
    expected = scored("bald", MEANS, variance=VARIANCE)
    means, variance = ([one[i : i + size] for i in range(0, N, size)] for one in (MEANS, VARIANCE))
    np.testing.assert_array_equal(scored("bald", iter(means), variance=VARIANCE), expected)
    np.testing.assert_array_equal(scored("bald", MEANS, variance=iter(variance)), expected)
    np.testing.assert_array_equal(scored("bald", [MEANS[:7], MEANS[7:]], variance=iter(variance)), expected)


# --- refusals ---------------------------------------------------------------------------------------------------------


def with_entry(array: np.ndarray, place: tuple[int, ...], value: float) -> np.ndarray:
    changed = array.copy()
    changed[place] = value
    return changed


@pytest.mark.parametrize(
    ("means", "options", "match"),
    [
        (MEANS, {}, r"variance: bald of means needs the variance of the noise.*got None. Pass variance=0.25"),
        (with_entry(MEANS, (4, 1, 2), np.nan), {"variance": 1.0}, r"probs\[4, 1, 2\] is nan.*np.delete\(probs, 4, axis=0\)"),
        (with_entry(MEANS, (4, 1, 2), np.inf), {"variance": 1.0}, r"probs\[4, 1, 2\] is inf"),
        (MEANS, {"variance": with_entry(VARIANCE, (4, 1, 2), -1)}, "variance at row 4, output 1, draw 2 is -1.*numpy.exp"),
        (MEANS, {"variance": with_entry(VARIANCE, (4, 1, 2), 0)}, "variance at row 4, output 1, draw 2 is 0"),
        (MEANS, {"variance": with_entry(VARIANCE, (4, 1, 2), np.nan)}, "variance at row 4, output 1, draw 2 is nan"),
        (MEANS, {"variance": with_entry(VARIANCE[..., 0], (7, 2), np.inf)}, "variance at row 7, output 2 is inf"),
        (MEANS, {"variance": 0.0}, "variance is 0. If it is a standard deviation, pass its square"),
        (MEANS, {"variance": [1.0, -2.0, 1.0]}, r"variance\[1\] is -2"),
        (MEANS, {"variance": [1.0, 2.0]}, r"expected one number or 3, one an output, got 2.*numpy.broadcast_to"),
        (MEANS, {"variance": VARIANCE[:20]}, "variance: expected 23 rows, as the array of means has, got 20"),
        (iter([MEANS]), {"variance": np.concatenate([VARIANCE, VARIANCE])}, "variance: expected 23 rows.*got 46"),
        (MEANS, {"variance": VARIANCE[:, :2]}, r"expected shape \(N, 3, 9\) or \(N, 3\).*got shape \(23, 2, 9\)"),
        (MEANS, {"variance": VARIANCE[:, 0]}, r"expected shape \(N, 3, 9\) or \(N, 3\).*got shape \(23, 9\)"),
        (MEANS, {"variance": VARIANCE[..., :4]}, r"got shape \(23, 3, 4\)"),
        ([(MEANS, VARIANCE)], {"variance": 1.0}, "bring their variances. Leave variance out"),
        ([(MEANS, VARIANCE), MEANS], {}, "block 1: expected a pair"),
        (MEANS * 1e200, {"variance": 1.0}, "Divide the means by a scale"),
        (MEANS, {"variance": 1.0, "output_weights": [1.0]}, r"output_weights: expected shape \(3,\)"),
        (MEANS, {"variance": 1.0, "output_weights": [1, -1, 1]}, r"output_weights\[1\] = -1"),
        (MEANS, {"variance": 1.0, "output_weights": [0, 0, 0]}, "at least one above 0, got only zeros"),
        (MEANS[0, 0], {"variance": 1.0}, r"expected \(N, T\) or \(N, D, ..., T\).*axes='NCT'"),
        (MEANS[:, :0], {"variance": 1.0}, "Axis 1 has no outputs"),
        (MEANS[..., :0], {"variance": 1.0}, "Axis 2 has no draws"),
    ],
)  # fmt: skip
def test_what_is_no_mean_or_variance_is_refused(means: Any, options: dict[str, Any], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        alcore.bald(means, kind="mean", **options)


def test_the_remedies_work() -> None:
    logs = np.log(VARIANCE)
    expected = scored("bald", MEANS, variance=VARIANCE)
    with pytest.raises(ValueError, match=re.escape("numpy.exp(variance)")):
        scored("bald", MEANS, variance=logs)
    np.testing.assert_allclose(scored("bald", MEANS, variance=np.exp(logs)), expected)
    underflown = np.full(MEANS.shape, 1e-9, np.float16)
    with pytest.raises(ValueError, match=re.escape("numpy.maximum(variance, 1e-6)")):
        scored("bald", MEANS, variance=underflown)
    assert np.isfinite(scored("bald", MEANS, variance=np.maximum(underflown, 1e-6))).all()
    each_draw = VARIANCE[0, 0]
    with pytest.raises(ValueError, match=re.escape("numpy.broadcast_to(variance, means.shape)")):
        scored("bald", MEANS, variance=each_draw)
    wide = scored("bald", MEANS, variance=np.broadcast_to(each_draw, MEANS.shape))
    np.testing.assert_allclose(wide, measure("bald", MEANS, np.broadcast_to(each_draw, MEANS.shape)).sum(axis=1))
    single = MEANS[:, :1]
    with pytest.raises(ValueError, match=re.escape("pass variance[:, None]")):
        scored("bald", single, variance=VARIANCE[:, 0, 0])
    assert scored("bald", single, variance=VARIANCE[:, 0, 0][:, None]).shape == (N,)
    assert scored("bald", MEANS, variance=0.25).shape == alcore.variance(MEANS, "epistemic").shape == (N,)


@pytest.mark.parametrize("name", [one.name for one in CASES if one.name.replace("-", "_") not in gaussian.OF_MEANS])
def test_measures_of_classes_are_refused(name: str) -> None:
    case = next(one for one in CASES if one.name == name)
    for call in (case.function, case.object.score):
        with pytest.raises(
            ValueError, match="is a measure of class probabilities, got kind='mean'. For means use bald"
        ):
            call(MEANS, kind="mean", variance=1.0)


def test_measures_of_means_are_refused_for_classes() -> None:
    probs = np.full((4, 2, 3), 0.5)
    with pytest.raises(ValueError, match="expected kind='mean'.*Leave kind out"):
        alcore.variance(probs, kind="probs")
    with pytest.raises(ValueError, match="For classes use alcore.MeanStd"):
        alcore.Variance().score(probs)
    for name in ("variance", "output_weights"):
        with pytest.raises(ValueError, match=f"{name}: expected kind='mean' beside it, got kind='probs'"):
            alcore.bald(probs, **{name: [1.0, 1.0]})
    with pytest.raises(ValueError, match="part: expected one of 'total', 'epistemic', 'aleatoric', got 'all'"):
        alcore.variance(MEANS, "all")
    with pytest.raises(ValueError, match="part: expected one of"):
        alcore.Variance("both")


@pytest.mark.parametrize(
    "call",
    [
        lambda: alcore.batchbald(MEANS, 2, kind="mean", variance=1.0),
        lambda: alcore.TwoBALD().select(MEANS, 2, kind="mean", variance=1.0),
        lambda: alcore.ICAL().select(MEANS, 2, kind="mean", variance=1.0),
        lambda: alcore.batch_epig(MEANS, MEANS, 2, kind="mean", variance=1.0),
        lambda: alcore.batch_information(MEANS, [1], kind="mean", variance=1.0),
        lambda: alcore.expected_loss(MEANS, kind="mean", variance=1.0),
    ],
    ids=["batchbald", "two-bald", "ical", "batch-epig", "batch-information", "expected-loss"],
)
def test_what_enumerates_labels_is_refused(call: Any) -> None:
    with pytest.raises(ValueError, match="got kind='mean'. Choose a batch by alcore.log_det"):
        call()


def test_stochastic_batches_and_sums_pass_the_variance_on() -> None:
    both = 0.5 * alcore.BALD() + alcore.Variance("epistemic")
    expected = 0.5 * scored("bald", MEANS, variance=VARIANCE) + scored("epistemic", MEANS)
    np.testing.assert_array_equal(both.score(MEANS, kind="mean", variance=VARIANCE), expected)
    for wrap, choose in (
        (alcore.Power, alcore.power), (alcore.Softmax, alcore.softmax), (alcore.SoftRank, alcore.softrank)
    ):  # fmt: skip
        found = wrap(both).select(MEANS, 4, rng=1, kind="mean", variance=VARIANCE)
        np.testing.assert_array_equal(found.indices, choose(expected, 4, rng=1).indices)


def test_tiny_variances_of_single_draws_have_their_logarithm() -> None:
    means = np.array([[1.0, 2.0, 3.0], [4.0, 4.0, 4.0]])
    variance = np.array([[0.5, 5e-324, 1e-310], [1e-300, 2.0, 1e-305]])
    for name in ("bald", "entropy", "expected-entropy"):
        found = scored(name, means, variance=variance)
        expected = measure(name, means[:, None], variance[:, None])[:, 0]
        np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_means_far_from_each_other_beside_their_noise_have_no_infinite_information() -> None:
    """The ratio of the variance of the means to that of the noise leaves float64. Its logarithm does not."""
    means, variance = np.array([[1e20, -1e20, 3e19]]), np.array([[1e-280]])
    expected = measure("bald", means[:, None], np.full((1, 1, 3), 1e-280))[:, 0]
    np.testing.assert_allclose(scored("bald", means[:, None], variance=variance), expected, rtol=1e-12)


def test_noise_that_leaves_float64_is_refused_with_a_remedy_that_works() -> None:
    means, variance = np.array([[1.0, 2.0, 3.0]]), np.array([[5e-324, 1e-300, 1e-310]])
    with pytest.raises(ValueError, match="Divide the means by a scale of the outputs, and the variances by its square"):
        scored("bald", means, variance=variance)
    scale = 1e-150
    found = scored("bald", means / scale, variance=variance / scale**2)
    exact = measure("bald", means[:, None] / scale, (variance / scale**2)[:, None])[:, 0]
    np.testing.assert_allclose(found, exact, rtol=1e-12)
