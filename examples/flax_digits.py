"""Flax NNX: train a small convolutional network on digits, predict the pool with 100 draws of dropout, choose 10 images to label.

python examples/flax_digits.py [folder] [--draws 100] [--steps 200]
"""

import argparse
from pathlib import Path

import alcore_flax
import numpy as np
import optax
from flax import nnx
from sklearn.datasets import load_digits

import alcore

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("folder", nargs="?", type=Path, default=Path("build"), help="folder for the predictions")
parser.add_argument("--draws", type=int, default=100, help="how many draws of the dropout, one network each")
parser.add_argument("--steps", type=int, default=200, help="how many training steps")
options = parser.parse_args()
options.folder.mkdir(parents=True, exist_ok=True)
digits = load_digits()
images = (digits.images[..., None] / 16).astype(np.float32)
order = np.random.default_rng(0).permutation(len(images))
labelled, pool = order[:60], order[60:]

rngs = nnx.Rngs(0)
conv = [
    nnx.Conv(1, 16, (3, 3), strides=2, rngs=rngs),
    nnx.relu,
    nnx.Conv(16, 32, (3, 3), strides=2, rngs=rngs),
    nnx.relu,
]
dense = [nnx.Dropout(0.25, rngs=rngs), nnx.Linear(128, 64, rngs=rngs), nnx.relu, nnx.Dropout(0.5, rngs=rngs)]
model = nnx.Sequential(*conv, lambda x: x.reshape(len(x), -1), *dense, nnx.Linear(64, 10, rngs=rngs))
optimizer = nnx.Optimizer(model, optax.adam(3e-3), wrt=nnx.Param)


@nnx.jit
def step(model, optimizer, x, y):
    loss, gradients = nnx.value_and_grad(
        lambda model: optax.softmax_cross_entropy_with_integer_labels(model(x), y).mean()
    )(model)
    optimizer.update(model, gradients)
    return loss


for _ in range(options.steps):
    loss = step(model, optimizer, images[labelled], digits.target[labelled])

file = options.folder / "flax_digits.npy"
file.unlink(missing_ok=True)
preds = alcore_flax.predict(model, images[pool], draws=options.draws, kind="logits", out=file)
right = (preds.mean(axis=-1).argmax(axis=1) == digits.target[pool]).mean()
print(
    f"training loss on {len(labelled)} images: {loss:.3f}; accuracy on the {len(pool)} images of the pool: {right:.1%}"
)
batch = alcore.BatchBALD().select(preds, k=10, rng=0)
print("label these images next (indices in the data set):", pool[batch.indices].tolist())
print(f"to compare heuristics on these predictions, run: alcore bench {file}")
