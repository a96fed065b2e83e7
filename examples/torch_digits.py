"""PyTorch: train a small convolutional network on digits, predict the pool with 100 draws of dropout, choose 10 images to label.

python examples/torch_digits.py [folder] [--draws 100] [--steps 150]
"""

import argparse
from pathlib import Path

import alcore_torch
import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

import alcore

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("folder", nargs="?", type=Path, default=Path("build"), help="folder for the predictions")
parser.add_argument("--draws", type=int, default=100, help="how many draws of the dropout, one network each")
parser.add_argument("--steps", type=int, default=150, help="how many training steps")
options = parser.parse_args()
options.folder.mkdir(parents=True, exist_ok=True)
torch.manual_seed(0)

digits = load_digits()
images = torch.tensor(digits.images / 16, dtype=torch.float32)[:, None]
labels = torch.tensor(digits.target)
order = np.random.default_rng(0).permutation(len(labels))
labelled, pool = order[:60], order[60:]  # D_L and D_U

model = nn.Sequential(
    nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(), nn.Dropout(0.4), nn.Linear(128, 64), nn.ReLU(), nn.Dropout(0.4), nn.Linear(64, 10),
)  # fmt: skip
optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3)
for _ in range(options.steps):
    optimiser.zero_grad()
    nn.functional.cross_entropy(model(images[labelled]), labels[labelled]).backward()
    optimiser.step()

file = options.folder / "torch_digits.zarr"
predictions = alcore_torch.predict(model, images[pool], draws=options.draws, kind="logits", seed=0, out=file)
accuracy = (np.asarray(predictions[:]).mean(axis=-1).argmax(axis=1) == digits.target[pool]).mean()
batch = alcore.BatchBALD().select(predictions, k=10, rng=0)

print(f"accuracy on the pool after {len(labelled)} labels: {accuracy:.3f}")
print("label these images next (indices in the data set):", pool[batch.indices].tolist())
print("information about the model after each pick, in nats:", batch.information.round(2).tolist())
print(f"to compare heuristics on these predictions, run: alcore bench {file} -k 10")
