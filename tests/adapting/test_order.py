"""Data whose order is certain are taken; loaders are known by the names of their classes, without their framework."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from alcore.adapting import as_batches, known_rows
from tests.adapting.stand_ins import named

Sequential = named("torch.utils.data.sampler", "SequentialSampler", list)
Batches = named("torch.utils.data.sampler", "BatchSampler", SimpleNamespace)
Loader = named("torch.utils.data.dataloader", "DataLoader", SimpleNamespace)
LoaderIterator = named("torch.utils.data.dataloader", "_BaseDataLoaderIter", SimpleNamespace)
Dataset = named("torch.utils.data.dataset", "Dataset")
Stream = named("torch.utils.data.dataset", "IterableDataset", Dataset)


class CountedStream(Stream):
    def __len__(self) -> int:
        return 10


def loader(order: Any, rows: int = 10, drop_last: bool = False, kind: type = Loader, **more: Any) -> Any:
    batches = Batches(sampler=order, batch_size=4, drop_last=drop_last)
    rest = {"dataset": range(rows), "num_workers": 0, "drop_last": drop_last}
    return kind(**{"batch_sampler": batches, "sampler": order, **rest, **more})


class OfItsOwn:
    def __iter__(self) -> Any:
        return iter([3, 1, 2])


class Derived(Loader):
    pass


class Reordered(Loader):
    def __iter__(self) -> Any:
        return iter([])


def test_a_loader_in_order_tells_its_rows() -> None:
    """Derived classes that iterate in no way of their own too, and places that are written out."""
    assert known_rows(loader(Sequential(range(10)))) == 10
    assert known_rows(loader(named("mine", "Logged", Sequential)(range(10)), kind=Derived)) == 10
    assert (
        known_rows(loader(range(10)))
        == known_rows(loader(None, batch_sampler=[[0, 1, 2, 3, 4, 5], [6, 7, 8, 9]]))
        == 10
    )
    assert (
        known_rows(loader(None, batch_sampler=None, sampler=Batches(sampler=Sequential(range(10)), drop_last=False)))
        == 10
    )
    begun = {
        "_index_sampler": Batches(sampler=Sequential(range(10)), drop_last=False),
        "_auto_collation": True,
        "_num_workers": 0,
    }
    assert known_rows(LoaderIterator(_dataset=range(10), _drop_last=False, **begun)) == 10


def test_a_loader_whose_data_set_gives_batches_does_not_tell_its_rows() -> None:
    """``batch_size=None``: the length of a data set or stream of batches counts batches."""
    assert known_rows(loader(None, batch_sampler=None, sampler=Sequential(range(10)))) is None
    assert known_rows(loader(None, batch_sampler=None, dataset=CountedStream())) is None
    assert known_rows(loader(None, dataset=CountedStream())) == 10
    assert known_rows(loader(None, dataset=Stream())) is None


def test_arrays_and_batches_have_no_other_order_than_their_own() -> None:
    assert known_rows(np.zeros((7, 2))) == 7
    assert known_rows([np.zeros((7, 2))]) is None
    assert known_rows(iter([np.zeros((7, 2))])) is None


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (loader(OfItsOwn()), "OfItsOwn"),
        (loader(named("mine", "ByLength", Sequential, __iter__=lambda self: iter([2, 0, 1]))(range(10))), "ByLength"),
        (loader(None, batch_sampler=OfItsOwn()), "OfItsOwn"),
        (loader(None, batch_sampler=named("mine", "InPairs", Batches, __iter__=OfItsOwn.__iter__)()), "InPairs"),
        (loader([1, 0]), "list"),
    ],
    ids=["sampler", "derived sampler", "batch sampler", "derived batch sampler", "places"],
)
def test_a_sampler_of_ones_own_is_refused_by_name_and_taken_with_ids(data: Any, name: str) -> None:
    """What a derived one changes is not known."""
    with pytest.raises(ValueError, match=rf"data: the {name} of the DataLoader may .*Subset\(dataset, ids\).*ids="):
        known_rows(data)
    assert known_rows(data, ids="name") in (None, 2, 10)


def test_a_loader_that_iterates_in_a_way_of_its_own_is_refused() -> None:
    """Its samplers do not tell what it does with them."""
    data = loader(Sequential(range(10)), kind=Reordered)
    with pytest.raises(ValueError, match=r"Reordered iterates in a way of its own.*plain DataLoader.*ids="):
        known_rows(data)
    assert known_rows(data, ids="name") is None
    assert known_rows(loader(Sequential(range(10)), dataset=data.dataset)) == 10


def test_workers_that_do_not_wait_for_each_other_are_refused() -> None:
    """``in_order=False``; one worker has nobody to wait for."""
    with pytest.raises(ValueError, match=r"as its 2 workers have them ready.*in_order=True"):
        known_rows(loader(Sequential(range(10)), num_workers=2, in_order=False))
    assert known_rows(loader(Sequential(range(10)), num_workers=2, in_order=True)) == 10
    assert known_rows(loader(Sequential(range(10)), num_workers=1, in_order=False)) == 10


def test_streams_are_read_by_one_worker() -> None:
    """Several give each row several times, or in another order: ids tell."""
    data = loader(None, dataset=CountedStream(), num_workers=2)
    with pytest.raises(ValueError, match=r"2 workers read the IterableDataset.*num_workers=0.*ids="):
        known_rows(data)
    assert known_rows(data, ids="name") == 10
    assert known_rows(loader(None, dataset=CountedStream(), num_workers=1)) == 10


@pytest.mark.parametrize("ids", [None, "name"])
def test_rows_that_are_dropped_are_refused_with_ids_too(ids: Any) -> None:
    """Where the last batch is not full, or may not be."""
    for data in (
        loader(Sequential(range(10)), drop_last=True),
        *(loader(None, dataset=one(), drop_last=True) for one in (Stream, CountedStream)),
    ):
        with pytest.raises(
            ValueError, match=r"drops rows at the end that fill no block\. Pass a loader with drop_last=False"
        ):
            known_rows(data, ids)
    assert known_rows(loader(Sequential(range(8)), 8, drop_last=True), ids) == 8
    with pytest.raises(ValueError, match=r"expected the SequentialSampler.* to give the 10 rows.* got 4\. .*Subset"):
        known_rows(loader(Sequential(range(4))), ids)


class Columns(named("datasets.arrow_dataset", "Dataset")):  # type: ignore[misc]
    """A data set of Hugging Face: rows by columns."""

    shape = (10, 2)

    def __len__(self) -> int:
        return 10

    def __getitem__(self, rows: slice) -> dict[str, np.ndarray]:
        return {"x": np.arange(10)[rows], "y": np.arange(10)[rows] % 2}


def test_a_data_set_of_columns_is_cut_by_rows() -> None:
    """Into dictionaries of columns."""
    assert known_rows(Columns()) == 10
    assert [batch["x"].tolist() for batch in as_batches(Columns(), 4)] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


@pytest.mark.parametrize("package", ["lightning.pytorch", "pytorch_lightning"])
def test_what_holds_loaders_is_refused_with_the_loader_to_pass(package: str) -> None:
    module = named("mine", "Mine", named(f"{package}.core.datamodule", "LightningDataModule"))()
    with pytest.raises(TypeError, match=r"got Mine, a LightningDataModule.*module\.predict_dataloader\(\)"):
        known_rows(module)
    with pytest.raises(TypeError, match=r"got a Trainer.*trainer\.datamodule\.predict_dataloader\(\)"):
        known_rows(named(f"{package}.trainer.trainer", "Trainer")())
