"""Row i of the predictions is example i: loaders that are certain to keep the order are taken, others with ids of their rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import alcore_torch
import lightning
import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import (
    BatchSampler,
    ChainDataset,
    ConcatDataset,
    DataLoader,
    Dataset,
    DistributedSampler,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
    random_split,
)
from torch.utils.data.datapipes.iter import IterableWrapper
from transformers.trainer_pt_utils import LengthGroupedSampler

from tests.adapters.torch.predictions import ROWS, predict

DATA, NUMBERED = TensorDataset(ROWS), TensorDataset(ROWS, torch.zeros(30), torch.arange(30))
IDS = torch.randperm(30, generator=torch.Generator().manual_seed(1)).tolist()
SEQUENTIAL = SequentialSampler(DATA)


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.Dropout(0.5), nn.Linear(8, 3))


class Rows(IterableDataset):
    """All rows, whichever worker asks: two of them give each row twice."""

    def __init__(self, rows: torch.Tensor = ROWS) -> None:
        self.rows = rows

    def __iter__(self) -> Any:
        return iter(self.rows)


class Counted(Rows):
    def __len__(self) -> int:
        return 30


class ByLength(torch.utils.data.Sampler):
    """As those that put sentences of one length together."""

    def __iter__(self) -> Any:
        return iter([[2, 0, 1], [3, 4]])

    def __len__(self) -> int:
        return 2


class Backwards(SequentialSampler):
    def __iter__(self) -> Any:
        return iter(range(29, -1, -1))


class TurnedLoader(DataLoader):
    def __iter__(self) -> Any:
        return reversed(list(super().__iter__()))


class Logged(DataLoader):
    """A derived loader that iterates as all do."""


# --- certain ----------------------------------------------------------------------------------------------------------

IN_ORDER = {
    "sampler": DataLoader(DATA, 12, sampler=SequentialSampler(DATA)),
    "batch sampler": DataLoader(DATA, batch_sampler=BatchSampler(SEQUENTIAL, 12, drop_last=False)),
    "whole batches in bulk": DataLoader(DATA, None, sampler=BatchSampler(SEQUENTIAL, 12, drop_last=False)),
    "places": DataLoader(DATA, 12, sampler=range(30)),
    "derived loader": Logged(DATA, 12),
    "parts": DataLoader(ConcatDataset([Subset(DATA, range(9)), Subset(DATA, range(9, 30))]), 12),
    "list": DataLoader([(row,) for row in ROWS], 12),
    "stream": DataLoader(Counted(), 12),
    "stream of another process": DataLoader(Rows(), 12, num_workers=1),
    "streams": DataLoader(ChainDataset([Rows(ROWS[:9]), Rows(ROWS[9:])]), 12),
    "batches": DataLoader(Rows(torch.stack(ROWS[:24].split(12))), None),
    "pipe whose shuffler is off": DataLoader(IterableWrapper(list(ROWS)).shuffle(), 12, shuffle=False),
    "generator": (batch for batch in ROWS.split(12)),
}


@pytest.mark.parametrize("name", IN_ORDER)
def test_what_is_certain_to_keep_the_order_is_taken(name: str) -> None:
    """Loaders, data sets that are put together, streams; a generator's order is its own."""
    model, rows = network(), 24 if name == "batches" else 30
    np.testing.assert_array_equal(predict(model, IN_ORDER[name]), predict(model, ROWS[:rows]))


def test_parts_of_a_random_split_have_the_order_of_their_places() -> None:
    part, _ = random_split(DATA, [20, 10])
    model = network()
    np.testing.assert_array_equal(predict(model, part), predict(model, ROWS[part.indices]))


# --- not certain ------------------------------------------------------------------------------------------------------

OTHER_ORDERS = {
    "RandomSampler": DataLoader(NUMBERED, 12, shuffle=True),
    "SubsetRandomSampler": DataLoader(NUMBERED, 12, sampler=SubsetRandomSampler(IDS)),
    "WeightedRandomSampler": DataLoader(NUMBERED, 12, sampler=WeightedRandomSampler([1.0] * 30, 30, replacement=False)),
    "DistributedSampler": DataLoader(NUMBERED, 12, sampler=DistributedSampler(DATA, num_replicas=2, rank=0)),
    "LengthGroupedSampler": DataLoader(NUMBERED, 12, sampler=LengthGroupedSampler(4, lengths=list(range(30)))),
    "ByLength": DataLoader(NUMBERED, batch_sampler=ByLength()),
    "Backwards": DataLoader(NUMBERED, 12, sampler=Backwards(DATA)),
    "list": DataLoader(NUMBERED, 12, sampler=IDS),
}


