"""Whatever predictions, weights and options a row-wise measure is given, it refuses them or gives the scores of its definition."""

from __future__ import annotations

from typing import Any

import numpy as np

import alcore
from tests.soak import definitions
from tests.soak.hostile_arrays import weights
from tests.soak.hostile_numbers import all_right, pick, real, word
from tests.soak.hostile_predictions import predictions
from tests.soak.laws import Counts, Trial, assert_close, each_part, hold, numbers

FLOORS = (0.0, 1e-6, 0.25)
UNDERFLOW = {True: 1e-36, False: 1e-300}  # by whether predictions are read in float32


def measure_trial(rng: np.random.Generator) -> Trial:
    name = pick(rng, list(definitions.MEASURES))
    kind = word(rng, ("probs", "probs", "logits"))
    probs = predictions(rng, kind.meaning)
    cells = probs.meaning
    given = weights(rng, 3 if cells is None else cells.shape[-1])
    options: dict[str, Any] = {"kind": kind.value, "weights": given.value}
    arguments = [kind, probs, given]
    if name == "pairwise_kl":
        floor = real(rng, FLOORS, (-0.1, 1.0, 2.0, np.inf, -np.inf))
        options["floor"] = floor.value
        arguments.append(floor)

    def compare(answer: Any) -> None:
        more = [floor.meaning] if name == "pairwise_kl" else []
        shares = definitions.shares(given.meaning, cells.shape[-1])
        expected = definitions.MEASURES[name](cells, shares, *more)
        if (
            name == "pairwise_kl" and kind.meaning == "logits"
        ):  # what underflows rules a class out, as its docstring says
            certain = definitions.pairwise_kl(np.where(cells < UNDERFLOW[probs.narrow], 0.0, cells), shares, *more)
            expected = np.where(np.isinf(answer), certain, expected)
        assert_close(answer, expected, *precision(probs.narrow, kind.meaning))

    function = getattr(alcore, name)
    return Trial(
        lambda: function(probs.value, **options), {"probs": probs.value, **options}, compare, all_right(*arguments)
    )


def precision(narrow: bool, kind: Any) -> tuple[float, float]:
    """How far a score may be from its definition, relative and absolute."""
    if not narrow:
        return 1e-9, 1e-13
    return (3e-4, 3e-5) if kind == "logits" else (1e-5, 4e-6)


@each_part
def test_measures_refuse_or_score_as_defined(part: int, counts: Counts) -> None:
    hold("measures", measure_trial, numbers(part), counts)
