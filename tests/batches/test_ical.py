"""ICAL: explicit kernels of every row, the authors' values, any source, edges."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import alcore
from alcore.batches.ical import SPREAD, DrawnLabels, ExpectedLabels, _draw, _expect
from alcore.sources import reading
from tests.cases import dirichlet, special

ALPHAS = (0.2, 0.5, 1, 2, 5)
POOL = np.concatenate([special(4, 6), dirichlet(24, 4, 6, seed=1, alpha=0.3)])
each_kind_of_labels = pytest.mark.parametrize("labels", ["drawn", "expected"])
each_rule = pytest.mark.parametrize("pointwise", [False, True])


def kernels(labels_nt: np.ndarray) -> np.ndarray:
    """A kernel (T, T) for each row: the mixture of rational quadratic kernels of one-hot labels."""
    onehot = np.eye(labels_nt.max() + 1)[labels_nt]
    squared = ((onehot[:, :, None] - onehot[:, None]) ** 2).sum(axis=-1)
    return np.mean([(1 + squared / (2 * alpha)) ** -alpha for alpha in ALPHAS], axis=0)


def hsic(first_ktt: np.ndarray, second_tt: np.ndarray) -> np.ndarray:
    draws = second_tt.shape[-1]
    centring = np.eye(draws) - 1 / draws
    return np.einsum("kut,tu->k", first_ktt @ centring, second_tt @ centring) / draws**2


def expected_kernels(probs_nct: np.ndarray) -> np.ndarray:
    least = np.mean([(1 + 1 / alpha) ** -alpha for alpha in ALPHAS])
    equal = np.einsum("nct,ncu->ntu", probs_nct, probs_nct)
    equal[:, np.arange(equal.shape[1]), np.arange(equal.shape[1])] = 1
    return least + (1 - least) * equal


def random_labels(rows: int, classes: int, draws: int, *, seed: int = 0) -> np.ndarray:
    """Rows of few and of many labels, the first of one."""
    rng = np.random.default_rng(seed)
    spread = np.arange(rows)[:, None] / rows
    return np.where(rng.random((rows, draws)) < spread, rng.integers(classes, size=(rows, draws)), 1)


# --- the score of a row with a set ------------------------------------------------------------------------------------


@pytest.mark.parametrize("classes", [2, 3, 11, 300])
@pytest.mark.parametrize("draws", [1, 2, 5, 24])
def test_equals_explicit_kernels(classes: int, draws: int) -> None:
    labels = random_labels(20, classes, draws, seed=draws)
    every = kernels(labels)
    rng = np.random.default_rng(classes)
    sets = [rng.integers(20, size=size) for size in (1, 7, *range(2, 20))]
    pool = DrawnLabels(labels.astype(np.min_scalar_type(classes - 1)), classes)
    expected = np.stack([hsic(every, every[rows].mean(axis=0)) for rows in sets])
    found = pool.dependence(sets)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)
    assert ((found >= 0) & (found <= SPREAD**2 / 4)).all()


@pytest.mark.compiled
def test_sums_that_do_not_fit_into_half_a_word() -> None:
    labels = random_labels(12, 5, 420, seed=3)
    every, rows = kernels(labels), np.arange(60) % 12
    pool = DrawnLabels(labels.astype(np.uint8), 5)
    assert 420**3 * len(rows) > 1 << 32
    np.testing.assert_allclose(
        pool.dependence([rows])[0], hsic(every, every[rows].mean(axis=0)), rtol=1e-10, atol=1e-15
    )


def test_agrees_with_the_authors_code(peers: dict[str, np.ndarray]) -> None:
    pool = DrawnLabels(peers["ical_labels_nt"].astype(np.uint8), 5)
    found = pool.dependence([peers["ical_reference_rows"]])[0]
    np.testing.assert_allclose(found, peers["ical_hsic_with_reference"], rtol=1e-11, atol=1e-14)
    pairs = pool.dependence([np.array([row]) for row in range(64)])
    np.testing.assert_allclose(pairs, peers["ical_hsic_pairs"], rtol=1e-11, atol=1e-14)
    np.testing.assert_array_equal(pairs, pairs.T)


@pytest.mark.parametrize("size", [1, pytest.param(65_000, marks=pytest.mark.compiled)])
def test_the_largest_score_is_of_two_classes_by_halves(size: int) -> None:
    """Its sums are the largest too: with 65 000 references they need all bits of half a word, less one."""
    labels = np.array([[0] * 20 + [1] * 20, [1] * 20 + [0] * 20, [0] * 21 + [1] * 19, [0, 1] * 20], np.uint8)
    found = DrawnLabels(labels, 2).dependence([np.zeros(size, np.int64)] * 16)
    assert 40**3 * size < 1 << 32
    np.testing.assert_allclose(found[:, :2], SPREAD**2 / 4, rtol=1e-14)
    assert (found[:, 2:] < SPREAD**2 / 4).all()


def test_certain_rows_depend_on_nothing_exactly() -> None:
    labels = random_labels(20, 3, 9)
    pool = DrawnLabels(labels.astype(np.uint8), 3)
    assert pool.dependence([np.array([3, 4, 0])])[0, 0] == 0
    assert (pool.dependence([np.array([0, 0])]) == 0).all()


def test_expected_labels_equal_explicit_kernels_without_the_row_itself() -> None:
    every = expected_kernels(POOL)
    pool = _expect(POOL, "probs", None, np.random.default_rng(0))
    sets = [np.array([3, 3, 9]), np.arange(30), np.array([7]), np.array([5, 5])]
    found = pool.dependence(sets)
    for values, rows in zip(found, sets, strict=True):
        for n in range(len(POOL)):
            rest = rows[rows != n]
            exact = hsic(every[n : n + 1], every[rest].mean(axis=0))[0] if rest.size else 0.0
            np.testing.assert_allclose(values[n], exact, rtol=1e-11, atol=1e-15)
    assert (found[:, 0] == 0).all()  # the certain row
    assert found[2, 7] == 0
    assert found[3, 5] == 0


@pytest.mark.compiled
def test_expected_labels_are_the_mean_over_drawn_ones() -> None:
    rows, rng = np.array([1, 6, 6, 12]), np.random.default_rng(0)
    several = np.stack([_draw(POOL, "probs", None, rng).dependence([rows])[0] for _ in range(4000)])
    expected = _expect(POOL, "probs", None, rng).dependence([rows])[0]
    others = np.setdiff1d(np.arange(len(POOL)), rows)  # a row in the set shares its labels there
    error = several.std(axis=0) / np.sqrt(4000)
    assert (np.abs(several.mean(axis=0) - expected)[others] <= 5 * error[others] + 1e-15).all()


# --- labels -----------------------------------------------------------------------------------------------------------


def labels_of(source: Any, seed: int = 0, **said: Any) -> np.ndarray:
    pool = _draw(source, said.pop("kind", "probs"), said.pop("weights", None), np.random.default_rng(seed))
    return pool.labels_nt


def test_labels_follow_the_probabilities() -> None:
    probs = np.repeat(dirichlet(1, 5, 40, seed=3), 100, axis=0)
    labels = labels_of(probs)
    shares = np.eye(5)[labels].mean(axis=(0, 1))
    expected = probs[0].mean(axis=1)
    assert (np.abs(shares - expected) < 5 * np.sqrt(expected / 4000)).all()
    assert len({row.tobytes() for row in labels}) == 100
    noise = labels - labels.mean(axis=0)
    for first, second in ((noise[:-1], noise[1:]), (noise[:, :-1], noise[:, 1:])):
        assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.06


def test_what_has_no_probability_is_never_drawn() -> None:
    probs = np.zeros((50, 4, 20))
    probs[:, 2] = 1
    probs[25:, 1, ::2], probs[25:, 2, ::2] = 1, 0
    labels = labels_of(probs)
    assert (labels[:25] == 2).all()
    assert (labels[25:] == np.where(np.arange(20) % 2, 2, 1)).all()


@pytest.mark.parametrize(("classes", "dtype"), [(2, np.uint8), (256, np.uint8), (257, np.uint16)])
def test_labels_take_the_smallest_integers(classes: int, dtype: type) -> None:
    labels = labels_of(dirichlet(3, classes, 2))
    assert labels.dtype == dtype
    assert labels.max() < classes


def test_weights_resample_the_draws() -> None:
    counts = np.array([3, 0, 1, 0, 0, 2])
    repeated = np.repeat(POOL, counts, axis=-1)
    np.testing.assert_array_equal(labels_of(POOL, weights=counts), labels_of(repeated))
    for labels in ("drawn", "expected"):
        weighted = alcore.ical(POOL, 9, weights=counts, labels=labels, rng=1)
        expected = alcore.ical(repeated, 9, labels=labels, rng=1)
        np.testing.assert_array_equal(weighted.indices, expected.indices)
        np.testing.assert_array_equal(weighted.scores, expected.scores)


def test_weights_equal_repeated_draws_in_distribution() -> None:
    """Draw t names class t, so labels tell which draws were taken."""
    opposed = np.eye(4)[None]
    weights, taken = np.array([0.1, 0.55, 0.05, 0.3]), np.zeros(4)
    for seed in range(400):
        counts = np.bincount(labels_of(opposed, seed, weights=weights)[0], minlength=4)
        assert (np.abs(counts - 4 * weights) < 1).all()
        taken += counts
    np.testing.assert_allclose(taken / 1600, weights, atol=0.03)
    assert (labels_of(opposed, weights=[0, 0, 1, 0]) == 2).all()


# --- batches ----------------------------------------------------------------------------------------------------------


def slow_pointwise(
    dependence: Any, rows: int, k: int, references: int, comparisons: int, rng: Any
) -> tuple[list, list]:
    """Pick by pick and candidate by candidate; ``dependence(row, set)`` is HSIC."""
    batch: list[int] = []
    scores: list[float] = []
    while len(batch) < k:
        reference = rng.integers(rows, size=references)
        left = [n for n in range(rows) if n not in batch]
        if not batch:
            values = {n: dependence(n, reference) for n in left}
        else:
            others = rng.integers(rows, size=comparisons)
            before = [np.mean([dependence(i, [r]) for i in batch]) for r in others]
            after = {n: [np.mean([dependence(i, [r]) for i in [*batch, n]]) for r in others] for n in left}
            a = 1e-8 + max(min(map(min, after.values())), min(before))
            gain = {
                n: np.mean([max(1, (x + a) / (y + a)) for x, y in zip(after[n], before, strict=True)]) for n in left
            }
            whole = {n: np.mean([dependence(i, reference) for i in [*batch, n]]) for n in left}
            values = {n: whole[n] * (gain[n] - 1) for n in left}
        best = max(left, key=lambda n: (values[n], -n))
        batch.append(best)
        scores.append(values[best])
    return batch, scores


@each_kind_of_labels
def test_pointwise_equals_its_definition(labels: str) -> None:
    rng = np.random.default_rng(5)
    read = _draw if labels == "drawn" else _expect
    pool = read(POOL, "probs", None, rng)
    every = kernels(pool.labels_nt.astype(int)) if isinstance(pool, DrawnLabels) else expected_kernels(POOL)
    pairs = np.stack([hsic(every, one) for one in every])

    def dependence(n: int, rows: Any) -> float:
        rest = [r for r in rows if r != n] if isinstance(pool, ExpectedLabels) else rows
        return float(np.mean([pairs[n, r] for r in rest])) if len(rest) else 0.0

    batch, scores = slow_pointwise(dependence, len(POOL), 8, 12, 5, rng)
    found = alcore.ical(POOL, 8, pointwise=True, labels=labels, references=12, comparisons=5, rng=5)
    assert found.indices.tolist() == batch
    np.testing.assert_allclose(found.scores, scores, rtol=1e-7, atol=1e-15)


@each_kind_of_labels
def test_plain_takes_the_best_of_a_new_set_at_each_pick(labels: str) -> None:
    rng = np.random.default_rng(2)
    pool = (_draw if labels == "drawn" else _expect)(POOL, "probs", None, rng)
    found = alcore.ical(POOL, 20, labels=labels, references=9, rng=2)
    taken: list[int] = []
    for row, score in zip(found.indices, found.scores, strict=True):
        values = pool.dependence([rng.integers(len(POOL), size=9)])[0]
        assert score == values[row]
        values[taken] = -1
        assert row == values.argmax()
        taken.append(int(row))
    assert set(found.q.tolist()) == set(found.support.tolist()) == {1}


@each_rule
@each_kind_of_labels
def test_a_seed_gives_a_batch_and_a_longer_one_begins_with_it(labels: str, pointwise: bool) -> None:
    said = {"labels": labels, "pointwise": pointwise, "references": 8, "comparisons": 4}
    short, long = alcore.ical(POOL, 5, rng=3, **said), alcore.ical(POOL, 19, rng=np.random.default_rng(3), **said)
    np.testing.assert_array_equal(short.indices, long.indices[:5])
    np.testing.assert_array_equal(short.scores, long.scores[:5])
    others = [alcore.ical(POOL, 5, rng=seed, **said).scores.tolist() for seed in (4, None)]
    assert short.scores.tolist() not in others


def test_rows_that_share_what_they_tell_are_chosen_over_noise() -> None:
    """Draws of the first rows agree with each other; each other row has draws of its own."""
    rng = np.random.default_rng(0)
    shared, own = rng.integers(2, size=(1, 30)), rng.integers(2, size=(30, 30))
    labels = np.concatenate([np.repeat(shared, 10, axis=0), own])
    probs = np.eye(2)[labels].transpose(0, 2, 1)
    for kind in ("drawn", "expected"):
        assert (alcore.ical(probs, 8, labels=kind, references=60, rng=0).indices < 10).all()
        assert (alcore.ical(probs, 8, labels=kind, pointwise=True, references=60, rng=0).indices >= 10).any()
        shuffled = probs[:, :, rng.permutation(30)]
        batch = alcore.ical(probs, 8, labels=kind, references=60, rng=0)
        again = alcore.ical(shuffled, 8, labels=kind, references=60, rng=0)
        np.testing.assert_array_equal(again.indices, batch.indices)
        np.testing.assert_allclose(again.scores, batch.scores, rtol=1e-12)


# --- sources ----------------------------------------------------------------------------------------------------------


def sources(probs: np.ndarray, folder: Path) -> dict[str, Any]:
    np.save(folder / "probs.npy", probs)
    return {
        "Fortran order": np.asfortranarray(probs),
        "strided": np.repeat(probs, 2, axis=0)[::2],
        "backwards": np.ascontiguousarray(probs[::-1, ::-1])[::-1, ::-1],
        "big-endian": probs.astype(probs.dtype.newbyteorder(">")),
        "path": folder / "probs.npy",
        "text": str(folder / "probs.npy"),
        "memmap": np.load(folder / "probs.npy", mmap_mode="r"),
        "blocks": [probs[:1], probs[1:18], probs[18:]],
        "generator": iter([probs[:7], probs[7:]]),
    }


@each_rule
@each_kind_of_labels
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_same_bits_from_any_source(
    labels: str, pointwise: bool, dtype: type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    probs = dirichlet(25, 3, 5, seed=4).astype(dtype)
    said = {"labels": labels, "pointwise": pointwise, "references": 9, "comparisons": 3, "rng": 0}
    expected = alcore.ical(probs, 3, **said)
    monkeypatch.setattr(reading, "BLOCK_BYTES", 64 * 200)
    for name, source in sources(probs, tmp_path).items():
        if name == "generator" and labels == "expected":
            continue
        found = alcore.ical(source, 3, **said)
        np.testing.assert_array_equal(found.indices, expected.indices, name)
        np.testing.assert_array_equal(found.scores, expected.scores, name)
    assert expected.scores.dtype == np.float64


@each_kind_of_labels
def test_logits_are_their_softmax(labels: str) -> None:
    probs = dirichlet(25, 3, 8, seed=4)
    found = alcore.ical(np.log(probs), 6, kind="logits", labels=labels, rng=0)
    expected = alcore.ical(probs, 6, labels=labels, rng=0)
    np.testing.assert_array_equal(found.indices, expected.indices)
    np.testing.assert_allclose(found.scores, expected.scores, rtol=1e-9)


@pytest.mark.compiled
@each_rule
@each_kind_of_labels
def test_same_bits_for_any_number_of_threads(labels: str, pointwise: bool) -> None:
    probs = dirichlet(9_000, 4, 12, seed=6, alpha=0.3).astype(np.float32)
    batches = []
    for threads in (1, 2, 3):
        alcore.set_threads(threads)
        batches.append(alcore.ical(probs, 4, labels=labels, pointwise=pointwise, rng=0))
    for batch in batches[1:]:
        np.testing.assert_array_equal(batch.indices, batches[0].indices)
        np.testing.assert_array_equal(batch.scores, batches[0].scores)


# --- edges ------------------------------------------------------------------------------------------------------------


@each_rule
@each_kind_of_labels
def test_empty_short_and_whole_batches(labels: str, pointwise: bool) -> None:
    said = {"labels": labels, "pointwise": pointwise, "references": 5, "comparisons": 3, "rng": 0}
    assert len(alcore.ical(np.empty((0, 3, 2)), 3, **said)) == 0
    assert len(alcore.ical(POOL, 0, **said)) == 0
    one = alcore.ical(POOL[6:7], 4, **said)
    assert one.indices.tolist() == [0]
    assert sorted(alcore.ical(POOL, 99, **said).indices.tolist()) == list(range(30))
    assert alcore.ical(POOL, np.int64(2), **said).indices.dtype == np.int64


@each_rule
@each_kind_of_labels
@pytest.mark.parametrize("case", ["one draw", "all certain"])
def test_where_nothing_depends_the_lowest_rows_are_taken(labels: str, pointwise: bool, case: str) -> None:
    probs = POOL[:, :, :1] if case == "one draw" else np.repeat(POOL[:1], 9, axis=0)
    batch = alcore.ical(probs, 4, labels=labels, pointwise=pointwise, references=5, comparisons=3, rng=0)
    assert batch.indices.tolist() == [0, 1, 2, 3]
    assert batch.scores.tolist() == [0, 0, 0, 0]


@each_kind_of_labels
def test_inputs_are_not_written_to(labels: str) -> None:
    probs = POOL.copy()
    probs.flags.writeable = False
    alcore.ical(probs, 3, labels=labels, pointwise=True, references=5, weights=np.arange(1, 7), rng=0)
    np.testing.assert_array_equal(probs, POOL)


@each_kind_of_labels
@pytest.mark.parametrize("value", [np.nan, np.inf, -0.1, 0.5])
def test_invalid_rows_are_named(labels: str, value: float) -> None:
    bad = POOL.copy()
    bad[13, 2, 4] = value
    for source in (bad, [bad[:8], bad[8:]]):
        with pytest.raises(ValueError, match=r"probs\[13, "):
            alcore.ical(source, 2, labels=labels, rng=0)


@each_kind_of_labels
@pytest.mark.parametrize(
    ("probs", "said", "error", "text"),
    [
        (POOL, {"k": -1}, ValueError, "k: expected at least 0"),
        (POOL, {"k": 1.5}, TypeError, "k: expected a whole number"),
        (POOL, {"references": 0}, ValueError, "references: expected at least 1, got 0"),
        (POOL, {"comparisons": True}, TypeError, "comparisons: expected a whole number"),
        (POOL, {"pointwise": "no"}, TypeError, "pointwise: expected True or False, got 'no'"),
        (POOL, {"rng": "0"}, TypeError, "rng: expected None"),
        (POOL, {"kind": "p"}, ValueError, "kind: expected 'probs' or 'logits'"),
        (POOL, {"weights": [1, 2]}, ValueError, r"weights: expected shape \(6,\)"),
        (POOL[:, :1], {}, ValueError, "at least 2 classes"),
        (POOL[:, :, 0], {}, ValueError, "add the axis of draws"),
        (POOL.reshape(5, 4, 6, 6), {}, ValueError, r"probs: expected shape \(N, C, T\), got \(N, 4, 6, 6\)"),
        (POOL.astype(int), {}, TypeError, "probs: expected float16"),
        (np.ma.masked_array(POOL), {}, TypeError, "without a mask"),
        ([], {}, ValueError, "at least one block"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(
    labels: str, probs: Any, said: dict[str, Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        alcore.ical(probs, **({"k": 2, "labels": labels} | said))


def test_expected_labels_of_a_generator_are_refused_with_the_remedy() -> None:
    with pytest.raises(ValueError, match="read again.*labels='drawn' takes one.*list of blocks"):
        alcore.ical(iter([POOL]), 2, labels="expected")
    with pytest.raises(ValueError, match="labels: expected 'drawn' or 'expected', got 'mean'"):
        alcore.ical(POOL, 2, labels="mean")


class Shrinking(list):  # type: ignore[type-arg]
    """A list whose blocks are gone after some passes."""

    def __init__(self, passes: int) -> None:
        self.passes = passes

    def __iter__(self) -> Any:
        self.passes -= 1
        return iter([POOL if self.passes >= 0 else POOL[:3]])


@pytest.mark.parametrize("passes", [2, 3])
def test_a_source_that_changes_between_passes_is_refused(passes: int) -> None:
    with pytest.raises(ValueError, match="probs: expected .* rows, as the pass before has"):
        alcore.ical(Shrinking(passes), 2, labels="expected", rng=0)
    assert len(alcore.ical(Shrinking(4), 2, labels="expected", rng=0)) == 2


# --- the object -------------------------------------------------------------------------------------------------------


@each_rule
@each_kind_of_labels
def test_the_object_selects_as_the_function(labels: str, pointwise: bool) -> None:
    said = {"pointwise": pointwise, "labels": labels, "references": 7, "comparisons": 4}
    object_ = alcore.ICAL(**said)
    found, expected = (
        object_.select(POOL, 5, rng=1, weights=[1, 2, 1, 1, 3, 1]),
        alcore.ical(POOL, 5, rng=1, weights=[1, 2, 1, 1, 3, 1], **said),
    )
    np.testing.assert_array_equal(found.indices, expected.indices)
    assert object_.name == ("ical-pointwise" if pointwise else "ical")
    named = alcore.heuristic(object_.name, labels=labels, references=7, comparisons=4)
    assert named == object_
    assert eval(repr(object_), vars(alcore)) == object_


@pytest.mark.parametrize(
    "combine",
    [
        lambda own: own + alcore.BALD(),
        lambda own: alcore.BALD() + own,
        lambda own: own + own,
        lambda own: 2 * own,
        lambda own: own * 2,
        lambda own: sum([own]),
        lambda own: alcore.Sum(((1.0, own),)),
        alcore.Power,
        alcore.Reduce,
    ],
)
def test_it_does_not_combine_and_says_why(combine: Any) -> None:
    with pytest.raises(TypeError, match="ical: its batches are chosen jointly.*row scores that add up"):
        combine(alcore.ICAL())


def test_it_has_no_scores_and_takes_no_mask() -> None:
    with pytest.raises(TypeError, match=r"ical: has no score .*select\(predictions, k\)"):
        alcore.ICAL().score(POOL)
    with pytest.raises(ValueError, match="mask: ical compares rows"):
        alcore.ICAL().select(POOL, 2, mask=np.zeros((30, 1), bool))


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ({"references": 0}, ValueError),
        ({"labels": "p"}, ValueError),
        ({"pointwise": 1}, TypeError),
        ({"comparisons": 0.5}, TypeError),
    ],
)
def test_options_are_checked_when_the_object_is_made(said: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error, match=f"{next(iter(said))}: expected"):
        alcore.ICAL(**said)
