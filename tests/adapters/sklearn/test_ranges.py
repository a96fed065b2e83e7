"""Ranges of rows that several processes predict into one store: the same as one call, and refused where they would not be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import alcore_sklearn
import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.linear_model import BayesianRidge
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import alcore
from tests.adapters.sklearn.test_members_alone import Noisy

X, Y = load_iris(return_X_y=True)
X, Y = X[::-1].copy(), Y[::-1].copy()
MODELS: dict[str, tuple[Any, dict[str, Any]]] = {
    "forest": (lambda seed: RandomForestClassifier(5, random_state=seed), {}),
    "pipeline": (lambda seed: make_pipeline(StandardScaler(), RandomForestClassifier(5, random_state=seed)), {}),
    "regressor": (lambda seed: RandomForestRegressor(5, random_state=seed), {"kind": "mean"}),
    "linear": (lambda seed: BayesianRidge(alpha_1=1e-6 * (1 + 1e6 * seed)), {"kind": "mean", "draws": 4}),
}


@pytest.mark.parametrize("name", MODELS)
def test_ranges_of_rows_hold_what_one_call_gives(name: str, tmp_path: Path) -> None:
    """To 1e-5 for matrix products, from models that are fitted anew. Another model is refused."""
    make, options = MODELS[name]
    store = alcore.SharedStore(tmp_path / "p.zarr", rows=150, chunk=32)
    for start, stop in ((96, 150), (0, 32)):
        data = [(X[i : i + 10], np.arange(i, i + 10)) for i in range(start, stop, 10)]
        data[-1] = tuple(part[: stop - start - 10 * (len(data) - 1)] for part in data[-1])
        found = alcore_sklearn.predict(make(0).fit(X, Y), data, out=store, rows=(start, stop), ids=1, **options)
        assert found is store
    assert store.missing == [(32, 96)]
    with pytest.raises(ValueError, match="Load the model of the first ranges"):
        alcore_sklearn.predict(
            make(1).fit(X, Y), X[32:96], out=store, rows=(32, 96), ids=lambda x: range(64), **options
        )
    alcore_sklearn.predict(
        make(0).fit(X, Y), X[32:96], out=store, rows=(32, 96), ids=lambda x: range(32, 32 + len(x)), **options
    )
    expected = np.concatenate(list(alcore_sklearn.predict(make(0).fit(X, Y), X, **options)))
    np.testing.assert_allclose(alcore.open_predictions(store.path)[:], expected, rtol=0, atol=1e-5)
    np.testing.assert_array_equal(store.ids, np.arange(150))


def test_draws_that_belong_to_blocks_are_refused(tmp_path: Path) -> None:
    """Functions at all rows together, and members that draw from NumPy's generator when they predict."""
    store = alcore.SharedStore(tmp_path / "p.zarr", rows=150, chunk=50)
    process = GaussianProcessRegressor(alpha=0.1, optimizer=None).fit(X, Y)
    given = {"out": store, "rows": (0, 50)}
    with pytest.raises(ValueError, match=r"GaussianProcessRegressor draws a function.*out='preds\.zarr'"):
        alcore_sklearn.predict(process, X[:50], kind="mean", draws=3, **given)
    state = np.random.get_state(legacy=False)  # noqa: NPY002
    with pytest.raises(ValueError, match="draws random numbers for each block"):
        alcore_sklearn.predict([Noisy().fit(X, Y), GaussianNB().fit(X, Y)], X[:50], **given)
    np.testing.assert_equal(np.random.get_state(legacy=False), state)  # noqa: NPY002
    assert store.missing == [(0, 150)]
    assert not Path(store.path).exists()
