"""``--kind mean`` on the command line: variances as numbers and files, batches, targets, refusals."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import alcore
from tests.cli.prediction_commands import done, rows_picked, run
from tests.gaussians import means_and_variances

N, D, T = 30, 2, 6
MEANS, VARIANCE = means_and_variances(N, D, T)
TARGETS, TARGET_VARIANCE = means_and_variances(4, D, T, seed=1)
MEAN = ("--kind", "mean")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    np.save("means.npy", MEANS)
    np.save("variance.npy", VARIANCE)
    np.save("rows.npy", VARIANCE[..., 0])
    np.save("tnc.npy", MEANS.transpose(2, 0, 1))
    np.save("noise_tnc.npy", VARIANCE.transpose(2, 0, 1))
    np.save("single.npy", MEANS[:, 0])
    np.save("single_noise.npy", VARIANCE[:, 0])
    np.savez("all.npz", pool=MEANS, variance=VARIANCE)
    np.save("targets.npy", TARGETS)
    np.save("targets_tnc.npy", TARGETS.transpose(2, 0, 1))
    np.save("target_noise.npy", TARGET_VARIANCE)
    np.save("target_noise_tnc.npy", TARGET_VARIANCE.transpose(2, 0, 1))
    return tmp_path


@pytest.mark.parametrize(
    ("file", "options", "expected"),
    [
        ("means.npy", ("--variance", "0.5"), {"variance": 0.5}),
        ("means.npy", ("--variance", "0.5,2e-1"), {"variance": [0.5, 0.2]}),
        ("means.npy", ("--variance", "variance.npy"), {"variance": VARIANCE}),
        ("means.npy", ("--variance", "rows.npy"), {"variance": VARIANCE[..., 0]}),
        ("all.npz", ("--variance", "all.npz"), {"variance": VARIANCE}),
        ("tnc.npy", ("--variance", "noise_tnc.npy", "--axes", "TNC"), {"variance": VARIANCE}),
        ("tnc.npy", ("--variance", "rows.npy", "--axes", "TNC"), {"variance": VARIANCE[..., 0]}),
        ("means.npy", ("--variance", "1", "--output-weights", "2,0"), {"variance": 1.0, "output_weights": [2, 0]}),
    ],
)
def test_variances_are_numbers_or_files(here: Path, file: str, options: tuple[str, ...], expected: dict) -> None:
    done("score", file, "-o", "s.npy", *MEAN, *options)
    np.testing.assert_allclose(np.load("s.npy"), alcore.bald(MEANS, kind="mean", **expected), rtol=1e-12)


def test_one_output(here: Path) -> None:
    done("score", "single.npy", "-o", "s.npy", *MEAN, "--variance", "single_noise.npy")
    np.testing.assert_array_equal(np.load("s.npy"), alcore.bald(MEANS[:, 0], kind="mean", variance=VARIANCE[:, 0]))


@pytest.mark.parametrize("name", ["variance", "epistemic-variance", "aleatoric-variance", "entropy", "mean-std"])
def test_every_heuristic_of_means_scores_by_name(here: Path, name: str) -> None:
    done("score", "means.npy", "-o", "s.npy", "-H", name, *MEAN, "--variance", "variance.npy")
    expected = alcore.heuristic(name).score(MEANS, kind="mean", variance=VARIANCE)
    np.testing.assert_array_equal(np.load("s.npy"), expected)


def test_batches(here: Path) -> None:
    found = rows_picked("means.npy", "-k", 4, "-H", "log-det", *MEAN, "--variance", "variance.npy")
    assert found == alcore.log_det(MEANS, 4, variance=VARIANCE).indices.tolist()
    drawn = rows_picked("means.npy", "-k", 4, "-H", "power-bald", "--seed", 1, *MEAN, "--variance", "0.5")
    assert drawn == alcore.PowerBALD().select(MEANS, 4, rng=1, kind="mean", variance=0.5).indices.tolist()


def test_targets(here: Path) -> None:
    expected = alcore.epig(MEANS, TARGETS, kind="mean", variance=0.5, target_variance=TARGET_VARIANCE)
    given = ("--variance", "0.5", "-H", "epig", *MEAN)
    done(
        "score", "means.npy", "-o", "s.npy", "--targets", "targets.npy", "--target-variance", "target_noise.npy", *given
    )
    np.testing.assert_allclose(np.load("s.npy"), expected)
    other = ("--targets", "targets_tnc.npy", "--target-variance", "target_noise_tnc.npy", "--axes", "TNC")
    done("score", "tnc.npy", "-o", "s.npy", *other, *given)
    np.testing.assert_allclose(np.load("s.npy"), expected)
    done("score", "means.npy", "-o", "s.npy", "--targets", "targets.npy", *given)
    np.testing.assert_allclose(np.load("s.npy"), alcore.epig(MEANS, TARGETS, kind="mean", variance=0.5))


def test_a_ledger_asks_for_free_rows(here: Path) -> None:
    done("ledger", "create", "run.db", "--size", N)
    ledger = alcore.Ledger.open("run.db")
    ledger.label({0: 1.5, 7: 2.5})
    ledger.close()
    options = ("--variance", "noise_tnc.npy", "--axes", "TNC", *MEAN)
    found = run("ledger", "ask", "run.db", "tnc.npy", "-k", 3, "-H", "bald", *options)
    assert found.exit_code == 0, found.output
    free = np.setdiff1d(np.arange(N), [0, 7])
    batch = alcore.BALD().select(MEANS[free], 3, kind="mean", variance=VARIANCE[free])
    with alcore.Ledger.open("run.db") as again:
        assert again.open_queries()[0].ids.tolist() == free[batch.indices].tolist()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (MEAN, "--variance: bald of means needs.*Pass --variance 0.25.*--heuristic epistemic-variance"),
        (("--variance", "1"), "--variance: expected --kind mean beside it.*leave --variance out"),
        ((*MEAN, "--variance", "-1"), "--variance: expected finite numbers above 0"),
        ((*MEAN, "--variance", "0.5,"), "variance: expected numbers, separated by commas"),
        (
            (*MEAN, "--variance", "1", "-H", "margin"),
            "--kind: margin is a measure of class .*--heuristic bald, entropy or",
        ),
        ((*MEAN, "--variance", "none.npy"), "none.npy"),
    ],
)
def test_refusals_speak_of_options(here: Path, arguments: tuple[str, ...], message: str) -> None:
    found = run("score", "means.npy", "-o", "s.npy", *arguments)
    assert found.exit_code != 0
    assert re.search(message, " ".join(found.stderr.split()))


def test_a_joint_heuristic_of_classes_names_that_of_means(here: Path) -> None:
    found = run("select", "means.npy", "-H", "batchbald", *MEAN, "--variance", "1")
    assert "--heuristic log-det" in " ".join(found.stderr.split())
    assert len(rows_picked("means.npy", "-H", "log-det", *MEAN, "--variance", "1")) == 10
