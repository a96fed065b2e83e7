"""The command line: what it writes, and what it refuses with one sentence, exit code 2 and no file left behind."""

from __future__ import annotations

import csv
import dataclasses
import io
import os
import re
import subprocess
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import zarr
from rich.console import Console
from typer.testing import CliRunner

import alcore
from alcore.bench.compare import DEFAULT, JOINT, compare
from alcore.cli import app, tables
from alcore.heuristics import names
from alcore.heuristics.base import Joint

RNG = np.random.default_rng(0)
PROBS = RNG.dirichlet(np.ones(3), size=(30, 6)).transpose(0, 2, 1).copy()
MAPS = RNG.dirichlet(np.ones(3), size=(20, 2, 2, 5)).transpose(0, 4, 1, 2, 3).copy()
PADDING = np.zeros((20, 2, 2), np.bool_)
PADDING[:, 1, 1] = True
WEIGHTS = np.arange(6.0)
TARGETS = RNG.dirichlet(np.ones(3), size=(4, 6)).transpose(0, 2, 1).copy()
CERTAIN = np.zeros((30, 2, 4))  # 30 rows that ask two questions about four draws
CERTAIN[np.arange(30)[:, None], (np.arange(30)[:, None] >> np.arange(4)) % 2, np.arange(4)] = 1
MARKUP = ("[red]x.npy", "[red]:smile:[bold].npy", "x[.npy", "a\\.npy", "[link=x]y.npy", "ß ½.npy")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of predictions, the current one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    np.save("preds.npy", PROBS)
    np.save("logits.npy", np.log(PROBS) + 1)
    np.save("maps.npy", MAPS)
    np.save("mask.npy", PADDING)
    np.save("weights.npy", WEIGHTS)
    np.savez("several.npz", pool=PROBS, pool_labels=np.arange(30) % 3, test=PROBS[:9])
    np.savez("unnamed.npz", a=PROBS, b=PROBS)
    np.savez("asked.npz", pool=PROBS, target=TARGETS)
    np.save("targets.npy", TARGETS)
    np.save("certain.npy", CERTAIN)
    return tmp_path


def run(*arguments: object) -> Any:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def done(*arguments: object) -> str:
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    assert not result.stderr
    return str(result.stdout)


def rows_of_tables(shown: str, name: str) -> int:
    """Rows of a heuristic in what bench shows, whose summary names some too."""
    return len(re.findall(rf"^ *\d+ +{name} ", shown, re.MULTILINE))


def table(text: str) -> dict[str, list[float]]:
    rows = list(csv.DictReader(io.StringIO(text)))
    return {name: [float(row[name]) for row in rows] for name in rows[0]} if rows else {}


def rows_picked(*arguments: object) -> list[int]:
    return [int(row) for row in table(done("select", *arguments))["row"]]


# --- score ------------------------------------------------------------------------------------------------------------


def test_scores_go_to_npy(here: Path) -> None:
    assert done("score", "preds.npy", "-o", "s.npy").startswith("bald: 30 rows, largest 0.")
    np.testing.assert_array_equal(np.load("s.npy", allow_pickle=False), alcore.bald(PROBS))


def test_scores_go_to_csv_without_loss(here: Path) -> None:
    done("score", "preds.npy", "--heuristic", "margin", "--output", "s.csv")
    columns = table(Path("s.csv").read_text())
    assert columns["row"] == list(range(30))
    np.testing.assert_array_equal(columns["score"], alcore.margin(PROBS))


@pytest.mark.parametrize("name", [name for name in DEFAULT if name not in ("random", *JOINT)])
def test_every_heuristic_scores_by_name(here: Path, name: str) -> None:
    done("score", "preds.npy", "-H", name, "-o", "s.npy")
    np.testing.assert_array_equal(np.load("s.npy"), alcore.heuristic(name).score(PROBS))


def test_logits_weights_and_floor_are_passed_on(here: Path) -> None:
    done("score", "logits.npy", "--kind", "logits", "--weights", "weights.npy", "-o", "s.npy")
    np.testing.assert_allclose(np.load("s.npy"), alcore.bald(PROBS, weights=WEIGHTS), rtol=1e-9)
    done("score", "preds.npy", "-H", "pairwise-kl", "--floor", "0.2", "-o", "s.npy")
    np.testing.assert_array_equal(np.load("s.npy"), alcore.PairwiseKL(0.2).score(PROBS))


