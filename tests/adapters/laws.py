"""What holds for every adapter. A folder of a framework makes a test of it by a class: ``class TestNnx(Laws): framework = ...``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import alcore
from tests.adapters.framework import CLASSES, FEATURES, Framework, Weights
from tests.adapters.killed_runs import FILES, OPTIONS, ROWS, WEIGHTS, batches_of_rows, ended, left_behind
from tests.conftest import soak

MODES = pytest.mark.parametrize("consistent", [True, False], ids=["consistent", "plain"])
CONSISTENT_FIRST = pytest.mark.parametrize(
    "consistent", [True, pytest.param(False, marks=pytest.mark.soak)], ids=["consistent", "plain"]
)
GROUPS, REPEATS = 50, 60


def softmax(logits: np.ndarray) -> np.ndarray:
    grown = np.exp(logits - logits.max(axis=1, keepdims=True))
    return grown / grown.sum(axis=1, keepdims=True)


class Laws:
    """Of one framework, and of Keras one backend."""

    framework: Framework

    @classmethod
    def predict(cls, model: object, data: object = ROWS, **options: object) -> np.ndarray:
        blocks = cls.framework.adapter.predict(model, data, **{**OPTIONS, **options})
        return np.concatenate(list(blocks))

    @classmethod
    def network(cls, rate: float = 0.5) -> Any:
        return cls.framework.network(WEIGHTS, rate)

    @pytest.fixture(scope="class")
    @classmethod
    def consistent_draws(cls) -> np.ndarray:
        return cls.predict(cls.network())

    @pytest.fixture(scope="class")
    @classmethod
    def plain_draws(cls) -> np.ndarray:
        return cls.predict(cls.network(), consistent=False)

    @pytest.fixture
    def expected(self, consistent: bool, request: pytest.FixtureRequest) -> np.ndarray:
        """What the network says, with the test's kind of draws."""
        return request.getfixturevalue("consistent_draws" if consistent else "plain_draws")

    # --- what is predicted --------------------------------------------------------------------------------------------

    def test_the_same_weights_give_the_same_prediction_in_every_framework(self) -> None:
        """The logits of `Weights`, whose softmax is taken where it is asked for."""
        model = self.network(rate=0.0)
        found = self.predict(model, draws=1)
        assert found.shape == (48, CLASSES, 1)
        np.testing.assert_allclose(found[..., 0], softmax(WEIGHTS.logits(ROWS)), rtol=0, atol=1e-5)
        raw = self.predict(model, draws=1, kind="probs")  # passed on as they are
        np.testing.assert_allclose(raw[..., 0], WEIGHTS.logits(ROWS), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(self.framework.infer(model, ROWS), WEIGHTS.logits(ROWS), rtol=1e-4, atol=1e-5)

    @MODES
    def test_draws_differ_and_are_probabilities(self, expected: np.ndarray, consistent: bool) -> None:
        """No draw equals the first, and nearly every row has information about the model."""
        assert expected.shape == (48, CLASSES, 6)
        assert expected.dtype == np.float32
        np.testing.assert_allclose(expected.sum(axis=1), 1, atol=1e-5)
        others = (expected[..., 1:] != expected[..., :1]).any(axis=1)  # rows and draws
        assert others.any(axis=0).all()
        assert others.mean() > 0.6
        assert (alcore.bald(expected) > 0).mean() > 0.8

    @pytest.mark.parametrize(
        ("rate", "consistent"),
        [
            (0.2, True),
            (0.5, False),
            pytest.param(0.2, False, marks=pytest.mark.soak),
            pytest.param(0.5, True, marks=pytest.mark.soak),
        ],
    )
    def test_dropout_has_the_mean_and_the_variance_of_its_rate(self, rate: float, consistent: bool) -> None:
        """What is kept is scaled by 1/(1 − rate), and masks of different inputs are independent."""
        w = block_diagonal(seed=2)
        x = np.random.default_rng(3).normal(size=(5, len(w))).astype(np.float32)
        found = self.predict(self.framework.linear(w, rate), x, draws=REPEATS, kind="probs", consistent=consistent)
        assert_mean_and_variance(found, x, w, rate)

    @pytest.mark.parametrize("dtype", ["float16", pytest.param("float64", marks=pytest.mark.soak)])
    def test_the_type_is_the_one_asked_for(self, dtype: str, consistent_draws: np.ndarray) -> None:
        """And holds the same probabilities."""
        found = self.predict(self.network(), dtype=dtype)
        assert found.dtype == np.dtype(dtype)
        np.testing.assert_allclose(found, consistent_draws, rtol=0, atol=1e-3)

    # --- consistent draws ---------------------------------------------------------------------------------------------

    @pytest.mark.filterwarnings(
        "ignore:draws. .* are the same to the last bit:UserWarning"
    )  # of one row, some draws are
    def test_identical_rows_agree_in_every_draw_wherever_they_stand(self) -> None:
        """In other places, other blocks, and alone."""
        model, twice = self.network(), np.concatenate([ROWS[:20], ROWS[:20], ROWS[:8]])
        found = self.predict(model, twice)
        np.testing.assert_allclose(found[:20], found[20:40], rtol=0, atol=1e-6)
        np.testing.assert_allclose(found[:8], found[40:], rtol=0, atol=1e-6)
        for i in range(soak(1, 3)):
            np.testing.assert_allclose(self.predict(model, ROWS[i : i + 1]), found[i : i + 1], rtol=0, atol=1e-6)

    def test_plain_draws_have_masks_of_their_own_for_every_row(self) -> None:
        """In each draw, and in each block."""
        found = self.predict(self.network(), np.repeat(ROWS[:1], 48, axis=0), consistent=False)
        for t in range(6):
            assert len(np.unique(found[:, 0, t].round(5))) > 3
        assert (found[:16] != found[16:32]).any()

    @MODES
    def test_the_same_seed_gives_the_same_bits_and_another_seed_others(
        self, expected: np.ndarray, consistent: bool
    ) -> None:
        """In nearly all rows."""
        model = self.network()
        np.testing.assert_array_equal(expected, self.predict(model, consistent=consistent))
        other = self.predict(model, consistent=consistent, seed=4)
        assert (expected != other).any(axis=(1, 2)).mean() > 0.9

    def test_consistent_draws_do_not_depend_on_the_size_of_blocks(self, consistent_draws: np.ndarray) -> None:
        """Draw t is one network for all of them."""
        found = self.predict(self.network(), batch_size=47)  # and one row
        np.testing.assert_allclose(consistent_draws, found, rtol=1e-5, atol=1e-5)

    def test_draws_do_not_depend_on_how_many_there_are(self, consistent_draws: np.ndarray) -> None:
        """The first three of six are the three."""
        np.testing.assert_array_equal(self.predict(self.network(), draws=3), consistent_draws[..., :3])

    # --- what stays as it was -----------------------------------------------------------------------------------------

    @CONSISTENT_FIRST
    def test_the_model_is_left_as_it_was(self, consistent: bool) -> None:
        """Weights, statistics and what it says, between two blocks, at the end, and where the end is not waited for."""
        model = self.network()
        before, said = self.framework.state(model), self.framework.infer(model, ROWS)
        blocks = self.framework.adapter.predict(model, ROWS, draws=3, batch_size=16, consistent=consistent)
        next(blocks)
        np.testing.assert_array_equal(self.framework.infer(model, ROWS), said)  # between two blocks too
        assert len(list(blocks)) == 2
        self.assert_unchanged(model, before, said)
        blocks = self.framework.adapter.predict(model, ROWS, draws=3, batch_size=16, consistent=consistent)
        next(blocks)
        del blocks
        self.assert_unchanged(model, before, said)

    def assert_unchanged(self, model: Any, before: list[np.ndarray], said: np.ndarray) -> None:
        for old, new in zip(before, self.framework.state(model), strict=True):
            np.testing.assert_array_equal(old, new)
        np.testing.assert_array_equal(self.framework.infer(model, ROWS), said)

    def test_an_error_leaves_the_model_as_it_was(self) -> None:
        """In the data, and in the model."""
        model = self.network()
        before, said = self.framework.state(model), self.framework.infer(model, ROWS)

        def batches() -> Iterator[np.ndarray]:
            yield ROWS[:16]
            raise OSError("the disk is gone")

        with pytest.raises(OSError, match="the disk is gone"):
            self.predict(model, batches())
        with pytest.raises(Exception, match=".+"):
            self.predict(model, [ROWS[:16], ROWS[:16, :2]])  # too few features: the framework's own error
        self.assert_unchanged(model, before, said)

    def test_data_are_not_written_to(self) -> None:
        """An array that is read only is predicted."""
        rows = ROWS.copy()
        rows.flags.writeable = False
        self.predict(self.network(), rows)
        np.testing.assert_array_equal(rows, ROWS)

    # --- ensembles, DropConnect, initial weights ----------------------------------------------------------------------

    def test_members_of_an_ensemble_stand_along_the_draws(self, consistent_draws: np.ndarray) -> None:
        """One after the other, each with the draws it has by itself."""
        seeds = (1, 0, 2)[: soak(2, 3)]
        found = self.predict([self.framework.network(Weights.of(seed), 0.0) for seed in seeds], draws=1)
        for t, seed in enumerate(seeds):
            np.testing.assert_allclose(found[..., t], softmax(Weights.of(seed).logits(ROWS)), rtol=0, atol=1e-5)
        found = self.predict([self.framework.network(Weights.of(seed), 0.5) for seed in seeds], draws=4)
        assert found.shape == (48, CLASSES, 4 * len(seeds))
        np.testing.assert_array_equal(found[..., :4], consistent_draws[..., :4])  # the first has the weights of these

    def test_dropconnect_keeps_the_weights_and_has_the_mean_and_the_variance_of_its_rate(self) -> None:
        """Weights are masked independently, alike in blocks of any size; the model's own stay."""
        w = block_diagonal(seed=3)
        x = np.random.default_rng(4).normal(size=(6, len(w))).astype(np.float32)
        model = self.framework.linear(w, None)
        before = self.framework.state(model)
        dropped = self.framework.adapter.DropConnect(model, 0.3)
        found = self.predict(dropped, x, draws=REPEATS, kind="probs", batch_size=6)
        assert_mean_and_variance(found, x, w, 0.3)
        for old, new in zip(before, self.framework.state(model), strict=True):
            np.testing.assert_array_equal(old, new)
        again = self.predict(dropped, x, draws=REPEATS, kind="probs", batch_size=5)
        np.testing.assert_allclose(found, again, rtol=1e-5, atol=1e-5)
        with pytest.raises(ValueError, match="rate"):
            self.framework.adapter.DropConnect(model, 1.0)

    def test_initial_weights_come_back(self) -> None:
        """After a weight was overwritten."""
        model = self.network()
        said = self.framework.infer(model, ROWS)
        initial = self.framework.adapter.InitialWeights(model)
        self.framework.spoil(model)
        assert (self.framework.infer(model, ROWS) != said).any()
        restored = initial.restore()
        np.testing.assert_array_equal(self.framework.infer(model if restored is None else restored, ROWS), said)

    # --- outputs, refusals --------------------------------------------------------------------------------------------

    def test_the_output_is_named_among_several(self) -> None:
        """By its key or by a function; where none or a wrong one is named the refusal says which there are."""
        model = self.framework.in_a_dict(WEIGHTS, 0.5)
        found = self.predict(model, output="logits")
        np.testing.assert_array_equal(found, self.predict(model, output=lambda said: said["logits"]))
        assert found.shape == (48, CLASSES, 6)
        with pytest.raises(TypeError, match="'logits'.*output="):
            self.predict(model)
        with pytest.raises(ValueError, match="no 'logit'.*'logits'"):
            self.predict(model, output="logit")

    def test_what_cannot_be_predicted_is_refused_with_the_remedy(self, tmp_path: Path) -> None:
        """Each refusal names its argument."""
        w = np.ones((FEATURES, CLASSES), np.float32)
        quiet, noisy = self.framework.linear(w, None), self.framework.linear(w, 0.5)
        with pytest.raises(ValueError, match=r"every draw would be the same|would be the same.*DropConnect"):
            self.predict(quiet)
        assert self.predict(quiet, draws=1).shape == (48, CLASSES, 1)
        with pytest.raises(ValueError, match="class_axis"):
            self.predict(self.framework.linear(w[:, :1], None), draws=1, kind="probs")
        with pytest.raises(ValueError, match="class_axis"):
            self.predict(quiet, draws=1, class_axis=2)
        with pytest.raises(ValueError, match="draws"):
            self.predict(noisy, draws=0)
        with pytest.raises(ValueError, match="kind"):
            self.predict(noisy, kind="odds")
        with pytest.raises(ValueError, match="dtype"):
            self.predict(noisy, dtype="int8")
        with pytest.raises(TypeError, match="seed"):
            self.predict(noisy, seed=0.5)
        with pytest.raises(TypeError, match="model"):
            self.predict("model")
        with pytest.raises(TypeError, match="data"):
            self.predict(noisy, 3)
        with pytest.raises(ValueError, match=r"\.zarr"):
            self.predict(noisy, iter([ROWS]), out=tmp_path / "preds.npy")

    # --- files --------------------------------------------------------------------------------------------------------

    @CONSISTENT_FIRST
    @pytest.mark.parametrize("suffix", [".npy", ".zarr"])
    def test_a_file_holds_what_the_blocks_hold(
        self, tmp_path: Path, suffix: str, consistent: bool, expected: np.ndarray
    ) -> None:
        """Bit for bit, alone in its folder, and a heuristic selects from it."""
        out = tmp_path / f"preds{suffix}"
        written = self.framework.adapter.predict(self.network(), ROWS, out=out, consistent=consistent, **OPTIONS)
        np.testing.assert_array_equal(np.asarray(written[:]), expected)
        assert [path.name for path in tmp_path.iterdir()] == [out.name]
        assert len(alcore.BALD().select(out, k=5)) == 5

    @pytest.fixture(scope="class")
    @classmethod
    def killed(cls) -> Path:
        return ended(cls.framework)

    @pytest.mark.parametrize(("suffix", "consistent"), FILES)
    def test_a_run_that_was_killed_goes_on_with_the_same_bits(
        self, killed: Path, tmp_path: Path, suffix: str, consistent: bool, expected: np.ndarray
    ) -> None:
        """From the last whole block; a file that is there is not written over."""
        out = left_behind(killed, suffix, consistent, tmp_path)
        assert not out.exists()
        seen: list[int] = []
        data: Any = ROWS if suffix == ".npy" else batches_of_rows(seen)
        options = {**OPTIONS, "consistent": consistent, "out": out}
        done = self.framework.adapter.predict(self.network(), data, **options)
        assert seen == ([] if suffix == ".npy" else [0, 16, 32])
        np.testing.assert_array_equal(np.asarray(done[:]), expected)
        with pytest.raises(ValueError, match="exists"):
            self.framework.adapter.predict(self.network(), ROWS, **options)

    def test_another_model_does_not_go_on_with_a_run(self, killed: Path, tmp_path: Path) -> None:
        """Nor does another seed."""
        options = {**OPTIONS, "consistent": False, "out": left_behind(killed, ".zarr", False, tmp_path)}
        other = self.framework.network(Weights.of(5), 0.5)
        with pytest.raises(ValueError, match="other probabilities"):
            self.framework.adapter.predict(other, batches_of_rows([]), **options)
        with pytest.raises(ValueError, match="seed=3"):
            self.framework.adapter.predict(self.network(), batches_of_rows([]), **{**options, "seed": 8})

    # --- ranges of rows -----------------------------------------------------------------------------------------------

    def into(self, store: alcore.SharedStore, rows: Any, model: Any = None, data: Any = None, **options: Any) -> Any:
        """Predict these rows as a process of its own would: with a model that was built anew."""
        data = ROWS[slice(*rows)] if data is None else data
        given = {**OPTIONS, "out": store, "rows": rows, **options}
        return self.framework.adapter.predict(self.network() if model is None else model, data, **given)

    def test_ranges_of_rows_hold_what_one_call_gives(self, tmp_path: Path, consistent_draws: np.ndarray) -> None:
        """Bit for bit in the same blocks, and to 1e-5 in others. A range that is there is not predicted again."""
        store = alcore.SharedStore(tmp_path / "preds.zarr", rows=48, chunk=16)
        for rows in ((32, 48), (0, 32)):
            assert self.into(store, rows) is store
        found = np.asarray(alcore.open_predictions(store.path)[:])
        np.testing.assert_array_equal(found, consistent_draws)
        np.testing.assert_array_equal(alcore.bald(store.path), alcore.bald(consistent_draws))
        self.into(store, (0, 32), data=iter(()))
        other = alcore.SharedStore(tmp_path / "other.zarr", rows=48, chunk=12)
        for rows in ((0, 24), (24, 48)):
            self.into(other, rows, data=[(ROWS[i : i + 8], np.arange(i, i + 8)) for i in range(*rows, 8)], ids=1)
        np.testing.assert_allclose(
            np.asarray(alcore.open_predictions(other.path)[:]), consistent_draws, rtol=0, atol=1e-5
        )
        np.testing.assert_array_equal(other.ids, np.arange(48))

    def test_ranges_of_other_networks_are_refused(self, tmp_path: Path) -> None:
        """Other weights, another rate, another seed, other draws, plain draws, and rows that are not those of the range."""
        store = alcore.SharedStore(tmp_path / "preds.zarr", rows=48, chunk=16)
        self.into(store, (0, 16))
        for options, match in (
            ({"model": self.framework.network(Weights.of(5), 0.5)}, "weights="),
            ({"model": self.network(0.25)}, "weights="),
            ({"seed": 4}, "seed=3"),
            ({"draws": 7}, "draws=6"),
            ({"consistent": False}, "consistent: expected True beside rows="),
            ({"data": ROWS}, r"expected 16 rows.*data\[16:32\]"),
            ({"data": [ROWS[:8]]}, "expected 16 rows.*got 8"),
        ):
            with pytest.raises(ValueError, match=match):
                self.into(store, (16, 32), **options)
        assert store.missing == [(16, 48)]


# --- what is expected of noise ----------------------------------------------------------------------------------------


def block_diagonal(seed: int) -> np.ndarray:
    """(6 G, G): G classes, each a sum of six inputs that no other has, so that one draw tells of G sets of masks."""
    w = np.random.default_rng(seed).normal(size=(GROUPS, FEATURES))
    return np.asarray(np.eye(GROUPS)[:, None, :] * w[..., None], np.float32).reshape(GROUPS * FEATURES, GROUPS)


def assert_mean_and_variance(found: np.ndarray, x: np.ndarray, w: np.ndarray, rate: float) -> None:
    """Of x @ w where each product x_i w_ij is dropped with that rate, independently of others, and scaled by 1/(1 − rate).

    Over G classes and T draws the variance is known to √(2 / GT) = 3 %; a scale that is missing moves the mean of all classes
    by more than 15 standard errors.
    """
    mean, variance = x @ w, x**2 @ w**2 * rate / (1 - rate)  # (n, G)
    off, error = found.mean(axis=-1) - mean, np.sqrt(variance / found.shape[-1])
    assert (np.abs(off) < 5 * error).all()
    assert (np.abs((off * np.sign(mean)).sum(axis=1)) < 5 * np.sqrt((error**2).sum(axis=1))).all()
    np.testing.assert_allclose((found.var(axis=-1) / variance).mean(axis=1), 1, rtol=0.12)
