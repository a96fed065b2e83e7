"""Which modules run as in training while a model predicts: those that draw random numbers. Running the model shows which do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from alcore.adapting import (
    Layers,
    as_layers,
    check_layers,
    generator_states,
    global_generators_kept,
    is_among,
    leaves,
    warn_of_silent,
)
from alcore_torch.noise import Draw

STATISTICS = (nn.modules.batchnorm._NormBase,)


class Watch(Draw):
    """A draw that records which module draws each number."""

    def __init__(self, model: nn.Module, seed: int = 0) -> None:
        super().__init__(seed)
        self._root = model
        self._names = {module: name for name, module in model.named_modules()}
        self._stack: list[tuple[nn.Module, dict[str, Any]]] = []
        self.drawn: Counter[nn.Module] = Counter()  # numbers that the adapter follows, by module
        self.others: dict[nn.Module, str] = {}  # the generator of Python or NumPy that a module moved
        self.above: dict[nn.Module, list[nn.Module]] = {}  # the modules that called one that draws

    def __enter__(self) -> Watch:
        self._hooks = [
            hook
            for module in self._names
            for hook in (
                module.register_forward_pre_hook(lambda module, _: self._stack.append((module, generator_states()))),
                module.register_forward_hook(lambda module, *_: self._left(), always_call=True),
            )
        ]
        super().__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        for hook in self._hooks:
            hook.remove()

    @property
    def layer(self) -> str:
        module = self._stack[-1][0] if self._stack else self._root
        self.drawn[module] += 1
        self.above[module] = [one for one, _ in self._stack[:-1]]
        return self._names.get(module, "")

    def _left(self) -> None:
        if self._stack:
            module, before = self._stack.pop()
            now = generator_states()
            for name in now:
                if now[name] != before[name]:
                    self.others[module] = name
            self._stack = [(one, now) for one, _ in self._stack]  # the innermost one has it


class Rehearsal(Watch):
    """A run that leaves the model as it was. Afterwards it restores the tensors that operations wrote to, and all attributes."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__(model)
        self._attributes = [(module, {**vars(module)}, {**module._buffers}) for module in model.modules()]
        self._own = {_place(one): one for one in (*model.parameters(), *model.buffers())}
        self._written: dict[int, Tensor] = {}
        self.writers: set[nn.Module] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func._schema.is_mutable:
            for argument, given in zip(func._schema.arguments, args, strict=False):
                if argument.alias_info is not None and argument.alias_info.is_write and isinstance(given, Tensor):
                    self._keep(given)
        return super().__torch_dispatch__(func, types, args, kwargs)

    def _keep(self, written: Tensor) -> None:
        place = _place(written)
        if place in self._own:
            self._written.setdefault(place, self._own[place].detach().clone())
            self.writers.update(module for module, _ in self._stack[-1:])

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        for place, value in self._written.items():
            with torch.no_grad():
                self._own[place].copy_(value)
        for module, own, buffers in self._attributes:
            self.writers |= {module} if _rebound(module._buffers, buffers) else set()
            vars(module).clear()
            vars(module).update(own)
            module._buffers.clear()
            module._buffers.update(buffers)