def test_event_axes_stay_or_are_reduced_without_padding(here: Path) -> None:
    done("score", "maps.npy", "-o", "s.npy")
    np.testing.assert_array_equal(np.load("s.npy"), alcore.bald(MAPS))
    for how in ("mean", "sum", "max", "top-mean"):
        done("score", "maps.npy", "--reduce", how, "--share", 0.5, "--mask", "mask.npy", "-o", "s.npy")
        expected = alcore.reduce(alcore.bald(MAPS), how, q=0.5, mask=PADDING)
        np.testing.assert_allclose(np.load("s.npy"), expected, rtol=1e-12)


def test_no_rows_no_scores(here: Path) -> None:
    np.save("none.npy", PROBS[:0])
    assert done("score", "none.npy", "-o", "s.csv").startswith("bald: 0 rows -> ")
    assert Path("s.csv").read_text() == "row,score\n"


def test_an_old_result_is_replaced(here: Path) -> None:
    Path("s.npy").write_text("old")
    done("score", "preds.npy", "-o", "s.npy")
    assert np.load("s.npy").shape == (30,)


# --- select -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [0, 1, 7, 30, 99])
def test_picks_go_to_the_screen_or_to_csv(here: Path, k: int) -> None:
    batch = alcore.BALD().select(PROBS, k)
    shown = done("select", "preds.npy", "-k", k)
    assert done("select", "preds.npy", "-k", k, "-o", "picks.csv") == f"bald: {min(k, 30)} rows -> picks.csv\n"
    assert Path("picks.csv").read_text() == shown
    assert shown.splitlines()[0] == "pick,row,score,q,support"
    if k:
        columns = table(shown)
        assert columns["pick"] == list(range(1, len(batch) + 1))
        assert columns["row"] == batch.indices.tolist()
        assert columns["score"] == batch.scores.tolist()
        assert columns["q"] == batch.q.tolist()
        assert columns["support"] == batch.support.tolist()


@pytest.mark.parametrize("name", ["power-bald", "softmax-entropy", "softrank-bald", "random"])
def test_one_seed_one_choice(here: Path, name: str) -> None:
    picks = [rows_picked("preds.npy", "-H", name, "-k", 9, "--seed", seed) for seed in (0, 0, 1)]
    assert picks[0] == picks[1] == alcore.heuristic(name).select(PROBS, 9, rng=0).indices.tolist()
    assert picks[0] != picks[2]


def test_beta_reaches_the_draw(here: Path) -> None:
    cold = rows_picked("preds.npy", "-H", "power-bald", "--beta", 1e4, "-k", 5, "--seed", 0)
    assert cold == alcore.BALD().select(PROBS, 5).indices.tolist()


@pytest.mark.parametrize("name", ["bald", "power-bald"])
def test_rows_of_maps_are_chosen(here: Path, name: str) -> None:
    picks = rows_picked("maps.npy", "-H", name, "--reduce", "max", "--mask", "mask.npy", "-k", 4, "--seed", 2)
    heuristic = alcore.heuristic(name, reduce="max")
    assert picks == heuristic.select(MAPS, 4, mask=PADDING, rng=2).indices.tolist()


@pytest.mark.parametrize("name", ["batchbald", "two-bald", "ical", "ical-pointwise", "batch-epig"])
def test_joint_batches_bring_what_they_know(here: Path, name: str) -> None:
    given = ("--targets", "targets.npy") if name == "batch-epig" else ()
    shown = table(done("select", "preds.npy", "-H", name, "-k", 4, "--seed", 3, *given))
    options = {"targets": TARGETS} if given else {}
    batch = alcore.heuristic(name, **options).select(PROBS, 4, rng=3)
    assert shown["row"] == batch.indices.tolist()
    assert shown["score"] == batch.scores.tolist()
    known = [column for column in ("information", "effective_draws") if getattr(batch, column) is not None]
    assert list(shown) == ["pick", "row", "score", "q", "support", *known]
    for column in known:
        assert shown[column] == getattr(batch, column).tolist()
    assert known or name not in ("batchbald", "batch-epig")


