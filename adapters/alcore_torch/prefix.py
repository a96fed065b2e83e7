"""What a network computes before its first noise is the same in every draw: the first draw of a block keeps it for the others.

Where dropout stands before the last layers only, at the head of a convolutional network say, other draws cost those layers alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from alcore_torch.noise import current_draw

KEPT = 1 << 26  # bytes that modules returned; those that ended first are computed again


class Prefix:
    """Of a block: the outermost modules that ended before the first noise, called once in a draw, and what they returned.

    Left out are those whose argument, or what they returned, was written to in place, as a tensor's version tells; and those in
    which a module has hooks or keeps something for later: a second call would not do that.
    """

    def __init__(self) -> None:
        self._chosen = False
        self._called: set[nn.Module] = set()
        self._made: dict[nn.Module, tuple[Tensor, int]] = {}

    @contextmanager
    def of(self, model: nn.Module) -> Iterator[None]:
        """Watches the first draw, serves the others."""
        act = self._served if self._chosen else self._watched
        modules = [one for one in (self._made if self._chosen else model.modules()) if "forward" not in vars(one)]
        for module in modules:
            vars(module)["forward"] = act(module, module.forward)
        try:
            yield
        finally:
            for module in modules:
                del vars(module)["forward"]
        self._made = {one: (made, version) for one, (made, version) in self._made.items() if made._version == version}
        self._chosen = True

    def _watched(self, module: nn.Module, own: Callable[..., Any]) -> Callable[..., Any]:
        def forward(*args: Any, **kwargs: Any) -> Any:
            given = [*args, *kwargs.values()]
            before, kept = [*map(_version, given)], _kept_by(module)
            returned = own(*args, **kwargs)
            late = (
                module in self._called
                or getattr(current_draw(), "calls", 1)
                or kept is None
                or kept != _kept_by(module)
            )
            if late or None in before or before != [*map(_version, given)]:
                self._made.pop(module, None)
            elif type(returned) is Tensor and not returned.is_inference():
                for inner in module.modules():
                    self._made.pop(inner, None)
                self._made[module] = returned, returned._version
                while sum(made.nbytes for made, _ in self._made.values()) > KEPT:
                    self._made.pop(next(iter(self._made)))
            self._called.add(module)
            return returned

        return forward

    def _served(self, module: nn.Module, own: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *args, **kwargs: own(*args, **kwargs) if current_draw() is None else self._made[module][0]


def _kept_by(module: nn.Module) -> list[dict[str, int]] | None:
    """What its modules hold; None where one has hooks of a forward pass."""
    inner = [*module.modules()]
    if any(one._forward_hooks or one._forward_pre_hooks for one in inner if one is not module):
        return None
    return [{name: id(value) for name, value in (*vars(one).items(), *one._buffers.items())} for one in inner]


def _version(given: Any) -> int | None:
    """What changes where an argument is written to; None where that would not be seen."""
    if isinstance(given, Tensor):
        return None if given.is_inference() else given._version
    return 0 if given is None or isinstance(given, bool | int | float | str) else None
