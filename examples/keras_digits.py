"""Keras: train a small convolutional network on digits, predict the pool with 100 draws of dropout, choose 10 images to label.

python examples/keras_digits.py [folder] [--draws 100] [--epochs 100]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import alcore_keras
import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_digits

import alcore

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("folder", nargs="?", type=Path, default=Path("build"), help="folder for the predictions")
parser.add_argument("--draws", type=int, default=100, help="how many draws of the dropout, one network each")
parser.add_argument("--epochs", type=int, default=100, help="how many training epochs")
options = parser.parse_args()
options.folder.mkdir(parents=True, exist_ok=True)
keras.utils.set_random_seed(0)

images, labels = load_digits(return_X_y=True)
images = (images / 16).astype("float32").reshape(-1, 8, 8, 1)
order = np.random.default_rng(0).permutation(len(images))
labelled, pool = order[:100], order[100:]

model = keras.Sequential(
    [
        keras.Input((8, 8, 1)),
        layers.Conv2D(16, 3, activation="relu"),
        layers.Dropout(0.25),
        layers.Conv2D(32, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dropout(0.5),
        layers.Dense(64, activation="relu"),
        layers.Dropout(0.5),
        layers.Dense(10),
    ]
)
model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
model.fit(images[labelled], labels[labelled], epochs=options.epochs, batch_size=32, verbose=0)
print(f"accuracy on the pool: {model.evaluate(images[pool], labels[pool], verbose=0)[1]:.3f}")

out = options.folder / "keras_digits.npy"
out.unlink(missing_ok=True)
predictions = alcore_keras.predict(model, images[pool], draws=options.draws, kind="logits", seed=0, out=out)

batch = alcore.BatchBALD().select(predictions, k=10, rng=0)
print("label these images next (indices in the data set):", pool[batch.indices].tolist())
print("their labels:", labels[pool][batch.indices].tolist())
print(f"to compare heuristics on these predictions, run: alcore bench {out}")
