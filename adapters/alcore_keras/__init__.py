"""alcore for Keras 3, on any of its backends: a model with noise layers, or several models, become predictions (N, C, ..., T).

`predict` is where to start. Imports Keras, its backend and the public names of `alcore.adapting`. A new source of random numbers
joins `drawing`.

>>> import alcore_keras, keras, numpy as np
>>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dropout(0.5), keras.layers.Dense(3, "softmax")])
>>> preds = alcore_keras.predict(model, np.ones((10, 4)), draws=20)
>>> next(preds).shape
(10, 3, 20)
"""

from __future__ import annotations

from alcore.adapting import refuse_missing

try:
    import keras as _keras  # noqa: F401 - said once, here
except ImportError as error:
    raise refuse_missing("keras", error) from error

from alcore_keras.dropconnect import DropConnect
from alcore_keras.predict import Checkpoints, predict
from alcore_keras.stochastic import stochastic
from alcore_keras.weights import InitialWeights

__all__ = ["Checkpoints", "DropConnect", "InitialWeights", "predict", "stochastic"]
