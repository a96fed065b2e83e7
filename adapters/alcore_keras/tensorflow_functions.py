"""TensorFlow's own random functions, such as tf.random.normal and tf.nn.dropout, during a pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

import tensorflow as tf
from tensorflow.python.framework import random_seed
from tensorflow.python.ops import gen_random_ops

from alcore_keras.replacing import replace

if TYPE_CHECKING:
    from alcore_keras.drawing import Drawing


@contextmanager
def replaced(drawing: Drawing) -> Iterator[None]:
    """A context in which these functions draw the numbers of the pass. A function that cannot is refused by its name."""

    def shaped(name: str, stateless: Callable[..., Any]) -> Callable[..., Any]:
        return lambda shape, dtype, *_, **__: drawing.shaped(name, _of(stateless), shape, dtype=dtype)

    def integers(shape: Any, minval: Any, maxval: Any, **_: Any) -> Any:
        stateless = _of(tf.random.stateless_uniform)
        return drawing.shaped("integers", stateless, shape, minval=minval, maxval=maxval, dtype=minval.dtype)

    def refused(name: str, *_: Any, **__: Any) -> NoReturn:
        raise ValueError(
            f"model: layer {drawing.layer!r} of {drawing.name} draws random numbers with TensorFlow's {name}, whose seed cannot be "
            "set for each draw. Draw them with a function of keras.random, such as keras.random.normal."
        )

    functions: dict[str, Callable[..., Any]] = {
        name: partial(refused, name)
        for name, value in vars(gen_random_ops).items()
        if callable(value) and f"{name}_eager_fallback" in vars(gen_random_ops)
    }
    functions["random_standard_normal"] = shaped("normal", tf.random.stateless_normal)
    functions["random_uniform"] = shaped("uniform", tf.random.stateless_uniform)
    functions["truncated_normal"] = shaped("truncated_normal", tf.random.stateless_truncated_normal)
    functions["random_uniform_int"] = integers
    with replace(gen_random_ops, **functions), replace(random_seed, get_seed=lambda _: (0, 0)):
        yield


def _of(stateless: Callable[..., Any]) -> Callable[..., Any]:
    return lambda seed, **given: stateless(**given, seed=seed.next())