@pytest.mark.parametrize("name", OTHER_ORDERS)
def test_a_loader_that_is_not_certain_to_keep_the_order_is_refused_by_name(name: str) -> None:
    """And so is an iterator of it, and one of batches that are made of what the sampler gives."""
    data = OTHER_ORDERS[name]
    made = [data, iter(data)]
    if name != "ByLength":
        made.append(DataLoader(NUMBERED, batch_sampler=BatchSampler(data.sampler, 12, drop_last=False)))
    for one in made:
        with pytest.raises(ValueError, match=rf"data: the {name} of the .*another order.*Subset\(dataset, ids\).*ids="):
            predict(network(), one)


@pytest.mark.parametrize("name", OTHER_ORDERS)
def test_any_order_is_taken_with_the_ids_of_its_rows(name: str) -> None:
    """The other way that a refusal names: put in the order of their ids, the rows are those of the data set."""
    model = network()
    given = {"draws": 5, "kind": "logits", "progress": False}
    preds = alcore_torch.predict(model, OTHER_ORDERS[name], ids=2, **given)
    found = np.concatenate(list(preds))
    assert len(preds.ids) == len(set(preds.ids.tolist())) == len(found) > 1
    np.testing.assert_allclose(found, predict(model, ROWS)[preds.ids], rtol=0, atol=1e-6)


def test_the_order_that_a_refusal_asks_for_is_taken() -> None:
    """Row i is example ids[i]."""
    model = network()
    found = predict(model, DataLoader(Subset(DATA, IDS), 12, shuffle=False))
    np.testing.assert_array_equal(found, predict(model, ROWS[IDS]))


def test_a_loader_that_iterates_in_a_way_of_its_own_is_refused() -> None:
    """The two ways out that it is told are taken."""
    model, loader = network(), TurnedLoader(NUMBERED, 12)
    with pytest.raises(ValueError, match="TurnedLoader iterates in a way of its own.*plain DataLoader.*ids="):
        predict(model, loader)
    expected = predict(model, ROWS)
    np.testing.assert_array_equal(predict(model, DataLoader(loader.dataset, 12, shuffle=False)), expected)
    preds = alcore_torch.predict(model, loader, ids=2, draws=5, kind="logits", progress=False)
    np.testing.assert_allclose(np.concatenate(list(preds)), expected[preds.ids], rtol=0, atol=1e-6)
    assert preds.ids[0] == 24


def test_a_pipe_with_a_shuffler_is_refused() -> None:
    """Wherever in it, unless the loader turns it off; and a stream that keeps one inside."""
    model, pipe = network(), IterableWrapper(list(ROWS)).shuffle().map(torch.clone)
    for data in (pipe, DataLoader(pipe, 12), DataLoader(Rows(pipe), 12)):
        with pytest.raises(ValueError, match="the step ShufflerIterDataPipe of the data may .*shuffle=False"):
            predict(model, data)
    np.testing.assert_array_equal(predict(model, DataLoader(pipe, 12, shuffle=False)), predict(model, ROWS))


def test_a_module_of_lightning_is_refused_with_the_loader_to_pass() -> None:
    """Which is taken; a trainer too."""

    class Pool(lightning.LightningDataModule):
        def predict_dataloader(self) -> DataLoader:
            return DataLoader(DATA, 12)

    model, module = network(), Pool()
    with pytest.raises(TypeError, match=r"got Pool, a LightningDataModule.*module\.predict_dataloader\(\)"):
        predict(model, module)
    module.setup("predict")
    np.testing.assert_array_equal(predict(model, module.predict_dataloader()), predict(model, ROWS))
    trainer = lightning.Trainer(logger=False, enable_checkpointing=False, accelerator="cpu")
    with pytest.raises(TypeError, match=r"got a Trainer.*trainer\.datamodule\.predict_dataloader\(\)"):
        predict(model, trainer)
    several = [DataLoader(Subset(DATA, range(9)), 12), DataLoader(Subset(DATA, range(9, 30)), 12)]
    with pytest.raises(
        TypeError, match=r"got a list of 2 loaders.*data\[0\].*ConcatDataset\(\[one\.dataset for one in data\]\)"
    ):
        predict(model, several)
    np.testing.assert_array_equal(predict(model, several[0]), predict(model, ROWS[:9]))
    together = DataLoader(ConcatDataset([one.dataset for one in several]), 12)
    np.testing.assert_array_equal(predict(model, together), predict(model, ROWS))
    trainer.datamodule = module
    assert len(predict(model, trainer.datamodule.predict_dataloader())) == 30


# --- dropped, repeated ------------------------------------------------------------------------------------------------


