"""How often is a model wrong? Fifty labels where mistakes are expected answer better than fifty labels at random.

The script trains a forest on 300 digits and estimates its error on the other images with `alcore.lure`.
Active testing: Kossen et al. 2021 (arXiv:2103.05331).

python examples/active_testing.py [folder] [--repeats 500]
"""

import argparse
from pathlib import Path

import alcore_sklearn
import numpy as np
from sklearn.datasets import load_digits
from sklearn.ensemble import BaggingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression

import alcore

LABELS = 50
parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("folder", nargs="?", type=Path, default=Path("build"), help="folder for the predictions")
parser.add_argument("--repeats", type=int, default=500, help="how often the comparison draws 50 labels")
options = parser.parse_args()
options.folder.mkdir(parents=True, exist_ok=True)
digits = load_digits()
order = np.random.default_rng(0).permutation(len(digits.data))
labelled, test = order[:300], order[300:]

forest = RandomForestClassifier(100, min_samples_leaf=3, random_state=0)  # the model under test
forest.fit(digits.data[labelled], digits.target[labelled])
says = forest.predict_proba(digits.data[test])
wrong = says.argmax(axis=1) != digits.target[test]  # the zero-one loss of each row, which only its label tells

# Another model says where the forest may be wrong. Its own trees do not know where it is confident and wrong.
others = BaggingClassifier(LogisticRegression(max_iter=2000), 20, random_state=0)
others.fit(digits.data[labelled] / 16, digits.target[labelled])
file = options.folder / "active_testing.npy"
file.unlink(missing_ok=True)
test_preds = alcore_sklearn.predict(others, digits.data[test] / 16, out=file)
scores = {
    "mistakes that other models expect": alcore.expected_loss(test_preds, says, loss="zero-one"),
    "mistakes that the forest expects": alcore.expected_loss(
        alcore_sklearn.predict(forest, digits.data[test]), loss="zero-one"
    ),
    "chance": np.ones(len(test)),
}

batch = alcore.power(scores["mistakes that other models expect"], k=LABELS, rng=0)  # label these
found = wrong[batch.indices]
risk = alcore.lure(found, batch.q, len(test), support=batch.support)
print(f"error on all {len(test)} test images: {wrong.mean():.1%}")
print(
    f"estimate from {LABELS} labels: {risk.value:.1%} ± {risk.standard_error:.1%} (the plain mean is biased: {found.mean():.1%})"
)

rng = np.random.default_rng(1)
for name, chosen in scores.items():
    errors = np.zeros(options.repeats)
    for i in range(options.repeats):
        batch = alcore.power(chosen, k=LABELS, rng=rng)
        risk = alcore.lure(wrong[batch.indices], batch.q, len(test), support=batch.support)
        errors[i] = risk.value - wrong.mean()
    print(f"root mean squared error of the estimate, labels chosen by {name}: {np.sqrt((errors**2).mean()):.2%}")
print(f"to compare heuristics on these predictions, run: alcore bench {file}")
