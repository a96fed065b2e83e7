"""From a block to a call of the model: which part of the block the model gets, and as which arguments."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn


def first_of(batch: Any, inputs: Callable[[Any], Any] | None = None) -> Any:
    """The part of a block that goes into the model.

    With ``inputs`` it is what that function returns. Otherwise it is the first part of a tuple or list (x, y), or the whole block.
    """
    if inputs is not None:
        return inputs(batch)
    if isinstance(batch, tuple | list) and not is_object(batch):
        if not batch:
            raise ValueError(
                f"data: expected blocks with something in them, got an empty {type(batch).__name__}. Let the loader give x, or "
                "(x, y)."
            )
        return batch[0]
    return batch


def is_object(given: Any) -> bool:
    """Whether a block is one object that moves to a device as a whole, such as a packed sequence or a graph.

    Arrays and tensors are none, because they have a shape. Dictionaries, tuples and dataclasses are none, because adapters open
    them.
    """
    return hasattr(given, "to") and not hasattr(given, "shape") and not isinstance(given, Mapping)


def map_leaves(given: Any, function: Callable[[Any], Any]) -> Any:
    """Apply a function to everything in nested dictionaries, tuples, lists and dataclasses. These keep their types."""
    if isinstance(given, Mapping):
        return {key: map_leaves(value, function) for key, value in given.items()}
    if isinstance(given, tuple | list) and not is_object(given):
        mapped = [map_leaves(value, function) for value in given]
        if hasattr(given, "_fields"):
            return type(given)(*mapped)
        return mapped if isinstance(given, list) else tuple(mapped)
    if _is_data(given):
        return dataclasses.replace(given, **{name: map_leaves(value, function) for name, value in _fields(given)})
    return function(given)


def leaves(given: Any) -> Iterator[Any]:
    """Everything in nested dictionaries, tuples, lists and dataclasses."""
    if isinstance(given, Mapping):
        parts: Any = given.values()
    elif isinstance(given, tuple | list) and not is_object(given):
        parts = given
    elif _is_data(given):
        parts = (value for _, value in _fields(given))
    else:
        yield given
        return
    for part in parts:
        yield from leaves(part)


def _is_data(given: Any) -> bool:
    return dataclasses.is_dataclass(given) and not isinstance(given, type) and not hasattr(given, "shape")


def _fields(given: Any) -> list[tuple[str, Any]]:
    return [(field.name, getattr(given, field.name)) for field in dataclasses.fields(given) if field.init]


def row_count(given: Any) -> int:
    """The length of the first array among the leaves, or -1 where there is none."""
    return next((rows for rows in map(leaf_rows, leaves(given)) if rows >= 0), -1)


def leaf_rows(leaf: Any) -> int:
    """The length of an array, or -1 for anything else."""
    shape: tuple[int, ...] = getattr(leaf, "shape", ())
    return int(shape[0]) if len(shape) else -1


def shapes_of(given: Any) -> tuple[tuple[int, ...], ...]:
    """The shapes of all arrays among the leaves."""
    return tuple(tuple(map(int, leaf.shape)) for leaf in leaves(given) if hasattr(leaf, "shape"))


def refuse_no_array(block: Any) -> NoReturn:
    """Refuse what a model is called with, in which there is no array. ``block`` is the block that it comes from.

    Raises:
        TypeError: with the code that leads to the first array of the block.
    """
    path = _path(block)
    if path is None and isinstance(block, Mapping) and block:
        code = f"numpy.asarray(block[{next(iter(block))!r}])"
    elif path is None:
        raise TypeError(
            f"data: expected an array, or blocks with an array in them, got a block of type {type(block).__name__}. Pass rows as "
            "an array: numpy.asarray(data). For objects, choose what the model is called with: inputs=lambda block: block.x."
        )
    else:
        code = f"block{path}"
    raise TypeError(
        f"data: expected an array in what the model is called with, got none. Choose what it is called with: inputs=lambda block: "
        f"{code}."
    )


def _path(block: Any) -> str | None:
    """Code that leads from a block to its first array. None where there is none."""
    if getattr(block, "shape", ()) and hasattr(block, "__array__"):
        return ""
    parts = block.items() if isinstance(block, Mapping) else enumerate(block) if isinstance(block, tuple | list) else ()
    found = ((key, _path(part)) for key, part in parts)
    return next((f"[{key!r}]{path}" for key, path in found if path is not None), None)


def check_call(function: Callable[..., Any], given: Any, name: str) -> None:
    """Refuse a block that does not fit the arguments of a model. The model's own error would not name ``inputs=``.

    Raises:
        TypeError: where ``function`` cannot be called with ``given``.
    """
    args, kwargs = ((), given) if isinstance(given, Mapping) else (given if type(given) is tuple else (given,), {})
    try:
        inspect.signature(function).bind(*args, **kwargs)
    except TypeError as error:
        got = f"a dictionary of {', '.join(map(repr, kwargs))}" if kwargs else f"{len(args)} arguments"
        raise TypeError(
            f"data: {name} cannot be called with {got}: {error}. Choose what it is called with, for example "
            f"inputs=lambda block: {_fitting(function, kwargs)}."
        ) from error
    except ValueError:  # a function of C says nothing of its arguments
        return


def _fitting(function: Callable[..., Any], kwargs: Mapping[str, Any]) -> str:
    """Code for what a function may be called with: the keys that it has arguments for, or as many parts as it asks for."""
    known = inspect.signature(function).parameters.values()
    asked = [one.name for one in known if one.default is one.empty and one.kind is one.POSITIONAL_OR_KEYWORD]
    if not kwargs:
        return f"({', '.join(f'block[{place}]' for place in range(len(asked)))})" if len(asked) > 1 else "block[0]"
    fitting = [one.name for one in known if one.name in kwargs]
    if fitting and set(asked) <= set(fitting):
        return f"{{key: block[key] for key in {tuple(fitting)!r}}}"
    return f"block[{next(iter(kwargs))!r}]"


def call(model: Callable[..., Any], given: Any) -> Any:
    """Call a model. A dictionary becomes keyword arguments, a plain tuple positional ones, and anything else the only argument."""
    if isinstance(given, Mapping):
        return model(**given)
    return model(*given) if type(given) is tuple else model(given)
