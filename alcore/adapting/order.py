"""The order of the pool: row i of the predictions is example i of the data, so data that may come in another order are refused.

Loaders are recognised by the names of their classes, without importing their framework, so that every adapter takes and refuses the
same ones. What is certain to keep an order is taken. What is not is refused by name, with two ways out: an order that is said
beforehand, or ``ids=``, the ids that each batch has for its rows. Rows that are dropped are refused with ids too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

from alcore.adapting.steps import check_step, names_of, steps_of

LOADER = "torch.utils.data.dataloader.DataLoader"
LOADER_ITERATOR = "torch.utils.data.dataloader._BaseDataLoaderIter"
DATASET, STREAM = "torch.utils.data.dataset.Dataset", "torch.utils.data.dataset.IterableDataset"
BATCH_SAMPLER, SEQUENTIAL = "torch.utils.data.sampler.BatchSampler", "torch.utils.data.sampler.SequentialSampler"
LIGHTNING = ("lightning.", "pytorch_lightning.")
NAME_IDS = "Or say which row is which: ids=, the key, place or function that gives the ids of a batch's rows"


def rows_in_order(data: Any, named: bool = False) -> int | None:
    """How many rows a loader or a data set gives; None where that is not known before they are read.

    ``named``: each row comes with its id, so any order is taken.
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
            f"data: expected rows, got a {name} of {len(data)} loaders. Pass them one at a time: data[0], or one loader of a "
            "ConcatDataset of their data sets."
        )
    if "LightningDataModule" in kinds:
        raise TypeError(
            f"data: expected rows, got {name}, a LightningDataModule, which has several loaders. Pass one of them: "
            "module.predict_dataloader(), after module.setup('predict')."
        )
    if "Trainer" in kinds:
        raise TypeError(
            f"data: expected rows, got a {name}, which has none of its own. Pass a loader of its data module: "
            "trainer.datamodule.predict_dataloader()."
        )


# --- loaders of PyTorch -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Loader:
    """What a loader of PyTorch, or an iterator of one, reads and how.

    Args:
        sampler: of batches of places where it ``collates`` rows to batches, else of what the data set is asked for one by one.
        own: whether it reads in a way of its own, that of a derived class.
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
    """A loader's batches are made of what the stream gives one by one, and counted in that, as PyTorch does itself."""
    if not named:
        _check_own_way(loader)
        if loader.workers > 1:
            raise ValueError(
                f"data: {loader.workers} workers read the IterableDataset of the {loader.name}, each all of it or in an order of "
                f"its own, so row i would not be example i. num_workers=0. {NAME_IDS}."
            )
    for step in steps_of(loader.dataset):
        check_step(step, named)
    rows = _length(loader.dataset) if loader.collates else None
    if loader.drops and (rows is None or rows % loader.sampler.batch_size):
        _refuse_dropped(loader.name)
    return rows


def _rows_of_map(loader: _Loader, named: bool) -> int | None:
    """Of a data set that is asked for rows by their places, which samplers give."""
    batched = _is(loader.sampler, BATCH_SAMPLER)
    order = loader.sampler.sampler if batched else loader.sampler
    certain = _is(order, SEQUENTIAL) or _is_count(order, _length(loader.dataset))
    if not named:
        _check_own_way(loader)
        if not certain:
            _refuse_order(f"the {type(order).__name__} of the {loader.name}")
        if not loader.in_turn and loader.workers > 1:
            raise ValueError(
                f"data: the {loader.name} gives batches as its {loader.workers} workers have them ready, so row i would not be "
                f"example i. in_order=True. {NAME_IDS}."
            )
    if not (batched or loader.collates):
        return None  # each thing that the data set gives is a batch of its own
    if not certain and not batched:
        return None
    rows = _length(order) if batched or not certain else len(loader.dataset)
    if batched and loader.sampler.drop_last and (rows is None or rows % loader.sampler.batch_size):
        _refuse_dropped(loader.name)
    if certain and rows != len(loader.dataset):
        raise ValueError(
            f"data: expected the {type(order).__name__} of the {loader.name} to give the {len(loader.dataset)} rows of its data "
            f"set, got {rows}. Part of the rows: a loader of Subset(dataset, ids)."
        )
    return None if loader.own else rows


def _check_own_way(loader: _Loader) -> None:
    if loader.own:
        raise ValueError(
            f"data: {loader.name} iterates in a way of its own, which may give rows in another order than the data set has, so row "
            f"i would not be example i. Pass a plain DataLoader of its data set, with shuffle=False. {NAME_IDS}."
        )


def _is(thing: Any, name: str) -> bool:
    """Whether it is of that class, or of a derived one that iterates in no way of its own."""
    return name in names_of(thing) and not _overrides(thing, name, "__iter__")


def _overrides(thing: Any, base: str, *methods: str) -> bool:
    before = type(thing).__mro__[: names_of(thing).index(base)]
    return any(method in vars(one) for one in before for method in methods)


def _is_count(order: Any, rows: int | None) -> bool:
    """Whether places that are written out, one by one or in batches, are 0, 1, ..., rows - 1."""
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
    except (TypeError, NotImplementedError):  # what says that it has none
        return None


def _refuse_dropped(name: str) -> NoReturn:
    raise ValueError(f"data: the {name} drops the rows of its last batch. drop_last=False.")


def _refuse_order(what: str) -> NoReturn:
    raise ValueError(
        f"data: {what} may give rows in another order than the data set has, so row i would not be example i. Say the order "
        f"yourself: a loader of Subset(dataset, ids) with shuffle=False, whose row i is example ids[i]. {NAME_IDS}."
    )
