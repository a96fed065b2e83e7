"""Members that are loaded in turn give the draws that they would give together, each loaded once, a kill included."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alcore import adapting
from alcore.adapting import Request
from tests.adapting.numpy_model import ROWS, NumpyRun, halves


@pytest.mark.parametrize("ending", [".npy", ".zarr"])
def test_members_that_are_loaded_in_turn(tmp_path: Path, ending: str) -> None:
    loaded: list[int] = []
    out = tmp_path / f"p{ending}"
    request = Request(2)
    run = NumpyRun(request, lambda x, draw: halves(x, 0, draw + 5 * loaded[-1]))

    def members(fail_at: int | None) -> list[Any]:
        def load(place: int) -> None:
            if place == fail_at:
                raise OSError("no file")
            loaded.append(place)

        return [lambda place=place: load(place) for place in range(3)]

    def predict(fail_at: int | None) -> Any:
        return adapting.predict_in_turn(
            members(fail_at), lambda: adapting.cut(ROWS, 4), run, request, rows=10, out=out, progress=False
        )

    with pytest.raises(OSError, match="no file"):
        predict(2)
    found = predict(None)
    assert loaded == [0, 1, 2]  # those that were done are not loaded again
    expected = np.stack([halves(ROWS, 0, draw % 2 + 5 * (draw // 2)) for draw in range(6)], axis=-1)
    np.testing.assert_allclose(np.asarray(found[:]), expected, rtol=1e-6)
    assert [path.name for path in tmp_path.iterdir()] == [out.name]
    with pytest.raises(ValueError, match="out="):
        adapting.predict_in_turn(members(None), lambda: [ROWS], run, request, rows=10, out=None)
