"""The order of the pool. Row i of the predictions is example i of the data, so adapters refuse data that may come in another order.

Adapters know loaders by the names of their classes, and import no framework for that. So every adapter takes and refuses the same
loaders. They take a loader that is certain to keep its order, and refuse any other by its name. The reader then fixes the order, or
passes ``ids=``, the ids that each block has for its rows. A loader that drops rows is refused with ids too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

from alcore.adapting.steps import NAME_IDS, check_step, names_of, steps_of

LOADER = "torch.utils.data.dataloader.DataLoader"
LOADER_ITERATOR = "torch.utils.data.dataloader._BaseDataLoaderIter"
DATASET, STREAM = "torch.utils.data.dataset.Dataset", "torch.utils.data.dataset.IterableDataset"
BATCH_SAMPLER, SEQUENTIAL = "torch.utils.data.sampler.BatchSampler", "torch.utils.data.sampler.SequentialSampler"
LIGHTNING = ("lightning.", "pytorch_lightning.")


def rows_in_order(data: Any, named: bool = False) -> int | None:
    """How many rows a loader or a data set gives. None where it is not known before they are read.

    ``named``: each row has an id, so the rows may come in any order.
    """
    names = names_of(data)
    _refuse_what_holds_loaders(data, names)
    loader = _Loader.of(data, names)
    if loader is not None:
        return _rows_of_stream(loader, named) if STREAM in names_of(loader.dataset) else _rows_of_map(loader, named)
    if DATASET in names and STREAM not in names:
        return len(data)
    for step in steps_of(data):
        check_step(step, named, whole=step is data)
    return None


def _refuse_what_holds_loaders(data: Any, names: list[str]) -> None:
    kinds, name = {one.rpartition(".")[2] for one in names if one.startswith(LIGHTNING)}, type(data).__name__
    if isinstance(data, list | tuple) and any(LOADER in names_of(one) for one in data):
        raise TypeError(
            f"data: expected rows, got a {name} of {len(data)} loaders. Pass one at a time: data[0]. Or join them: "
            "DataLoader(ConcatDataset([one.dataset for one in data]), batch_size=128)."
        )
    if "LightningDataModule" in kinds:
        raise TypeError(
            f"data: expected rows, got {name}, a LightningDataModule, which has several loaders. Call module.setup('predict'), "
            "then pass one of them: module.predict_dataloader()."
        )
    if "Trainer" in kinds:
        raise TypeError(
            f"data: expected rows, got a {name}, which holds no rows. Pass a loader of its data module: "
            "trainer.datamodule.predict_dataloader()."
        )


# --- loaders of PyTorch -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Loader:
    """What a loader of PyTorch reads, or an iterator of one, and how it reads.

    Args:
        sampler: gives the places of one block where the loader ``collates`` rows to blocks, else one place at a time.
        own: whether a derived class reads in a way of its own.
    """

    name: str
    sampler: Any
    collates: bool
    dataset: Any
    workers: int
    drops: bool
    in_turn: bool
    own: bool

    @classmethod
    def of(cls, data: Any, names: list[str]) -> _Loader | None:
        name = type(data).__name__
        if LOADER in names:
            collates = data.batch_sampler is not None
            sampler = data.batch_sampler if collates else data.sampler
            rest = data.dataset, data.num_workers, data.drop_last, getattr(data, "in_order", True)
            return cls(name, sampler, collates, *rest, _overrides(data, LOADER, "__iter__", "_get_iterator"))
        if LOADER_ITERATOR in names:
            rest = data._dataset, data._num_workers, data._drop_last, getattr(data, "_in_order", True)
            return cls(name, data._index_sampler, data._auto_collation, *rest, False)
        return None


def _rows_of_stream(loader: _Loader, named: bool) -> int | None:
    """The rows of a loader whose data set is a stream. The loader makes its blocks of what the stream gives one by one."""
    if not named:
        _check_own_way(loader)
        if loader.workers > 1:
            raise ValueError(
                f"data: {loader.workers} workers read the IterableDataset of the {loader.name}. Each worker reads all of it, or "
                f"in an order of its own, so row i may not be example i. Pass a loader with num_workers=0. {NAME_IDS}."
            )
    for step in steps_of(loader.dataset):
        check_step(step, named)
    rows = _length(loader.dataset) if loader.collates else None
    if loader.drops and (rows is None or rows % loader.sampler.batch_size):
        _refuse_dropped(loader.name)
    return rows


def _rows_of_map(loader: _Loader, named: bool) -> int | None:
    """The rows of a loader that asks its data set for rows by their places. A sampler gives the places."""
    batched = _is(loader.sampler, BATCH_SAMPLER)
    order = loader.sampler.sampler if batched else loader.sampler
    certain = _is(order, SEQUENTIAL) or _is_count(order, _length(loader.dataset))
    if not named:
        _check_own_way(loader)
        if not certain:
            _refuse_order(f"the {type(order).__name__} of the {loader.name}")
        if not loader.in_turn and loader.workers > 1:
            raise ValueError(
                f"data: the {loader.name} gives blocks as its {loader.workers} workers have them ready, so row i may not be "
                f"example i. Pass a loader with in_order=True. {NAME_IDS}."
            )
    if not (batched or loader.collates):
        return None  # each item of the data set is a block
    if not certain and not batched:
        return None
    rows = _length(order) if batched or not certain else len(loader.dataset)
    if batched and loader.sampler.drop_last and (rows is None or rows % loader.sampler.batch_size):
        _refuse_dropped(loader.name)
    if certain and rows != len(loader.dataset):
        raise ValueError(
            f"data: expected the {type(order).__name__} of the {loader.name} to give the {len(loader.dataset)} rows of its data "
            f"set, got {rows}. To predict part of the rows, pass a loader of Subset(dataset, ids)."
        )
    return None if loader.own else rows


def _check_own_way(loader: _Loader) -> None:
    if loader.own:
        raise ValueError(
            f"data: {loader.name} iterates in a way of its own. It may give rows in another order than its data set, so row i may "
            f"not be example i. Pass a plain DataLoader of its data set, with shuffle=False. {NAME_IDS}."
        )


def _is(thing: Any, name: str) -> bool:
    """Whether it is of that class, or of a derived one that does not change how the class iterates."""
    return name in names_of(thing) and not _overrides(thing, name, "__iter__")


def _overrides(thing: Any, base: str, *methods: str) -> bool:
    before = type(thing).__mro__[: names_of(thing).index(base)]
    return any(method in vars(one) for one in before for method in methods)


def _is_count(order: Any, rows: int | None) -> bool:
    """Whether a range, list or tuple of places, or of lists of places, is 0, 1, ..., rows - 1."""
    return type(order) in (range, list, tuple) and rows is not None and list(_flat(order)) == list(range(rows))


def _flat(places: Any) -> Iterator[Any]:
    for one in places:
        if isinstance(one, list | tuple):
            yield from _flat(one)
        else:
            yield one


def _length(thing: Any) -> int | None:
    try:
        return len(thing)
    except (TypeError, NotImplementedError):  # it has no length
        return None


def _refuse_dropped(name: str) -> NoReturn:
    raise ValueError(f"data: the {name} drops rows at the end that fill no block. Pass a loader with drop_last=False.")


def _refuse_order(what: str) -> NoReturn:
    raise ValueError(
        f"data: {what} may give rows in another order than the data set has, so row i may not be example i. Choose the order "
        f"yourself: pass a loader of Subset(dataset, ids) with shuffle=False, whose row i is example ids[i]. {NAME_IDS}."
    )