def _place(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr() or id(tensor)


def _rebound(now: dict[str, Any], before: dict[str, Any]) -> bool:
    return any(now.get(name) is not value for name, value in before.items())


class Switches:
    """Which modules of a model are in training.

    These are the modules that draw random numbers when the whole model is in training, except those that keep statistics. Where
    some of them are on and others are off already, the user has chosen, and they stay as they are. ``noise`` names further modules.
    """

    def __init__(self, model: nn.Module, noise: Layers | None = None) -> None:
        self._model, said = model, as_layers(noise)
        check_layers(said, model.named_modules())
        self._said = {module for name, module in model.named_modules() if said and is_among(name, module, said)}
        self.on = {module for module in model.modules() if _holds_rate(module)} | self._said
        self._flags = {module: module.training for module in model.modules()}

    @contextmanager
    def set(self, on: set[nn.Module] | None = None) -> Iterator[None]:
        before = [(module, module.training) for module in self._model.modules()]
        fast = torch.backends.mha.get_fastpath_enabled()
        chosen = self.on if on is None else on
        written = [(one, one.detach().clone()) for module in self._said for one in module.buffers(recurse=False)]
        try:
            torch.backends.mha.set_fastpath_enabled(False)  # fused encoder layers leave dropout out
            self._apply(chosen)
            with torch.compiler.set_stance("force_eager"), _cudnn_without_dropout(chosen):
                yield
        finally:
            torch.backends.mha.set_fastpath_enabled(fast)
            for module, training in before:
                module.training = training
            with torch.no_grad():
                for buffer, value in written:
                    buffer.copy_(value)

    def _apply(self, on: set[nn.Module]) -> None:
        for module in self._model.modules():
            module.training = module in on

    def find(self, forward: Callable[[], Any]) -> None:
        """Run a forward pass inside `set`, and switch on the modules that draw in it. The rest of the model stays as it was."""
        if any(isinstance(one, nn.parameter.UninitializedParameter) for one in self._model.parameters()):
            forward()  # lazy layers get their sizes
        trained = self._trained()
        quiet = self._rehearsed(forward, self._said)
        try:
            seen = self._rehearsed(forward, trained)
        except Exception as error:
            why = f"the model fails in training when it is called with a block alone: {type(error).__name__}: {error}"
            warn_of_silent(type(self._model).__name__, {"all but dropout layers": why[:200]}, self._doubtful())
            return
        drawn = {module for module in seen.drawn if module not in seen.writers}
        free = drawn - set(quiet.drawn)  # those that draw in inference too cannot be switched
        mixed = len({self._flags.get(module) for module in free}) == 2
        quietly = {module for module in trained if _holds_rate(module)} - set(seen.drawn)  # a rate of 1 draws nothing
        chosen = {module for module in free | quietly if self._flags.get(module)} if mixed else drawn | quietly
        self.on = self._opened(chosen, seen, forward, quiet) | self._said
        self._apply(self.on)
        switched_off = {module for module in self._flags if _holds_rate(module) and module not in trained}
        silent = {module for module, count in seen.drawn.items() if count > quiet.drawn[module]}
        self._warn(silent, seen, switched_off | (free - self.on if mixed else set()))

    def _doubtful(self) -> str:
        """The name of a layer of the user's own class that is off and may draw numbers. Empty where there is none."""
        left = ((name, one) for name, one in self._model.named_modules() if name and one not in self.on)
        return next((name for name, one in left if not type(one).__module__.startswith("torch.nn.")), "")

    def _trained(self) -> set[nn.Module]:
        """The modules that ``model.train()`` puts in training, except statistics. A class may leave parts of itself out."""
        with torch.no_grad(), Rehearsal(self._model):
            self._model.train()
            return {one for one in self._model.modules() if one.training and not isinstance(one, STATISTICS)}

    def _rehearsed(self, forward: Callable[[], Any], on: set[nn.Module]) -> Rehearsal:
        with self.set(on), Rehearsal(self._model) as seen, global_generators_kept():
            seen.returned = _form(forward())  # type: ignore[attr-defined]
        return seen

    def _opened(self, chosen: set[nn.Module], seen: Rehearsal, forward: Any, quiet: Any) -> set[nn.Module]:
        """The chosen modules, and those that call them only in training, as long as the model returns the same kind of output."""
        now = self._rehearsed(forward, chosen)
        if now.returned != quiet.returned:  # type: ignore[attr-defined]
            whole = {module for module in chosen if next(module.children(), None) is None}
            return whole if self._rehearsed(forward, whole).returned == quiet.returned else set()  # type: ignore[attr-defined]
        closed = {module for module in chosen if now.drawn[module] < seen.drawn[module]}
        gates = {above for module in closed for above in seen.above[module]} - seen.writers
        gates = {gate for gate in gates if not isinstance(gate, STATISTICS)}
        if gates and self._rehearsed(forward, chosen | gates).returned == quiet.returned:  # type: ignore[attr-defined]
            return chosen | gates
        return chosen

    def _warn(self, silent: set[nn.Module], seen: Rehearsal, switched_off: set[nn.Module]) -> None:
        names = {module: name for name, module in self._model.named_modules()}
        off = dict.fromkeys(switched_off, "it was switched off")
        off |= {one: "it changes its buffers" for one in silent if one in seen.writers}
        off |= {one: "the model returns something else with it in training" for one in silent if one not in off}
        off |= {one: f"it draws from {generator}" for one, generator in seen.others.items()}
        warn_of_silent(
            type(self._model).__name__,
            {names[one]: why for one, why in off.items() if one in names and one not in self.on},
        )


def _form(returned: Any) -> list[Any]:
    """The types and shapes of what a model returned, and whether they are probabilities."""
    return [(type(one).__name__, getattr(one, "shape", None), _is_probabilities(one)) for one in leaves(returned)]


def _is_probabilities(found: Any) -> bool:
    if not isinstance(found, Tensor) or not found.is_floating_point() or not bool((found >= 0).all()):
        return False
    return any(_sums_to_one(found, axis) for axis in range(1, found.dim()))


def _sums_to_one(found: Tensor, axis: int) -> bool:
    # Rounded in half precision, sums of 1 000 classes are off by 0.02. Logits of equal rows may come as near to 1 by chance.
    near = 0.02 if found.dtype.itemsize < 4 else 1e-3
    return bool(torch.isclose(found.float().sum(axis), torch.tensor(1.0, device=found.device), atol=near).all())


def _holds_rate(module: nn.Module) -> bool:
    """Whether a module is known to make noise before the model runs: dropout, and PyTorch's own layers with a dropout rate."""
    rate = getattr(module, "dropout", 0) if isinstance(module, nn.RNNBase | nn.MultiheadAttention) else 0
    return isinstance(module, nn.modules.dropout._DropoutNd) or rate > 0


@contextmanager
def _cudnn_without_dropout(on: set[nn.Module]) -> Iterator[None]:
    """A context without cuDNN where recurrent layers have dropout. Those of cuDNN draw noise that cannot be followed."""
    if torch.cuda.is_available() and any(isinstance(one, nn.RNNBase) and one.dropout > 0 for one in on):
        with torch.backends.cudnn.flags(enabled=False):
            yield
    else:
        yield


@contextmanager
def stochastic(model: nn.Module, noise: Layers | None = None) -> Iterator[nn.Module]:
    """A context in which the noise of a model is on, and everything else runs as in inference.

    The modules that draw random numbers in training are on. The first call of the model inside the context finds them. Before that,
    dropout layers are on. Normalisation layers use their statistics and do not update them. Every row has noise of its own, from
    PyTorch's global generator. On leaving, every flag is what it was. The first call costs some 5 forward passes more. Gal &
    Ghahramani 2016 (arXiv:1506.02142).

    Args:
        model: any module.
        noise: modules that run as in training beside those that the adapter finds: types, names, functions (name, module) -> bool,
            or a tuple of these.

    Yields:
        The model itself.

    Raises:
        ValueError: for a name or a type in ``noise`` that the model lacks.
        TypeError: for ``noise`` that is no type, name or function.

    Warns:
        SilentNoiseWarning: where layers that draw random numbers in training stay off.

    Examples:
        >>> import alcore_torch, torch
        >>> model = torch.nn.Sequential(torch.nn.BatchNorm1d(3), torch.nn.Dropout(0.5))
        >>> with alcore_torch.stochastic(model):
        ...     [module.training for module in model]
        [False, True]
        >>> model.training
        True
    """
    switches = Switches(model, noise)
    with ExitStack() as stack:
        stack.enter_context(switches.set())
        begun = [False]

        def first(module: nn.Module, args: Any, kwargs: Any) -> None:
            if not begun[0]:
                begun[0] = True
                switches.find(lambda: module.forward(*args, **kwargs))

        hook = model.register_forward_pre_hook(first, with_kwargs=True)
        stack.callback(hook.remove)
        yield model
