"""Every remedy that `alcore_keras` prints is run, and those about tf.data. A refusal with code that no case raises fails."""

from __future__ import annotations

import warnings
from typing import Any

import alcore_keras
import keras
import numpy
import numpy as np
import pytest
from alcore_keras import DropConnect, InitialWeights
from keras import layers as kl
from keras import ops

from alcore.adapting import SilentNoiseWarning
from tests.adapters.keras.architectures import Calls, Cell, Counts, layers
from tests.adapters.keras.networks import as_numpy
from tests.adapters.keras.predictions import BACKEND, ROWS, STEPS, every_backend
from tests.adapters.keras.remedy_cases import OF_KERAS
from tests.remedies import ROOT, Case, texts, texts_of
from tests.remedy_runs import check_remedy, missing, refused

# Texts of other backends than PyTorch: their cases are those of that backend.
ELSEWHERE = {
    "inside a loop or a function that is compiled by itself": ("jax", "tensorflow"),
    "repeats rows": ("tensorflow",),
    "drops rows at the end that fill no block": ("tensorflow",),
}
FOLDER = ROOT / "adapters" / "alcore_keras"
CASES = OF_KERAS[BACKEND]


def predict(model: Any, data: Any, **options: Any) -> Any:
    given = {"draws": 4, "batch_size": 10, "kind": "logits", "progress": False, **options}
    blocks = list(alcore_keras.predict(model, data, **given))
    if isinstance(blocks[0], tuple):
        return [np.concatenate(part) for part in zip(*blocks, strict=True)]
    return np.concatenate(blocks)


def differ(model: Any, data: Any, **options: Any) -> bool:
    return bool(np.ptp(predict(model, data, **options), axis=-1).max() > 1e-3)


def consistent(model: Any, data: Any, **options: Any) -> bool:
    """Whether draws differ, and are the same for the same rows in other blocks. What a warning says has been read by then."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SilentNoiseWarning)
        found = predict(model, np.concatenate([data, data[::-1]]), **options)
    np.testing.assert_allclose(found[: len(data)], found[len(data) :][::-1], rtol=0, atol=1e-5)
    return bool(np.ptp(found, axis=-1).max() > 1e-3)


def sorted_by_id(model: Any, data: Any, **options: Any) -> np.ndarray:
    preds = alcore_keras.predict(model, data, draws=4, kind="logits", progress=False, **options)
    found = np.concatenate(list(preds))
    return found[np.argsort(preds.ids.astype(int))]


def logits(model: Any, data: Any) -> np.ndarray:
    """What a model returns in inference."""
    return np.array(as_numpy(model(data, training=False)))


def spoil(model: Any) -> None:
    for weight in model.weights:
        weight.assign(np.zeros(weight.shape))


def own(function: Any) -> Any:
    return layers(kl.Dense(8), Calls(function), kl.Dense(3), shape=(6,))


def recurrent(**options: Any) -> Any:
    return layers(kl.RNN(Cell(), **options), kl.Dense(3), shape=(5, 6))


def noisy(x: Any) -> Any:
    return x * keras.random.normal((8,))


def of_values(x: Any) -> Any:
    """Draws as many numbers as a value says, which a compiled function does not know."""
    return x * keras.random.normal((8 + ops.cast(ops.sum(x) * 0, "int32"),))


def of_numpy(x: Any) -> Any:
    return x * float(np.random.normal())  # noqa: NPY002 - it is refused


def of_models() -> dict[str, Any]:
    """Models that share their weights."""
    x = keras.Input((6,))
    dropped, last, drop = kl.Dense(8), kl.Dense(3), kl.Dropout(0.5)
    logits = last(drop(dropped(x)))
    quiet = keras.Model(x, last(dropped(x)))
    log_variance = quiet(x)
    rate = kl.Dense(3)
    counts, as_dropout = layers(Counts(name="counts"), rate, shape=(6,)), layers(kl.Dropout(0.5), rate, shape=(6,))
    heads = {"mean": logits, "log_variance": log_variance, "short": kl.Dense(2)(x)}
    return {
        "model": keras.Model(x, logits),
        "quiet": quiet,
        "counts": counts,
        "as_dropout": as_dropout,
        "in_a_dict": keras.Model(x, {"logits": logits, "hidden": x}),
        "turned": keras.Model(x, {"logits": Calls(lambda made: ops.moveaxis(made, 0, 1))(logits), "hidden": x}),
        "two_heads": keras.Model(x, heads),
        "by_pairs": own(lambda made: made * keras.random.gamma(ops.shape(made), ops.exp(made))),
        "mixing": layers(Calls(lambda made: made - ops.mean(made, axis=0)), drop, kl.Dense(3), shape=(6,)),
        "unbuilt": keras.Sequential([kl.Dense(3)]),
        "words": layers(kl.Embedding(10, 4, name="looked_up"), kl.Flatten(), shape=(5,)),
        "of_images": layers(kl.Flatten(), kl.Dropout(0.5), kl.Dense(3), shape=(4, 4, 3)),
    }


def of_the_backend() -> dict[str, Any]:
    """Streams of tf.data, and the compiler of JAX."""
    if BACKEND == "jax":
        import jax

        return {"jax": jax}
    if BACKEND == "torch":
        from keras.src.legacy.preprocessing.image import ImageDataGenerator

        return {"flow": ImageDataGenerator().flow}
    import tensorflow as tf

    def stream(**columns: Any) -> Any:
        return tf.data.Dataset.from_tensor_slices({"x": ROWS, **columns} if columns else ROWS)

    return {
        "tf": tf,
        "stream": stream(),
        "with_ids": stream(id=np.arange(20)),
        "with_names": stream(file=[str(row) for row in range(20)]),
        "gamma": lambda x: x * tf.random.gamma(tf.shape(x), 2.0),
    }


@pytest.fixture
def names() -> dict[str, Any]:
    functions = (predict, differ, consistent, sorted_by_id, logits, spoil, own, recurrent, noisy, of_values, of_numpy)
    return {
        **{one.__name__: one for one in (*functions, DropConnect, InitialWeights)},
        **of_models(),
        **of_the_backend(),
        "alcore_keras": alcore_keras,
        "keras": keras,
        "kl": kl,
        "ops": ops,
        "np": np,
        "numpy": numpy,
        "softmax": lambda made: as_numpy(ops.softmax(made)),
        "rows": ROWS,
        "steps": STEPS,
        "numbers": np.random.default_rng(0).integers(0, 10, (20, 5)),
        "images": np.random.default_rng(0).normal(size=(20, 4, 4, 3)).astype(np.float32),
    }


@every_backend
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.call} | {case.remedy}")
def test_the_remedy_gives_what_the_definition_says(case: Case, names: dict[str, Any]) -> None:
    check_remedy(case, names)


@every_backend
def test_every_text_with_code_is_raised_by_a_case(names: dict[str, Any]) -> None:
    """On the backend where it is raised."""
    said = [refused(case, dict(names)) for case in CASES]
    steps = [one for one in texts(("adapting",)) if one.file == "alcore/adapting/steps.py"]
    every = [*texts_of(sorted(FOLDER.glob("*.py"))), *steps]
    if BACKEND == "torch":
        left = missing(every, ELSEWHERE, said)
    else:
        here = [part for part, backends in ELSEWHERE.items() if BACKEND in backends]
        left = missing([one for one in every if any(part in one.words for part in here)], (), said)
    assert not left, "\n".join(left)
