"""The weights that a model began with."""

from __future__ import annotations

import keras
import numpy as np

from alcore_keras.compiled import as_numpy


class InitialWeights:
    """A copy of a model's weights and statistics. Restore it before each training of an active learning loop.

    A model that is trained on from the last step generalises worse: Ash & Adams 2020 (arXiv:1910.08475). The copy takes as much
    memory as the model.

    Args:
        model: any model that is built, with the weights to keep.

    Raises:
        ValueError: for a model that is not built.

    Examples:
        >>> import alcore_keras, keras, numpy as np
        >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
        >>> initial = alcore_keras.InitialWeights(model)
        >>> before = model.get_weights()[0]
        >>> model.weights[0].assign(np.zeros((2, 2))) is None or True
        True
        >>> initial.restore()
        >>> bool((model.get_weights()[0] == before).all())
        True
    """

    def __init__(self, model: keras.layers.Layer) -> None:
        if not model.built:
            raise ValueError(f"model: {model.name} has no weights yet. Call it on one block first: model(block).")
        self._weights = [(variable, np.array(as_numpy(variable.value))) for variable in model.weights]

    def restore(self) -> None:
        """Write the copy into the model's own variables. An optimizer and tied layers keep the variables that they hold."""
        for variable, value in self._weights:
            variable.assign(value)
