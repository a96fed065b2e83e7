"""One task of a job array: it predicts one range of rows. All tasks write one store. Run it again, and it predicts what is missing.

sbatch --array=0-2 --wrap "python predict_range.py"
"""

import os

import alcore_torch
import numpy as np
import torch
from torch import nn

import alcore

task = int(os.environ["SLURM_ARRAY_TASK_ID"])
tasks = int(os.environ["SLURM_ARRAY_TASK_COUNT"])

pool = np.load("pool.npy", mmap_mode="r")  # each task reads its own rows alone
model = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Dropout(0.5), nn.Linear(32, 3))
model.load_state_dict(torch.load("model.pt", weights_only=True))

store = alcore.SharedStore("preds.zarr", rows=len(pool), chunk=256)
for start, stop in store.ranges(tasks)[task : task + 1]:
    rows = pool[start:stop]
    options = {"draws": 20, "kind": "logits", "seed": 0, "progress": False}
    alcore_torch.predict(model, rows, out=store, rows=(start, stop), **options)
    print(f"task {task}: rows {start} to {stop - 1} are there")
