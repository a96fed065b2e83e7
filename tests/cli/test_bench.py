"""``alcore bench`` without labels: its tables, notes and pictures."""

from __future__ import annotations

import dataclasses
import io
import re
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

import alcore
from alcore.bench.compare import DEFAULT, JOINT, compare
from alcore.cli import tables
from tests.cli.prediction_commands import MAPS, PROBS, TARGETS, done, make_folder, run


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return make_folder(tmp_path, monkeypatch)


def rows_of_tables(shown: str, name: str) -> int:
    """Rows of a heuristic in what bench shows, whose summary names some too."""
    return len(re.findall(rf"^ *\d+ +{name} ", shown, re.MULTILINE))


def test_bench_compares_all_by_default_and_draws(here: Path) -> None:
    shown = done("bench", "several.npz", "-k", 5, "--floor", 0.001, "--plot", "picture.png")
    assert all(shown.count(name) >= 2 for name in DEFAULT)
    assert "epig" not in shown
    assert "several.npz (in memory)" in shown
    assert "information of the picks and score distributions -> picture.png" in shown
    assert Path("picture.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


def test_bench_takes_ten_picks_by_default(here: Path) -> None:
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
    assert result.stderr == "note: the targets are the member 'target' of asked.npz, shape (4, 3, 6).\n"
    assert rows_of_tables(result.stdout, "epig") == 2
    assert "batch-epig" not in result.stdout
    shown = done("bench", "preds.npy", "-k", 3, "--heuristics", "epig,batch-epig,bald", "--targets", "targets.npy")
    assert rows_of_tables(shown, "batch-epig") == 2


def test_bench_notes_exhausted_draws(here: Path) -> None:
    result = run("bench", "certain.npy", "-k", 9, "--heuristics", "bald,batchbald")
    assert result.exit_code == 0, result.output
    assert re.fullmatch(
        r"note: batchbald exhausted the 4 draws after \d of 9 picks; the other picks were drawn by power sampling of BALD\.\n",
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
    assert "the predictions have event axes, so a row has no single label and no joint" in shown
    assert "\nscore distributions -> picture.png" in shown
    assert not any(word in shown for word in ("nats", "redundant", *JOINT))


def test_maps_are_compared_when_they_are_reduced(here: Path) -> None:
    refused, compared = run("bench", "maps.npy"), run("bench", "maps.npy", "--reduce", "mean", "-k", "3")
    assert (refused.exit_code, compared.exit_code) == (2, 0)
    assert "--reduce mean" in refused.stderr
    assert "mean(bald)" in compared.stdout


def test_large_files_are_read_from_disk(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alcore.cli.arguments.IN_MEMORY_BYTES", 0)
    assert "preds.npy (read from disk each time)" in done("bench", "preds.npy", "-k", 2, "--heuristics", "bald")
