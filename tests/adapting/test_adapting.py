"""What every adapter does with what its model returns, with a model of NumPy."""

from __future__ import annotations

import itertools
from collections import namedtuple
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import alcore
from alcore import adapting
from alcore.adapting import Request

ROWS = np.random.default_rng(0).random((10, 4))


def halves(batch: Any, block: int, draw: int) -> np.ndarray:
    """Two classes, known for each row and draw."""
    p = (batch[:, 0] + 0.1 * draw) % 1
    return np.stack([p, 1 - p], axis=1)


def made(run: Any = halves, *, draws: int = 3, rows: int | None = 10, data: Any = ROWS, **options: Any) -> Any:
    request = Request(draws, **{key: options.pop(key) for key in list(options) if key in Request.__dataclass_fields__})
    return adapting.predict(adapting.cut(data, 4), [run], request, rows=rows, **options)


def test_blocks_come_as_they_are_asked_for() -> None:
    seen: list[int] = []

    def run(batch: Any, block: int, draw: int) -> np.ndarray:
        seen.append(block)
        return halves(batch, block, draw)

    blocks = made(run)
    assert seen == []
    assert next(blocks).shape == (4, 2, 3)
    assert seen == [0, 0, 0]
    rest = list(blocks)
    assert [len(block) for block in rest] == [4, 2]
    assert blocks.mask is None
    whole = np.concatenate(list(made()))
    np.testing.assert_allclose(whole[:, 0, 2], (ROWS[:, 0] + 0.2) % 1, rtol=1e-6)
    assert whole.flags.c_contiguous
    assert alcore.bald(made()).shape == (10,)


def test_classes_move_to_the_second_axis() -> None:
    def run(batch: Any, block: int, draw: int) -> np.ndarray:
        return np.broadcast_to(np.arange(3.0), (len(batch), 5, 6, 3))

    for axis in (-1, 3):
        block = next(made(run, class_axis=axis))
        assert block.shape == (4, 3, 5, 6, 3)
        assert (block[:, 1] == 1).all()


@pytest.mark.parametrize(
    ("shape", "axis", "said"),
    [
        ((4,), 1, "class_axis"),
        ((4, 2), 2, "class_axis"),
        ((4, 2), 0, "class_axis"),
        ((4, 2), -2, "class_axis"),
        ((4, 1), 1, "at least 2 classes.*p and 1 - p"),
    ],
)
def test_shapes_that_are_no_predictions_are_refused(shape: tuple[int, ...], axis: int, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        next(made(lambda batch, block, draw: np.ones(shape), class_axis=axis))


def test_draws_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"draw 1: expected shape \(4, 2\).*got \(3, 2\)"):
        next(made(lambda batch, block, draw: halves(batch[draw:], block, draw)))


def test_masks_go_with_the_blocks(tmp_path: Path) -> None:
    def run(batch: Any, block: int, draw: int) -> np.ndarray:
        return np.full((len(batch), 2, 4), 0.5)

    options = {"mask": lambda batch: batch > 0.5}
    blocks = made(run, **options)
    list(blocks)
    np.testing.assert_array_equal(blocks.mask, ROWS > 0.5)
    made(run, out=tmp_path / "p.zarr", **options)
    np.testing.assert_array_equal(np.load(tmp_path / "p.mask.npy"), ROWS > 0.5)
    with pytest.raises(ValueError, match=r"mask: expected True or False of shape \(4, 4\), got float64"):
        next(made(run, mask=lambda batch: batch))
    by_key = adapting.as_mask("attention")
    assert by_key is not None
    assert by_key({"attention": np.array([[1, 0]])}).tolist() == [[False, True]]
    assert adapting.as_mask(None) is None


def test_what_a_request_refuses() -> None:
    for options, said in (
        ({"draws": 0}, "draws"),
        ({"kind": "odds"}, "kind"),
        ({"dtype": "int8"}, "dtype.*float16, float32, float64.*int8"),
    ):
        with pytest.raises(ValueError, match=said):
            Request(**{"draws": 2, **options})  # type: ignore[arg-type]
    for options, said in (
        ({"seed": 0.5}, "seed"),
        ({"consistent": 1}, "consistent"),
        ({"class_axis": None}, "class_axis"),
    ):
        with pytest.raises((TypeError, ValueError), match=said):
            Request(2, **options)  # type: ignore[arg-type]


def test_seeds_differ_by_draw_and_by_block_where_they_should() -> None:
    consistent, plain = Request(4, seed=1), Request(4, consistent=False, seed=1)
    assert consistent.seed_of(2, 0) == consistent.seed_of(2, 7)
    seeds = [plain.seed_of(draw, block) for draw in range(30) for block in range(30)]
    assert len(set(seeds)) == 900
    assert Request(4, seed=1, first=2).seed_of(0, 0) == consistent.seed_of(2, 0)
    numbers = [adapting.mix(*parts) for parts in itertools.product(range(8), repeat=3)]
    assert len(set(numbers)) == 512
    assert all(0 <= number < 1 << 63 for number in numbers)
    assert adapting.mix(1, 2) != adapting.mix(2, 1) != adapting.mix(1)


