"""When an active learning run ends: criteria are pure functions of the steps so far, and combine with ``|`` and ``&``.

Here live the record of a step (`history`), what a criterion is and how criteria combine (`criterion`), the criteria, and Cohen's
kappa (`agreement`). Imports the door alone. A new criterion is a frozen dataclass in `criteria`, and joins the list below.
"""

from __future__ import annotations

from alcore.stopping.agreement import kappa
from alcore.stopping.criteria import InformationBelow, LabelBudget, NoImprovement, StablePredictions, UncertaintyBelow
from alcore.stopping.criterion import AllOf, AnyOf, Stopping
from alcore.stopping.history import Past

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
