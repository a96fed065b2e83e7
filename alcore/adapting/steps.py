"""Pipelines of data, read step by step from their end to their sources: which steps change the order, repeat rows or drop rows.

These are pipelines of tf.data, data pipes of PyTorch, streams of Hugging Face and loaders of Grain. Their classes are known by the
modules that define them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

TENSORFLOW, GRAIN = "tensorflow.python.data.", "grain."
CHAINS = (
    TENSORFLOW,
    GRAIN,
    "torch.utils.data.",
    "torchdata.",
    "datasets.iterable_dataset.",
    "keras.src.legacy.preprocessing.",
)
# Words in the names of steps that shuffle, choose among sources at random, group rows by a key, or read without waiting.
REORDERS = ("Shuff", "RandomSampler", "RandomDataset", "Randomly", "GroupBy", "Grouper", "Bucket", "DataService")
REPEATS = ("Repeat", "Cycler")
TIMES = ("_count", "count", "times", "_times", "num_times", "_num_epochs")
DROPS = ("_drop_remainder", "_drop_remainder_t", "drop_remainder", "drop_last", "_drop_last")
# How a graph of TensorFlow writes deterministic=False of a step: an entry of a map, its key and then its value.
NOT_DETERMINISTIC = b"\n\rdeterministic\x12\x07\x12\x05false"

# The way out where the order is not certain, for the end of an error.
NAME_IDS = "Or name the key, the place or the function that gives the ids of a block's rows: ids='id'"


def names_of(thing: Any) -> list[str]:
    """The names of its class and of the classes that this one is derived from."""
    return _names(type(thing))


def _names(kind: type) -> list[str]:
    return [f"{one.__module__}.{one.__qualname__}" for one in kind.__mro__]


def _is_step(kind: type) -> bool:
    return any(name.startswith(CHAINS) for name in _names(kind))


def steps_of(data: Any) -> Iterator[Any]:
    """The steps of a pipeline, its end first. Anything else has no steps."""
    waiting, seen = [data] if _is_step(type(data)) else [], set[int]()
    while waiting:
        step = waiting.pop()
        if id(step) in seen:
            continue
        seen.add(id(step))
        yield step
        waiting += step._inputs() if _is_of_tensorflow(step) else _held(step)


def _held(step: Any) -> Iterator[Any]:
    """The steps that this one keeps in its attributes, one by one or in lists and dictionaries."""
    for value in list(getattr(step, "__dict__", {}).values()):
        values: Iterable[Any] = value.values() if isinstance(value, Mapping) else value
        several = list(values) if isinstance(value, Mapping | list | tuple) else [value]
        kinds = {kind for kind in set(map(type, several)) if _is_step(kind)}
        yield from (one for one in several if kinds and type(one) in kinds)


def check_step(step: Any, named: bool, whole: bool = False) -> None:
    """Refuse a step after which row i may not be example i. Where rows are ``named`` by ids, refuse only a step that drops rows.

    ``whole``: the step is the end of its pipeline, so its options count for the whole pipeline.
    """
    own = [name.rpartition(".")[2] for name in names_of(step) if name.startswith(CHAINS)]
    said = f"the step {type(step).__name__} of the data"
    if not named:
        if _reorders(step, own) or (whole and _is_sloppy(step)):
            raise ValueError(
                f"data: {said} may give rows in another order than its source, so row i may not be example i. Remove the step, "
                f"or let it keep the order: shuffle=False, deterministic=True, num_workers=0. {NAME_IDS}."
            )
        if _repeats(step, own):
            raise ValueError(
                f"data: {said} repeats rows, so the predictions would hold each row several times. Remove the step, or let it "
                "repeat once: repeat(1)."
            )
    if _drops_rows(step):
        raise ValueError(
            f"data: {said} drops rows at the end that fill no block. Build the step with drop_remainder=False or drop_last=False."
        )


def _reorders(step: Any, own: list[str]) -> bool:
    if getattr(step, "_enabled", True) is False:  # a shuffler that is turned off
        return False
    asked = _is_its_frameworks(step) and any(getattr(step, name, False) is True for name in ("shuffle", "_shuffle"))
    spread = any(name.startswith(GRAIN) for name in names_of(step)) and getattr(step, "num_workers", 0) > 1
    by_name = any(word in name for name in own for word in REORDERS)
    return by_name or asked or spread or _is_not_deterministic(step)


def _is_its_frameworks(step: Any) -> bool:
    """Whether the framework defines its class, so that its attributes mean what the framework says."""
    return f"{type(step).__module__}.".startswith(CHAINS)


def _is_sloppy(data: Any) -> bool:
    """Whether the options of a pipeline of tf.data let rows come in any order."""
    return _is_of_tensorflow(data) and data.options().deterministic is False


def _is_not_deterministic(step: Any) -> bool:
    if getattr(step, "_deterministic", None) in ("false", False):
        return True
    if not _is_of_tensorflow(step):
        return False
    made = [
        one for one in step._functions() if type(one.output_structure).__name__ == "DatasetSpec"
    ]  # pipelines inside
    graphs = [one.function.graph.as_graph_def().SerializeToString() for one in made]
    if "ParallelInterleave" in type(step).__name__ and not hasattr(step, "_deterministic"):
        graphs.append(step._as_serialized_graph().numpy())  # the step itself does not keep this option
    return any(NOT_DETERMINISTIC in graph or b"ShuffleDataset" in graph for graph in graphs)


def _is_of_tensorflow(step: Any) -> bool:
    return any(name.startswith(TENSORFLOW) for name in names_of(step))


def _repeats(step: Any, own: list[str]) -> bool:
    epochs = _is_its_frameworks(step) and hasattr(step, "_num_epochs")
    if not epochs and not any(word in name for name in own for word in REPEATS):
        return False
    times = next((getattr(step, name) for name in TIMES if hasattr(step, name)), None)
    return times is None or int(times) != 1


def _drops_rows(step: Any) -> bool:
    if not _is_its_frameworks(step) or not any(bool(getattr(step, name, False)) for name in DROPS):
        return False
    source, size = (
        getattr(step, "_input_dataset", None),
        getattr(step, "_batch_size", getattr(step, "_batch_size_t", None)),
    )
    rows = -1 if source is None else int(source.cardinality())
    return size is None or rows < 0 or rows % int(size) > 0