def test_rows_that_a_loader_drops_or_repeats_are_refused(tmp_path: Path) -> None:
    """Batch samplers, lists, streams, and streams that several workers read; whole batches lose nothing."""
    model, dropped = network(), BatchSampler(SEQUENTIAL, 12, drop_last=True)
    for data in (
        DataLoader(DATA, 12, drop_last=True),
        DataLoader(list(ROWS), 12, drop_last=True),
        DataLoader(DATA, batch_sampler=dropped),
        DataLoader(Rows(), 12, drop_last=True),
        DataLoader(Counted(), 12, drop_last=True),
    ):
        with pytest.raises(ValueError, match=r"drops rows at the end that fill no block.*drop_last=False"):
            predict(model, data)
    with pytest.raises(ValueError, match=r"2 workers read the IterableDataset.*num_workers=0"):
        predict(model, DataLoader(Rows(), 12, num_workers=2))
    whole = BatchSampler(SEQUENTIAL, 10, drop_last=True)
    expected = predict(model, ROWS, batch_size=10)
    for data in (DataLoader(DATA, batch_sampler=whole), DataLoader(Counted(), 10, drop_last=True)):
        np.testing.assert_array_equal(predict(model, data), expected)
    written = alcore_torch.predict(model, DataLoader(DATA, 12), draws=2, out=tmp_path / "preds.npy", kind="logits")
    assert written.shape == (30, 3, 2)


class SomeBroken(Dataset):
    """Rows of which some cannot be read, and a loader that leaves them out."""

    def __len__(self) -> int:
        return 30

    def __getitem__(self, place: int) -> torch.Tensor | None:
        return None if place in (3, 4) else ROWS[place]

    @staticmethod
    def without_them(rows: list[torch.Tensor | None]) -> torch.Tensor:
        return torch.stack([row for row in rows if row is not None])

    @staticmethod
    def with_zeros(rows: list[torch.Tensor | None]) -> torch.Tensor:
        return torch.stack([torch.zeros(6) if row is None else row for row in rows])


class TooFew(Counted):
    def __iter__(self) -> Any:
        return iter(ROWS[:20])


class TooMany(Counted):
    def __iter__(self) -> Any:
        return iter(torch.cat([ROWS, ROWS]))


def begun() -> Any:
    batches = iter(DataLoader(DATA, 12))
    next(batches)
    return batches


@pytest.mark.parametrize("ending", [None, ".npy"])
def test_rows_are_counted(tmp_path: Path, ending: str | None) -> None:
    """What gives another number of them than its length says is refused, whoever loses them; the remedies serve."""
    model = network()
    out = {} if ending is None else {"out": tmp_path / f"preds{ending}"}

    def predicted(data: Any) -> np.ndarray:
        found = alcore_torch.predict(model, data, draws=2, kind="logits", batch_size=12, progress=False, **out)
        return np.asarray(found[:]) if out else np.concatenate(list(found))

    for number, (data, got) in enumerate(
        (
            (DataLoader(SomeBroken(), 12, collate_fn=SomeBroken.without_them), "28"),
            (begun(), "18"),
            (TooFew(), "20"),
            (TooMany(), "36 and more"),
        )
    ):
        out = {} if ending is None else {"out": tmp_path / f"{number}{ending}"}
        with pytest.raises(
            ValueError, match=rf"data: expected 30 rows, as len\(dataset\) says, got {got}\. .*drop_last"
        ):
            predicted(data)
        assert not out or not out["out"].exists()
    out = {} if ending is None else {"out": tmp_path / f"kept{ending}"}
    assert len(predicted(DataLoader(SomeBroken(), 12, collate_fn=SomeBroken.with_zeros))) == 30


def test_a_sampler_of_another_data_set_is_refused() -> None:
    """It leaves out rows; the part of them that is asked for is a data set of its own."""
    with pytest.raises(
        ValueError, match=r"expected the SequentialSampler .* the 30 rows .*got 10\. .*Subset\(dataset, ids\)"
    ):
        predict(network(), DataLoader(DATA, 12, sampler=SequentialSampler(range(10))))
    assert len(predict(network(), DataLoader(Subset(DATA, range(10)), 12))) == 10


# --- ids --------------------------------------------------------------------------------------------------------------


def test_the_same_row_twice_is_refused_at_its_block() -> None:
    """A sampler with replacement; two workers that read one stream."""
    model, given = network(), {"draws": 2, "kind": "logits", "progress": False, "ids": 2}
    twice = WeightedRandomSampler([1.0] * 5 + [0.0] * 25, 30, replacement=True)
    with pytest.raises(ValueError, match=r"ids: rows \d+ and \d+ have the same id, [0-4]\. .*without replacement"):
        next(alcore_torch.predict(model, DataLoader(NUMBERED, 12, sampler=twice), **given))
    once = WeightedRandomSampler([1.0] * 5 + [1e-9] * 25, 30, replacement=False)
    assert len(np.concatenate(list(alcore_torch.predict(model, DataLoader(NUMBERED, 12, sampler=once), **given)))) == 30
    numbered = Rows(list(zip(ROWS, torch.zeros(30), torch.arange(30), strict=True)))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="ids: rows 0 and 12 have the same id, 0"):
        list(alcore_torch.predict(model, DataLoader(numbered, 12, num_workers=2), **given))


