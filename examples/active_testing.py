"""How often is a model wrong? Fifty labels of a test set, asked for where mistakes are expected, tell more than fifty at random.

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
parser.add_argument("folder", nargs="?", type=Path, default=Path("build"), help="where the predictions are written")
parser.add_argument("--repeats", type=int, default=500, help="of the comparison of errors")
options = parser.parse_args()
options.folder.mkdir(parents=True, exist_ok=True)
digits = load_digits()
order = np.random.default_rng(0).permutation(len(digits.data))
labelled, test = order[:300], order[300:]

forest = RandomForestClassifier(100, min_samples_leaf=3, random_state=0)  # the model under test
forest.fit(digits.data[labelled], digits.target[labelled])
says = forest.predict_proba(digits.data[test])
wrong = says.argmax(axis=1) != digits.target[test]  # the zero-one loss: of each row, what only its label tells

# Its mistakes as another model expects them: the forest's own trees would not know where it is confident and wrong.
others = BaggingClassifier(LogisticRegression(max_iter=2000), 20, random_state=0)
others.fit(digits.data[labelled] / 16, digits.target[labelled])
file = options.folder / "active_testing.npy"
file.unlink(missing_ok=True)
test_preds = alcore_sklearn.predict(others, digits.data[test] / 16, out=file)
scores = {
    "its mistakes as others expect them": alcore.expected_loss(test_preds, says, loss="zero-one"),
    "as it expects them itself": alcore.expected_loss(
        alcore_sklearn.predict(forest, digits.data[test]), loss="zero-one"
    ),
    "at random": np.ones(len(test)),
}

batch = alcore.power(scores["its mistakes as others expect them"], k=LABELS, rng=0)  # label these
found = wrong[batch.indices]
risk = alcore.lure(found, batch.q, len(test), support=batch.support)
print(f"wrong on all {len(test)} test images: {wrong.mean():.1%}")
print(
    f"by {LABELS} labels {risk.value:.1%} ± {risk.standard_error:.1%}; the plain mean of the same is biased: {found.mean():.1%}"
)

rng = np.random.default_rng(1)
for name, chosen in scores.items():
    errors = np.zeros(options.repeats)
    for i in range(options.repeats):
        batch = alcore.power(chosen, k=LABELS, rng=rng)
        risk = alcore.lure(wrong[batch.indices], batch.q, len(test), support=batch.support)
        errors[i] = risk.value - wrong.mean()
    print(f"typical error of {LABELS} labels, {name}: {np.sqrt((errors**2).mean()):.2%}")
print(f"compare heuristics on these predictions: alcore bench {file}")
