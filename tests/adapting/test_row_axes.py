"""Which axis of noise holds rows is read off a run with one row more, whatever the sizes happen to be."""

from __future__ import annotations

import pytest

from alcore.adapting import Noise, RowAxes, RowAxis

Shape = tuple[int, ...]


def noises(*shapes: Shape) -> list[Noise]:
    return [Noise(shape, f"layer{place}") for place, shape in enumerate(shapes)]


@pytest.mark.parametrize(
    ("shape", "with_one_more", "expected"),
    [
        ((8, 5), (9, 5), RowAxis(0, 1)),
        ((8, 8, 4), (8, 9, 4), RowAxis(1, 1)),  # eight steps of eight rows
        ((32, 7, 7), (36, 7, 7), RowAxis(0, 4)),  # heads beside each other
        ((8, 64), (8, 64), RowAxis(None)),  # a weight, though its first axis is as long as the block
        ((), (), RowAxis(None)),
    ],
)
def test_the_axis_that_grows_holds_rows(shape: Shape, with_one_more: Shape, expected: RowAxis) -> None:
    assert RowAxes.of("M", noises(shape), noises(with_one_more), 8).axes == (expected,)


@pytest.mark.parametrize(
    ("shapes", "others", "why"),
    [
        (
            [(8, 5)],
            [(9, 5), (9, 2)],
            "'layer1' of M.*numbers are drawn 1 times for 8 rows and 2 times for one row more",
        ),
        ([(8, 8)], [(9, 9)], r"'layer0' of M.*their shape is \(8, 8\) for 8 rows and \(9, 9\) for one row more"),
        ([(8, 5)], [(9,)], "their shape is"),
        ([(10, 5)], [(11, 5)], "their shape is"),  # ten is no multiple of eight rows
    ],
)
def test_what_stays_ambiguous_is_refused_with_the_layer_and_the_shapes(
    shapes: list[Shape], others: list[Shape], why: str
) -> None:
    with pytest.raises(
        ValueError,
        match=f"not known which of the random numbers of layer {why}.*consistent=False" if "of M" in why else why,
    ):
        RowAxes.of("M", noises(*shapes), noises(*others), 8)


def test_what_is_drawn_for_all_rows_at_once_cannot_be_shared() -> None:
    """It may belong to the network."""
    whole = [Noise((8,), "mix", "randperm")]
    assert RowAxes.of("M", whole, whole, 4).axes == (RowAxis(None),)
    with pytest.raises(ValueError, match="layer 'mix' of M.*randperm draws for all rows at once"):
        RowAxes.of("M", whole, [Noise((9,), "mix", "randperm")], 8)


def test_rows_share_the_noise_of_one_row() -> None:
    """Entries of a row side by side, or the first ones of all rows before the second."""
    heads = RowAxis(1, 4)
    assert heads.of_one_row((3, 8, 7)) == (3, 4, 7)
    assert heads.index((3, 8, 7)) == [0, 1, 2, 3, 0, 1, 2, 3]
    assert RowAxis(1, 4, apart=True).index((3, 8, 7)) == [0, 0, 1, 1, 2, 2, 3, 3]
    assert RowAxis(1).index((3, 8, 7)) is None
    assert RowAxis(None).of_one_row((3, 8)) == (3, 8)


def test_a_block_that_draws_otherwise_is_refused() -> None:
    """Another length, another order, or once more: a draw would not be one network."""
    axes = RowAxes.of("M", noises((8, 5), (4, 4)), noises((9, 5), (4, 4)), 8)
    assert axes.at(0, (3, 5), 3) == RowAxis(0, 1)
    assert axes.at(1, (4, 4), 3) == RowAxis(None)
    for call, shape in ((0, (3, 6)), (0, (5, 3)), (0, ()), (0, (4, 5)), (1, (3, 4)), (2, (3, 5))):
        with pytest.raises(
            ValueError, match=r"draws random numbers of shape .* for this block.*Pad the rows .* to one length"
        ):
            axes.at(call, shape, 3)
