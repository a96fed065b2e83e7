"""Commands that read several files as one pool, and files without draws."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import alcore
from tests.cli.prediction_commands import PROBS, TARGETS, make_folder, run


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    make_folder(tmp_path, monkeypatch)
    Path("parts").mkdir()
    for name, rows in (("1.npy", slice(0, 4)), ("2.npy", slice(4, 17)), ("10.npy", slice(17, 30))):
        np.save(Path("parts") / name, PROBS[rows])
    return tmp_path


ORDER = "note: 3 files are one pool, with rows in this order: parts/1.npy, parts/2.npy, parts/10.npy.\n"


@pytest.mark.parametrize("files", [["parts/*.npy"], ["parts/1.npy", "parts/2.npy", "parts/10.npy"], ["parts/?.npy"]])
def test_several_files_are_one_pool_and_their_order_is_printed(here: Path, files: list[str]) -> None:
    result = run("score", *files, "-o", "s.npy")
    assert result.exit_code == 0, result.output
    if files == ["parts/?.npy"]:
        assert result.stderr == "note: 2 files are one pool, with rows in this order: parts/1.npy, parts/2.npy.\n"
        np.testing.assert_array_equal(np.load("s.npy"), alcore.bald(PROBS[:17]))
        return
    assert result.stderr == ORDER
    np.testing.assert_array_equal(np.load("s.npy"), alcore.bald(PROBS))
    picks = run("select", *files, "-H", "epig", "--targets", "targets.npy", "-k", 3)
    expected = alcore.EPIG(TARGETS).select(PROBS, 3).indices.tolist()
    assert [int(line.split(",")[1]) for line in picks.stdout.splitlines()[1:]] == expected
    assert "30 x 3 x 6" in run("bench", *files, "-k", 2, "--heuristics", "bald").stdout


def test_the_order_given_is_kept(here: Path) -> None:
    result = run("score", "parts/2.npy", "parts/1.npy", "-o", "s.npy")
    assert "parts/2.npy, parts/1.npy." in result.stderr
    np.testing.assert_array_equal(np.load("s.npy"), alcore.bald(PROBS[[*range(4, 17), *range(4)]]))


def test_axes_are_those_of_each_file(here: Path) -> None:
    for path in sorted(Path("parts").iterdir()):
        np.save(path, np.load(path).transpose(2, 0, 1))
    assert run("score", "parts/*.npy", "--axes", "TNC", "-o", "s.npy").exit_code == 0
    np.testing.assert_array_equal(np.load("s.npy"), alcore.bald(PROBS))


def test_a_ledger_asks_from_several_files(here: Path) -> None:
    assert run("ledger", "create", "run.db", "--size", 30).exit_code == 0
    result = run("ledger", "ask", "run.db", "parts/*.npy", "-k", 3)
    assert result.exit_code == 0, result.output
    assert ORDER in result.stderr
    expected = alcore.BALD().select(PROBS, 3).indices.tolist()
    with alcore.Ledger.open("run.db") as ledger:
        assert ledger.open_queries()[0].ids.tolist() == expected


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["nope/*.npy"], "nope/*.npy: no file has a name like this. See which there are: ls nope."),
        (["parts/*.npy", "-H", "epig"], "--targets FILE"),
        (
            ["parts/*.npy", "--offsets", "o.npy", "--reduce", "sum"],
            "--offsets: expected one file of cells, got 3 files.",
        ),
        (["preds.npy", "maps.npy"], "maps.npy: expected shape (n, 3, 6), as preds.npy has, got (20, 3, 2, 2, 5)"),
    ],
)
def test_what_cannot_be_one_pool_is_refused(here: Path, command: list[str], said: str) -> None:
    result = run("score", *command, "-o", "s.npy")
    assert result.exit_code == 2
    assert said in result.stderr
    assert not Path("s.npy").exists()


# --- one prediction a row ---------------------------------------------------------------------------------------------


def test_files_without_draws_have_a_way(here: Path) -> None:
    np.save("flat.npy", PROBS[..., 0])
    refused = run("score", "flat.npy", "-H", "entropy", "-o", "s.npy")
    assert refused.exit_code == 2
    assert "got shape (30, 3). " in refused.stderr
    assert "(N, C), pass --axes NC." in refused.stderr
    assert refused.stderr.endswith("If the draws are first, (T, N), pass --kind binary, --axes TN.\n")
    assert run("score", "flat.npy", "--axes", "NC", "-H", "entropy", "-o", "s.npy").exit_code == 0
    np.testing.assert_array_equal(np.load("s.npy"), alcore.entropy(PROBS[..., :1]))
    jobs = [f"job_{draw}.npy" for draw in range(6)]
    for draw, job in enumerate(jobs):
        np.save(job, PROBS[..., draw])
    with pytest.raises(ValueError, match=r"files\[0\]: expected \(N, C, ..., T\).*pass axes='NC'\."):
        alcore.concatenate_draws(jobs)
    np.testing.assert_array_equal(alcore.bald(alcore.concatenate_draws(jobs, axes="NC")), alcore.bald(PROBS))
    unclear = run("score", *jobs, "--axes", "NC", "-H", "entropy", "-o", "t.npy")
    assert unclear.exit_code == 2
    assert "--axes NC names no draws" in unclear.stderr
    assert "alcore.concatenate_draws(files, 'all.npy', axes=\"NC\"), and pass all.npy without --axes." in unclear.stderr
    np.testing.assert_array_equal(alcore.concatenate_draws(jobs, "all.npy", axes="NC"), PROBS)
    assert run("score", "all.npy", "-o", "t.npy").exit_code == 0
    np.testing.assert_array_equal(np.load("t.npy"), alcore.bald(PROBS))


@pytest.mark.filterwarnings("ignore::alcore.ChunkWarning")
def test_what_chunks_cost_is_a_note(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import zarr

    from alcore.sources import reading

    monkeypatch.setattr(reading, "BLOCK_BYTES", PROBS[0].nbytes)
    zarr.create_array("x.zarr", data=PROBS, chunks=(30, 3, 1))
    result = run("select", "x.zarr", "-H", "batch-epig", "--targets", "targets.npy", "-k", 3)
    assert result.exit_code == 0, result.output
    assert result.stderr.startswith(
        "note: x.zarr: a chunk holds 30 rows, more than a block, so each chunk is decompressed"
    )
    assert result.stderr.count("note:") == 1
