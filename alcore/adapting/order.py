"""The order of the pool: row i of the predictions is example i of the data, so data that may come in another order are refused.

Loaders are recognised by the names of their classes, without importing their framework, so that every adapter takes and refuses the
same ones. What is certain to keep an order is taken; what is not is refused by name, with the way to say an order of one's own.
"""

from __future__ import annotations

from typing import Any, NoReturn

LOADER = "torch.utils.data.dataloader.DataLoader"
LOADER_ITERATOR = "torch.utils.data.dataloader._BaseDataLoaderIter"
DATASET, STREAM = "torch.utils.data.dataset.Dataset", "torch.utils.data.dataset.IterableDataset"
BATCH_SAMPLER, SEQUENTIAL = "torch.utils.data.sampler.BatchSampler", "torch.utils.data.sampler.SequentialSampler"
TENSORFLOW = "tensorflow.python.data."


def rows_in_order(data: Any) -> int | None:
    """How many rows a loader or a data set gives, in its own order; None where that is not known before they are read."""
    names = _names(data)
    if LOADER in names:
        return _of_loader(data, data.batch_sampler, data.dataset, data.num_workers)
    if LOADER_ITERATOR in names:
        return _of_loader(data, getattr(data, "_index_sampler", None), data._dataset, data._num_workers)
    if DATASET in names and STREAM not in names:
        return len(data)
    if any(name.startswith(TENSORFLOW) for name in names):
        _check_tensorflow(data)
    return None


def _of_loader(loader: Any, batch_sampler: Any, dataset: Any, workers: int) -> int | None:
    if STREAM in _names(dataset):
        _check_stream(loader, workers)
        return None
    sampler = batch_sampler if batch_sampler is not None else loader.sampler
    batches = _names(sampler)[:1] == [BATCH_SAMPLER]
    order = sampler.sampler if batches else sampler
    if _names(order)[:1] != [SEQUENTIAL]:
        _refuse_order(f"the {type(order).__name__} of the {type(loader).__name__}")
    if batches and sampler.drop_last and len(dataset) % sampler.batch_size:
        raise ValueError("data: the DataLoader drops the rows of its last batch. drop_last=False.")
    return len(dataset)


def _check_stream(loader: Any, workers: int) -> None:
    if workers > 1:
        raise ValueError(
            f"data: {workers} workers read the IterableDataset of the DataLoader, each all of it or in an order of its own, so row "
            "i would not be example i. num_workers=0."
        )
    if getattr(loader, "drop_last", getattr(loader, "_drop_last", False)):
        raise ValueError("data: the DataLoader drops the rows of a last batch that is not full. drop_last=False.")


def _check_tensorflow(data: Any) -> None:
    """A pipeline of tf.data, from its end to its sources."""
    if data.options().deterministic is False:
        _refuse_order("a tf.data pipeline with deterministic=False")
    steps = [data]
    while steps:
        step = steps.pop()
        if "Shuffle" in type(step).__name__:
            raise ValueError(
                "data: the tf.data pipeline shuffles, so row i would not be example i. Leave out .shuffle(...), or pass the "
                "pipeline before it."
            )
        if _drops_rows(step):
            raise ValueError("data: the tf.data pipeline drops the rows of its last batch. drop_remainder=False.")
        steps += step._inputs()


def _drops_rows(step: Any) -> bool:
    dropped = getattr(step, "_drop_remainder", None)
    if dropped is None or not bool(dropped):
        return False
    rows = int(step._input_dataset.cardinality())
    return rows < 0 or rows % int(step._batch_size) > 0


def _refuse_order(what: str) -> NoReturn:
    raise ValueError(
        f"data: {what} may give rows in another order than the data set has, so row i would not be example i. Say the order "
        "yourself: a loader of Subset(dataset, ids) with shuffle=False, whose row i is example ids[i]."
    )


def _names(thing: Any) -> list[str]:
    """Of its class and of those that it is made of."""
    return [f"{one.__module__}.{one.__qualname__}" for one in type(thing).__mro__]
