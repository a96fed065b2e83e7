"""scikit-learn: train a forest of 100 trees on digits, predict the pool with a draw for each tree, choose 10 images to label.

python examples/sklearn_digits.py [folder] [--draws 100]
"""

import argparse
from pathlib import Path

import alcore_sklearn
import numpy as np
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier

import alcore

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("folder", nargs="?", type=Path, default=Path("build"), help="folder for the predictions")
parser.add_argument("--draws", type=int, default=100, help="how many trees the forest has, one draw each")
options = parser.parse_args()
options.folder.mkdir(parents=True, exist_ok=True)
digits = load_digits()
order = np.random.default_rng(0).permutation(len(digits.data))
labelled, pool = order[:120], order[120:]

forest = RandomForestClassifier(options.draws, min_samples_leaf=12, random_state=0)  # leaves of 12 rows are unsure
forest.fit(digits.data[labelled], digits.target[labelled])

file = options.folder / "sklearn_digits.npy"
file.unlink(missing_ok=True)
preds = alcore_sklearn.predict(forest, digits.data[pool], out=file)
right = (preds.mean(axis=-1).argmax(axis=1) == digits.target[pool]).mean()
print(f"accuracy of the forest of {preds.shape[-1]} trees on the {len(pool)} images of the pool: {right:.1%}")
batch = alcore.BatchBALD().select(preds, k=10, rng=0)
print("label these images next (indices in the data set):", pool[batch.indices].tolist())
print(f"to compare heuristics on these predictions, run: alcore bench {file}")
