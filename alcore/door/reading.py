"""The options that say how to read predictions. Every function and every heuristic takes them. They are declared only here.

A function writes ``**options: Unpack[ReadingOptions]`` under `shows_options`. Then type checkers and ``help()`` know each option.
A new option joins `Reading`, one of the two dictionaries, and the checks of the functions that read predictions.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, TypeAlias, TypedDict, TypeVar

import numpy.typing as npt

from alcore.door.wording import shown

Kind: TypeAlias = Literal["probs", "logits"]
Function = TypeVar("Function", bound=Callable[..., Any])


class ReadingOptions(TypedDict, total=False):
    """What a function of predictions (N, C, ..., T) takes: ``kind`` and ``weights``, as in `Reading`."""

    kind: str
    weights: npt.ArrayLike | None


class MaskedReadingOptions(ReadingOptions, total=False):
    """What a heuristic takes: ``mask`` too."""

    mask: npt.ArrayLike | None


@dataclass(frozen=True, eq=False)
class Reading:
    """The options of one call.

    Attributes:
        kind: "probs" or "logits". For "logits" the reader takes the softmax over axis 1.
        weights: (T,) one weight a draw. None for equal weights. Their number is checked once the draws are known.
        mask: (N, ...) True where a cell is padding. None for no padding. Its shape is checked once the event axes are known.
    """

    kind: Kind = "probs"
    weights: npt.ArrayLike | None = None
    mask: npt.ArrayLike | None = None

    @classmethod
    def of(cls, options: Mapping[str, Any], taken: type = MaskedReadingOptions) -> Reading:
        """The options of a function that takes those of the dictionary type ``taken``."""
        for name in options:
            if name not in taken.__annotations__:
                options_taken = ", ".join(taken.__annotations__)
                raise TypeError(f"{name}: expected one of the options {options_taken}, got {name!r}. Leave {name} out.")
        return cls(**{**options, "kind": as_kind(options.get("kind", "probs"))})

    @property
    def options(self) -> MaskedReadingOptions:
        """The options to call another heuristic with. Only those that were given, so that it need not take the rest."""
        given: MaskedReadingOptions = {"kind": self.kind}
        if self.weights is not None:
            given["weights"] = self.weights
        if self.mask is not None:
            given["mask"] = self.mask
        return given


def as_kind(kind: str) -> Kind:
    if isinstance(kind, str) and kind == "probs":
        return "probs"
    if isinstance(kind, str) and kind == "logits":
        return "logits"
    raise ValueError(
        f"kind: expected 'probs' or 'logits', got {shown(kind)}. For log-probabilities pass kind='logits'."
    )


def shows_options(taken: type = ReadingOptions) -> Callable[[Function], Function]:
    """Show the options of ``**options`` one by one in the signature of a function."""
    defaults = {field.name: field.default for field in fields(Reading)}
    options = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=defaults[name], annotation=kind.__forward_arg__)
        for name, kind in taken.__annotations__.items()
    ]

    def show(function: Function) -> Function:
        signature = inspect.signature(function)
        named = [one for one in signature.parameters.values() if one.kind is not inspect.Parameter.VAR_KEYWORD]
        function.__signature__ = signature.replace(parameters=[*named, *options])  # type: ignore[attr-defined]
        return function

    return show
