"""Pipelines are looked through from their end to their sources, by the names of their steps, without their framework."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from alcore.adapting import known_rows
from tests.adapting.stand_ins import named

Stream = named("torch.utils.data.dataset", "IterableDataset", SimpleNamespace)
HUB, PIPES, GRAIN = "datasets.iterable_dataset", "torchdata.datapipes.iter.transform", "grain._src.python"


def step(module: str, name: str, base: type = SimpleNamespace, **members: Any) -> Any:
    return named(module, name, base)(**members)


def grain_loader(workers: int = 0, **sampler: Any) -> Any:
    given = {"_shuffle": False, "_num_epochs": 1, **sampler}
    options = step(f"{GRAIN}.options", "MultiprocessingOptions", num_workers=workers)
    order = step(f"{GRAIN}.samplers", "IndexSampler", **given)
    return step(f"{GRAIN}.data_loader", "DataLoader", _sampler=order, _multiprocessing_options=options)


def hub(examples: Any) -> Any:
    """A stream of Hugging Face, which is one of PyTorch too."""
    return step(HUB, "IterableDataset", Stream, _ex_iterable=examples)


SOURCE = step(HUB, "ExamplesIterable")
PIPE = step(PIPES, "IterableWrapper", Stream, rows=[1, 2])
OTHER_ORDERS = {
    "BufferShuffledExamplesIterable": hub(
        step(HUB, "MappedExamplesIterable", ex_iterable=step(HUB, "BufferShuffledExamplesIterable", ex_iterable=SOURCE))
    ),
    "ShuffledDataSourcesExamplesIterable": hub(step(HUB, "ShuffledDataSourcesExamplesIterable")),
    "RandomlyCyclingMultiSourcesExamplesIterable": hub(
        step(HUB, "RandomlyCyclingMultiSourcesExamplesIterable", ex_iterables=[SOURCE, SOURCE])
    ),
    "Shuffler": step(PIPES, "Mapper", Stream, datapipes=(PIPE, step(PIPES, "Shuffler", Stream, datapipe=PIPE))),
    "IndexSampler": grain_loader(_shuffle=True),
    "MultiprocessingOptions": grain_loader(workers=2),
    "ShuffleMapDataset": step(
        f"{GRAIN}.dataset.dataset",
        "PrefetchIterDataset",
        _parents=(step(f"{GRAIN}.dataset.transformations.shuffle", "ShuffleMapDataset"),),
    ),
}


@pytest.mark.parametrize("name", OTHER_ORDERS)
def test_a_step_that_changes_the_order_is_refused_by_name_and_taken_with_ids(name: str) -> None:
    """Wherever in the pipeline it is, alone or among several sources."""
    with pytest.raises(ValueError, match=rf"data: the step {name} of the data may give rows in another order.*ids="):
        known_rows(OTHER_ORDERS[name])
    assert known_rows(OTHER_ORDERS[name], ids="name") is None


def test_pipelines_that_keep_their_order_are_taken() -> None:
    """A shuffler that is turned off too; and one that a user's list of rows has nothing to do with."""
    off = step(PIPES, "Shuffler", Stream, datapipe=PIPE, _enabled=False)
    circle = step(PIPES, "Mapper", Stream, datapipe=off)
    off.parent = circle
    mine = step("mine", "ShuffledOnceStream", Stream, rows=[1, 2], shuffle=True)
    for data in (hub(SOURCE), circle, grain_loader(), mine):
        assert known_rows(data) is None


@pytest.mark.parametrize("epochs", [None, 2])
def test_rows_that_come_several_times_are_refused(epochs: int | None) -> None:
    """Endlessly too; once is not several times."""
    with pytest.raises(ValueError, match="the step IndexSampler of the data repeats rows.*once"):
        known_rows(grain_loader(_num_epochs=epochs))
    again = step(f"{GRAIN}.dataset.transformations.repeat", "RepeatMapDataset", _num_epochs=epochs)
    with pytest.raises(ValueError, match="the step RepeatMapDataset of the data repeats rows"):
        known_rows(again)


@pytest.mark.parametrize("ids", [None, "name"])
def test_rows_that_a_step_drops_are_refused_with_ids_too(ids: Any) -> None:
    batch = step("grain._src.core.transforms", "Batch", batch_size=4, drop_remainder=True)
    with pytest.raises(
        ValueError, match="the step Batch of the data drops rows at the end that fill no block.*drop_remainder=False"
    ):
        known_rows(step(f"{GRAIN}.data_loader", "DataLoader", _operations=[batch]), ids)
    batch.drop_remainder = False
    assert known_rows(step(f"{GRAIN}.data_loader", "DataLoader", _operations=[batch]), ids) is None