def test_the_output_is_picked() -> None:
    @dataclass
    class Said:
        logits: Any = 1

    Pair = namedtuple("Pair", "logits loss")
    assert adapting.pick({"logits": 1}, "logits") == 1
    assert adapting.pick(Said(), "logits") == 1
    assert adapting.pick(Pair(1, 2), "logits") == 1
    assert adapting.pick((1, 2), 1) == 2
    assert adapting.pick((1, 2), sum) == 3
    assert adapting.pick(ROWS, None) is ROWS
    for returned, said in ((Said(), "'logits'"), ({"a": 1, "b": 2}, "'a', 'b'"), ((1, 2), "2 parts, 0 to 1")):
        with pytest.raises(TypeError, match=said):
            adapting.pick(returned, None)
    for returned, output in (({"a": 1}, "b"), ((1, 2), 5), (3, "b"), (Said(), "loss")):
        with pytest.raises(ValueError, match="no "):
            adapting.pick(returned, output)


def test_what_of_a_batch_goes_in() -> None:
    assert adapting.first_of((1, 2)) == 1
    assert adapting.first_of([1, 2]) == 1
    assert adapting.first_of({"x": 1}) == {"x": 1}
    assert adapting.first_of((1, 2), lambda batch: batch[1]) == 2
    with pytest.raises(ValueError, match="empty"):
        adapting.first_of(())
    assert adapting.call(lambda *args, **kwargs: (args, kwargs), {"a": 1}) == ((), {"a": 1})
    assert adapting.call(lambda *args, **kwargs: (args, kwargs), (1, 2)) == ((1, 2), {})
    assert adapting.row_count({"flag": True, "x": [ROWS]}) == 10


class Numpy(adapting.Run):
    def __init__(self, request: Request, model: Any, noisy: bool = False) -> None:
        super().__init__("Model", request, None, None)
        self._model, self._noisy = model, noisy

    def as_tensor(self, leaf: Any) -> Any:
        return leaf

    def turn(self, tensor: Any) -> Any:
        return tensor[::-1]

    def probs(self, given: Any, block: int, draw: int) -> tuple[np.ndarray, bool]:
        return self._model(given, draw), self._noisy


def test_draws_that_are_the_same_or_depend_on_the_place_are_refused() -> None:
    request = Request(3)
    with pytest.raises(ValueError, match="all 3 draws would be the same.*DropConnect"):
        next(made(Numpy(request, lambda x, draw: halves(x, 0, 0))))
    assert len(list(made(Numpy(Request(1), lambda x, draw: halves(x, 0, 0)), draws=1))) == 3
    assert len(list(made(Numpy(request, lambda x, draw: halves(x, 0, draw))))) == 3
    with pytest.raises(ValueError, match="Model says of a row depends on its place.*consistent=False"):
        next(made(Numpy(request, lambda x, draw: halves(x.cumsum(axis=0), 0, draw))))
    plain = Request(3, consistent=False)
    assert len(list(made(Numpy(plain, lambda x, draw: halves(x.cumsum(axis=0), 0, draw)), consistent=False))) == 3


@pytest.mark.parametrize("ending", [".npy", ".zarr"])
def test_members_that_are_loaded_in_turn(tmp_path: Path, ending: str) -> None:
    loaded: list[int] = []
    out = tmp_path / f"p{ending}"
    request = Request(2)
    run = Numpy(request, lambda x, draw: halves(x, 0, draw + 5 * loaded[-1]))

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


def test_a_run_goes_on_only_with_the_same_answers(tmp_path: Path) -> None:
    def stopped() -> Any:
        yield from itertools.islice(adapting.cut(ROWS, 4), 2)
        raise OSError("stopped")

    def predict(data: Any, run: Any = halves) -> Any:
        return adapting.predict(data, [run], Request(2), rows=None, out=tmp_path / "p.zarr")

    with pytest.raises(OSError, match="stopped"):
        predict(stopped())
    with pytest.raises(ValueError, match="other probabilities"):
        predict(adapting.cut(ROWS, 4), lambda batch, block, draw: halves(batch, block, draw + 1))
    with pytest.raises(ValueError, match="another shape"):
        predict(adapting.cut(ROWS, 3))
    with pytest.raises(ValueError, match="holds 8 rows already, but the data ends after 4"):
        predict(adapting.cut(ROWS[:4], 4))
    np.testing.assert_array_equal(np.asarray(predict(adapting.cut(ROWS, 4))[:]), np.concatenate(list(made(draws=2))))