def test_a_shuffled_run_with_ids_is_written_and_gone_on_with(tmp_path: Path) -> None:
    """A run that goes on in another order is refused before a row is predicted, and one in the same order ends."""
    model, names = network(), [f"{place}.png" for place in range(30)]
    rows = [{"x": row, "file": name} for row, name in zip(ROWS, names, strict=True)]

    def predicted(seed: int, fails: bool = False) -> Any:
        loader = DataLoader(rows, 4, shuffle=True, generator=torch.Generator().manual_seed(seed))
        seen: list[int] = []

        def inputs(batch: dict[str, Any]) -> torch.Tensor:
            seen.append(len(seen))
            if fails and len(seen) == 3:
                raise OSError("stopped")
            return batch["x"]

        given = {"draws": 5, "kind": "logits", "progress": False, "inputs": inputs, "ids": "file"}
        return alcore_torch.predict(model, loader, out=tmp_path / "preds.npy", **given)

    with pytest.raises(OSError, match="stopped"):
        predicted(seed=1, fails=True)
    with pytest.raises(ValueError, match=r"ids: row 0 is '\d+.png', and was '\d+.png' before.*delete"):
        predicted(seed=2)
    found = predicted(seed=1)
    ids = np.load(tmp_path / "preds.ids.npy", allow_pickle=False)
    assert sorted(ids.tolist()) == sorted(names)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["preds.ids.npy", "preds.npy"]
    order = [names.index(name) for name in ids.tolist()]
    np.testing.assert_allclose(found[:], predict(model, ROWS)[order], rtol=0, atol=1e-6)


def test_checkpoints_must_read_rows_in_one_order(tmp_path: Path) -> None:
    """A loader with a generator of its own gives each of them another; the remedy serves."""
    model = network()
    for place in range(2):
        torch.save(network().state_dict(), tmp_path / f"{place}.pt")
    members = alcore_torch.Checkpoints(model, [tmp_path / "0.pt", tmp_path / "1.pt"])
    own = DataLoader(NUMBERED, 12, shuffle=True, generator=torch.Generator().manual_seed(1))
    given = {"draws": 2, "kind": "logits", "progress": False, "ids": 2, "out": tmp_path / "preds.npy"}
    with pytest.raises(
        ValueError, match=r"row 0 is \d+, and was \d+ before.*list\(loader\) .*\.zarr.*delete preds.member-\*"
    ):
        alcore_torch.predict(members, own, **given)
    for file in tmp_path.glob("preds.member-*"):
        file.unlink()
    in_order = predict([network(), network()], ROWS, draws=2)
    for data, out in ((DataLoader(NUMBERED, 12, shuffle=False), "preds.npy"), (list(own), "listed.zarr")):
        found = alcore_torch.predict(members, data, **{**given, "out": tmp_path / out})
        ids = np.load((tmp_path / out).with_suffix(".ids.npy"))
        assert sorted(ids.tolist()) == list(range(30))
        np.testing.assert_allclose(found[:], in_order[ids], rtol=0, atol=1e-6)
    left = ["0.pt", "1.pt", "listed.ids.npy", "listed.zarr", "preds.ids.npy", "preds.npy"]
    assert sorted(path.name for path in tmp_path.iterdir()) == left


# --- the global generator ---------------------------------------------------------------------------------------------


class Noisy(TensorDataset):
    """Draws from the global generator for every row, as augmentations do."""

    def __getitem__(self, place: Any) -> Any:
        return super().__getitem__(place)[0] + torch.rand(1)


@pytest.mark.parametrize(
    "data",
    [DATA, DataLoader(DATA, 12), DataLoader(NUMBERED, 12, sampler=RandomSampler(DATA)), Noisy(torch.ones(30, 6))],
    ids=["data set", "loader", "shuffled loader", "data set that draws"],
)
def test_the_global_generator_stays(data: Any) -> None:
    """As it was before; what a data set draws differs from batch to batch."""
    model, named = network(), {"ids": 2} if isinstance(data, DataLoader) and data.dataset is NUMBERED else {}
    before = torch.get_rng_state()
    found = predict(model, data, **named)
    assert torch.equal(torch.get_rng_state(), before)
    assert len(np.unique(found[..., 0], axis=0)) == 30
