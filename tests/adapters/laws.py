"""What holds for every adapter: the same laws, run for each framework in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import alcore
from tests.adapters.framework import CLASSES, FEATURES, Weights, framework

NAME = os.environ["ALCORE_ADAPTER"]
F = framework()
ROWS = np.random.default_rng(0).normal(size=(50, FEATURES)).astype(np.float32)
WEIGHTS = Weights.of(1)


def predict(model: object, data: object = ROWS, **options: object) -> np.ndarray:
    return np.concatenate(
        list(F.adapter.predict(model, data, **{"draws": 6, "batch_size": 16, "progress": False, **options}))
    )


def softmax(logits: np.ndarray) -> np.ndarray:
    grown = np.exp(logits - logits.max(axis=1, keepdims=True))
    return grown / grown.sum(axis=1, keepdims=True)


# --- what is predicted ------------------------------------------------------------------------------------------------


def test_the_same_weights_give_the_same_prediction_in_every_framework() -> None:
    model = F.network(WEIGHTS, 0.0)
    found = predict(model, draws=1, kind="logits")
    assert found.shape == (50, CLASSES, 1)
    np.testing.assert_allclose(found[..., 0], softmax(WEIGHTS.logits(ROWS)), rtol=0, atol=1e-5)
    np.testing.assert_allclose(predict(model, draws=1)[..., 0], WEIGHTS.logits(ROWS), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(F.infer(model, ROWS), WEIGHTS.logits(ROWS), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("consistent", [True, False])
def test_draws_differ_and_are_probabilities(consistent: bool) -> None:
    found = predict(F.network(WEIGHTS, 0.5), kind="logits", consistent=consistent)
    assert found.shape == (50, CLASSES, 6)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)
    others = (found[..., 1:] != found[..., :1]).any(axis=1)  # rows and draws
    assert others.any(axis=0).all()
    assert others.mean() > 0.6
    assert (alcore.bald(found) > 0).mean() > 0.8


@pytest.mark.parametrize("consistent", [True, False])
@pytest.mark.parametrize("rate", [0.2, 0.5])
def test_the_mean_over_many_draws_is_the_expectation(rate: float, consistent: bool) -> None:
    w = np.random.default_rng(2).normal(size=(FEATURES, CLASSES)).astype(np.float32)
    found = predict(F.linear(w, rate), ROWS[:5], draws=2000, consistent=consistent)
    error = found.std(axis=-1) / np.sqrt(2000)
    assert (np.abs(found.mean(axis=-1) - ROWS[:5] @ w) < 5 * error).all()
    # what a dropped input adds is independent of the others: the variance is known too
    variance = (ROWS[:5, :, None] ** 2 * w**2).sum(axis=1) * rate / (1 - rate)
    np.testing.assert_allclose(found.var(axis=-1), variance, rtol=0.25)


def test_the_type_kept_is_the_one_asked_for() -> None:
    model = F.network(WEIGHTS, 0.5)
    whole = predict(model, kind="logits")
    for dtype in ("float16", "float64"):
        found = predict(model, kind="logits", dtype=dtype)
        assert found.dtype == np.dtype(dtype)
        np.testing.assert_allclose(found, whole, rtol=0, atol=1e-3)


# --- consistent draws -------------------------------------------------------------------------------------------------


def test_identical_rows_agree_in_every_draw_wherever_they_are() -> None:
    twice = np.concatenate([ROWS[:20], ROWS[:20], ROWS[:3]])
    found = predict(F.network(WEIGHTS, 0.5), twice, batch_size=16, kind="logits")
    np.testing.assert_allclose(found[:20], found[20:40], rtol=0, atol=1e-6)
    np.testing.assert_allclose(found[:3], found[40:], rtol=0, atol=1e-6)
    alone = np.concatenate([predict(F.network(WEIGHTS, 0.5), ROWS[i : i + 1], kind="logits") for i in range(3)])
    np.testing.assert_allclose(found[:3], alone, rtol=0, atol=1e-6)


def test_rows_have_masks_of_their_own_where_draws_are_not_consistent() -> None:
    same = np.repeat(ROWS[:1], 40, axis=0)
    found = predict(F.network(WEIGHTS, 0.5), same, consistent=False, kind="logits", batch_size=20)
    for t in range(6):
        assert len(np.unique(found[:, 0, t].round(5))) > 3
    assert (found[:20] != found[20:]).any()


@pytest.mark.parametrize("consistent", [True, False])
def test_the_seed_and_the_block_size_give_the_bits(consistent: bool) -> None:
    model = F.network(WEIGHTS, 0.5)
    found = predict(model, consistent=consistent, seed=3)
    np.testing.assert_array_equal(found, predict(model, consistent=consistent, seed=3))
    assert (found != predict(model, consistent=consistent, seed=4)).any(axis=(1, 2)).mean() > 0.9
    if consistent:
        np.testing.assert_allclose(found, predict(model, seed=3, batch_size=7), rtol=1e-5, atol=1e-5)


def test_draws_do_not_depend_on_how_many_there_are() -> None:
    model = F.network(WEIGHTS, 0.5)
    np.testing.assert_array_equal(predict(model, draws=3), predict(model, draws=6)[..., :3])


# --- what stays as it was ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("consistent", [True, False])
def test_the_model_is_left_as_it_was(consistent: bool) -> None:
    model = F.network(WEIGHTS, 0.5)
    before, said = F.state(model), F.infer(model, ROWS)
    predict(model, consistent=consistent)
    blocks = F.adapter.predict(model, ROWS, draws=3, batch_size=16, consistent=consistent)
    next(blocks)
    np.testing.assert_array_equal(F.infer(model, ROWS), said)  # between two blocks too
    del blocks
    for old, new in zip(before, F.state(model), strict=True):
        np.testing.assert_array_equal(old, new)
    np.testing.assert_array_equal(F.infer(model, ROWS), said)


def test_an_error_leaves_the_model_as_it_was() -> None:
    model = F.network(WEIGHTS, 0.5)
    before, said = F.state(model), F.infer(model, ROWS)

    def batches() -> Iterator[np.ndarray]:
        yield ROWS[:16]
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        predict(model, batches())
    with pytest.raises(Exception, match=".+"):
        predict(model, [ROWS[:16], ROWS[:16, :2]])  # too few features: the framework's own error
    for old, new in zip(before, F.state(model), strict=True):
        np.testing.assert_array_equal(old, new)
    np.testing.assert_array_equal(F.infer(model, ROWS), said)


def test_data_are_not_written_to() -> None:
    rows = ROWS.copy()
    rows.flags.writeable = False
    predict(F.network(WEIGHTS, 0.5), rows)
    np.testing.assert_array_equal(rows, ROWS)


# --- ensembles, DropConnect, initial weights --------------------------------------------------------------------------


def test_members_of_an_ensemble_stand_along_the_draws() -> None:
    members = [F.network(Weights.of(seed), 0.0) for seed in range(3)]
    found = predict(members, draws=1, kind="logits")
    for t, seed in enumerate(range(3)):
        np.testing.assert_allclose(found[..., t], softmax(Weights.of(seed).logits(ROWS)), rtol=0, atol=1e-5)
    noisy = [F.network(Weights.of(seed), 0.5) for seed in range(3)]
    found = predict(noisy, draws=4)
    assert found.shape == (50, CLASSES, 12)
    np.testing.assert_array_equal(found[..., :4], predict(noisy[0], draws=4))


def test_dropconnect_keeps_the_weights_and_has_the_right_mean() -> None:
    w = np.random.default_rng(3).normal(size=(FEATURES, CLASSES)).astype(np.float32)
    model = F.linear(w, None)
    before = F.state(model)
    dropped = F.adapter.DropConnect(model, 0.3)
    found = predict(dropped, ROWS[:5], draws=2000)
    error = found.std(axis=-1) / np.sqrt(2000)
    assert (np.abs(found.mean(axis=-1) - ROWS[:5] @ w) < 5 * error).all()
    variance = (ROWS[:5, :, None] ** 2 * w**2).sum(axis=1) * 0.3 / 0.7
    np.testing.assert_allclose(found.var(axis=-1), variance, rtol=0.25)
    for old, new in zip(before, F.state(model), strict=True):
        np.testing.assert_array_equal(old, new)
    np.testing.assert_allclose(predict(dropped, batch_size=7), predict(dropped, batch_size=50), rtol=1e-5, atol=1e-5)
    with pytest.raises(ValueError, match="rate"):
        F.adapter.DropConnect(model, 1.0)


def test_initial_weights_come_back() -> None:
    model = F.network(WEIGHTS, 0.5)
    said = F.infer(model, ROWS)
    initial = F.adapter.InitialWeights(model)
    F.spoil(model)
    assert (F.infer(model, ROWS) != said).any()
    restored = initial.restore()
    np.testing.assert_array_equal(F.infer(model if restored is None else restored, ROWS), said)


# --- outputs, refusals ------------------------------------------------------------------------------------------------


def test_the_output_is_named_among_several() -> None:
    model = F.in_a_dict(WEIGHTS, 0.5)
    found = predict(model, output="logits", kind="logits")
    np.testing.assert_array_equal(found, predict(model, output=lambda said: said["logits"], kind="logits"))
    assert found.shape == (50, CLASSES, 6)
    with pytest.raises(TypeError, match="'logits'.*output="):
        predict(model)
    with pytest.raises(ValueError, match="no 'logit'.*'logits'"):
        predict(model, output="logit")


def test_what_cannot_be_is_refused_with_the_remedy(tmp_path: Path) -> None:
    w = np.ones((FEATURES, CLASSES), np.float32)
    with pytest.raises(ValueError, match=r"every draw would be the same|would be the same.*DropConnect"):
        predict(F.linear(w, None))
    assert predict(F.linear(w, None), draws=1).shape == (50, CLASSES, 1)
    with pytest.raises(ValueError, match="class_axis"):
        predict(F.linear(w[:, :1], None), draws=1)
    with pytest.raises(ValueError, match="class_axis"):
        predict(F.linear(w, None), draws=1, class_axis=2)
    with pytest.raises(ValueError, match="draws"):
        predict(F.linear(w, 0.5), draws=0)
    with pytest.raises(ValueError, match="kind"):
        predict(F.linear(w, 0.5), kind="odds")
    with pytest.raises(ValueError, match="dtype"):
        predict(F.linear(w, 0.5), dtype="int8")
    with pytest.raises(TypeError, match="seed"):
        predict(F.linear(w, 0.5), seed=0.5)
    with pytest.raises(TypeError, match="model"):
        predict("model")
    with pytest.raises(TypeError, match="data"):
        predict(F.linear(w, 0.5), 3)
    with pytest.raises(ValueError, match=r"\.zarr"):
        predict(F.linear(w, 0.5), iter([ROWS]), out=tmp_path / "preds.npy")


# --- files ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".npy", ".zarr"])
@pytest.mark.parametrize("consistent", [True, False])
def test_a_file_holds_what_the_blocks_hold(tmp_path: Path, suffix: str, consistent: bool) -> None:
    model, out = F.network(WEIGHTS, 0.5), tmp_path / f"preds{suffix}"
    written = F.adapter.predict(model, ROWS, draws=6, batch_size=16, out=out, consistent=consistent, kind="logits")
    np.testing.assert_array_equal(np.asarray(written[:]), predict(model, consistent=consistent, kind="logits"))
    assert [path.name for path in tmp_path.iterdir()] == [out.name]
    assert len(alcore.BALD().select(out, k=5)) == 5


@pytest.mark.parametrize("suffix", [".npy", ".zarr"])
@pytest.mark.parametrize("consistent", [True, False])
def test_a_run_that_was_killed_goes_on_with_the_same_bits(tmp_path: Path, suffix: str, consistent: bool) -> None:
    out = tmp_path / f"preds{suffix}"
    killed = subprocess.run([sys.executable, __file__, str(out), str(int(consistent))], capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert not out.exists()
    seen: list[int] = []
    model = F.network(WEIGHTS, 0.5)
    options = {"draws": 6, "consistent": consistent, "seed": 9, "kind": "logits"}
    if suffix == ".npy":
        done = F.adapter.predict(model, ROWS, batch_size=16, out=out, **options)
    else:
        done = F.adapter.predict(model, _batches(seen), out=out, **options)
        assert seen == [0, 16, 32, 48]
    np.testing.assert_array_equal(np.asarray(done[:]), predict(model, **options))
    with pytest.raises(ValueError, match="exists"):
        F.adapter.predict(model, ROWS, batch_size=16, out=out, **options)


def test_another_model_does_not_go_on_with_a_run(tmp_path: Path) -> None:
    out = tmp_path / "preds.zarr"
    subprocess.run([sys.executable, __file__, str(out), "1"], capture_output=True)
    other = F.network(Weights.of(5), 0.5)
    with pytest.raises(ValueError, match="other probabilities"):
        F.adapter.predict(other, _batches([]), out=out, draws=6, seed=9, kind="logits")
    with pytest.raises(ValueError, match="seed=9"):
        F.adapter.predict(F.network(WEIGHTS, 0.5), _batches([]), out=out, draws=6, seed=8, kind="logits")


def _batches(seen: list[int], kill_at: int | None = None) -> Iterator[np.ndarray]:
    for start in range(0, 50, 16):
        seen.append(start)
        if start == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        yield ROWS[start : start + 16]


if __name__ == "__main__":
    out, consistent = Path(sys.argv[1]), bool(int(sys.argv[2]))
    data: object = _batches([], kill_at=32)
    if out.suffix == ".npy":
        from alcore.sources import writing as saving

        append = saving.Saving.append

        def appended(self: saving.Saving, *block: object) -> None:
            if len(self.ends) == 2:
                os.kill(os.getpid(), signal.SIGKILL)
            append(self, *block)

        saving.Saving.append = appended
        data = ROWS
    F.adapter.predict(
        F.network(WEIGHTS, 0.5), data, draws=6, batch_size=16, out=out, consistent=consistent, seed=9, kind="logits"
    )
