"""Ranges of rows as tasks of Dask. A worker reads the rows of its range, and a task whose worker was killed runs again on another.

python predict_on_dask.py [tcp://scheduler:8786]
"""

import sys

import alcore_torch
import numpy as np
import torch
from distributed import Client
from torch import nn
from torch.utils.data import DataLoader, Dataset, Subset

import alcore


class Pool(Dataset):
    """Rows that are read where they are asked for."""

    def __init__(self) -> None:
        self.rows = np.load("pool.npy", mmap_mode="r")

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, row: int) -> torch.Tensor:
        return torch.tensor(self.rows[row])


def predict_range(rows: tuple[int, int], store: alcore.SharedStore) -> tuple[int, int]:
    """What a worker does. It needs the files of the pool and of the model, and writes its own range alone."""
    torch.set_num_threads(1)
    model = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Dropout(0.5), nn.Linear(32, 3))
    model.load_state_dict(torch.load("model.pt", weights_only=True))
    loader = DataLoader(Subset(Pool(), range(*rows)), batch_size=128)
    options = {"draws": 20, "kind": "logits", "seed": 0, "progress": False}
    alcore_torch.predict(model, loader, out=store, rows=rows, **options)
    return rows


if __name__ == "__main__":
    own = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with Client(sys.argv[1]) if sys.argv[1:] else Client(**own) as client:
        store = alcore.SharedStore("dask.zarr", rows=len(Pool()), chunk=256)
        done = client.gather(client.map(predict_range, store.ranges(6), store=store))
    print(f"{len(done)} ranges are there, missing: {store.missing}")
