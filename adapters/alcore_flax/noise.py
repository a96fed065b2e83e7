"""Which layers make noise: those that draw random numbers when they run as in training. Traces show it, and compute nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import jax
import numpy as np
from flax import linen

from alcore import adapting
from alcore_flax.flow import DRAWS, HOST, Flow, kept
from alcore_flax.given import opened
from alcore_flax.network import Network, Seen

Noise: TypeAlias = adapting.Layers | None
IMPL = "threefry2x32"


@dataclass(frozen=True)
class Found:
    """A network whose noise is on, and what its traces showed.

    Args:
        network: the network as it will run.
        flow: its flow without DropConnect. Its labels are "key", "data" and the places of weights.
        off: layers that draw numbers in training and stay off, because they also write to their statistics there.
        silent: layers that hold a rate and draw nothing.
    """

    network: Network
    flow: Flow
    off: tuple[str, ...]
    silent: tuple[str, ...]

    @property
    def fixed(self) -> list[str]:
        """Layers that draw numbers from a key of their own, not from that of the draw."""
        steps = [step for step in self.flow.steps if step.name in DRAWS]
        return list(dict.fromkeys(step.layer for step in steps if "key" not in step.reached[0]))

    @property
    def host(self) -> bool:
        """Whether the model calls Python while it runs. Python may draw numbers of its own."""
        return any(step.name in HOST for step in self.flow.steps)

    def notes(self, name: str) -> list[str]:
        """Sentences that name the layers that stay off, and those whose numbers are the same in all draws."""
        named = ", ".join(map(repr, self.off))
        said = {
            "draw random numbers in training and write to their statistics too, so they stay off. To switch them on, name "
            f"them: noise=({named},).": self.off,
            "hold a rate above 0 and draw no random numbers, whatever the flags train, training, is_training and deterministic "
            "say. If a flag of your own switches noise on, pass it: inputs=lambda x: (x, {'flag': True}).": self.silent,
            "draw random numbers from a key that is fixed in their code, so these are the same in every draw. If they are noise, "
            "take the key from self.make_rng('dropout'), or from nnx.Rngs.": self.fixed,
        }
        return [
            f"noise: layers {', '.join(repr(one or name) for one in layers)} of {name} {what}"
            for what, layers in said.items()
            if layers
        ]


def find(network: Network, weights: Sequence[Any], given: Any, noise: Noise, name: str) -> Found:
    """What makes noise in a network that is called with ``given``. The result is kept for the same network and shapes."""
    shapes = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(np.shape(leaf), leaf.dtype), (tuple(weights), given))
    leaves, tree = jax.tree.flatten(shapes)
    return _find(network, tuple(leaves), tree, noise, name)


@kept
def _find(network: Network, leaves: tuple[Any, ...], tree: Any, noise: Noise, name: str) -> Found:
    weights, given = jax.tree.unflatten(tree, leaves)
    return _Search(network, weights, given, noise, name).found()


class FrozenNoiseError(ValueError):
    """The model draws numbers outside of JAX, which become constants of the program."""


class _Search:
    def __init__(self, network: Network, weights: Any, given: Any, noise: Noise, name: str) -> None:
        self.network, self.weights, self.given, self.name = network, weights, given, name
        self.noise = adapting.as_layers(noise)

    def found(self) -> Found:
        flow, seen = self._in_training()
        chosen = {
            one: {name for name, layer in seen.layers.items() if _is_chosen(one, name, layer)} for one in self.noise
        }
        for one, layers in chosen.items():
            if not layers:
                has = ", ".join(repr(layer) for layer in seen.layers if layer)
                raise ValueError(
                    f"noise: no layer of {self.name} is {one!r}. It calls {has or 'no other layer'}. Name one that it calls."
                )
        named = set().union(*chosen.values())
        off = {layer for layer in _drawing(flow) if layer in seen.writers} - named
        wanted = set(_drawing(flow)) - off | named
        written = tuple(dict.fromkeys(seen.writers[one] for one in sorted(named) if seen.writers.get(one)))
        self.network = replace(self.network, on=frozenset(wanted), but=False, written=written)
        flow, seen = self._traced(self.network)
        while around := {self._around(layer, off) for layer in wanted - named - set(_drawing(flow))} - {None}:
            # They were not called, or not as in training.
            self.network = replace(self.network, on=self.network.on | around)
            flow, seen = self._traced(self.network)
        drawing = _drawing(flow)
        silent = [
            layer
            for layer, module in seen.layers.items()
            if _holds_rate(module) and not any(f"{one}/".startswith(f"{layer}/" if layer else "") for one in drawing)
        ]
        return Found(self.network, flow, tuple(sorted(off | (wanted - named - set(drawing)))), tuple(silent))

    def _around(self, layer: str, off: set[str]) -> str | None:
        """The next layer around it that may be switched on."""
        while layer:
            layer = layer.rpartition("/")[0]
            if layer not in self.network.on and layer not in off:
                return layer
        return None

    def _in_training(self) -> tuple[Flow, Seen]:
        """The trace with every layer on. Where that fails, for example because the model wants labels, the model itself is off."""
        failed: Exception | None = None
        for off in (frozenset[str](), frozenset({""})):
            try:
                return self._traced(replace(self.network, on=off, but=True))
            except FrozenNoiseError:
                raise
            except Exception as error:  # whatever the model raises
                failed = failed or error
        found = self._traced(
            replace(self.network, on=frozenset(), but=False)
        )  # a model that never runs raises its own error
        if not self.noise:
            held = [one for one, layer in found[1].layers.items() if _holds_rate(layer)] or list(found[1].layers)
            raise ValueError(
                f"noise: {self.name} fails when its layers run as in training: {failed}. So the layers that make noise are not "
                f"known. Name them, for example noise=({', '.join(map(repr, held))},)."
            ) from failed
        return found

    def _traced(self, network: Network) -> tuple[Flow, Seen]:
        """The trace with all random streams that the model asks for."""
        while True:
            seen = Seen()
            flow = self._flow(network, seen)
            new = [name for name in seen.streams if name not in network.streams and not name.startswith("alcore")]
            if not new or not isinstance(network.skeleton, linen.Module):
                return flow, seen
            network = replace(network, streams=(*network.streams, *new))
            self.network = replace(self.network, streams=network.streams)

    def _flow(self, network: Network, seen: Seen) -> Flow:
        def run(weights: Any, seed: Any, given: Any) -> list[Any]:
            args, kwargs = opened(given)
            returned = network(weights, jax.random.wrap_key_data(seed, impl=IMPL), args, kwargs, seen)
            return [leaf for leaf in adapting.leaves(returned) if isinstance(leaf, jax.Array)]

        before = adapting.generator_states()
        traced = jax.make_jaxpr(run)(self.weights, jax.ShapeDtypeStruct((2,), np.uint32), self.given)
        for generator, state in adapting.generator_states().items():
            if state != before[generator]:
                raise FrozenNoiseError(
                    f"draws: {self.name} draws from {generator} when it is traced, so the numbers would be the same in all draws. "
                    "Draw them with jax.random and a key of self.make_rng('dropout'), or of nnx.Rngs."
                )
        labels = [frozenset({place}) for place in range(len(self.weights))]
        data = len(traced.jaxpr.invars) - len(labels) - 1
        return Flow(traced.jaxpr, [*labels, frozenset({"key"}), *[frozenset({"data"})] * data])


def _drawing(flow: Flow) -> list[str]:
    """Layers that draw numbers from the key of the draw."""
    return list(dict.fromkeys(step.layer for step in flow.steps if step.name in DRAWS and "key" in step.reached[0]))


def _is_chosen(one: Any, name: str, layer: Any) -> bool:
    if isinstance(one, str):
        return f"/{name}".endswith(f"/{one}")
    return adapting.is_among(name, layer, (one,))


def _holds_rate(layer: Any) -> bool:
    held = {**vars(layer), **{name: getattr(layer, name, None) for name in getattr(layer, "__dataclass_fields__", ())}}
    return any(
        isinstance(value, float) and value > 0 for name, value in held.items() if name == "rate" or "drop" in name
    )
