"""One model on one block for one draw, or for several draws in one compiled loop where the backend compiles."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from functools import partial
from typing import Any

import keras
import numpy as np

from alcore import adapting
from alcore.adapting import Request, RowAxes
from alcore_keras import compiled
from alcore_keras.compiled import BACKEND, inner
from alcore_keras.drawing import SEED, Drawing
from alcore_keras.dropconnect import DropConnect
from alcore_keras.finding import Found, one_line
from alcore_keras.layers import Layers

LARGEST = 1 << 26  # bytes that a compiled loop may return
HALF = 2e-2  # how much a model in half precision may differ, as a part of a row's largest number


class Network(adapting.Run):
    """A model whose noise comes from the seeds of draws. Nothing that it draws or updates is kept."""

    ops = compiled.OPS
    remedies = adapting.Remedies(
        same_draws="Add layers that make noise, such as keras.layers.Dropout, or name yours: noise=('name',). Or pass "
        "alcore_keras.DropConnect(model), or a list of models with draws=1.",
        mixed_rows="Replace the layer that looks at other rows by one that does not: keras.layers.LayerNormalization.",
    )

    def __init__(self, model: keras.layers.Layer | DropConnect, noise: Any, *options: Any) -> None:
        self._model, self._noise = model, noise
        super().__init__(inner(model).name, *options)

    def begin(self, request: Request) -> None:
        super().begin(request)
        self._kept: Any = None
        self._most: float = 2  # how many rows of a block the checks look at
        self._bytes = 1

    @property
    def held(self) -> Any:
        """The weights, and a text that says the backend and the rates of the layers."""
        layers = [self._model, *inner(self._model)._flatten_layers()]
        rates = [getattr(one, name, None) for one in layers for name in ("rate", "stddev")]
        return f"{BACKEND} {rates}", [one.value for one in inner(self._model).weights]

    def as_tensor(self, leaf: Any) -> Any:
        if keras.ops.is_tensor(leaf) or not hasattr(leaf, "__array__"):
            return leaf
        return keras.ops.convert_to_tensor(np.asarray(leaf))

    def take(self, tensor: Any, rows: list[int]) -> Any:
        return keras.ops.take(tensor, np.array(rows), axis=0)

    def join(self, tensor: Any, other: Any) -> Any:
        return keras.ops.concatenate([tensor, other], axis=0)

    @contextmanager
    def ready(self) -> Iterator[None]:
        """A context in which PyTorch keeps nothing for gradients."""
        if BACKEND != "torch":
            yield
            return
        import torch

        with torch.no_grad():
            yield

    @contextmanager
    def generators_kept(self) -> Iterator[None]:
        with ExitStack() as stack:
            stack.enter_context(super().generators_kept())
            if BACKEND == "torch":
                import torch

                stack.enter_context(torch.random.fork_rng(list(range(torch.cuda.device_count()))))
            yield

    def states(self) -> dict[str, Any]:
        states = super().states()
        if BACKEND == "torch":
            import torch

            cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
            states["PyTorch's generator"] = [bytes(state.numpy()) for state in (torch.get_rng_state(), *cuda)]
        return states

    def seed(self, seed: int) -> None:
        super().seed(seed)
        if BACKEND == "torch":
            import torch

            torch.default_generator.manual_seed(seed)  # torch.manual_seed records the stack each time: 2 ms
            if torch.cuda.is_available():
                torch.cuda.manual_seed_all(seed)

    # --- what a pass draws --------------------------------------------------------------------------------------------

    def prepare(self, given: Any, block: int, draw: int) -> None:
        model, same = inner(self._model), self.request
        if not all(layer.built for layer in model._flatten_layers()):
            model(given, training=False)
        options = (self.output, same.kind, same.class_axis, same.draw_axis, same.consistent, np.dtype(same.dtype))
        self._kept = compiled.kept(self._model, (*options, self._noise), lambda: self._found(model, given))
        self._most, self._layers = self._kept.most, Layers(model, self._kept.on)
        if self._kept.warning:
            warnings.warn(self._kept.warning, adapting.SilentNoiseWarning, stacklevel=2)

    def _found(self, model: Any, given: Any) -> compiled.Kept:
        def look(layers: Layers, drawing: Drawing) -> None:
            self._look(model, layers, drawing, self._few(given))

        try:
            look(Layers(model, ()), Drawing(self.name, SEED))
        except Exception:  # the model may take blocks of one size only; any other error comes again later
            self._most = math.inf
        found = Found(model, look, self._noise)
        return compiled.Kept(self._model, found, self.request, self.output, self._most)

    def _look(self, model: Any, layers: Layers, drawing: Drawing, given: Any) -> None:
        """Run a pass to see what it draws, not what it returns. JAX does so without computing."""
        if BACKEND == "jax":
            import jax

            values = [variable.value for variable in inner(model).variables]
            try:
                jax.eval_shape(lambda *of: (compiled.run(model, layers, drawing, *of), None)[1], given, values)
                return
            except Exception:  # it runs as it is, and raises its own error if something is wrong
                drawing.drawn.clear()
                layers.clear()
        compiled.run(model, layers, drawing, given, [])

    def noises(self, given: Any, block: int, draw: int) -> Sequence[adapting.Noise]:
        kept, key = self._kept, repr(adapting.map_leaves(given, lambda leaf: getattr(leaf, "shape", leaf)))
        if kept.checked and not kept.eager and key in kept.observed:
            return list(kept.observed[key])
        before, drawing = self.states(), Drawing(self.name, self._seeds(draw, block))
        self._look(self._model, self._layers, drawing, given)
        for name, state in self.states().items():
            if not kept.eager and state != before[name]:
                raise ValueError(
                    f"model: {self.name} draws random numbers from {name}. A compiled model would get the same in every draw. "
                    "Draw them with functions of keras.random, or do not compile the model: model.run_eagerly = True."
                )
        kept.observed[key] = drawing.drawn
        return drawing.drawn

    def check_output(self, given: Any, block: int, draw: int) -> None:
        """Do nothing. The passes that look at the model have checked its output, and one more would be compiled in vain."""

    def _observed(self, given: Any, block: int, draw: int) -> Any:
        return super()._observed(self._few(given), block, draw)

    def _learn_axes(self, given: Any, block: int, draw: int, observed: Any) -> RowAxes:
        """Compare two rows with three."""
        few = self._few(given)
        self._most += 1
        try:
            axes = super()._learn_axes(few, block, draw, observed)
        except ValueError as error:
            if isinstance(error, adapting.UnknownRowsError) or self._kept.most < math.inf:
                raise
            adapting.refuse_unknown_rows(self.name, "", f"it does not run on one row more ({one_line(error)})")
        finally:
            self._most -= 1
        for drawn, axis in zip(observed.noises, axes.axes, strict=True):
            along = None if axis.axis is None else axis.axis - len(drawn.shape)
            depends = along is not None and any(len(one) >= -along and one[along] != 1 for one in drawn.parameters)
            if depends:
                why = f"those of {drawn.function} depend on the values of the row"
                adapting.refuse_unknown_rows(self.name, drawn.layer, why)
        if not self.request.consistent:
            self._refuse_keys()
        return axes

    def _refuse_keys(self) -> None:
        """Refuse a layer that takes a key, whose numbers shapes do not assign to rows. Consistent draws use `_check_company`."""
        for drawn in next(iter(self._kept.observed.values())):
            if drawn.function == "SeedGenerator.next":
                why = "the layer makes them from a key outside keras.random"
                adapting.refuse_unknown_rows(self.name, drawn.layer, why)

    def _check_company(self, given: Any, block: int, draw: int) -> None:
        try:
            super()._check_company(given, block, draw)
        except adapting.UnknownRowsError:
            raise
        except ValueError:
            self._refuse_keys()
            raise

    def _few(self, given: Any) -> Any:
        return self._rows_of(given, [0, 1]) if adapting.row_count(given) > self._most else given

    # --- draws --------------------------------------------------------------------------------------------------------

    def probs(self, given: Any, block: int, draw: int) -> adapting.Array:
        found = np.asarray(self._made(given, [self._seeds(draw, block)], self.axes_of(draw))[0])
        self._bytes = max(1, found.nbytes)
        return found

    def several(self, given: Any, block: int, draws: range) -> Iterable[adapting.Array]:
        """All draws, or as many as fit into memory. What comes before the first noise is computed once."""
        self._kept.checked = True
        if self._kept.eager:
            return self._one_by_one(given, block, draws)
        seeds = [self._seeds(draw, block) for draw in draws[: max(1, LARGEST // self._bytes)]]
        return self._made(given, seeds, self.axes_of(draws[0]))

    def _one_by_one(self, given: Any, block: int, draws: range) -> Iterator[adapting.Array]:
        alike = self.request.consistent and not self._seeded
        within = partial(self._after, self._kept.before([], given)) if alike else nullcontext
        for draw in draws:
            yield self.predicted(given, block, draw, within)

    @contextmanager
    def _after(self, made: list[Any]) -> Iterator[None]:
        own, self._layers = self._layers, self._kept.after(made)
        try:
            yield
        finally:
            self._layers = own

    def _made(self, given: Any, seeds: list[adapting.Array], axes: RowAxes | None) -> Sequence[adapting.Array]:
        return self._kept(given, np.stack(seeds), axes, self._layers)

    def _seeds(self, draw: int, block: int) -> adapting.Array:
        mixed = self.request.seed_of(draw, block)
        return np.array([mixed & 0x7FFFFFFF, mixed >> 31 & 0x3FFFFFFF], SEED.dtype)

    @property
    def tolerance(self) -> float:
        half = any("16" in layer.compute_dtype for layer in inner(self._model)._flatten_layers())
        return HALF if half else super().tolerance
