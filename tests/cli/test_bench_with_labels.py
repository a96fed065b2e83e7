"""``alcore bench`` with labels: replay, reports and tables on the command line, and what it refuses in one sentence."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from alcore.cli import app

RNG = np.random.default_rng(8)
PROBS = RNG.dirichlet(np.ones(3), size=(70, 12)).transpose(0, 2, 1).copy()
TRUE = np.array([RNG.choice(3, p=row / row.sum()) for row in PROBS[..., 0]])
QUICK = ("-k", 3, "--heuristics", "bald,random,entropy", "--steps", 4, "--seeds", 2)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with predictions and labels in every way that they can be given, the current one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    np.savez(
        "all.npz", pool=PROBS[:50], pool_labels=TRUE[:50], test=PROBS[50:], test_labels=TRUE[50:], target=PROBS[60:]
    )
    np.savez("pool.npz", pool=PROBS[:50])
    np.savez("test.npz", test=PROBS[50:], test_labels=TRUE[50:])
    for name, array in {"pool": PROBS[:50], "labels": TRUE[:50], "test": PROBS[50:], "test_labels": TRUE[50:]}.items():
        np.save(f"{name}.npy", array)
    return tmp_path


def run(*arguments: object) -> Any:
    return CliRunner().invoke(app, ["bench", *map(str, arguments)])


def done(*arguments: object) -> str:
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return str(result.stdout)


def refused(*arguments: object) -> str:
    result = run(*arguments)
    assert result.exit_code == 2, result.output
    assert result.stderr.count("error:") == 1
    assert len(result.stderr.strip().splitlines()) == 1
    assert "Traceback" not in result.output
    return str(result.stderr)


def read_json(file: str = "out.json") -> Any:
    return json.loads(Path(file).read_text())


def test_everything_of_one_file_is_replayed_and_written(here: Path) -> None:
    shown = done("all.npz", *QUICK, "--json", "out.json", "--csv", "out.csv", "--report", "report.html")
    assert "In batches of 10" in shown
    assert "report -> report.html" in shown
    tables = read_json()["tables"]
    assert set(tables) >= {"heuristics", "replay", "replay summary", "calibration", "reliability", "overlap", "classes"}
    assert tables["heuristics"]["heuristic"] == ["bald", "random", "entropy"]
    assert max(tables["replay"]["labels"]) <= 4
    assert set(tables["replay"]["at a time"]) == {10}
    assert "effective dimension" in tables["replay"]
    assert read_json()["left out"] == {}
    with Path("out.csv").open() as file:
        assert [row["heuristic"] for row in csv.DictReader(file)] == ["bald", "random", "entropy"]
    assert 'id="replay-10"' in Path("report.html").read_text()


def test_members_may_lie_in_files_of_their_own(here: Path) -> None:
    zarr, h5py = pytest.importorskip("zarr"), pytest.importorskip("h5py")
    group = zarr.open_group("all.zarr", mode="w")
    with h5py.File("all.h5", "w") as file, np.load("all.npz") as arrays:
        for name in arrays:
            file[name] = arrays[name]
            group.create_array(name, data=arrays[name])
    ways = (
        ("all.npz",),
        ("all.zarr",),
        ("all.h5",),
        ("pool.npz", "--labels", "labels.npy", "--test", "test.npz"),
        ("pool.npy", "--labels", "all.npz", "--test", "test.npy", "--test-labels", "test_labels.npy"),
    )
    found = []
    for way in ways:
        done(*way, *QUICK, "--json", "out.json")
        found.append(read_json()["tables"]["replay"])
    assert found == found[:1] * len(ways)


def test_targets_that_are_named_stand_for_those_of_the_file(here: Path) -> None:
    np.savez("x.npz", pool=PROBS[:50], target=PROBS[50:, :, 1:])
    np.save("targets.npy", PROBS[50:])
    done("x.npz", "--heuristics", "epig,random", "-k", "3", "--targets", "targets.npy", "--json", "out.json")
    assert read_json()["tables"]["heuristics"]["heuristic"] == ["epig", "random"]


def test_sizes_of_queries(here: Path) -> None:
    done("all.npz", *QUICK, "--at-a-time", "1, 3", "--json", "out.json")
    assert set(read_json()["tables"]["replay"]["at a time"]) == {1, 3}


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (("pool.npy",), {"replay", "calibration"}),
        (("pool.npy", "--labels", "labels.npy"), {"replay", "calibration"}),
        (("pool.npy", "--test", "test.npy"), {"replay", "calibration"}),
        (("pool.npy", "--test", "test.npz"), {"replay"}),
        (("pool.npy", "--labels", "labels.npy", "--test", "test.npz"), set()),
    ],
)
def test_what_is_lacking_is_left_out_with_a_sentence(here: Path, arguments: tuple[str, ...], parts: set[str]) -> None:
    shown = done(*arguments, *QUICK, "--json", "out.json")
    assert set(read_json()["left out"]) == parts
    for part in parts:
        assert f"{part.capitalize()} is left out: it needs" in shown


def test_draws_may_be_reweighted(here: Path) -> None:
    shown = done("all.npz", *QUICK, "--posterior", "reweighted", "--at-a-time", "1", "--json", "out.json")
    assert "One label at a time" in shown
    assert "effective draws" in read_json()["tables"]["replay"]
    assert "posterior: expected 'gaussian' or 'reweighted', got 'exact'" in refused(
        "all.npz", *QUICK, "--posterior", "exact"
    )


def test_a_test_set_of_one_class_is_judged(here: Path) -> None:
    np.save("ones.npy", np.ones(20, np.int64))
    shown = done(
        "pool.npy",
        "--labels",
        "labels.npy",
        "--test",
        "test.npy",
        "--test-labels",
        "ones.npy",
        *QUICK,
        "--json",
        "out.json",
    )
    assert "In batches of 10" in shown
    accuracy = (PROBS[50:].mean(axis=-1).argmax(axis=1) == 1).mean()
    assert read_json()["tables"]["calibration"]["accuracy"][0] == pytest.approx(accuracy)
    assert read_json()["left out"] == {}


BAD: dict[str, tuple[Callable[[], object], tuple[str, ...], str]] = {
    "labels of another length": (
        lambda: np.save("x.npy", TRUE[:49]),
        ("pool.npy", "--labels", "x.npy"),
        "expected shape (50,)",
    ),
    "labels with axes": (
        lambda: np.save("x.npy", TRUE[:50, None]),
        ("pool.npy", "--labels", "x.npy"),
        "expected shape (50,)",
    ),
    "labels with axes as a member": (
        lambda: np.savez("x.npz", pool=PROBS[:50], pool_labels=TRUE[:50, None]),
        ("x.npz",),
        "expected shape (50,), one label for each row of the predictions, got (50, 1)",
    ),
    "targets of other draws": (
        lambda: np.savez("x.npz", pool=PROBS[:50], target=PROBS[50:, :, 1:]),
        ("x.npz",),
        "target: expected shape (N, 3, 12)",
    ),
    "no labels": (lambda: np.save("x.npy", TRUE[:0]), ("pool.npy", "--labels", "x.npy"), "labels"),
    "labels from 1": (lambda: np.save("x.npy", TRUE[:50] + 1), ("pool.npy", "--labels", "x.npy"), "from 0 to 2"),
    "negative labels": (lambda: np.save("x.npy", TRUE[:50] - 1), ("pool.npy", "--labels", "x.npy"), "from 0 to 2"),
    "labels as floats": (
        lambda: np.save("x.npy", TRUE[:50] / 1),
        ("pool.npy", "--labels", "x.npy"),
        "Number the classes from 0 to 2",
    ),
    "labels of one class": (
        lambda: np.save("x.npy", TRUE[:50] * 0),
        ("pool.npy", "--labels", "x.npy"),
        "all 50 labels are class 0",
    ),
    "other draws": (
        lambda: np.save("x.npy", PROBS[50:, :, 1:]),
        ("pool.npy", "--test", "x.npy"),
        "test: expected shape (N, 3, 12)",
    ),
    "other classes": (
        lambda: np.save("x.npy", PROBS[50:, 1:]),
        ("pool.npy", "--test", "x.npy"),
        "test: expected shape (N, 3, 12)",
    ),
    "an empty test set": (lambda: np.save("x.npy", PROBS[:0]), ("pool.npy", "--test", "x.npy"), "at least one row"),
    "an empty pool": (lambda: np.save("x.npy", PROBS[:0]), ("x.npy",), "at least one row"),
    "one class": (lambda: np.save("x.npy", PROBS[:, :1] * 0 + 1), ("x.npy",), "classes"),
    "one draw": (lambda: np.save("x.npy", PROBS[..., :1]), ("x.npy",), "single draw"),
    "test labels of another length": (
        lambda: np.save("x.npy", TRUE[:3]),
        ("pool.npy", "--test", "test.npy", "--test-labels", "x.npy"),
        "test_labels: expected shape (20,)",
    ),
    "a test set that is no probabilities": (
        lambda: np.save("x.npy", PROBS[50:] * 3),
        ("pool.npy", "--test", "x.npy", "--test-labels", "test_labels.npy"),
        "test",
    ),
    "no such file": (lambda: None, ("pool.npy", "--labels", "nowhere.npy"), "nowhere.npy"),
    "many members": (lambda: np.savez("x.npz", a=TRUE, b=TRUE), ("pool.npy", "--labels", "x.npz"), "pool_labels"),
    "no seeds": (lambda: None, ("all.npz", "--seeds", "0"), "seeds"),
    "no steps": (lambda: None, ("all.npz", "--steps", "0"), "steps"),
    "no sizes": (lambda: None, ("all.npz", "--at-a-time", "1,zero"), "--at-a-time"),
    "a report of another kind": (lambda: None, ("all.npz", "--report", "report.pdf"), ".html"),
    "tables of another kind": (lambda: None, ("all.npz", "--json", "out.csv"), ".json"),
    "no folder": (lambda: None, ("all.npz", "--report", "nowhere/report.html"), "does not exist"),
    "pickles": (
        lambda: np.save("x.npy", np.array([{}], object), allow_pickle=True),
        ("pool.npy", "--labels", "x.npy"),
        "x.npy",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_sentence_and_no_report(here: Path, case: str) -> None:
    make, arguments, words = BAD[case]
    make()
    before = sorted(here.iterdir())
    options = ("--heuristics", "bald,random", "-k", "3")
    report = () if "--report" in arguments else ("--report", "report.html")
    assert words in refused(*arguments, *options, *report)
    assert sorted(here.iterdir()) == before


@pytest.mark.parametrize("name", ["all.npz", "pool.npy", "all.zarr"])
def test_a_file_that_grows_while_it_is_read_is_refused(here: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if name.endswith("zarr"):
        zarr = pytest.importorskip("zarr")
        zarr.open_group(name, mode="w").create_array("pool", data=PROBS)
    predictions = sys.modules["alcore.cli.predictions"]
    compare = predictions.compare

    def grow(*given: Any, **options: Any) -> Any:
        part = next(here.joinpath(name).rglob("zarr.json")) if name.endswith("zarr") else here / name
        with part.open("ab") as file:
            file.write(b" ")
        return compare(*given, **options)

    monkeypatch.setattr(predictions, "compare", grow)
    assert f"{name}: changed while it was read" in refused(
        name, *QUICK, "--report", "report.html", "--json", "out.json"
    )
    assert not Path("report.html").exists()
    assert not Path("out.json").exists()


def test_inputs_are_not_overwritten(here: Path) -> None:
    (here / "labels.csv").symlink_to(here / "labels.npy")
    assert "would be overwritten" in refused("pool.npy", "--labels", "labels.npy", "--csv", "labels.csv")
