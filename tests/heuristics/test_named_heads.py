"""Several heads whose rows have names: by name they must lie in one order, and the scores keep the names."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas
import pytest
import xarray
from hypothesis import given
from hypothesis import strategies as st

import alcore
from tests.cases import dirichlet
from tests.heuristics.test_combine import CLASSES, ROWS, SCALES, ranks

NAMES = [f"photo{row}" for row in range(ROWS)]
OTHER = dirichlet(ROWS, 3, 7, seed=9)
TWO = alcore.Combine({"a": alcore.BALD(), "b": alcore.Entropy()})
BY_POSITION = ranks(alcore.bald(CLASSES)) + ranks(alcore.entropy(OTHER))


def named(probs: np.ndarray, dim: str = "obs", names: Any = NAMES) -> xarray.DataArray:
    return xarray.DataArray(probs, dims=(dim, "class", "draw"), coords={} if names is None else {dim: names})


@pytest.mark.parametrize("scale", SCALES)
def test_scores_and_batches_have_the_names_of_the_heads(scale: str) -> None:
    combined = alcore.Combine(TWO.heuristics, scale=scale)
    plain = {"a": CLASSES, "b": OTHER}
    expected = combined.score(plain)
    assert isinstance(expected, np.ndarray)
    for heads in (
        {"a": named(CLASSES), "b": named(OTHER)},
        {"a": named(CLASSES), "b": OTHER},
        {"a": CLASSES, "b": named(OTHER)},
        {"a": named(CLASSES, names=None), "b": named(OTHER)},
        {"a": named(CLASSES).chunk({"obs": 9}), "b": named(OTHER).transpose("draw", "obs", "class")},
        {"a": iter([CLASSES]), "b": named(OTHER)},
        {"b": named(OTHER, "photo"), "a": named(CLASSES)},
    ):
        found = combined.score(heads)
        assert isinstance(found, xarray.DataArray)
        assert (found.dims, found.obs.values.tolist()) == (("obs",), NAMES)
        np.testing.assert_array_equal(found.values, expected)
        heads = heads if not hasattr(heads["a"], "__next__") else plain | {"b": named(OTHER)}
        for heuristic in (combined, alcore.SoftRank(combined), alcore.Softmax(combined)):
            batch = heuristic.select(heads, 4, rng=0)
            assert batch.indices.tolist() == heuristic.select(plain, 4, rng=0).indices.tolist()
            assert batch.ids is not None
            assert batch.ids.tolist() == [NAMES[row] for row in batch.indices]
    assert combined.select(plain, 4).ids is None


def test_a_head_says_the_names_of_its_own_axes() -> None:
    axes = {"N": "photo", "C": "species", "T": ("network", "pass")}
    labelled = xarray.DataArray(
        OTHER.reshape(ROWS, 3, 7, 1), dims=("photo", "species", "network", "pass"), coords={"photo": NAMES}
    )
    own = alcore.Combine(TWO.heuristics, options={"b": {"axes": axes}})
    for first in (CLASSES, named(CLASSES)):
        found = own.score({"a": first, "b": labelled})
        assert found.dims == (("photo",) if first is CLASSES else ("obs",))
        np.testing.assert_array_equal(found.values, BY_POSITION)
    with pytest.raises(
        ValueError, match=r"predictions\['b'\]\.sel\(\{'photo': predictions\['a'\]\['obs'\]\.values\}\)"
    ):
        own.score({"a": named(CLASSES), "b": labelled[::-1]})
    nested = alcore.Combine({"c": alcore.Margin(), "own": own})
    inner = nested.score({"c": CLASSES, "own": {"a": CLASSES, "b": labelled}})
    assert inner.photo.values.tolist() == NAMES


@given(order=st.permutations(range(ROWS)))
def test_heads_in_another_order_are_put_in_order_by_the_remedy(order: list[int]) -> None:
    """The names decide which scores are added, never the places."""
    heads = {"a": named(CLASSES), "b": named(OTHER)[order]}
    if order == sorted(order):
        return
    for work in (TWO.score, lambda heads: TWO.select(heads, 2), lambda heads: alcore.SoftRank(TWO).select(heads, 2)):
        with pytest.raises(
            ValueError, match=r"predictions\['b'\]: expected the names .* of predictions\['a'\], in their order"
        ):
            work(heads)
    heads["b"] = heads["b"].sel({"obs": heads["a"]["obs"].values})
    np.testing.assert_array_equal(TWO.score(heads).values, BY_POSITION)


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (
            named(OTHER, names=[*NAMES[:-1], "new"]),
            r"row 39 is named 'new', and row 39 of .*'photo39'.*drop_vars\('obs'\)\.",
        ),
        (named(OTHER, names=["photo0"] * ROWS), r"row 1 is named 'photo0'.*drop_vars\('obs'\)"),
        (named(OTHER, "photo", np.arange(ROWS)), r"drop_vars\('photo'\)\.rename\(\{'photo': 'obs'\}\)"),
        (
            named(OTHER, "photo", None),
            r"rows along the dimension 'obs', as .* got 'photo', .*rename\(\{'photo': 'obs'\}\)",
        ),
    ],
)
def test_rows_of_other_names_are_refused(other: Any, said: str) -> None:
    with pytest.raises(ValueError, match=r"^predictions\['b'\]: expected .*" + said):
        TWO.score({"a": named(CLASSES), "b": other})


def test_names_of_any_type_are_compared() -> None:
    times = np.datetime64("2026-01-01", "ns") + np.arange(ROWS).astype("timedelta64[D]")
    lacking = np.where(np.arange(ROWS) == 3, np.nan, np.arange(ROWS))
    for names in (times, lacking, np.arange(ROWS)[::-1]):
        found = TWO.score({"a": named(CLASSES, names=names), "b": named(OTHER, names=names)})
        np.testing.assert_array_equal(found.values, BY_POSITION)
        with pytest.raises(ValueError, match="Put the rows in one order|leave their names out"):
            TWO.score({"a": named(CLASSES, names=names), "b": named(OTHER, names=names)[::-1]})


def test_the_index_of_a_table_names_its_rows() -> None:
    tables = {"a": pandas.DataFrame(CLASSES.mean(2)), "b": pandas.DataFrame(OTHER.mean(2))}
    two = alcore.Combine({"a": alcore.Entropy(), "b": alcore.Entropy()})
    expected = ranks(alcore.entropy(CLASSES)) + ranks(alcore.entropy(OTHER))
    np.testing.assert_allclose(two.score(tables, axes="NC"), expected)
    by_name = {"a": tables["a"].set_axis(NAMES), "b": tables["b"]}  # 0 … N - 1 are no names
    np.testing.assert_allclose(two.score(by_name, axes="NC"), expected)
    with pytest.raises(ValueError, match=r"predictions\['b'\]\.loc\[predictions\['a'\]\.index\]"):
        two.score({**tables, "b": tables["b"][::-1]}, axes="NC")
    third = alcore.Combine({"c": alcore.Entropy(), **two.heuristics})
    with pytest.raises(ValueError, match=r"predictions\['b'\]: .* of predictions\['a'\]"):
        third.score({"c": tables["a"], "a": by_name["a"], "b": by_name["a"][::-1]}, axes="NC")


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_ledger_reads_each_head_by_its_own_options(wrapped: bool) -> None:
    """Also once rows are labelled, and the other rows of each head are read."""
    yes = np.random.default_rng(3).beta(1, 2, (ROWS, 6))
    stacked = xarray.DataArray(np.moveaxis(OTHER, 2, 0), dims=("pass", "photo", "species"), coords={"photo": NAMES})
    axes = {"N": "photo", "C": "species", "T": "pass"}
    heads = {"yes": yes, "map": stacked, "class": CLASSES}
    combined = alcore.Combine(
        dict.fromkeys(heads, alcore.BALD()), options={"yes": {"kind": "binary"}, "map": {"axes": axes}}
    )
    heuristic: Any = alcore.SoftRank(combined, beta=1e6) if wrapped else combined
    with alcore.Ledger(ids=NAMES) as ledger:
        rest = np.arange(ROWS)
        for _ in range(3):
            left = {"yes": yes[rest], "map": stacked[:, rest], "class": CLASSES[rest]}
            query = ledger.ask(heuristic, heads, k=3, rng=0)
            assert list(query.ids) == [NAMES[rest[row]] for row in combined.select(left, 3).indices]
            ledger.tell(query, ["cat"] * 3)
            rest = np.array([row for row in rest if NAMES[row] not in set(query.ids)])
        with pytest.raises(ValueError, match=r"^predictions\['map'\]: .*Say which is which"):
            ledger.ask(alcore.Combine(combined.heuristics), heads, k=3)
        with pytest.raises(ValueError, match=r"^predictions\['yes'\]: probs: "):
            ledger.ask(alcore.Combine(combined.heuristics), {**heads, "map": OTHER}, k=3)


def test_a_ledger_refuses_heads_in_another_order() -> None:
    heads = {"a": named(CLASSES), "b": named(OTHER)}
    with alcore.Ledger(ids=NAMES) as ledger:
        query = ledger.ask(TWO, heads, k=3)
        best = alcore.top(BY_POSITION, 6)
        assert list(query.ids) == [NAMES[row] for row in best.indices[:3]]
        ledger.tell(query, ["cat"] * 3)
        for other in (
            named(OTHER)[::-1],
            named(OTHER)[[*best.indices[2::-1], *np.setdiff1d(range(ROWS), best.indices[:3])]],
        ):
            with pytest.raises(ValueError, match=r"Put the rows in one order: predictions\['b'\]\.sel"):
                ledger.ask(TWO, {**heads, "b": other}, k=3)
        turned = {"a": CLASSES[::-1], "b": named(OTHER)[::-1]}
        with pytest.raises(ValueError, match=r"pass ids=predictions\['b'\]\['obs'\]\.values"):
            ledger.ask(TWO, turned, k=3)
        table = pandas.DataFrame(OTHER.mean(2), index=NAMES)[::-1]
        two = alcore.Combine({"a": alcore.BALD(), "b": alcore.Entropy()}, options={"b": {"axes": "NC"}})
        with pytest.raises(ValueError, match=r"pass ids=predictions\['b'\]\.index"):
            ledger.ask(two, {"a": CLASSES[::-1], "b": table}, k=3)
        assert set(ledger.ask(TWO, turned, k=3, ids=turned["b"]["obs"].values).ids).isdisjoint(query.ids)
