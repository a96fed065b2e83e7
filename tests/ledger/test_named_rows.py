"""Predictions that name their rows are asked about by these names, never by the place of the row."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas
import pytest
import xarray

import alcore
from alcore.ledger.errors import LedgerError
from tests.cases import dirichlet

N = 12
PROBS = np.ascontiguousarray(dirichlet(N, 3, 5))
NAMES = [f"photo{row}" for row in range(N)]
TURNED = np.arange(N)[::-1]


def labelled(rows: Any) -> xarray.DataArray:
    return xarray.DataArray(PROBS, dims=("obs", "class", "draw"), coords={"obs": rows})


def table(rows: Any) -> pandas.DataFrame:
    return pandas.DataFrame(PROBS[..., 0], index=rows)


@pytest.mark.parametrize(
    ("made", "options", "said"),
    [(labelled, {}, "predictions['obs'].values"), (table, {"axes": "NC"}, "predictions.index")],
)
@pytest.mark.parametrize("ledger", [{"size": N}, {"ids": NAMES}], ids=["numbers", "names"])
def test_rows_in_another_order_are_refused_and_both_remedies_work(
    made: Any, options: dict[str, Any], said: str, ledger: dict[str, Any]
) -> None:
    names = np.array(ledger.get("ids", range(N)))
    predictions = made(names[TURNED])
    with pytest.raises(LedgerError, match="row 0 is named") as caught:
        alcore.Ledger(**ledger).ask(alcore.Entropy(), predictions, 3, **options)
    best = alcore.Entropy().select(PROBS if made is labelled else PROBS[..., :1], 3).indices
    for remedy, ids in ((said, names[TURNED]), ("ledger.ids", names)):
        assert f"pass ids={remedy}." in str(caught.value)
        new = alcore.Ledger(**ledger)
        given = eval(remedy, {"predictions": predictions, "ledger": new})
        assert new.ask(alcore.Entropy(), predictions, 3, ids=given, **options).ids.tolist() == ids[best].tolist()


@pytest.mark.parametrize("rows", [NAMES, range(N)])
def test_names_in_order_and_names_of_another_kind_are_taken_as_they_lie(rows: Any) -> None:
    best = alcore.BALD().select(PROBS, 3).indices
    assert alcore.Ledger(ids=NAMES).ask(alcore.BALD(), labelled(rows), 3).ids.tolist() == [NAMES[row] for row in best]
    assert alcore.Ledger(size=N).ask(alcore.BALD(), labelled(rows), 3).ids.tolist() == best.tolist()
