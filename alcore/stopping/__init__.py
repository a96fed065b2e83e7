"""When an active learning run ends. Criteria are pure functions of the steps so far, and combine with ``|`` and ``&``.

`history` has the record of a step, `criterion` the base class and the combinations, `criteria` the criteria, and `agreement`
Cohen's kappa. Imports only the door. A new criterion is a frozen dataclass in `criteria`, and joins the list below.
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
