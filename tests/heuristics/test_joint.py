"""Joint heuristics as objects: they select, they have no score of a row, and they do not combine."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import alcore
from alcore.cli import app
from tests.cases import dirichlet
from tests.heuristics.combinations import each_combination

POOL = dirichlet(30, 3, 12, seed=71, alpha=0.5)
TARGETS = dirichlet(5, 3, 12, seed=72, alpha=0.5)
WEIGHTS = np.arange(12) % 3 + 1.0
OBJECTS: dict[str, Callable[..., alcore.Heuristic]] = {
    "batchbald": alcore.BatchBALD,
    "two-bald": alcore.TwoBALD,
    "ical": alcore.ICAL,
    "ical-pointwise": lambda **options: alcore.ICAL(pointwise=True, **options),
    "batch-epig": lambda **options: alcore.BatchEPIG(TARGETS, **options),
}
each_object = pytest.mark.parametrize("name", OBJECTS)
FUNCTIONS: dict[str, Callable[..., alcore.Batch]] = {
    "batchbald": alcore.batchbald,
    "two-bald": lambda probs, k, rng=None, **options: alcore.two_bald(probs, k, **options),
    "ical": alcore.ical,
    "ical-pointwise": lambda *args, **options: alcore.ical(*args, pointwise=True, **options),
    "batch-epig": lambda probs, k, **options: alcore.batch_epig(probs, TARGETS, k, **options),
}
JOINT = ("information", "effective_draws", "exact_until", "saturated_at", "fill", "certified_until")


@each_object
def test_the_object_selects_as_the_function(name: str) -> None:
    for kind, pool in (("probs", POOL), ("logits", np.log(POOL))):
        if (kind, name) == ("logits", "batch-epig"):
            continue  # of the targets too: its own test says
        for weights in (None, WEIGHTS):
            batch = OBJECTS[name]().select(pool, 4, rng=5, kind=kind, weights=weights)
            expected = FUNCTIONS[name](pool, 4, rng=5, kind=kind, weights=weights)
            assert isinstance(batch, alcore.Batch)
            assert batch.indices.tolist() == expected.indices.tolist()
            np.testing.assert_array_equal(batch.scores, expected.scores)
            for field in JOINT:
                np.testing.assert_array_equal(getattr(batch, field), getattr(expected, field), err_msg=field)


@each_object
def test_the_name_gives_the_object(name: str) -> None:
    options = {"targets": TARGETS} if name == "batch-epig" else {}
    found = alcore.heuristic(name, **options)
    assert found.name == name
    assert type(found) is type(OBJECTS[name]())
    blocks = [POOL[:11], POOL[11:]]
    again = blocks if name == "batch-epig" else iter(blocks)  # it takes a pass a pick
    batch, expected = found.select(POOL, 3, rng=0), OBJECTS[name]().select(again, 3, rng=0)
    assert batch.indices.tolist() == expected.indices.tolist()
    if name != "batch-epig":
        assert found == OBJECTS[name]()


def test_names_take_the_options_of_their_class() -> None:
    assert alcore.heuristic("batchbald", samples=500, exact=0) == alcore.BatchBALD(samples=500, exact=0)
    assert alcore.heuristic("two-bald", memory=200 << 20) == alcore.TwoBALD(memory=200 << 20)
    assert alcore.heuristic("ical", references=50) == alcore.ICAL(references=50)
    assert alcore.heuristic("ical-pointwise", comparisons=9) == alcore.ICAL(pointwise=True, comparisons=9)
    assert alcore.heuristic("ical-pointwise") != alcore.heuristic("ical")
    with pytest.raises(TypeError, match="'batchbald' does not take beta"):
        alcore.heuristic("batchbald", beta=2)
    with pytest.raises(TypeError, match="'batch-epig' needs targets, as BatchEPIG does"):
        alcore.heuristic("batch-epig")
    with pytest.raises(ValueError, match="heuristic: expected one of .*batchbald"):
        alcore.heuristic("batch-bald")


def test_defaults_are_those_of_the_functions() -> None:
    for cls, function in (
        (alcore.BatchBALD, alcore.batchbald),
        (alcore.TwoBALD, alcore.two_bald),
        (alcore.ICAL, alcore.ical),
        (alcore.BatchEPIG, alcore.batch_epig),
    ):
        taken = inspect.signature(function).parameters
        for option, parameter in inspect.signature(cls).parameters.items():
            assert parameter.default == taken[option].default, f"{cls.__name__}.{option}"


@each_object
def test_there_is_no_score_of_a_row(name: str) -> None:
    with pytest.raises(TypeError, match=r"select"):
        OBJECTS[name]().score(POOL)


@each_object
@each_combination
def test_they_do_not_combine_and_it_says_why(name: str, combine: Callable[[Any], Any]) -> None:
    own = OBJECTS[name]()
    with pytest.raises(TypeError, match=r"(?i)row|batch|joint") as refusal:
        combine(own)
    assert "unsupported operand" not in str(refusal.value)


@pytest.mark.parametrize("prefix", ["power", "softmax", "softrank"])
def test_names_do_not_combine(prefix: str) -> None:
    with pytest.raises((TypeError, ValueError), match="row-wise"):
        alcore.heuristic(f"{prefix}-batchbald")


@each_object
def test_masks_are_refused(name: str) -> None:
    for mask in (np.zeros(30, bool), np.zeros((30, 1), bool)):
        with pytest.raises((TypeError, ValueError), match="mask"):
            OBJECTS[name]().select(POOL, 2, rng=0, mask=mask)


@each_object
def test_event_axes_are_refused(name: str) -> None:
    maps = dirichlet(20, 3, 12).reshape(4, 5, 3, 12).transpose(0, 2, 1, 3)
    with pytest.raises(ValueError, match=r"probs: expected shape \(N, C, T\)"):
        OBJECTS[name]().select(maps, 2, rng=0)


@each_object
def test_arguments_are_refused_before_anything_is_read(name: str) -> None:
    def never() -> Any:
        raise AssertionError("the source was read")
        yield

    with pytest.raises(ValueError, match="k: expected at least 0"):
        OBJECTS[name]().select(never(), -1)
    with pytest.raises(TypeError, match="rng"):
        OBJECTS[name]().select(never(), 1, rng="0")
    with pytest.raises(ValueError, match="kind"):
        OBJECTS[name]().select(never(), 1, kind="p")


@each_object
def test_they_are_frozen_final_and_public(name: str) -> None:
    own = OBJECTS[name]()
    assert type(own).__name__ in alcore.__all__
    assert getattr(type(own), "__final__", False)
    assert not isinstance(own, alcore.RowWise)
    with pytest.raises(dataclasses.FrozenInstanceError):
        own.samples = 3
    assert eval(repr(own), vars(alcore)) == own if name != "batch-epig" else "targets" in repr(own)


@pytest.mark.parametrize("option", ["samples", "exact", "memory"])
def test_options_are_checked_when_the_object_is_made(option: str) -> None:
    for value, error in ((-1, ValueError), ("2", TypeError), (True, TypeError)):
        with pytest.raises(error, match=f"{option}: expected"):
            alcore.BatchBALD(**{option: value})


@each_object
def test_they_carry_q_of_1_and_different_rows(name: str) -> None:
    batch = OBJECTS[name]().select(POOL, 5, rng=0)
    assert len(set(batch.indices.tolist())) == 5
    assert set(batch.q.tolist()) == {1.0}
    assert set(batch.support.tolist()) == {1}


def test_batch_epig_reads_targets_with_the_kind_and_weights_of_the_call() -> None:
    logits = alcore.BatchEPIG(np.log(TARGETS), target_weights=[1, 2, 3, 0, 1])
    batch = logits.select(np.log(POOL), 3, rng=0, kind="logits", weights=WEIGHTS)
    expected = alcore.batch_epig(POOL, TARGETS, 3, rng=0, weights=WEIGHTS, target_weights=[1, 2, 3, 0, 1])
    assert batch.indices.tolist() == expected.indices.tolist()
    np.testing.assert_allclose(batch.scores, expected.scores, rtol=0, atol=1e-7)


@pytest.mark.parametrize("name", ["bald", "power-bald", "random", "epig"])
def test_row_wise_batches_report_nothing_joint(name: str) -> None:
    options = {"targets": TARGETS} if name == "epig" else {}
    batch = alcore.heuristic(name, **options).select(POOL, 3, rng=0)
    assert all(getattr(batch, field) is None for field in JOINT)


def test_saturation_is_a_warning_of_users() -> None:
    assert issubclass(alcore.SaturationWarning, UserWarning)
    for name in ("SaturationWarning", "Estimate", "joint_entropy", "batch_information", "batchbald", "two_bald"):
        assert name in alcore.__all__


# --- the command line -------------------------------------------------------------------------------------------------


def test_the_command_line_names_select_and_selects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("preds.npy", POOL)
    refused = CliRunner().invoke(app, ["score", "preds.npy", "--heuristic", "batchbald", "-o", "s.npy"])
    assert refused.exit_code == 2
    assert "select" in refused.stderr
    assert not Path("s.npy").exists()
