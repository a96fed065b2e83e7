"""The weights that a model began with."""

from __future__ import annotations

import torch
from torch import nn


class InitialWeights:
    """A copy of a model's parameters and buffers. Restore it before each training of an active learning loop.

    A model that is trained on from the last step generalises worse: Ash & Adams 2020 (arXiv:1910.08475). The copy takes as much
    memory as the model.

    Args:
        model: any module, with the weights to keep.

    Examples:
        >>> import alcore_torch, torch
        >>> model = torch.nn.Linear(2, 2)
        >>> initial = alcore_torch.InitialWeights(model)
        >>> before = model.weight.clone()
        >>> _ = model.weight.data.zero_()
        >>> initial.restore()
        >>> bool((model.weight == before).all())
        True
    """

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._state = {name: value.detach().clone() for name, value in model.state_dict().items()}

    def restore(self) -> None:
        """Write the copy into the model's own tensors. An optimiser and tied layers keep the tensors that they hold."""
        with torch.no_grad():
            for name, value in self._model.state_dict().items():
                value.copy_(self._state[name])
