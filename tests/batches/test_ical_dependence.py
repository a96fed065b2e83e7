"""How much the labels of a row depend on those of a set of rows: HSIC of explicit kernels."""

from __future__ import annotations

import numpy as np
import pytest

from alcore.batches import label_pairs
from alcore.batches.drawn_labels import DrawnLabels, draw_labels
from alcore.batches.expected_labels import expect_labels
from alcore.batches.ical_labels import SPREAD
from alcore.door import Reading
from tests.batches.ical_oracle import POOL, dependence, expected_kernels, hsic, kernels, random_labels
from tests.conftest import soak

FORMS = {  # what each constant is where every set that can be has the form
    "lines": {"DRAWS_OF_A_MATRIX": 1 << 60, "DRAWS_OF_A_CLASS": 1 << 60, "MANY_DRAWS": 1 << 60},
    "matrices": {"DRAWS_OF_A_MATRIX": 0, "DRAWS_OF_A_CLASS": 1 << 60, "MANY_DRAWS": 1 << 60},
    "matrices and single rows": {"DRAWS_OF_A_MATRIX": 0, "MANY_DRAWS": 0},
}


def choose_form(monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    for name, value in FORMS[form].items():
        monkeypatch.setattr(label_pairs, name, value)


@pytest.mark.interpreted
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("classes", [2, 3, 11, 300])
@pytest.mark.parametrize("draws", [1, 2, 5, 24])
def test_dependence_equals_that_of_explicit_kernels(
    classes: int, draws: int, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose_form(monkeypatch, form)
    labels = random_labels(20, classes, draws, seed=draws)
    every = kernels(labels)
    rng = np.random.default_rng(classes)
    sets = [rng.integers(20, size=size) for size in (1, 7, *range(2, 20), 1)]
    pool = DrawnLabels(labels.astype(np.min_scalar_type(classes - 1)), classes)
    expected = np.stack([hsic(every, every[rows].mean(axis=0)) for rows in sets])
    found = dependence(pool, sets)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)
    assert ((found >= 0) & (found <= SPREAD**2 / 4)).all()


@pytest.mark.parametrize("classes", [2, 30])
@pytest.mark.parametrize("draws", [37, 600])
@pytest.mark.parametrize("size", [1, 40, 70_000])
def test_every_form_of_a_set_gives_the_same_bits(
    size: int, draws: int, classes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """70 000 rows need more than two bytes a count, and their sums more than half a word."""
    pool = DrawnLabels(random_labels(30, classes, draws).astype(np.uint8), classes)
    rng = np.random.default_rng(draws)
    sets = [rng.integers(30, size=size), np.array([7]), rng.integers(30, size=3), np.array([29])]
    found = []
    for form in FORMS:
        choose_form(monkeypatch, form)
        found.append(dependence(pool, sets))
    np.testing.assert_array_equal(found[1], found[0])
    np.testing.assert_array_equal(found[2], found[0])


def test_sums_may_take_more_than_half_a_word() -> None:
    labels = random_labels(12, 5, 420, seed=3)
    every, rows = kernels(labels), np.arange(60) % 12
    pool = DrawnLabels(labels.astype(np.uint8), 5)
    assert 420**3 * len(rows) > 1 << 32
    np.testing.assert_allclose(
        dependence(pool, [rows])[0], hsic(every, every[rows].mean(axis=0)), rtol=1e-10, atol=1e-15
    )


def test_dependence_equals_that_of_the_authors_code(peers: dict[str, np.ndarray]) -> None:
    pool = DrawnLabels(peers["ical_labels_nt"].astype(np.uint8), 5)
    found = dependence(pool, [peers["ical_reference_rows"]])[0]
    np.testing.assert_allclose(found, peers["ical_hsic_with_reference"], rtol=1e-11, atol=1e-14)
    pairs = dependence(pool, [np.array([row]) for row in range(64)])
    np.testing.assert_allclose(pairs, peers["ical_hsic_pairs"], rtol=1e-11, atol=1e-14)
    np.testing.assert_array_equal(pairs, pairs.T)


@pytest.mark.parametrize("size", [pytest.param(1, marks=pytest.mark.interpreted), 65_000])
def test_the_largest_score_is_of_two_classes_by_halves(size: int) -> None:
    """Its sums are the largest too: with 65 000 references they need all bits of half a word, less one."""
    labels = np.array([[0] * 20 + [1] * 20, [1] * 20 + [0] * 20, [0] * 21 + [1] * 19, [0, 1] * 20], np.uint8)
    found = dependence(DrawnLabels(labels, 2), [np.zeros(size, np.int64)] * 16)
    assert 40**3 * size < 1 << 32
    np.testing.assert_allclose(found[:, :2], SPREAD**2 / 4, rtol=1e-14)
    assert (found[:, 2:] < SPREAD**2 / 4).all()


@pytest.mark.interpreted
def test_certain_rows_depend_on_nothing_exactly() -> None:
    labels = random_labels(20, 3, 9)
    pool = DrawnLabels(labels.astype(np.uint8), 3)
    assert dependence(pool, [np.array([3, 4, 0])])[0, 0] == 0
    assert (dependence(pool, [np.array([0, 0])]) == 0).all()


@pytest.mark.interpreted
def test_dependence_of_expected_labels_leaves_the_row_itself_out_of_the_set() -> None:
    every = expected_kernels(POOL)
    pool = expect_labels(POOL, Reading(), np.random.default_rng(0))
    sets = [np.array([3, 3, 9]), np.arange(30), np.array([7]), np.array([5, 5])]
    found = dependence(pool, sets)
    for values, rows in zip(found, sets, strict=True):
        for n in range(len(POOL)):
            rest = rows[rows != n]
            exact = hsic(every[n : n + 1], every[rest].mean(axis=0))[0] if rest.size else 0.0
            np.testing.assert_allclose(values[n], exact, rtol=1e-11, atol=1e-15)
    assert (found[:, 0] == 0).all()  # the certain row
    assert found[2, 7] == 0
    assert found[3, 5] == 0


def test_dependence_of_expected_labels_is_the_mean_over_drawn_ones() -> None:
    rows, rng = np.array([1, 6, 6, 12]), np.random.default_rng(0)
    runs = soak(1500, 40_000)
    several = np.stack([dependence(draw_labels(POOL, Reading(), rng), [rows])[0] for _ in range(runs)])
    expected = dependence(expect_labels(POOL, Reading(), rng), [rows])[0]
    others = np.setdiff1d(np.arange(len(POOL)), rows)  # a row in the set shares its labels there
    error = several.std(axis=0) / np.sqrt(runs)
    assert (np.abs(several.mean(axis=0) - expected)[others] <= 5 * error[others] + 1e-15).all()
