"""What all adapters share: they call a model block after block, check what it returns, and keep it in memory or in a file.

`data`, `order`, `steps`, `ids`, `inputs`, `run`, `row_axes`, `outputs` and `blocks` lead from the data to one block of predictions.
`predictions`, `members` and `ranges` join blocks, members and ranges. The other files hold what adapters ask and refuse alike.
Imports sources and the door, never a framework. An adapter imports only the public names below. What two adapters share joins the
file of its subject and that list.
"""

from __future__ import annotations

from alcore.adapting.data import as_batches, as_mask, cut, known_rows
from alcore.adapting.generators import GlobalNumbers, generator_states, global_generators_kept, seed_global_generators
from alcore.adapting.ids import as_ids
from alcore.adapting.inputs import call, check_call, first_of, is_object, leaves, map_leaves, refuse_no_array, row_count
from alcore.adapting.layers import (
    Layers,
    SilentNoiseWarning,
    as_layers,
    as_rate,
    check_layers,
    is_among,
    warn_of_silent,
)
from alcore.adapting.members import Checkpoints, Member, as_members, predict_in_turn, predict_members
from alcore.adapting.outputs import (
    Ops,
    arrange,
    class_axis_of,
    pick,
    picked,
    probabilities,
    rows_first,
    taken,
    with_variance,
)
from alcore.adapting.predictions import NEAR, Made, Predictions, predict
from alcore.adapting.ranges import as_out
from alcore.adapting.refusals import (
    Remedies,
    UnknownRowsError,
    refuse_fewer_draws,
    refuse_missing,
    refuse_mixed_rows,
    refuse_other_generator,
    refuse_other_shapes,
    refuse_ranges,
    refuse_same_draws,
    refuse_unknown_rows,
    refuse_unseeded,
)
from alcore.adapting.request import DTYPES, Request, mix
from alcore.adapting.row_axes import Noise, RowAxes, RowAxis
from alcore.adapting.run import ALIKE, LOOKED_AT, Forward, Run
from alcore.adapting.states import fitted_state
from alcore.adapting.twins import Twins
from alcore.door import Array, Bools, as_size

__all__ = [
    "ALIKE",
    "DTYPES",
    "LOOKED_AT",
    "NEAR",
    "Array",
    "Bools",
    "Checkpoints",
    "Forward",
    "GlobalNumbers",
    "Layers",
    "Made",
    "Member",
    "Noise",
    "Ops",
    "Predictions",
    "Remedies",
    "Request",
    "RowAxes",
    "RowAxis",
    "Run",
    "SilentNoiseWarning",
    "Twins",
    "UnknownRowsError",
    "arrange",
    "as_batches",
    "as_ids",
    "as_layers",
    "as_mask",
    "as_members",
    "as_out",
    "as_rate",
    "as_size",
    "call",
    "check_call",
    "check_layers",
    "class_axis_of",
    "cut",
    "first_of",
    "fitted_state",
    "generator_states",
    "global_generators_kept",
    "is_among",
    "is_object",
    "known_rows",
    "leaves",
    "map_leaves",
    "mix",
    "pick",
    "picked",
    "predict",
    "predict_in_turn",
    "predict_members",
    "probabilities",
    "refuse_fewer_draws",
    "refuse_missing",
    "refuse_mixed_rows",
    "refuse_no_array",
    "refuse_other_generator",
    "refuse_other_shapes",
    "refuse_ranges",
    "refuse_same_draws",
    "refuse_unknown_rows",
    "refuse_unseeded",
    "row_count",
    "rows_first",
    "seed_global_generators",
    "taken",
    "warn_of_silent",
    "with_variance",
]
