"""The options that say how to read predictions. Every function and every heuristic takes them. They are declared only here.

A function writes ``**options: Unpack[ReadingOptions]`` under `shows_options`. Then type checkers and ``help()`` know each option.
A new option joins `Reading`, one of the two dictionaries, and the checks of the functions that read predictions.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, TypedDict, TypeVar

import numpy.typing as npt

from alcore.door.axes import as_axes
from alcore.door.kinds import Kind, as_kind, check_over_labels, family
from alcore.door.means import OF_MEANS, check_of_means
from alcore.door.sources import check_targets_have_no_events
from alcore.door.weights import padding_of

Function = TypeVar("Function", bound=Callable[..., Any])


class ReadingOptions(TypedDict, total=False):
    """What a function of predictions (N, C, ..., T) takes: ``kind``, ``axes``, ``over_labels``, ``weights``, ``variance`` and
    ``output_weights``, as in `Reading`.
    """

    kind: str
    axes: str | Mapping[str, Any] | None
    over_labels: str
    weights: npt.ArrayLike | None
    variance: Any
    output_weights: npt.ArrayLike | None


class MaskedReadingOptions(ReadingOptions, total=False):
    """What a heuristic takes: ``mask`` and ``ignore_index`` too."""

    mask: npt.ArrayLike | None
    ignore_index: int | None


class MeanOptions(TypedDict, total=False):
    """What a function of means (N, D, ..., T) takes. Its ``kind`` is "mean"."""

    kind: str
    axes: str | Mapping[str, Any] | None
    weights: npt.ArrayLike | None
    variance: Any
    output_weights: npt.ArrayLike | None


@dataclass(frozen=True, eq=False)
class Reading:
    """The options of one call.

    Attributes:
        kind: what the numbers are: "probs" or "logits" of classes, "binary" or "binary_logits" for one probability of yes,
            "multilabel" or "multilabel_logits" for one such probability a label, "mean" for the means of numbers.
        axes: the order of the axes, such as "TNC". None for (N, C, ..., T), or for what the array's own names say. For an array
            with names also a mapping such as {"N": "obs", "C": "class", "T": ("chain", "draw")}.
        over_labels: "sum", "mean" or "max": how the scores of several labels become the score of a row.
        weights: (T,) one weight a draw. None for equal weights. Their number is checked once the draws are known.
        variance: of kind "mean", the variances of the noise: (N, D, ..., T) or (N, D, ...) from any source, (D,) or one number.
            They are checked with the means.
        output_weights: of kind "mean", (D,) one factor an output. None for 1.
        mask: (N, ...) True where a cell is padding. None for no padding. Its shape is checked once the event axes are known.
        ignore_index: in options, the label that makes a mask of labels. A reading then holds the mask in booleans, and no index.
            Only masks of several heads keep it, until their heads are read.
    """

    kind: Kind = "probs"
    weights: npt.ArrayLike | None = None
    mask: npt.ArrayLike | None = None
    axes: str | Mapping[str, Any] | None = None
    over_labels: str = "sum"
    variance: Any = None
    output_weights: npt.ArrayLike | None = None
    ignore_index: Any = None

    @classmethod
    def of(cls, options: Mapping[str, Any], taken: type = MaskedReadingOptions) -> Reading:
        """The options of a function that takes those of the dictionary type ``taken``."""
        for name in options:
            if name not in taken.__annotations__:
                options_taken = ", ".join(taken.__annotations__)
                raise TypeError(f"{name}: expected one of the options {options_taken}, got {name!r}. Leave {name} out.")
        mask, index = options.get("mask"), options.get("ignore_index")
        made = {"mask": padding_of(mask, index), "ignore_index": index if isinstance(mask, Mapping) else None}
        reading = cls(**{**options, **made, "kind": as_kind(options.get("kind", _default("kind", taken)))})
        check_of_means(reading.kind, {name: options.get(name) for name in OF_MEANS}, only=taken is MeanOptions)
        if not isinstance(reading.axes, Mapping):
            as_axes(reading.axes, classes_required=reading.has_classes)
        check_over_labels(reading.over_labels, reading.kind)
        return reading

    @property
    def has_classes(self) -> bool:
        """Whether the predictions must have an axis of classes."""
        return family(self.kind) not in ("binary", "mean")

    @property
    def arranged(self) -> Reading:
        """The reading of the same predictions once they are (N, C, ..., T)."""
        return replace(self, axes=None)

    @property
    def of_targets(self) -> Reading:
        """The reading of predictions of the same model for one label a row: no event axes, no padding."""
        axes = as_axes(self.axes, classes_required=self.has_classes) if isinstance(self.axes, str) else None
        return Reading(self.kind, axes=None if axes is None else axes.without_events)

    def check_targets(self, targets: Any) -> None:
        """Refuse targets that have the event axes that the pool has."""
        axes = as_axes(self.axes, classes_required=self.has_classes) if isinstance(self.axes, str) else None
        if axes is not None:
            check_targets_have_no_events(targets, axes)

    @property
    def options(self) -> MaskedReadingOptions:
        """The options to call another heuristic with. Only those that were given, so that it need not take the rest."""
        given: MaskedReadingOptions = {"kind": self.kind}
        if self.axes is not None:
            given["axes"] = self.axes
        if self.over_labels != "sum":
            given["over_labels"] = self.over_labels
        if self.weights is not None:
            given["weights"] = self.weights
        if self.variance is not None:
            given["variance"] = self.variance
        if self.output_weights is not None:
            given["output_weights"] = self.output_weights
        if self.mask is not None:
            given["mask"] = self.mask
        if self.ignore_index is not None:
            given["ignore_index"] = self.ignore_index
        return given


def _default(name: str, taken: type) -> Any:
    if name == "kind" and taken is MeanOptions:
        return "mean"
    return next(field.default for field in fields(Reading) if field.name == name)


def shows_options(taken: type = ReadingOptions) -> Callable[[Function], Function]:
    """Show the options of ``**options`` one by one in the signature of a function."""
    options = [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=_default(name, taken), annotation=kind.__forward_arg__
        )
        for name, kind in taken.__annotations__.items()
    ]

    def show(function: Function) -> Function:
        signature = inspect.signature(function)
        named = [one for one in signature.parameters.values() if one.kind is not inspect.Parameter.VAR_KEYWORD]
        function.__signature__ = signature.replace(parameters=[*named, *options])  # type: ignore[attr-defined]
        return function

    return show
