"""What a network computes before its first noise is the same in every draw. The first draw of a block keeps it for the others.

Where only the last layers have dropout, as in many convolutional networks, the other draws cost only these layers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from alcore_torch.noise import current_draw

KEPT = 1 << 26  # bytes to keep of what modules returned; above it, the first modules run again


class Prefix:
    """The outermost modules that end before the first noise and are called once in a draw, and what they returned for a block.

    Some modules are left out, because they must run in each draw. Their argument or result was written to in place, which the
    version of a tensor shows. Or a module in them has hooks, or keeps something for later. Where the first draw took numbers from
    other generators, as ``states`` shows, all modules run in each draw.
    """

    def __init__(self, states: Callable[[], dict[str, Any]]) -> None:
        self.watches, self._states = True, states  # until the first draw has ended
        self._called: set[nn.Module] = set()
        self._made: dict[nn.Module, tuple[Tensor, int]] = {}

    @contextmanager
    def of(self, model: nn.Module) -> Iterator[None]:
        """A context that watches the first draw, and gives the kept results in the others."""
        act = self._watched if self.watches else self._served
        before = self._states() if self.watches else None
        modules = [one for one in (model.modules() if self.watches else self._made) if "forward" not in vars(one)]
        for module in modules:
            vars(module)["forward"] = act(module, module.forward)
        try:
            yield
        finally:
            for module in modules:
                del vars(module)["forward"]
        moved = before is not None and before != self._states()
        self._made = {one: kept for one, kept in self._made.items() if not moved and kept[0]._version == kept[1]}
        self.watches = False

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
    """What a module and those in it hold. None where one inside has hooks of a forward pass."""
    inner = [*module.modules()]
    if any(one._forward_hooks or one._forward_pre_hooks for one in inner if one is not module):
        return None
    return [{name: id(value) for name, value in (*vars(one).items(), *one._buffers.items())} for one in inner]


def _version(given: Any) -> int | None:
    """A number that changes when an argument is written to. None where that would not show."""
    if isinstance(given, Tensor):
        return None if given.is_inference() else given._version
    return 0 if given is None or isinstance(given, bool | int | float | str) else None
