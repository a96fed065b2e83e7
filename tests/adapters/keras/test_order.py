"""Row i of the predictions is example i: pipelines of tf.data that change the order are refused, or taken with ids of rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import alcore_keras
import keras
import numpy as np
import pytest
from keras import layers as kl

from tests.adapters.keras.predictions import BACKEND, ROWS, around, every_backend, predict

with_tensorflow = every_backend if BACKEND == "tensorflow" else pytest.mark.soak  # elsewhere it is imported for this


class Batches(keras.utils.PyDataset):
    """Rows by batches, which several workers may read: each batch has its place."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)

    def __len__(self) -> int:
        return 3

    def __getitem__(self, place: int) -> tuple[np.ndarray, list[str]]:
        rows = range(place * 8, min(20, place * 8 + 8))
        return ROWS[rows], [f"{row}.png" for row in rows]


def ordered() -> keras.Model:
    return around(kl.Dropout(0.4), (6,))


def test_a_data_set_of_keras_has_the_order_of_its_places() -> None:
    """However many workers would read it; its ids come along."""
    model = ordered()
    data = Batches(workers=2, use_multiprocessing=True)
    preds = alcore_keras.predict(model, data, draws=4, kind="logits", ids=1, progress=False)
    np.testing.assert_array_equal(np.concatenate(list(preds)), predict(model, ROWS, batch_size=8))
    assert preds.ids.tolist() == [f"{row}.png" for row in range(20)]


def test_arrays_of_keras_that_are_shuffled_are_refused() -> None:
    """``ImageDataGenerator`` shuffles unless it is told not to."""
    from keras.src.legacy.preprocessing.image import ImageDataGenerator

    images = np.random.default_rng(0).normal(size=(20, 4, 4, 3)).astype(np.float32)
    model = keras.Sequential([keras.Input((4, 4, 3)), kl.Flatten(), kl.Dropout(0.4), kl.Dense(3)])
    flow = ImageDataGenerator().flow
    with pytest.raises(ValueError, match="the step NumpyArrayIterator of the data may .*shuffle=False"):
        predict(model, flow(images, batch_size=8))
    found = predict(model, flow(images, batch_size=8, shuffle=False))
    np.testing.assert_array_equal(found, predict(model, images, batch_size=8))


# --- tf.data ----------------------------------------------------------------------------------------------------------


def steps_that_change_the_order() -> dict[str, Any]:
    import tensorflow as tf

    rows = tf.data.Dataset.from_tensor_slices(ROWS)
    sloppy = tf.data.Options()
    sloppy.deterministic = False

    def one(x: Any) -> Any:
        return tf.data.Dataset.from_tensors(x)

    def shuffled(x: Any) -> Any:
        return one(x).shuffle(3)

    at_once = {"num_parallel_calls": 2, "deterministic": False}
    nested = rows.batch(20).flat_map(lambda x: tf.data.Dataset.from_tensor_slices(x).interleave(one, **at_once))
    return {
        "_ShuffleDataset": rows.shuffle(20).batch(8),
        "_ShuffleDataset of batches": rows.batch(8).shuffle(3).prefetch(1),
        "_OptionsDataset": rows.batch(8).with_options(sloppy),
        "_ParallelMapDataset": rows.map(lambda x: x, **at_once).batch(8),
        "_ParallelBatchDataset": rows.batch(8, **at_once),
        "_ParallelInterleaveDataset": rows.interleave(one, **at_once).batch(8),
        "_FlatMapDataset": rows.flat_map(shuffled).batch(8),
        "_FlatMapDataset of one": nested.batch(8),
        "_RandomDataset": tf.data.Dataset.sample_from_datasets([rows.take(9), rows.skip(9)], [0.5, 0.5], seed=1).batch(
            8
        ),
        "_GroupByWindowDataset": rows.group_by_window(
            lambda x: tf.cast(x[0] > 0, tf.int64), lambda _, x: x.batch(8), 8
        ),
    }


@with_tensorflow
def test_steps_that_change_the_order_are_refused_by_name() -> None:
    """Wherever in the pipeline, in the functions of its steps too."""
    model = ordered()
    for name, data in steps_that_change_the_order().items():
        step = name.split()[0]
        with pytest.raises(ValueError, match=rf"data: the step {step} of the data may .*deterministic=True.*ids="):
            predict(model, data)


