"""Which axis of noise holds rows is read off a run with one row more, whatever the sizes happen to be."""

from __future__ import annotations

import pytest

from alcore.adapting import RowAxes, RowAxis


@pytest.mark.parametrize(
    ("shape", "with_one_more", "expected"),
    [
        ((8, 5), (9, 5), RowAxis(0, 1)),
        ((8, 8, 4), (8, 9, 4), RowAxis(1, 1)),  # eight steps of eight rows
        ((32, 7, 7), (36, 7, 7), RowAxis(0, 4)),  # heads beside each other
        ((8, 64), (8, 64), None),  # a weight, though its first axis is as long as the block
        ((), (), None),
    ],
)
def test_the_axis_that_grows_holds_rows(
    shape: tuple[int, ...], with_one_more: tuple[int, ...], expected: RowAxis | None
) -> None:
    assert RowAxes.of("M", [shape], [with_one_more], 8).axes == (expected,)


@pytest.mark.parametrize(
    ("shapes", "others", "why"),
    [
        ([(8, 5)], [(9, 5), (9, 2)], "it draws 1 times for 8 rows and 2 for one more"),
        ([(8, 8)], [(9, 9)], r"its shape is \(8, 8\) for 8 rows and \(9, 9\) for one more"),
        ([(8, 5)], [(9,)], "its shape is"),
        ([(10, 5)], [(11, 5)], "its shape is"),  # ten is no multiple of eight rows
    ],
)
def test_what_stays_ambiguous_is_refused_with_the_shapes(
    shapes: list[tuple[int, ...]], others: list[tuple[int, ...]], why: str
) -> None:
    with pytest.raises(ValueError, match=f"a noise of M belongs to which row: {why}.*consistent=False"):
        RowAxes.of("M", shapes, others, 8)


def test_rows_share_the_noise_of_one_row() -> None:
    heads = RowAxis(1, 4)
    assert heads.of_one_row((3, 32, 7)) == (3, 4, 7)
    assert heads.repeats((3, 32, 7)) == (1, 8, 1)


def test_a_block_that_draws_otherwise_is_refused() -> None:
    axes = RowAxes.of("M", [(8, 5), (4, 4)], [(9, 5), (4, 4)], 8)
    assert axes.at(0, (3, 5), 3) == RowAxis(0, 1)
    assert axes.at(1, (4, 4), 3) is None
    for call, shape in ((0, (5, 3)), (0, ()), (2, (3, 5))):
        with pytest.raises(ValueError, match=f"noise {call} of a block has the shape"):
            axes.at(call, shape, 3)
