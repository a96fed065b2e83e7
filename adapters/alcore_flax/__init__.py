"""alcore for Flax, Linen and NNX: a model with noise such as dropout, or several models, become predictions (N, C, ..., T).

`predict` is where to start. Imports JAX, Flax and the public names of `alcore.adapting`. A new source of random numbers joins
`flow`.

>>> import alcore_flax, numpy
>>> from flax import nnx
>>> rngs = nnx.Rngs(0)
>>> model = nnx.Sequential(nnx.Linear(4, 16, rngs=rngs), nnx.relu, nnx.Dropout(0.5, rngs=rngs), nnx.Linear(16, 3, rngs=rngs))
>>> preds = alcore_flax.predict(model, numpy.ones((10, 4)), draws=20, kind="logits")
>>> next(preds).shape
(10, 3, 20)
"""

from __future__ import annotations

from alcore.adapting import refuse_missing

try:
    import flax as _flax  # noqa: F401 - said once, here
except ImportError as error:
    raise refuse_missing("flax", error) from error

from alcore_flax.dropconnect import DropConnect
from alcore_flax.predict import predict
from alcore_flax.stochastic import stochastic
from alcore_flax.weights import Checkpoints, InitialWeights

__all__ = ["Checkpoints", "DropConnect", "InitialWeights", "predict", "stochastic"]
