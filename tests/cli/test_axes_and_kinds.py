"""``--axes`` and ``--kind``: files whose axes lie otherwise, and predictions that are no classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import alcore
from tests.cli.ledger_commands import done as ledger_done
from tests.cli.prediction_commands import MAPS, PROBS, TARGETS, done, make_folder, rows_picked, run

YES = np.random.default_rng(3).beta(0.8, 0.8, (30, 6))
LABELS = np.random.default_rng(4).beta(0.8, 0.8, (30, 3, 6))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    make_folder(tmp_path, monkeypatch)
    np.save("tnc.npy", PROBS.transpose(2, 0, 1))
    np.save("tnhwc.npy", MAPS.transpose(4, 0, 2, 3, 1))
    np.savez(
        "all.npz", pool=PROBS.transpose(2, 0, 1), target=TARGETS.transpose(2, 0, 1), test=PROBS[:9].transpose(2, 0, 1)
    )
    np.save("nc.npy", PROBS[..., 0])
    np.save("yes.npy", YES)
    np.save("labels.npy", LABELS)
    return tmp_path


def test_axes_of_every_command(here: Path) -> None:
    done("score", "tnc.npy", "--axes", "TNC", "-o", "s.npy")
    np.testing.assert_array_equal(np.load("s.npy"), alcore.bald(PROBS))
    done("score", "tnhwc.npy", "--axes", "TNHWC", "--reduce", "mean", "--mask", "mask.npy", "-o", "s.npy")
    done("score", "maps.npy", "--reduce", "mean", "--mask", "mask.npy", "-o", "e.npy")
    np.testing.assert_array_equal(np.load("s.npy"), np.load("e.npy"))
    assert rows_picked("tnc.npy", "--axes", "TNC", "-k", 4) == rows_picked("preds.npy", "-k", 4)
    done("score", "nc.npy", "--axes", "NC", "-H", "entropy", "-o", "s.npy")
    np.testing.assert_array_equal(np.load("s.npy"), alcore.entropy(PROBS[..., :1]))


def test_targets_and_tests_lie_as_the_pool_does(here: Path) -> None:
    np.save("t.npy", TARGETS.transpose(2, 0, 1))
    for more in (("all.npz",), ("tnc.npy", "--targets", "t.npy")):
        result = run("score", *more, "--axes", "TNC", "-H", "epig", "-o", "s.npy")
        assert result.exit_code == 0, result.output
        np.testing.assert_array_equal(np.load("s.npy"), alcore.epig(PROBS, TARGETS))
    np.savez("labelled.npz", pool=PROBS.transpose(2, 0, 1), pool_labels=np.arange(30) % 3, test=PROBS.transpose(2, 0, 1),
             test_labels=np.arange(30) % 3)  # fmt: skip
    np.savez("plain.npz", pool=PROBS, pool_labels=np.arange(30) % 3, test=PROBS, test_labels=np.arange(30) % 3)
    plan = ("-k", 3, "--heuristics", "bald,batchbald", "--steps", 2, "--seeds", 2)
    done("bench", "labelled.npz", "--axes", "TNC", *plan, "--csv", "a.csv")
    done("bench", "plain.npz", *plan, "--csv", "b.csv")
    first, second = (Path(name).read_text().splitlines()[1].split(",")[0] for name in ("a.csv", "b.csv"))
    assert first == second


def test_kinds_of_every_command(here: Path) -> None:
    done("score", "yes.npy", "--kind", "binary", "-o", "s.npy")
    np.testing.assert_array_equal(np.load("s.npy"), alcore.bald(YES, kind="binary"))
    done("score", "labels.npy", "--kind", "multilabel", "--over-labels", "max", "-o", "s.npy")
    np.testing.assert_array_equal(np.load("s.npy"), alcore.bald(LABELS, kind="multilabel", over_labels="max"))
    picked = rows_picked("labels.npy", "--kind", "multilabel", "-H", "batchbald", "-k", 3, "--seed", 0)
    assert picked == alcore.batchbald(LABELS, 3, kind="multilabel", rng=0).indices.tolist()
    np.savez("yes.npz", pool=YES, pool_labels=np.arange(30) % 2, test=YES, test_labels=np.arange(30) % 2)
    plan = ("-k", 3, "--heuristics", "bald,random", "--steps", 2, "--seeds", 2)
    assert "bald" in done("bench", "yes.npz", "--kind", "binary", *plan)


def test_a_ledger_asks_with_axes_and_kinds(here: Path) -> None:
    for name, options in (("tnc.npy", ("--axes", "TNC")), ("yes.npy", ("--kind", "binary"))):
        Path("run.db").unlink(missing_ok=True)
        ledger_done("create", "run.db", "--size", 30)
        asked = ledger_done("ask", "run.db", name, "-k", 2, *options)
        given = PROBS if name == "tnc.npy" else YES
        expected = alcore.BALD().select(given, 2, **({"kind": "binary"} if name == "yes.npy" else {}))
        assert [int(line.split(",")[0]) for line in asked.splitlines()[1:3]] == expected.indices.tolist()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("tnc.npy",), "--axes TNC"),
        (("tnc.npy", "--axes", "TN"), "expected the letter C"),
        (("tnc.npy", "--axes", "TNHC"), "names 4 axes"),
        (("nc.npy",), "--axes NC"),
        (("yes.npy", "--kind", "yes"), "expected one of 'probs', 'logits', 'binary'"),
        (("preds.npy", "--over-labels", "mean"), "--over-labels: expected --kind multilabel"),
    ],
)
def test_wrong_axes_and_kinds_are_refused_in_one_sentence(here: Path, arguments: tuple[str, ...], said: str) -> None:
    result = run("score", *arguments, "-o", "s.npy")
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.split())
    assert not Path("s.npy").exists()


def test_maps_are_compared_at_some_positions(here: Path) -> None:
    picked = rows_picked("maps.npy", "-H", "batchbald", "--positions", 3, "-k", 4, "--seed", 1)
    assert picked == alcore.batchbald(MAPS, 4, positions=3, rng=1).indices.tolist()
    refused = run("select", "maps.npy", "-H", "batchbald", "-k", 4)
    assert refused.exit_code == 2
    assert "--positions 16" in " ".join(refused.stderr.split())
