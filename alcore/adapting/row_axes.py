"""Which axis of a model's noise holds rows. One block tells it: it runs twice, the second time with one row more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from alcore.adapting.refusals import refuse_other_shapes, refuse_unknown_rows

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Noise:
    """Random numbers that a model drew in a forward pass: their shape, and the layer that asked for them.

    Args:
        shape: the shape for the whole block. () for noise that belongs to the network and to no row.
        layer: the name of the layer in the model.
        whole: the name of the function, where it draws for all rows at once, so that rows cannot share what it draws.
    """

    shape: Shape
    layer: str = ""
    whole: str = ""


@dataclass(frozen=True)
class RowAxis:
    """Where the rows are in the shape of a noise.

    Args:
        axis: the axis of rows. None for noise that belongs to the network.
        folded: how many entries of each row the axis holds, such as heads of attention or windows of an image.
        apart: the order on the axis. True: the first entries of all rows come first, (entries, rows). False: (rows, entries).
    """

    axis: int | None
    folded: int = 1
    apart: bool = False

    def of_one_row(self, shape: Shape) -> Shape:
        """The shape of the noise that all rows share."""
        return shape if self.axis is None else (*shape[: self.axis], self.folded, *shape[self.axis + 1 :])

    def index(self, shape: Shape) -> list[int] | None:
        """For each place on the axis, the entry of one row's noise that belongs there. None where a row has one entry or none."""
        if self.axis is None or self.folded == 1:
            return None
        rows = shape[self.axis] // self.folded
        if self.apart:
            return [entry for entry in range(self.folded) for _ in range(rows)]
        return [*range(self.folded)] * rows


@dataclass(frozen=True)
class RowAxes:
    """For each noise of a model, in the order in which a forward pass draws them: where rows are, and the shape for one row.

    Noise whose shape does not change with the number of rows belongs to the network. Examples are the noise of a weight in Bayes by
    backprop (arXiv:1505.05424), and that of an embedding table. That its size may equal the number of rows does not matter.
    """

    name: str
    axes: tuple[RowAxis, ...]
    ones: tuple[Noise, ...]

    @classmethod
    def of(cls, name: str, noises: Sequence[Noise], with_one_more: Sequence[Noise], rows: int) -> RowAxes:
        """Compare the ``noises`` of ``rows`` rows with those of one row more.

        Raises:
            UnknownRowsError: where the two do not tell which axis holds the rows.
        """
        if len(noises) != len(with_one_more):
            last = max(noises, with_one_more, key=len)[min(len(noises), len(with_one_more))]
            drawn = f"{len(noises)} times for {rows} rows and {len(with_one_more)} times for one row more"
            refuse_unknown_rows(name, last.layer, f"numbers are drawn {drawn}")
        pairs = zip(noises, with_one_more, strict=True)
        axes = tuple(_row_axis(name, one, other, rows) for one, other in pairs)
        ones = (replace(noise, shape=axis.of_one_row(noise.shape)) for axis, noise in zip(axes, noises, strict=True))
        return cls(name, axes, tuple(ones))

    @property
    def folded(self) -> bool:
        """Whether some noise has several entries of each row on the axis of rows. Shapes do not tell their order."""
        return any(axis.folded > 1 for axis in self.axes)

    def apart(self) -> RowAxes:
        """The same, with the other order of folded entries."""
        return replace(self, axes=tuple(replace(axis, apart=not axis.apart) for axis in self.axes))

    def at(self, call: int, shape: Shape, rows: int, layer: str = "") -> RowAxis:
        """Where rows are in noise number ``call``, counted from 0, in a block of ``rows`` rows.

        Raises:
            UnknownRowsError: where the shape is another one than in the first block.
        """
        if call >= len(self.axes):
            refuse_other_shapes(self.name, layer, shape, None)
        found, one = self.axes[call], self.ones[call]
        fits = len(shape) == len(one.shape) and found.of_one_row(shape) == one.shape
        if not fits or (found.axis is not None and shape[found.axis] != found.folded * rows):
            refuse_other_shapes(self.name, one.layer, shape, one.shape)
        return found


def _row_axis(name: str, noise: Noise, with_one_more: Noise, rows: int) -> RowAxis:
    shape, other = noise.shape, with_one_more.shape
    if shape == other:
        return RowAxis(None)
    changed = [axis for axis, (size, more) in enumerate(zip(shape, other, strict=False)) if size != more]
    if len(shape) == len(other) and len(changed) == 1:
        axis = changed[0]
        if noise.whole:
            refuse_unknown_rows(name, noise.layer, f"{noise.whole} draws for all rows at once")
        if shape[axis] * (rows + 1) == other[axis] * rows:
            return RowAxis(axis, shape[axis] // rows)
    refuse_unknown_rows(name, noise.layer, f"their shape is {shape} for {rows} rows and {other} for one row more")
