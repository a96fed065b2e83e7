"""When an active learning run ends: criteria are pure functions of the steps so far, and combine with ``|`` and ``&``.

Here live the record of a step (`Past`), the criteria and their combinations. Imports the door alone. A new criterion is a
frozen dataclass in `criteria`.
"""

from __future__ import annotations

from alcore.stopping.criteria import (
    AllOf,
    AnyOf,
    InformationBelow,
    LabelBudget,
    NoImprovement,
    Past,
    StablePredictions,
    Stopping,
    UncertaintyBelow,
    kappa,
)

__all__ = [
    "AllOf",
    "AnyOf",
    "InformationBelow",
    "LabelBudget",
    "NoImprovement",
    "Past",
    "StablePredictions",
    "Stopping",
    "UncertaintyBelow",
    "kappa",
]
