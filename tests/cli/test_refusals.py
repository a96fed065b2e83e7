"""What the commands refuse: one sentence, exit code 2, and no file left behind."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from tests.cli.prediction_commands import PADDING, PROBS, TARGETS, make_folder, run
from tests.cli.wrong_usage import assert_wrong_usage


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return make_folder(tmp_path, monkeypatch)


SCORE, SELECT, BENCH = ("score", "-o", "out.npy"), ("select", "-o", "out.csv"), ("bench", "--plot", "out.png")


def save_text(name: str) -> None:
    Path(name).write_text("hello")


def save_nan() -> None:
    probs = PROBS.copy()
    probs[17, 1, 3] = np.nan
    np.save("nan.npy", probs)


REFUSALS: dict[str, tuple[Sequence[Sequence[str]], Sequence[str], str, Callable[[], object]]] = {
    "unknown heuristic": ([SCORE, SELECT], ["preds.npy", "-H", "bold"], "'bold'", lambda: None),
    "unknown heuristics": ([BENCH], ["preds.npy", "--heuristics", "bald,bold"], "'bold'", lambda: None),
    "no heuristics": ([BENCH], ["preds.npy", "--heuristics", ""], "heuristic: expected", lambda: None),
    "precomputed": ([SCORE, SELECT], ["preds.npy", "-H", "precomputed"], "alcore.top", lambda: None),
    "drawn precomputed": ([SELECT], ["preds.npy", "-H", "power-precomputed"], "alcore.top", lambda: None),
    "missing file": ([SCORE, SELECT, BENCH], ["nope.npy"], "nope.npy: no such file.", lambda: None),
    "bad ending": (
        [SCORE, SELECT, BENCH],
        ["x.txt"],
        "x.txt: expected a file that ends in",
        lambda: save_text("x.txt"),
    ),
    "no array": ([SCORE, SELECT, BENCH], ["x.npz"], "x.npz: expected", lambda: save_text("x.npz")),
    "negative k": ([SELECT, BENCH], ["preds.npy", "-k", "-1"], "k: expected at least 0, got -1.", lambda: None),
    "negative seed": ([SELECT, BENCH], ["preds.npy", "--seed", "-1"], "--seed: expected a seed", lambda: None),
    "kind": ([SCORE, SELECT, BENCH], ["preds.npy", "--kind", "logit"], "got 'logit'", lambda: None),
    "logits as probs": ([SCORE, SELECT, BENCH], ["logits.npy"], "--kind logits", lambda: None),
    "nan": ([SCORE, SELECT, BENCH], ["nan.npy"], "probs[17, 1, 3] is nan", save_nan),
    "labels": ([SCORE, SELECT, BENCH], ["several.npz", "--member", "pool_labels"], "got int64", lambda: None),
    "unknown member": (
        [SCORE, SELECT, BENCH],
        ["several.npz", "--member", "x"],
        "one of the members 'pool'",
        lambda: None,
    ),
    "member of npy": ([SCORE], ["preds.npy", "--member", "pool"], "no members", lambda: None),
    "which member": ([SCORE, SELECT, BENCH], ["unnamed.npz"], "--member", lambda: None),
    "mask without events": ([SCORE], ["preds.npy", "--mask", "mask.npy"], "mask: ", lambda: None),
    "mask unreduced": ([SCORE], ["maps.npy", "--mask", "mask.npy"], "mask: ", lambda: None),
    "maps unreduced": ([SELECT], ["maps.npy"], "Reduce them: --reduce mean", lambda: None),
    "mask of numbers": (
        [SCORE, SELECT, BENCH],
        ["maps.npy", "--reduce", "mean", "--mask", "ints.npy"],
        "mask: expected booleans",
        lambda: np.save("ints.npy", PADDING.astype(int)),
    ),
    "mask of rows": (
        [SCORE, SELECT, BENCH],
        ["maps.npy", "--reduce", "mean", "--mask", "short.npy"],
        "expected shape (20, 2, 2)",
        lambda: np.save("short.npy", PADDING[:9]),
    ),
    "weights of length": (
        [SCORE, SELECT, BENCH],
        ["preds.npy", "--weights", "long.npy"],
        "expected shape (6,)",
        lambda: np.save("long.npy", np.ones(7)),
    ),
    "weights missing": ([SCORE], ["preds.npy", "--weights", "nope.npy"], "nope.npy: no such file.", lambda: None),
    "weights in text": ([SCORE], ["preds.npy", "--weights", "w.csv"], "ends in .npy", lambda: save_text("w.csv")),
    "reduction": ([SCORE, SELECT, BENCH], ["maps.npy", "--reduce", "median"], "got 'median'", lambda: None),
    "share": ([SCORE], ["maps.npy", "--reduce", "top-mean", "--share", "0"], "q: expected", lambda: None),
    "events": ([SELECT, BENCH], ["maps.npy"], "Reduce", lambda: None),
    "beta": ([SELECT], ["preds.npy", "-H", "power-bald", "--beta", "-1"], "beta: expected", lambda: None),
    "beta of bald": ([SELECT], ["preds.npy", "--beta", "2"], "does not take beta", lambda: None),
    "floor": ([SCORE], ["preds.npy", "-H", "pairwise-kl", "--floor", "2"], "floor: expected", lambda: None),
    "only draws": ([BENCH], ["maps.npy", "--reduce", "mean", "--heuristics", "random"], "can be drawn", lambda: None),
    "joint scores": (
        [SCORE],
        ["preds.npy", "-H", "batchbald"],
        "alcore select FILE --heuristic batchbald",
        lambda: None,
    ),
    "no targets": ([SCORE, SELECT], ["preds.npy", "-H", "epig"], "--targets FILE", lambda: None),
    "no member target": ([SCORE, SELECT], ["several.npz", "-H", "power-epig"], "--targets FILE", lambda: None),
    "no targets of a batch": ([SELECT], ["preds.npy", "-H", "batch-epig"], "--targets FILE", lambda: None),
    "no targets named": ([BENCH], ["preds.npy", "--heuristics", "bald,epig"], "--targets FILE", lambda: None),
    "targets missing": (
        [SCORE, SELECT],
        ["preds.npy", "-H", "epig", "--targets", "nope.npy"],
        "nope.npy: no such file.",
        lambda: None,
    ),
    "which targets": (
        [SCORE, SELECT],
        ["preds.npy", "-H", "epig", "--targets", "unnamed.npz"],
        "unnamed.npz: expected targets",
        lambda: None,
    ),
    "targets of bald": (
        [SCORE, SELECT],
        ["preds.npy", "--targets", "targets.npy"],
        "does not take targets",
        lambda: None,
    ),
    "targets of other draws": (
        [SCORE, SELECT],
        ["preds.npy", "-H", "epig", "--targets", "short.npy"],
        "targets: expected 3 classes and 6 draws",
        lambda: np.save("short.npy", TARGETS[..., :5] / TARGETS[..., :5].sum(axis=1, keepdims=True)),
    ),
    "samples of bald": ([SELECT], ["preds.npy", "--samples", "9"], "does not take samples", lambda: None),
    "negative samples": (
        [SELECT],
        ["preds.npy", "-H", "batchbald", "--samples", "-1"],
        "samples: expected",
        lambda: None,
    ),
    "drawn joint": ([SELECT], ["preds.npy", "-H", "power-batchbald"], "chooses its batch jointly", lambda: None),
    "joint events": ([SELECT], ["maps.npy", "-H", "two-bald"], "expected shape (N, C, T)", lambda: None),
}


@pytest.mark.parametrize(
    ("command", "case"), [(command, case) for case, (commands, *_) in REFUSALS.items() for command in commands]
)
def test_refusals_are_one_sentence_and_leave_no_file(here: Path, command: Sequence[str], case: str) -> None:
    _, arguments, expected, prepare = REFUSALS[case]
    prepare()
    before = sorted(os.listdir())
    result = run(*command, *arguments)
    assert result.exit_code == 2
    assert expected in result.stderr
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    assert "Traceback" not in result.output
    assert sorted(os.listdir()) == before


@pytest.mark.parametrize(
    ("command", "output", "expected"),
    [
        (["score", "preds.npy", "-o"], "no/s.npy", "no/s.npy: the folder no does not exist."),
        (["score", "preds.npy", "-o"], "s.txt", "s.txt: expected a file that ends in .npy or .csv, got '.txt'."),
        (["score", "preds.npy", "-o"], "s", "s: expected a file that ends in .npy or .csv, got 'no ending'."),
        (["score", "preds.npy", "-o"], "folder.npy", "folder.npy: expected a file to write, got a folder."),
        (["score", "preds.npy", "-o"], "preds.npy", "preds.npy: this file is an input"),
        (["score", "preds.npy", "-o"], "./linked.npy", "linked.npy: this file is an input"),
        (["score", "preds.npy", "--weights", "weights.npy", "-o"], "weights.npy", "weights.npy: this file is an input"),
        (["score", "maps.npy", "-o"], "s.csv", "Reduce them: --reduce mean"),
        (
            ["score", "preds.npy", "-H", "epig", "--targets", "targets.npy", "-o"],
            "targets.npy",
            "targets.npy: this file is an input",
        ),
        (["select", "preds.npy", "-o"], "s.npy", "s.npy: expected a file that ends in .csv"),
        (["select", "preds.npy", "-o"], "no/s.csv", "the folder no does not exist"),
        (["bench", "preds.npy", "--plot"], "s.jpg", "s.jpg: expected a file that ends in .png or .svg or .pdf"),
        (["bench", "preds.npy", "--plot"], "no/s.png", "the folder no does not exist"),
    ],
)
def test_outputs_are_checked(here: Path, command: Sequence[str], output: str, expected: str) -> None:
    Path("folder.npy").mkdir()
    Path("linked.npy").symlink_to("preds.npy")
    before = {path: path.read_bytes() for path in here.iterdir() if path.is_file()}
    result = run(*command, output)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"error: {expected}") or expected in result.stderr
    assert result.stderr.count("\n") == 1
    assert not result.stdout
    assert {path: path.read_bytes() for path in here.iterdir() if path.is_file()} == before


@pytest.mark.parametrize(
    "arguments",
    [
        ["select", "preds.npy", "-k", "ten"],
        ["select", "preds.npy", "-k", "1.5"],
        ["select", "preds.npy", "-k", "[/red]"],
        ["select", "preds.npy", "--seed", "x"],
        ["select"],
        ["score", "preds.npy"],
        ["score", "preds.npy", "-o", "s.npy", "--nope"],
        ["nope"],
    ],
)
def test_wrong_usage_is_exit_code_2_and_leaves_no_file(here: Path, arguments: Sequence[str]) -> None:
    assert_wrong_usage(lambda: run(*arguments))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["scor"], "error: No such command 'scor'. Did you mean 'score'? See alcore --help.\n"),
        (["select", "--bogus", "x"], "error: No such option: --bogus. See alcore select --help.\n"),
        (["select"], "error: Missing argument 'FILE'. See alcore select --help.\n"),
        (
            ["select", "x.npy", "-k", "ten"],
            "error: Invalid value for '-k': expected a whole number. See alcore select --help.\n",
        ),
        (
            ["select", "x.npy", "--share", "b"],
            "error: Invalid value for '--share': expected a number. See alcore select --help.\n",
        ),
        (["ledger", "withdraw"], "error: Missing argument 'RUN.db'. See alcore ledger withdraw --help.\n"),
    ],
)
def test_wrong_usage_names_the_help_of_its_command(here: Path, arguments: Sequence[str], said: str) -> None:
    assert run(*arguments).stderr == said
