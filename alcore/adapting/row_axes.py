"""Which axis of a model's noise holds rows: known from one block run twice, with a row more the second time, never guessed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from alcore.adapting.refusals import refuse_unknown_rows

Shape = tuple[int, ...]


@dataclass(frozen=True)
class RowAxis:
    """The axis of rows, and how many entries of each row lie side by side on it: heads of attention, windows of an image."""

    axis: int
    folded: int

    def of_one_row(self, shape: Shape) -> Shape:
        """The shape of the noise that all rows share."""
        return (*shape[: self.axis], self.folded, *shape[self.axis + 1 :])

    def repeats(self, shape: Shape) -> Shape:
        """How often the noise of one row is repeated along each axis."""
        return tuple(size // self.folded if axis == self.axis else 1 for axis, size in enumerate(shape))


@dataclass(frozen=True)
class RowAxes:
    """Of each noise of a model, in the order in which a forward pass draws them, the axis of rows.

    None stands for noise that does not change with the rows, and so belongs to the network: of a weight, as Bayes by backprop draws
    it, or of an embedding table, however its sizes fall.
    """

    name: str
    axes: tuple[RowAxis | None, ...]

    @classmethod
    def of(cls, name: str, shapes: Sequence[Shape], with_one_more: Sequence[Shape], rows: int) -> RowAxes:
        """``shapes``: of the noise for ``rows`` rows, and of that for one row more."""
        if len(shapes) != len(with_one_more):
            refuse_unknown_rows(
                name, f"it draws {len(shapes)} times for {rows} rows and {len(with_one_more)} for one more"
            )
        pairs = zip(shapes, with_one_more, strict=True)
        return cls(name, tuple(_row_axis(name, one, other, rows) for one, other in pairs))

    def at(self, call: int, shape: Shape, rows: int) -> RowAxis | None:
        """Of the noise that is drawn as number ``call``, from 0, in a block of ``rows`` rows."""
        found = self.axes[call] if call < len(self.axes) else None
        fits = found is None or (found.axis < len(shape) and shape[found.axis] == found.folded * rows)
        if call >= len(self.axes) or not fits:
            refuse_unknown_rows(
                self.name, f"noise {call} of a block has the shape {shape}, and was another in the run before"
            )
        return found


def _row_axis(name: str, shape: Shape, with_one_more: Shape, rows: int) -> RowAxis | None:
    if shape == with_one_more:
        return None
    changed = [axis for axis, (size, other) in enumerate(zip(shape, with_one_more, strict=False)) if size != other]
    if len(shape) == len(with_one_more) and len(changed) == 1:
        axis = changed[0]
        if shape[axis] * (rows + 1) == with_one_more[axis] * rows:
            return RowAxis(axis, shape[axis] // rows)
    refuse_unknown_rows(name, f"its shape is {shape} for {rows} rows and {with_one_more} for one more")
