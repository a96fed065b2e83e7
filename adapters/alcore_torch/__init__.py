"""alcore for PyTorch: a model with noise such as dropout, or several models, become predictions (N, C, ..., T).

`predict` is where to start. Imports PyTorch and the public names of `alcore.adapting`. A new kind of noise joins `noise`.

>>> import alcore, alcore_torch, torch
>>> model = torch.nn.Sequential(torch.nn.Linear(4, 16), torch.nn.ReLU(), torch.nn.Dropout(0.5), torch.nn.Linear(16, 3))
>>> preds = alcore_torch.predict(model, torch.ones(10, 4), draws=20, kind="logits")
>>> next(preds).shape
(10, 3, 20)
"""

from __future__ import annotations

from alcore.adapting import refuse_missing

try:
    import torch as _torch  # noqa: F401 - said once, here
except ImportError as error:
    raise refuse_missing("torch", error) from error

from alcore_torch.dropconnect import DropConnect
from alcore_torch.modules import stochastic
from alcore_torch.predict import Checkpoints, predict
from alcore_torch.weights import InitialWeights

__all__ = ["Checkpoints", "DropConnect", "InitialWeights", "predict", "stochastic"]
