"""Arrays, data sets and batches of every kind give the same predictions."""

from __future__ import annotations

from pathlib import Path

import alcore_keras
import keras
import numpy as np
import pytest
from keras import layers as kl

import alcore
from tests.adapters.keras.predictions import BACKEND, ROWS, STEPS, around, every_backend, predict


class Batches(keras.utils.PyDataset):
    def __len__(self) -> int:
        return 3

    def __getitem__(self, place: int) -> tuple[np.ndarray, np.ndarray]:
        return ROWS[place * 8 : place * 8 + 8], np.zeros(8)


def test_arrays_data_sets_and_batches_give_the_same_bits() -> None:
    """Tensors, data sets of Keras, batches with labels and as dictionaries, double precision."""
    model = around(kl.Dropout(0.4), (6,))
    found = predict(model, ROWS, batch_size=8)
    tensor = keras.ops.convert_to_tensor(ROWS)
    named = [{"x": ROWS[start : start + 8]} for start in (0, 8, 16)]
    for data, options in (
        (tensor, {"batch_size": 8}),
        (Batches(), {}),
        ([(ROWS[:8], 1), (ROWS[8:16], 1), [ROWS[16:], 1]], {}),
        (named, {"inputs": lambda batch: batch["x"]}),
        (ROWS.astype(np.float64), {"batch_size": 8}),
    ):
        np.testing.assert_array_equal(predict(model, data, **options), found)


@every_backend if BACKEND == "tensorflow" else pytest.mark.soak  # elsewhere TensorFlow is imported for it: two seconds
def test_data_sets_of_tensorflow_give_the_same_bits() -> None:
    """As the arrays they were made of."""
    import tensorflow as tf

    model = around(kl.Dropout(0.4), (6,))
    data = tf.data.Dataset.from_tensor_slices((ROWS, np.zeros(20))).batch(8)
    np.testing.assert_array_equal(predict(model, data), predict(model, ROWS, batch_size=8))


def test_models_of_several_inputs_take_dictionaries_and_tuples() -> None:
    """Arrays of other lengths are refused."""
    a, b = keras.Input((6,), name="a"), keras.Input((5, 6), name="b")
    model = keras.Model({"a": a, "b": b}, kl.Dense(3)(kl.Dropout(0.4)(kl.Concatenate()([a, kl.Flatten()(b)]))))
    found = predict(model, {"a": ROWS, "b": STEPS}, batch_size=16)
    assert found.shape == (20, 3, 4)
    np.testing.assert_array_equal(
        found, predict(model, [{"a": ROWS[:16], "b": STEPS[:16]}, {"a": ROWS[16:], "b": STEPS[16:]}])
    )
    with pytest.raises(ValueError, match="same number of rows"):
        predict(model, {"a": ROWS, "b": STEPS[:3]})
    pair = keras.Model([a, b], model({"a": a, "b": b}))
    np.testing.assert_allclose(predict(pair, [((ROWS[:16], STEPS[:16]), 0)]), found[:16], rtol=0, atol=1e-6)


def test_the_mask_of_padding_comes_with_the_predictions(tmp_path: Path) -> None:
    """From a dictionary of arrays and from batches with labels."""
    ids, kept = keras.Input((5, 6), name="x"), keras.Input((5,), name="attention_mask")
    model = keras.Model(
        {"x": ids, "attention_mask": kept}, kl.Dense(3)(kl.SpatialDropout1D(0.4)(ids) * kept[..., None])
    )
    there = np.ones((20, 5), np.float32)
    there[:, 4] = 0
    for data in ({"x": STEPS, "attention_mask": there}, [({"x": STEPS, "attention_mask": there}, 0)]):
        preds = alcore_keras.predict(model, data, draws=2, kind="logits", mask="attention_mask", progress=False)
        assert next(preds).shape == (20, 3, 5, 2)
        np.testing.assert_array_equal(preds.mask, there == 0)


def test_an_output_is_named_by_its_key_or_by_a_function() -> None:
    """Where none is named it is refused."""
    x = keras.Input((6,))
    y = kl.Dropout(0.4)(x)
    model = keras.Model(x, {"logits": kl.Dense(3)(y), "hidden": y})
    assert predict(model, ROWS, output="logits").shape == (20, 3, 4)
    assert predict(model, ROWS, output=lambda said: said["logits"][:, :2]).shape == (20, 2, 4)
    with pytest.raises(TypeError, match="Name one"):
        predict(model, ROWS)


def test_batches_are_selected_from_a_file_of_predictions(tmp_path: Path) -> None:
    """By BatchBALD, which needs consistent draws."""
    out = tmp_path / "preds.npy"
    alcore_keras.predict(around(kl.Dropout(0.4), (6,)), ROWS, draws=10, kind="logits", out=out, progress=False)
    assert len(alcore.BatchBALD().select(out, k=3, rng=0)) == 3
