# %% [markdown]
# # Digits in scikit-learn: a forest as a committee
#
# You use the trees of a random forest as draws, compare two heuristics with random picks over several seeds,
# and read how many labels each needs.

# %%
import alcore
import alcore_sklearn
import numpy as np
from alcore.stopping import LabelBudget
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier

x, y = load_digits(return_X_y=True)
order = np.random.default_rng(0).permutation(len(y))
test, pool = order[:500], order[500:1100]

# %% [markdown]
# ## One query
#
# Each tree is a draw: the forest gives predictions (600, 10, 50). Leaves of at least two images keep the trees
# from being sure of everything.
# <!-- numbers vary -->

# %%
labelled = np.arange(40)
forest = RandomForestClassifier(50, min_samples_leaf=2, random_state=0)
forest.fit(x[pool[labelled]], y[pool[labelled]])
preds = alcore_sklearn.predict(forest, x[pool])
batch = alcore.BatchBALD().select(preds, k=5, rng=0)
print("label next:", pool[batch.indices], "which are", y[pool[batch.indices]])
print("nats after each pick:", batch.information.round(2))

# %% [markdown]
# Trees disagree strongly, so a few labels would rule out all trees but one. The warning says so. A committee of
# trees suits heuristics that score rows one by one, and random picks in proportion to them.
#
# ## The whole campaign
#
# The functions below take ids, which are places in `pool`. A label can be any value that the classifier takes.


# %%
def train(ids, labels, seed):
    forest = RandomForestClassifier(50, min_samples_leaf=2, random_state=seed % 2**31)
    return forest.fit(x[pool[ids]], np.asarray(labels))


def predict(forest, ids):
    return np.concatenate(list(alcore_sklearn.predict(forest, x[pool[ids]])))


def metrics(forest):
    return {"accuracy": forest.score(x[test], y[test])}


def campaign(heuristic):
    loop = alcore.ActiveLearning(
        ledger=alcore.Ledger(len(pool)),
        train=train,
        predict=predict,
        oracle=lambda ids: y[pool[ids]],
        metrics=metrics,
        heuristic=heuristic,
        k=20,
        start=20,
        stop=LabelBudget(100),
    )
    return loop.repeat(seeds=4)


curves = {
    "margin": campaign(alcore.Margin()),
    "power-bald": campaign(alcore.PowerBALD()),
    "random": campaign(alcore.Random()),
}
for name, curve in curves.items():
    print(f"{name:10}", curve.mean("accuracy").round(3))

# %% [markdown]
# The shades are 95 % intervals of the mean over four seeds.

# %%
alcore.plot.curves(curves, "accuracy").savefig("curves.svg")

# %% [markdown]
# ![Accuracy against labels, for margin, PowerBALD and random picks](digits_sklearn/curves.svg)
#
# `labels_to` reads off how many labels a run needs for an accuracy. It is infinite for a run that does not get
# there.

# %%
for name, curve in curves.items():
    print(f"{name:10}", curve.labels_to("accuracy", 0.75).round(0))

# %% [markdown]
# A loss that should be that of the whole pool takes weights of the picks, as `sample_weight=`: see [Unbiased
# risk](../risk.md).
