"""What every adapter does with what its model returns: axes in order, checked, block by block, to memory or to a file.

Here live the way from a batch to its block (`data`, `order`, `steps`, `ids`, `inputs`, `run`, `row_axes`, `outputs`, `blocks`),
from blocks to predictions (`predictions`, `members`), and what adapters ask and refuse alike (`request`, `layers`, `refusals`,
`twins`).
Imports sources and the door, never a framework. An adapter brings batches and a `Run` of its model. What two adapters share joins
the file of its subject and the list below, which is public: adapters import `alcore.adapting` alone.
"""

from __future__ import annotations

from alcore.adapting.data import as_batches, as_mask, cut, known_rows
from alcore.adapting.global_numbers import GlobalNumbers
from alcore.adapting.ids import as_ids
from alcore.adapting.inputs import call, first_of, map_leaves, row_count
from alcore.adapting.layers import as_rate, is_among
from alcore.adapting.members import Checkpoints, Member, as_members, predict_in_turn, predict_members
from alcore.adapting.outputs import pick
from alcore.adapting.predictions import NEAR, Made, Predictions, predict
from alcore.adapting.refusals import refuse_inconsistent, refuse_missing, refuse_same_draws, refuse_unknown_rows
from alcore.adapting.request import DTYPES, Request, mix
from alcore.adapting.row_axes import RowAxes, RowAxis
from alcore.adapting.run import ALIKE, Forward, Run
from alcore.adapting.states import fitted_state
from alcore.adapting.twins import Twins
from alcore.door import Array, Bools, as_size

__all__ = [
    "ALIKE",
    "DTYPES",
    "NEAR",
    "Array",
    "Bools",
    "Checkpoints",
    "Forward",
    "GlobalNumbers",
    "Made",
    "Member",
    "Predictions",
    "Request",
    "RowAxes",
    "RowAxis",
    "Run",
    "Twins",
    "as_batches",
    "as_ids",
    "as_mask",
    "as_members",
    "as_rate",
    "as_size",
    "call",
    "cut",
    "first_of",
    "fitted_state",
    "is_among",
    "known_rows",
    "map_leaves",
    "mix",
    "pick",
    "predict",
    "predict_in_turn",
    "predict_members",
    "refuse_inconsistent",
    "refuse_missing",
    "refuse_same_draws",
    "refuse_unknown_rows",
    "row_count",
]