def test_samples_and_exact_reach_batchbald(here: Path) -> None:
    given = ("preds.npy", "-H", "batchbald", "-k", 6, "--seed", 1)
    shown = table(done("select", *given, "--samples", 60, "--exact", 0))
    batch = alcore.batchbald(PROBS, 6, samples=60, exact=0, rng=1)
    assert shown["information"] == batch.information.tolist()
    assert shown["information"] != table(done("select", *given))["information"]


def test_exhausted_draws_are_a_note_of_one_line(here: Path) -> None:
    result = run("select", "certain.npy", "-H", "batchbald", "-k", 9, "-o", "picks.csv")
    assert result.exit_code == 0
    assert re.fullmatch(r"note: BatchBALD: the 4 draws were exhausted after \d of 9 picks: .+\n", result.stderr)
    assert result.stdout == "batchbald: 9 rows -> picks.csv\n"
    assert len(table(Path("picks.csv").read_text())["row"]) == 9


def test_other_warnings_stay_warnings(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def warn(*arguments: Any, **options: Any) -> None:
        warnings.warn("beware", FutureWarning, stacklevel=2)

    monkeypatch.setattr(alcore.BALD, "select", warn, raising=False)
    assert isinstance(run("select", "preds.npy").exception, FutureWarning)  # as pytest makes it


def test_picks_that_are_not_certain_are_noted(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = dataclasses.replace(alcore.batchbald(PROBS, 4, rng=0), certified_until=2)
    monkeypatch.setattr(alcore.BatchBALD, "_choose", lambda *arguments: batch)
    result = run("select", "preds.npy", "-H", "batchbald", "-k", 4)
    assert re.fullmatch(r"note: only the first 2 of 4 picks are certain .+ read again, such as .npy.\n", result.stderr)
    assert len(table(result.stdout)["row"]) == 4


# --- targets ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["epig", "power-epig", "softmax-epig", "softrank-epig"])
def test_targets_come_from_their_file_or_from_the_predictions_own(here: Path, name: str) -> None:
    expected = alcore.EPIG(TARGETS).score(PROBS)
    done("score", "preds.npy", "-H", name, "--targets", "targets.npy", "-o", "s.npy")
    np.testing.assert_array_equal(np.load("s.npy"), expected)
    done("score", "preds.npy", "-H", name, "--targets", "asked.npz", "-o", "s.npy")
    np.testing.assert_array_equal(np.load("s.npy"), expected)
    result = run("score", "asked.npz", "-H", name, "-o", "t.npy")
    assert result.stderr == "note: targets are the member 'target' of asked.npz, shape (4, 3, 6).\n"
    np.testing.assert_array_equal(np.load("t.npy"), expected)


def test_targets_named_go_before_the_predictions_own(here: Path) -> None:
    np.save("other.npy", PROBS[:2])
    shown = done("select", "asked.npz", "-H", "epig", "--targets", "other.npy", "-k", 3)
    assert table(shown)["row"] == alcore.EPIG(PROBS[:2]).select(PROBS, 3).indices.tolist()


@pytest.mark.parametrize("name", ["x.zarr", "x.h5"])
def test_targets_of_zarr_and_hdf5(here: Path, name: str) -> None:
    root: Any = zarr.open_group(name, mode="w") if name == "x.zarr" else h5py.File(name, "w")
    for member, array in (("pool", PROBS), ("target", TARGETS)):
        root.create_array(member, data=array) if name == "x.zarr" else root.create_dataset(member, data=array)
    if name == "x.h5":
        root.close()
    result = run("select", name, "-H", "batch-epig", "-k", 2, "--seed", 0)
    assert result.exit_code == 0, result.output
    assert result.stderr == f"note: targets are the member 'target' of {name}, shape (4, 3, 6).\n"
    assert table(result.stdout)["row"] == alcore.batch_epig(PROBS, TARGETS, 2, rng=0).indices.tolist()


# --- sources ----------------------------------------------------------------------------------------------------------


def test_the_pool_is_the_default_member(here: Path) -> None:
    assert rows_picked("several.npz", "-k", 5) == rows_picked("preds.npy", "-k", 5)
    assert rows_picked("several.npz", "--member", "pool", "-k", 5) == rows_picked("preds.npy", "-k", 5)
    assert len(rows_picked("several.npz", "--member", "test", "-k", 99)) == 9


@pytest.mark.parametrize("name", ["x.zarr", "x.h5", "x.hdf5"])
def test_zarr_and_hdf5_are_read(here: Path, name: str) -> None:
    if name == "x.zarr":
        zarr.create_array(name, shape=PROBS.shape, dtype=PROBS.dtype)[...] = PROBS
    else:
        with h5py.File(name, "w") as file:
            file["run/pool"] = PROBS
    assert rows_picked(name, "-k", 5) == rows_picked("preds.npy", "-k", 5)
    assert "30 x 3 x 6, 2 picks each" in done("bench", name, "-k", 2, "--heuristics", "bald")


# --- bench ------------------------------------------------------------------------------------------------------------


def test_bench_compares_all_by_default_and_draws(here: Path) -> None:
    shown = done("bench", "several.npz", "-k", 5, "--floor", 0.001, "--plot", "picture.png")
    assert all(shown.count(name) >= 2 for name in DEFAULT)
    assert "epig" not in shown
    assert "several.npz (in memory)" in shown
    assert "information of the picks and score distributions -> picture.png" in shown
    assert Path("picture.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


def test_bench_takes_ten_picks_unless_told(here: Path) -> None:
    assert "30 x 2 x 4, 10 picks each" in done("bench", "certain.npy", "--heuristics", "bald")


def test_bench_weighs_batches(here: Path) -> None:
    shown = done("bench", "preds.npy", "-k", 4, "--heuristics", "bald,batchbald")
    result = compare(PROBS, k=4, heuristics=["bald", "batchbald"], rng=0)
    assert all(title in shown for title in ("nats", "of log T", "redundant"))
    for value, redundancy in zip(result.information, result.redundancy, strict=True):
        row = f"{value:.3f} {100 * value / np.log(6):.1f} % {redundancy:.3f}"
        assert row in " ".join(shown.split())
    weighted = done("bench", "preds.npy", "-k", 4, "--heuristics", "bald", "--weights", "weights.npy")
    assert "of H(w)" in weighted


def test_bench_has_epig_where_there_are_targets(here: Path) -> None:
    result = run("bench", "asked.npz", "-k", 3, "--floor", 0.001)
    assert result.exit_code == 0, result.output
    assert result.stderr == "note: targets are the member 'target' of asked.npz, shape (4, 3, 6).\n"
    assert rows_of_tables(result.stdout, "epig") == 2
    assert "batch-epig" not in result.stdout
    shown = done("bench", "preds.npy", "-k", 3, "--heuristics", "epig,batch-epig,bald", "--targets", "targets.npy")
    assert rows_of_tables(shown, "batch-epig") == 2


def test_labels_called_target_are_no_targets(here: Path) -> None:
    np.savez("labelled.npz", pool=PROBS, target=np.arange(30))
    assert "epig" not in done("bench", "labelled.npz", "-k", 3, "--floor", 0.001)
    result = run("select", "labelled.npz", "-H", "epig")
    assert result.exit_code == 2
    assert "targets: expected" in result.stderr


def test_bench_notes_exhausted_draws(here: Path) -> None:
    result = run("bench", "certain.npy", "-k", 9, "--heuristics", "bald,batchbald")
    assert result.exit_code == 0, result.output
    assert re.fullmatch(
        r"note: batchbald exhausted the 4 draws after \d of 9 picks; the others were drawn by power sampling of BALD\.\n",
        result.stderr,
    )
    assert "100.0 %" in result.stdout


def test_bench_draws_what_has_no_scores(here: Path) -> None:
    shown = done("bench", "preds.npy", "-k", 3, "--heuristics", "random,ical", "--plot", "picture.svg")
    assert "\ninformation of the picks -> picture.svg" in shown


@pytest.mark.compiled
def test_bench_fits_a_hundred_columns(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    big = np.concatenate([PROBS] * 40)
    np.savez("big.npz", pool=big, target=TARGETS)
    shown = run("bench", "big.npz", "-k", 9, "--floor", 0.001).stdout.split("overlap")[0]
    rows = [line for line in shown.splitlines() if re.match(r" +\d+  [a-z]", line)]
    assert len(rows) == len(DEFAULT) + 1  # none takes a second line
    assert all(len(line) <= 100 for line in shown.splitlines())
    assert not re.search(r"^ {30,}\d", shown, re.MULTILINE)


@pytest.mark.parametrize(("ending", "magic"), [("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_pictures_of_other_formats(here: Path, ending: str, magic: bytes) -> None:
    done("bench", "preds.npy", "-k", 5, "--heuristics", "bald, power-bald", "--plot", f"scores.{ending}")
    assert Path(f"scores.{ending}").read_bytes().startswith(magic)


def test_bench_shows_the_first_picks_of_those_named(here: Path) -> None:
    shown = done("bench", "preds.npy", "-k", 5, "--heuristics", "margin, random", "--seed", 3)
    assert " ".join(map(str, alcore.Margin().select(PROBS, 5).indices)) in " ".join(shown.split())
    assert "bald" not in shown


@pytest.mark.parametrize("reduce", [None, "top-mean"])
@pytest.mark.parametrize("width", [80, 120])
def test_no_number_is_cut_off(width: int, reduce: str | None) -> None:
    names = [name for name in DEFAULT if not (reduce and name in JOINT)]
    heuristics = [alcore.heuristic(name, reduce=reduce) for name in names]
    result = compare(MAPS if reduce else PROBS, k=6, heuristics=heuristics, rng=0)
    if not reduce:
        result = dataclasses.replace(result, information_error=np.full(len(names), 0.123))
    rows = np.arange(20) + 1_234_560
    far = alcore.Batch(rows, np.ones(20), np.ones(20), np.ones(20, np.int64))
    result = dataclasses.replace(result, batches=(far,) * len(names), overlap=np.ones_like(result.overlap))
    console = Console(width=width, file=io.StringIO(), record=True)
    console.print(tables.ranking_table(result, "preds.npy", "log T", width), tables.overlap_table(result, width))
    lines = [line.split() for line in console.export_text().splitlines()]
    words = [word for line in lines for word in line]
    firsts = [line[0] for line in lines if line]
    assert all(words.count(str(row)) == len(names) for row in rows[: 5 if reduce or width > 80 else 3])
    assert reduce or sum(word.endswith("±.123") for word in words) == len(names)
    assert words.count("100") == len(names) * (len(names) - 1)
    assert all(firsts.count(str(number)) == 2 for number in range(2, len(names) + 1))


def test_bench_of_maps(here: Path) -> None:
    shown = done("bench", "maps.npy", "--reduce", "mean", "--mask", "mask.npy", "-k", 3, "--plot", "picture.png")
    assert "mean(bald)" in shown
    assert "with event axes rows have no joint information" in shown
    assert "\nscore distributions -> picture.png" in shown
    assert not any(word in shown for word in ("nats", "redundant", *JOINT))


def test_large_files_are_read_from_disk(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alcore.cli.arguments.IN_MEMORY_BYTES", 0)
    assert "preds.npy (read from disk each time)" in done("bench", "preds.npy", "-k", 2, "--heuristics", "bald")


# --- names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MARKUP)
def test_names_are_printed_as_they_are(here: Path, name: str) -> None:
    assert run("select", name).stderr == f"error: {name}: no such file.\n"
    np.save(name, PROBS)
    output = f"out-{name}"
    assert done("score", name, "-o", output).endswith(f"-> {output}\n")
    assert Path(output).exists()
    assert f"{name} (in memory)" in done("bench", name, "-k", 2, "--heuristics", "bald")


def test_version_and_help(here: Path) -> None:
    assert done("--version") == f"{alcore.__version__}\n"
    shown = done("--help")
    assert all(command in shown for command in ("score", "select", "bench", "--version"))
    for command in ("score", "select", "bench"):
        assert "Predictions: .npy, .npz, .zarr, .h5 or .hdf5." in " ".join(done(command, "--help").split())


# --- refusals ---------------------------------------------------------------------------------------------------------

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
    "negative seed": ([SELECT, BENCH], ["preds.npy", "--seed", "-1"], "rng: expected", lambda: None),
    "kind": ([SCORE, SELECT, BENCH], ["preds.npy", "--kind", "logit"], "got 'logit'", lambda: None),
    "logits as probs": ([SCORE, SELECT, BENCH], ["logits.npy"], "kind='logits'", lambda: None),
    "nan": ([SCORE, SELECT, BENCH], ["nan.npy"], "probs[17, 1, 3] is nan", save_nan),
    "labels": ([SCORE, SELECT, BENCH], ["several.npz", "--member", "pool_labels"], "got int64", lambda: None),
    "unknown member": ([SCORE, SELECT, BENCH], ["several.npz", "--member", "x"], "it has 'pool'", lambda: None),
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
    "drawn joint": ([SELECT], ["preds.npy", "-H", "power-batchbald"], "chosen jointly", lambda: None),
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
        (["score", "preds.npy", "-o"], "preds.npy", "preds.npy: is read from"),
        (["score", "preds.npy", "-o"], "./linked.npy", "linked.npy: is read from"),
        (["score", "preds.npy", "--weights", "weights.npy", "-o"], "weights.npy", "weights.npy: is read from"),
        (["score", "maps.npy", "-o"], "s.csv", "Reduce them: --reduce mean"),
        (
            ["score", "preds.npy", "-H", "epig", "--targets", "targets.npy", "-o"],
            "targets.npy",
            "targets.npy: is read from",
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
    before = sorted(os.listdir())
    result = run(*arguments)
    assert result.exit_code == 2
    assert re.fullmatch(r"error: .+ See alcore --help\.\n", result.stderr)
    assert "Traceback" not in result.output
    assert sorted(os.listdir()) == before


# --- the installed command --------------------------------------------------------------------------------------------

COMMAND = Path(sys.executable).with_name("alcore")


def test_the_installed_command(here: Path) -> None:
    def shell(line: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["sh", "-c", f'"{COMMAND}" {line}'], capture_output=True, text=True)

    chosen = shell("select several.npz -k 3")
    assert (chosen.returncode, chosen.stderr) == (0, "")
    assert chosen.stdout == done("select", "several.npz", "-k", 3)
    refused = shell("score logits.npy -o s.npy")
    assert refused.returncode == 2
    assert refused.stdout == ""
    assert refused.stderr.startswith("error: probs: expected probabilities")
    assert refused.stderr.count("\n") == 1
    assert not Path("s.npy").exists()


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "| head -n 1"])
def test_closed_pipes_are_no_failure(here: Path, closed: str) -> None:
    line = f'"{COMMAND}" select preds.npy -k 3 {closed}'
    result = subprocess.run(["sh", "-c", line], capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize("name", [*JOINT, "batch-epig"])
def test_joint_heuristics_have_no_scores_to_write(here: Path, name: str) -> None:
    result = run("score", "asked.npz", "-H", name, "-o", "s.npy")
    assert result.exit_code == 2
    assert f"alcore select FILE --heuristic {name}." in result.stderr
    assert result.stderr.count("\n") == 1
    assert not Path("s.npy").exists()


def test_every_joint_heuristic_is_known_here() -> None:
    joint = set()
    for name in names._PLAIN:
        options = {"batch-epig": {"targets": TARGETS}, "epig": {"targets": TARGETS}, "precomputed": {"scores": [1.0]}}
        if isinstance(alcore.heuristic(name, **options.get(name, {})), Joint):
            joint.add(name)
    assert joint == {*JOINT, "batch-epig"}


def test_random_has_no_scores_to_write(tmp_path: Path) -> None:
    np.save(tmp_path / "preds.npy", np.full((4, 2, 3), 0.5))
    result = CliRunner().invoke(
        app, ["score", str(tmp_path / "preds.npy"), "-H", "random", "-o", str(tmp_path / "s.npy")]
    )
    assert result.exit_code == 2
    assert "alcore select FILE --heuristic random" in result.stderr
    assert not (tmp_path / "s.npy").exists()


def test_without_arguments_the_help_is_shown() -> None:
    result = CliRunner().invoke(app, [])
    assert result.exit_code == 2
    assert "select" in result.stdout


def test_maps_are_compared_when_they_are_reduced(here: Path) -> None:
    refused, compared = run("bench", "maps.npy"), run("bench", "maps.npy", "--reduce", "mean", "-k", "3")
    assert (refused.exit_code, compared.exit_code) == (2, 0)
    assert "--reduce mean" in refused.stderr
    assert "mean(bald)" in compared.stdout
