"""Every remedy that adapters share is run with a model of NumPy. A refusal with code that no case raises fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy
import numpy as np
import pytest
import scipy.special

import alcore
from alcore import adapting
from alcore.adapting import Noise, Request
from tests.adapting.numpy_model import ROWS, NumpyRun
from tests.adapting.numpy_model import halves as two_classes
from tests.remedies import Case, texts
from tests.remedy_cases_of_adapting import NOT_RUN_HERE, OF_ADAPTING
from tests.remedy_runs import check_remedy, missing, refused

# Texts about loaders and pipelines: tests/adapters/torch/test_remedies.py and its neighbour of Keras raise them.
OF_FRAMEWORKS = ("alcore/adapting/order.py", "alcore/adapting/steps.py")


def classes(x: np.ndarray, draw: int) -> np.ndarray:
    return two_classes(x, 0, draw)


class Adapter(NumpyRun):
    """As those of frameworks: it takes the part of what a model returns that ``output`` names."""

    def __init__(self, request: Request, model: Any, noises: Any, output: Any, inputs: Any) -> None:
        super().__init__(request, model, noises)
        self.output, self._inputs = output, inputs

    def probs(self, given: Any, block: int, draw: int) -> np.ndarray:
        found, taken = adapting.picked(adapting.call(self._model, (given, draw)), self.output)
        return np.asarray(self.arranged(found, adapting.row_count(given), taken))


def started(model: Callable[..., Any], data: Any = ROWS, **options: Any) -> Any:
    """The predictions, as an adapter's ``predict`` begins them."""
    names = ("noises", "output", "inputs", "variance", "mask", "ids", "out", "rows")
    noises, output, inputs, variance, mask, ids, out, place = (options.pop(name, None) for name in names)
    asked = request(**options)
    output, asked = adapting.with_variance(output, variance, asked, Adapter.ops)
    run = Adapter(asked, model, noises or (lambda x, draw: [Noise(())]), output, inputs)
    given: dict[str, Any] = {"mask": adapting.as_mask(mask), "ids": adapting.as_ids(ids)}
    rows = adapting.known_rows(data, ids)
    given["out"] = adapting.as_out(out, place, rows, asked, list)
    return adapting.predict(adapting.as_batches(data, 5), [run], asked, rows=rows, progress=False, **given)


def request(draws: int = 3, class_axis: int | None = None, **options: Any) -> Request:
    return Request(draws, class_axis=class_axis, dtype="float64", **options)


def predict(model: Callable[..., Any], data: Any = ROWS, **options: Any) -> Any:
    blocks = list(started(model, data, **options))
    if isinstance(blocks[0], tuple):
        return [np.concatenate(part) for part in zip(*blocks, strict=True)]
    return np.concatenate(blocks)


def in_store(data: Any, rows: Any, out: Any = None, **options: Any) -> np.ndarray:
    """The rows of a range, as a new store has them."""
    store = out or alcore.SharedStore(f"{len(list(Path().iterdir()))}.zarr", rows=10, chunk=5)
    started(classes, data, out=store, rows=rows, **options)
    return np.asarray(alcore.open_predictions(store.path)[slice(*rows)])


def kept(name: str, *given: Any, **options: Any) -> Any:
    """What the predictions keep beside their rows."""
    preds = started(*given, **options)
    list(preds)
    return getattr(preds, name)


def in_turn(data: Any, out: str | None = "preds.npy", ids: Any = None, rows: int | None = 10) -> Any:
    """Two members that are loaded one after the other, each the same model with one draw."""
    asked = request(1)
    run = Adapter(asked, lambda x, draw: classes(x, 0), lambda x, draw: [Noise(())], None, None)
    blocks = data if hasattr(data, "__next__") else None
    return adapting.predict_in_turn(
        [lambda: None] * 2,
        lambda: blocks if blocks is not None else adapting.as_batches(data, 5),
        run,
        asked,
        rows=rows,
        out=out,
        ids=adapting.as_ids(ids),
        progress=False,
    )


class Turning:
    """A loader that begins with another row each time."""

    def __init__(self) -> None:
        self.times = 0

    def __iter__(self) -> Iterator[Any]:
        self.times += 1
        places = np.roll(np.arange(10), -3 * self.times)
        return iter([(ROWS[part], part) for part in (places[:5], places[5:])])


class Held:
    """Rows in a class of somebody's own."""

    def __init__(self, rows: np.ndarray) -> None:
        self.rows = rows

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return self.rows


class Pair(NamedTuple):
    """What a model returns, by the names of its attributes."""

    logits: np.ndarray
    loss: float


def many(x: np.ndarray, draw: int) -> np.ndarray:
    """(draws, n, C): three draws in a pass."""
    return np.stack([classes(x, one) for one in range(3)])


NAMES = {
    **{
        one.__name__: one
        for one in (predict, started, in_store, kept, in_turn, request, classes, many, Turning, Held, Pair)
    },
    "np": np,
    "numpy": numpy,
    "alcore": alcore,
    "adapting": adapting,
    "ROWS": ROWS,
    "check_call": adapting.check_call,
    "refuse_no_array": adapting.refuse_no_array,
    "as_rate": adapting.layers.as_rate,
    "logit": scipy.special.logit,
    "two": classes,
    "yes": lambda x, draw: classes(x, draw)[:, :1],
    "with_x": lambda x, draw: classes(x["x"], draw),
    "cells": lambda x, draw: np.stack([classes(x["x"], draw)] * 4, axis=2),
    "many_first": lambda x, draw: many(x, 0).reshape(-1, 2),
    "rows_first": lambda x, draw: many(x, 0).swapaxes(0, 1).reshape(-1, 2),
    "many_last": lambda x, draw: classes(x, draw)[:, None],
    "kept_noise": lambda x, draw: [Noise(())] if draw == 0 else [],
    "row_noise": lambda x, draw: [Noise((len(x) ** 2,))],
    "words": {"x": ROWS, "attention_mask": (ROWS < 0.7).astype(int), "id": np.arange(10)},
    "parts": [(ROWS[:5], np.arange(5)), (ROWS[5:], np.arange(5, 10))],
    "expected": np.stack([classes(ROWS, draw) for draw in range(3)], axis=-1),
    "by_token": np.stack([np.stack([classes(ROWS, draw)] * 2, axis=2) for draw in range(3)], axis=-1),
    "moved": np.stack([ROWS + draw for draw in range(3)], axis=-1),
    "still": np.stack([ROWS] * 3, axis=-1),
}


@pytest.fixture
def names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.chdir(tmp_path)
    return dict(NAMES)


@pytest.mark.parametrize("case", OF_ADAPTING, ids=lambda case: f"{case.call} | {case.remedy}")
def test_the_remedy_gives_what_the_definition_says(case: Case, names: dict[str, Any]) -> None:
    check_remedy(case, names)


def test_every_text_with_code_is_raised_by_a_case(names: dict[str, Any]) -> None:
    said = [refused(case, dict(names)) for case in OF_ADAPTING]
    own = [text for text in texts(("adapting",)) if text.file not in OF_FRAMEWORKS]
    assert len(own) > 30
    left = missing(own, NOT_RUN_HERE, said)
    assert not left, "\n".join(left)
    assert all(any(part in text.words for text in own) for part in NOT_RUN_HERE)
