"""Draws that are all the same, or that are not one network for every row, are refused before any is returned."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from alcore import adapting
from alcore.adapting import Noise, Request
from tests.adapting.numpy_model import ROWS, NumpyRun, halves, predictions


def drawn(model: Any, request: Request | None = None, noises: Any = None) -> list[np.ndarray]:
    request = request or Request(3)
    given = {} if noises is None else {"noises": noises}
    return list(predictions(NumpyRun(request, model, **given), draws=request.draws, consistent=request.consistent))


def test_a_model_that_draws_nothing_is_refused_and_one_whose_numbers_have_no_effect_is_told_of() -> None:
    """What a model draws decides, and not what it says: rows may be certain."""
    with pytest.raises(ValueError, match=r"all 3 draws would be the same\. Take another model\."):
        drawn(lambda x, draw: halves(x, 0, draw), noises=lambda x, draw: [])
    assert len(drawn(lambda x, draw: halves(x, 0, 0), Request(1), noises=lambda x, draw: [])) == 3
    with pytest.warns(UserWarning, match="the 3 draws of its first 4 rows are the same to the last bit"):
        assert len(drawn(lambda x, draw: halves(x, 0, 0))) == 3
    with pytest.raises(ValueError, match="keeps the random numbers of its first forward pass.*draw_axis="):
        drawn(lambda x, draw: halves(x, 0, draw), noises=lambda x, draw: [Noise(())] if draw == 0 else [])


@pytest.mark.parametrize("consistent", [True, False])
def test_rows_that_depend_on_the_rows_beside_them_are_refused(consistent: bool) -> None:
    """In the first block, in one of another size, in one whose rows show it, and in blocks of one row."""
    request = Request(3, consistent=consistent)
    mixed = "predicts for a row changes with the rows beside it.*Take a model of single rows"
    for mixes in (lambda x: x.cumsum(axis=0), lambda x: x - x.mean(axis=0), lambda x: x * x.max()):
        with pytest.raises(ValueError, match=mixed):
            drawn(lambda x, draw, mixes=mixes: halves(mixes(x), 0, draw), request)
        single = NumpyRun(request, lambda x, draw, mixes=mixes: halves(mixes(x), 0, draw))
        with pytest.raises(ValueError, match=mixed):
            list(adapting.predict(adapting.cut(ROWS, 1), [single], request, rows=10))

    def mixes_short_batches(x: Any, draw: int) -> np.ndarray:
        return halves(x.cumsum(axis=0) if len(x) < 4 else x, 0, draw)

    def mixes_rows_that_are_not_sure(x: Any, draw: int) -> np.ndarray:
        return halves(x.cumsum(axis=0) if (x[:, 3] > 0.98).any() else x, 0, draw)

    data = np.where(ROWS > 0.98, 0.5, ROWS)
    data[9, 3] = 0.99
    for model, rows in ((mixes_short_batches, ROWS), (mixes_rows_that_are_not_sure, data)):
        blocks = predictions(NumpyRun(request, model), data=rows, rows=len(rows), consistent=consistent)
        assert [len(next(blocks)), len(next(blocks))] == [4, 4]
        with pytest.raises(ValueError, match=mixed):
            next(blocks)


def test_generators_of_the_process_come_back_and_decide_what_draws() -> None:
    """Numbers as many as the rows cannot be shared; one number a pass is the network's, and follows the seed."""

    def own(draws: Any) -> Any:
        return lambda x, draw: halves(x, 0, 0) * 0.5 + 0.25 * np.asarray(draws(x))[..., None]

    per_row = own(lambda x: np.random.random(len(x)))  # noqa: NPY002
    once = own(lambda x: np.random.random())  # noqa: NPY002
    pythons = own(lambda x: random.random())
    python, numpy = random.getstate(), str(np.random.get_state())  # noqa: NPY002
    with pytest.raises(ValueError, match=r"NumPy's global generator, as many as there are rows.*consistent=False"):
        drawn(per_row, noises=lambda x, draw: [])
    for model in (once, pythons):
        found = np.concatenate(drawn(model, noises=lambda x, draw: []))
        np.testing.assert_array_equal(found, np.concatenate(drawn(model, noises=lambda x, draw: [])))
        assert np.ptp(found, axis=-1).min() > 1e-3
        np.testing.assert_allclose(np.ptp(found - halves(ROWS, 0, 0)[..., None] * 0.5, axis=(0, 1)), 0, atol=1e-6)
    plain = Request(3, consistent=False)
    found, again = (np.concatenate(drawn(per_row, plain, lambda x, draw: [])) for _ in range(2))
    np.testing.assert_array_equal(found, again)
    assert len(np.unique((found - halves(ROWS, 0, 0)[..., None] * 0.5).round(6))) > 20
    assert (python, numpy) == (random.getstate(), str(np.random.get_state()))  # noqa: NPY002


