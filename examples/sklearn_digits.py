"""A random forest of 100 trees, each a draw, over the pool; ten images to label next.

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
parser.add_argument("folder", nargs="?", type=Path, default=Path("build"), help="where the predictions are written")
parser.add_argument("--draws", type=int, default=100, help="trees of the forest")
options = parser.parse_args()
options.folder.mkdir(parents=True, exist_ok=True)
digits = load_digits()
order = np.random.default_rng(0).permutation(len(digits.data))
labelled, pool = order[:120], order[120:]

forest = RandomForestClassifier(options.draws, min_samples_leaf=12, random_state=0)  # leaves of 12 and more are unsure
forest.fit(digits.data[labelled], digits.target[labelled])

file = options.folder / "sklearn_digits.npy"
file.unlink(missing_ok=True)
preds = alcore_sklearn.predict(forest, digits.data[pool], out=file)
right = (preds.mean(axis=-1).argmax(axis=1) == digits.target[pool]).mean()
print(f"{right:.1%} of the {len(pool)} in the pool are right, by a forest of {preds.shape[-1]} trees")
batch = alcore.BatchBALD().select(preds, k=10, rng=0)
print("label next, as places in the data set:", pool[batch.indices].tolist())
print(f"compare heuristics on these predictions: alcore bench {file}")