@with_tensorflow
def test_steps_that_keep_the_order_are_taken() -> None:
    """In parallel too, and deterministic ones; of batches, of parts, without batches in between, once."""
    import tensorflow as tf

    model, rows = ordered(), tf.data.Dataset.from_tensor_slices(ROWS)
    told = tf.data.Options()
    told.deterministic = True

    def one(x: Any) -> Any:
        return tf.data.Dataset.from_tensors(tf.random.shuffle(x) * 0 + x)

    expected = predict(model, ROWS, batch_size=10)
    for data in (
        rows.batch(10).with_options(told),
        rows.map(lambda x: x, num_parallel_calls=2, deterministic=True).batch(10),
        rows.interleave(one, num_parallel_calls=2).batch(10),
        rows.batch(7).unbatch().batch(10),
        rows.batch(4).rebatch(10),
        rows.take(10).concatenate(rows.skip(10)).batch(10).cache().prefetch(1),
        rows.repeat(1).padded_batch(10, drop_remainder=True),
    ):
        np.testing.assert_array_equal(predict(model, data), expected)
    np.testing.assert_array_equal(predict(model, rows.take(10).batch(10)), expected[:10])


@with_tensorflow
def test_rows_that_a_pipeline_drops_or_repeats_are_refused() -> None:
    """Whole batches are no loss."""
    import tensorflow as tf

    model, rows = ordered(), tf.data.Dataset.from_tensor_slices(ROWS)
    for dropped in (
        rows.batch(8, drop_remainder=True).map(lambda x: x),
        rows.padded_batch(8, drop_remainder=True),
        rows.batch(4).rebatch(8, drop_remainder=True),
        rows.filter(lambda x: True).batch(10, drop_remainder=True),
    ):
        with pytest.raises(ValueError, match=r"drops rows at the end that fill no block.*drop_remainder=False"):
            predict(model, dropped)
        with pytest.raises(ValueError, match=r"drops rows at the end that fill no block"):
            predict(model, dropped, ids=0)
    for repeated in (rows.repeat(2).batch(8), rows.batch(10).repeat()):
        with pytest.raises(ValueError, match=r"the step _RepeatDataset of the data repeats rows.*once"):
            predict(model, repeated)
    found = predict(model, rows.batch(10, drop_remainder=True))
    np.testing.assert_array_equal(found, predict(model, ROWS, batch_size=10))


@with_tensorflow
def test_a_shuffled_pipeline_is_taken_with_the_ids_of_its_rows(tmp_path: Path) -> None:
    """Texts of TensorFlow are bytes, and are refused with the way to read them; rows that come again are refused by their ids."""
    import tensorflow as tf

    model, names = ordered(), [f"{row}.png" for row in range(20)]
    rows = tf.data.Dataset.from_tensor_slices({"x": ROWS, "place": np.arange(20), "file": names})
    shuffled = rows.shuffle(20, seed=1).batch(10)
    given = {"draws": 4, "kind": "logits", "inputs": lambda batch: batch["x"], "progress": False}
    preds = alcore_keras.predict(model, shuffled, ids="place", **given)
    found = np.concatenate(list(preds))
    assert preds.ids.tolist() != sorted(preds.ids.tolist()) == list(range(20))
    expected = predict(model, ROWS, batch_size=10)
    np.testing.assert_allclose(found, expected[preds.ids], rtol=0, atol=1e-5)
    with pytest.raises(TypeError, match=r"got bytes.*one\.decode\(\)"):
        next(alcore_keras.predict(model, shuffled, ids="file", **given))
    named = alcore_keras.predict(
        model,
        shuffled,
        ids=lambda batch: [one.decode() for one in batch["file"].numpy()],
        out=tmp_path / "p.zarr",
        **given,
    )
    files = np.load(tmp_path / "p.ids.npy", allow_pickle=False).tolist()
    assert sorted(files) == sorted(names)
    np.testing.assert_allclose(named[:], expected[[names.index(file) for file in files]], rtol=0, atol=1e-5)
    with pytest.raises(ValueError, match="ids: rows 0 and 20 have the same id, 0"):
        list(alcore_keras.predict(model, rows.repeat(2).batch(10), ids="place", **given))


@with_tensorflow
def test_a_folder_of_images_is_refused_where_it_is_shuffled(tmp_path: Path) -> None:
    """As it is unless one says otherwise; then row i is the file of that place."""
    for number, row in enumerate(np.random.default_rng(0).integers(0, 255, (6, 4, 4, 3))):
        keras.utils.save_img(tmp_path / f"{number}.png", row, scale=False)
    model = keras.Sequential([keras.Input((4, 4, 3)), kl.Flatten(), kl.Dropout(0.4), kl.Dense(3)])
    options = {"labels": None, "image_size": (4, 4), "batch_size": 4, "verbose": False}
    with pytest.raises(ValueError, match="the step _ShuffleDataset of the data may .*shuffle=False"):
        predict(model, keras.utils.image_dataset_from_directory(tmp_path, **options))
    data = keras.utils.image_dataset_from_directory(tmp_path, shuffle=False, **options)
    images = np.stack([keras.utils.img_to_array(keras.utils.load_img(file)) for file in data.file_paths])
    np.testing.assert_allclose(predict(model, data), predict(model, images, batch_size=4), rtol=0, atol=1e-5)
