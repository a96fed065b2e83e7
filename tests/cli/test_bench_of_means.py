"""``alcore bench --kind mean``: the variances of the pool, of the targets and of the test set, and the replay of regression."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import alcore
import alcore.bench
from tests.cli.prediction_commands import done, run
from tests.gaussians import means_and_variances

N, M, J, D, T = 30, 9, 4, 2, 20
MEANS, VARIANCE = means_and_variances(N, D, T)
TEST, TEST_VARIANCE = means_and_variances(M, D, T, seed=1)
TARGETS, TARGET_VARIANCE = means_and_variances(J, D, T, seed=2)
LABELS, TEST_LABELS = MEANS.mean(axis=-1), TEST.mean(axis=-1)
NOISE, TEST_NOISE = VARIANCE * 40, TEST_VARIANCE * 40
HEURISTICS = ("bald", "log-det", "random", "epig")
QUICK = ("-k", 3, "--steps", 3, "--seeds", 2, "--json", "out.json", "--kind", "mean")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a pool, targets and a test set in one file, for each order of the axes, and in files of their own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    arrays = {
        "pool": MEANS, "variance": NOISE, "target": TARGETS, "target_variance": TARGET_VARIANCE, "test": TEST,
        "test_variance": TEST_NOISE,
    }  # fmt: skip
    labels = {"pool_labels": LABELS, "test_labels": TEST_LABELS}
    np.savez("all.npz", **arrays, **labels)
    np.savez("tnc.npz", **{name: one.transpose(2, 0, 1) for name, one in arrays.items()}, **labels)
    first = {name: one[:, 0] for name, one in (arrays | labels).items()}
    np.savez("single.npz", **first)
    for name, array in (arrays | labels).items():
        np.save(f"{name}.npy", array)
    np.savez("unnamed.npz", a=TEST_NOISE, b=TEST_NOISE)
    return tmp_path


def tables() -> Any:
    return json.loads(Path("out.json").read_text())["tables"]


def expected(heuristics: tuple[str, ...] = HEURISTICS, **change: Any) -> Any:
    """The same comparison in Python."""
    given = {
        "labels": LABELS, "test": TEST, "test_labels": TEST_LABELS, "variance": NOISE, "test_variance": TEST_NOISE,
    } | change  # fmt: skip
    chosen = [
        alcore.EPIG(TARGETS, target_variance=TARGET_VARIANCE) if name == "epig" else alcore.heuristic(name)
        for name in heuristics
    ]
    return alcore.bench.compare(MEANS, heuristics=chosen, k=3, steps=3, seeds=2, rng=0, kind="mean", **given).tables()


def assert_same(found: Any, wanted: Any) -> None:
    for name in ("log-likelihood", "RMSE"):
        np.testing.assert_allclose(found["replay"][name], wanted["replay"][name])
    np.testing.assert_allclose(found["heuristics"]["information"], wanted["heuristics"]["information"])
    assert found["picks"]["row"] == wanted["picks"]["row"].tolist()


@pytest.mark.parametrize(("file", "options"), [("all.npz", ()), ("tnc.npz", ("--axes", "TNC"))])
def test_every_part_has_its_variance(here: Path, file: str, options: tuple[str, ...]) -> None:
    noise = ("--variance", file, "--test-variance", file, "--target-variance", file)
    result = run("bench", file, "--heuristics", ",".join(HEURISTICS), *QUICK, *noise, *options)
    assert result.exit_code == 0, result.output
    assert_same(tables(), expected())


def test_parts_may_lie_in_files_of_their_own(here: Path) -> None:
    noise = ("--variance", "variance.npy", "--test-variance", "test_variance.npy")
    labelled = ("--labels", "pool_labels.npy", "--test", "test.npy", "--test-labels", "test_labels.npy")
    done("bench", "pool.npy", "--heuristics", "bald,log-det,random", *QUICK, *noise, *labelled)
    assert_same(tables(), expected(("bald", "log-det", "random")))


def test_one_output_needs_no_axis(here: Path) -> None:
    noise = ("--variance", "single.npz", "--test-variance", "single.npz", "--target-variance", "single.npz")
    result = run("bench", "single.npz", "--heuristics", "bald,epig", *QUICK, *noise)
    assert result.exit_code == 0, result.output
    of_first = alcore.EPIG(TARGETS[:, :1], target_variance=TARGET_VARIANCE[:, :1])
    wanted = of_first.select(MEANS[:, :1], 3, kind="mean", variance=NOISE[:, :1])
    assert tables()["picks"]["row"][3:] == wanted.indices.tolist()
    assert len(tables()["replay"]["RMSE"])


@pytest.mark.parametrize(("given", "variance"), [("20", 20.0), ("20,30", [20.0, 30.0])])
def test_the_noise_of_the_pool_is_that_of_the_test_set_where_it_is_a_number(
    here: Path, given: str, variance: Any
) -> None:
    done("bench", "all.npz", "--heuristics", "bald,random", *QUICK, "--variance", given)
    assert_same(tables(), expected(("bald", "random"), variance=variance, test_variance=None))
    done("bench", "all.npz", "--heuristics", "bald,random", *QUICK, "--variance", given, "--test-variance", "7")
    assert_same(tables(), expected(("bald", "random"), variance=variance, test_variance=7.0))


@pytest.mark.parametrize(
    ("file", "options", "message"),
    [
        (
            "all.npz",
            ("--variance", "all.npz"),
            r"--test-variance: expected the variances .* Pass --test-variance 0.25, or a file \(M, D, T\)",
        ),
        ("all.npz", ("--variance", "9", "--test-variance", "-1"), "--test-variance: .* test_variance is -1"),
        ("all.npz", ("--variance", "9", "--test-variance", "1,2,3"), "--test-variance: expected one number or 2"),
        (
            "all.npz",
            ("--variance", "9", "--test-variance", "variance.npy"),
            "--test-variance: expected 9 rows.* got 30",
        ),
        ("all.npz", ("--variance", "9", "--test-variance", "none.npy"), "none.npy: no such file"),
        (
            "all.npz",
            ("--variance", "9", "--test-variance", "unnamed.npz"),
            "unnamed.npz: expected the variances .* member 'test_variance', got other members",
        ),
        ("pool.npy", ("--variance", "9", "--test-variance", "9"), "--test-variance: .* Pass --test FILE"),
        ("pool.npy", ("--variance", "9", "--test-variance", "variance.npy"), "--test-variance: .* Pass --test FILE"),
        ("all.npz", (), "--variance: replay of means needs .* Pass --variance 0.25"),
        ("all.npz", ("--variance", "9", "--test", "single.npz"), r"test: expected shape \(N, 2, 20\), the outputs and"),
    ],
)
def test_refusals_name_the_option(here: Path, file: str, options: tuple[str, ...], message: str) -> None:
    found = run("bench", file, "--heuristics", "bald", *QUICK, *options)
    assert found.exit_code == 2
    assert re.search(message, " ".join(found.stderr.split())), found.stderr


def test_classes_have_no_variance(here: Path) -> None:
    np.save("probs.npy", np.full((5, 2, 4), 0.5))
    found = run("bench", "probs.npy", "--heuristics", "bald", "--test-variance", "1")
    assert "--test-variance: expected --kind mean beside it" in found.stderr
    assert "leave --test-variance out" in found.stderr


def test_a_target_variance_needs_a_number_or_a_file_where_variances_differ(here: Path) -> None:
    found = run("score", "all.npz", "-o", "s.npy", "-H", "epig", "--kind", "mean", "--variance", "all.npz")
    assert "Pass --target-variance 0.25, or a file (J, D, T) or (J, D)" in " ".join(found.stderr.split())
    for given in ("0.25", "all.npz"):
        run("score", "all.npz", "-o", "s.npy", "-H", "epig", "--kind", "mean", "--variance", "all.npz",
            "--target-variance", given)  # fmt: skip
        noise = 0.25 if given == "0.25" else TARGET_VARIANCE
        wanted = alcore.epig(MEANS, TARGETS, kind="mean", variance=NOISE, target_variance=noise)
        np.testing.assert_allclose(np.load("s.npy"), wanted)


def test_without_noise_it_compares_what_needs_none(here: Path) -> None:
    shown = done("bench", "pool.npy", "--heuristics", "epistemic-variance,random", *QUICK)
    assert "Information is left out: it needs the variance of the noise." in " ".join(shown.split())
    wanted = alcore.Variance("epistemic").select(MEANS, 3, kind="mean")
    assert tables()["picks"]["row"][:3] == wanted.indices.tolist()