def test_numbers_of_a_generator_that_cannot_be_set_are_refused() -> None:
    own = np.random.default_rng(0)
    with pytest.raises(ValueError, match="predicts something else when it runs again with the same seed"):
        drawn(lambda x, draw: halves(x, 0, 0) * own.random())


def test_a_layer_that_only_later_blocks_meet_and_that_draws_elsewhere_is_refused() -> None:
    def model(x: Any, draw: int) -> np.ndarray:
        return halves(x, 0, draw) * (np.random.random() if len(x) < 4 else 1)  # noqa: NPY002

    blocks = predictions(NumpyRun(Request(3), model))
    assert [len(next(blocks)), len(next(blocks))] == [4, 4]
    with pytest.raises(ValueError, match="NumPy's global generator"):
        next(blocks)


def test_draws_that_skip_layers_have_axes_of_their_own_and_other_lengths_are_refused() -> None:
    """Draw 1 of each block draws once where others draw twice; a longer row is another network."""

    def skips(x: Any, draw: int) -> list[Noise]:
        return [Noise((len(x), 4))] * (1 if draw == 1 else 2)

    assert len(drawn(lambda x, draw: halves(x, 0, draw), noises=skips)) == 3
    lengths = [ROWS[:4], np.concatenate([ROWS[4:8], ROWS[4:8]], axis=1)]
    run = NumpyRun(Request(3), lambda x, draw: halves(x, 0, draw), lambda x, draw: [Noise(x.shape, "drop")])
    blocks = adapting.predict(lengths, [run], Request(3), rows=None)
    next(blocks)
    with pytest.raises(
        ValueError, match=r"layer 'drop' of Model draws .*\(4, 8\).*\(1, 4\) for one row.*to one length"
    ):
        next(blocks)


def test_entries_folded_into_the_axis_of_rows_are_tried_in_both_orders() -> None:
    """Which of them is right shapes do not tell: rows in other company do."""

    class Folded(NumpyRun):
        def probs(self, given: Any, block: int, draw: int) -> np.ndarray:
            axes, rows = self.axes_of(draw), len(given)
            index = axes.axes[0].index((2 * rows,)) if axes else range(2 * rows)
            noise = np.random.default_rng(draw).random(2 * rows)[list(index)]
            both = noise.reshape(2, rows).T if self.apart else noise.reshape(rows, 2)
            return np.asarray(self.arranged(halves(given, 0, 0) * both, rows))

    for apart in (False, True):
        run = Folded(Request(3), lambda x, draw: halves(x, 0, draw), lambda x, draw: [Noise((2 * len(x),))])
        run.apart = apart  # type: ignore[attr-defined]
        found = np.concatenate(list(predictions(run)))
        factor = found / halves(ROWS, 0, 0)[..., None]
        np.testing.assert_allclose(factor, np.broadcast_to(factor[:1], factor.shape), rtol=1e-5)


def test_a_batch_without_rows_is_taken_where_none_of_its_noise_has_rows() -> None:
    """A graph, say: rows are those that come out."""

    class Graph:
        x = ROWS

    def run(noises: Any, request: Request) -> Any:
        model = NumpyRun(request, lambda graph, draw: halves(graph.x, 0, draw), noises)
        return next(adapting.predict([Graph()], [model], request, rows=None))

    assert run(lambda graph, draw: [Noise(())], Request(3)).shape == (10, 2, 3)
    with pytest.raises(ValueError, match=r"belong to which row: a block is one Graph, without rows.*consistent=False"):
        run(lambda graph, draw: [Noise((10, 4))], Request(3))
    assert run(lambda graph, draw: [Noise((10, 4))], Request(3, consistent=False)).shape == (10, 2, 3)


@pytest.mark.parametrize("together", [1, 2, 3, 5])
def test_draws_that_are_made_together_are_the_same_ones(together: int) -> None:
    class Several(NumpyRun):
        def several(self, given: Any, block: int, draws: range) -> Iterator[np.ndarray]:
            calls.append((block, draws[0]))
            return (self.probs(given, block, draw) for draw in draws[:together])

    calls: list[tuple[int, int]] = []
    run = Several(Request(5), lambda x, draw: halves(x, 0, draw))
    found = np.concatenate(list(predictions(run, draws=5)))
    np.testing.assert_array_equal(found, np.concatenate(list(predictions(draws=5))))
    assert calls == [(block, draw) for block in range(3) for draw in range(0, 5, together)]


def test_the_draws_of_a_member_are_made_together_and_not_those_of_the_next() -> None:
    class Several(NumpyRun):
        def several(self, given: Any, block: int, draws: range) -> Iterator[np.ndarray]:
            ranges.append(draws)
            return (self.probs(given, block, draw) for draw in draws)

    ranges: list[range] = []
    members = [Several(Request(3), lambda x, draw: halves(x, 0, draw)) for _ in range(2)]
    blocks = list(adapting.predict([ROWS], members, Request(3, members=2), rows=10))
    assert ranges == [range(3), range(3, 6)]
    np.testing.assert_array_equal(blocks[0], np.concatenate(list(predictions(draws=6))))
