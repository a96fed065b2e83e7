# %% [markdown]
# # Active testing
#
# How often is a model wrong? Labels of a test set answer it, and they are expensive. In this tutorial 60 labels measure
# the error of a model on 1 497 images, with an interval, and better than 60 labels at random do. The truth is known
# here, so every figure is compared with it.

# %%
import alcore
import alcore_sklearn
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.ensemble import BaggingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression

x, y = load_digits(return_X_y=True)
order = np.random.default_rng(0).permutation(len(x))
train, test = order[:300], order[300:]

# %% [markdown]
# ## The model under test
#
# It is a forest, trained on 300 images. It says a probability for each class of each test image. Its loss on an image
# is 1 where it is wrong. The last line knows all labels, and a tester does not.

# %%
forest = RandomForestClassifier(100, min_samples_leaf=3, random_state=0)
forest.fit(x[train], y[train])
predicted = forest.predict_proba(x[test])
wrong = predicted.argmax(axis=1) != y[test]
truth = wrong.mean()
print(f"wrong on {truth:.1%} of {len(test)} images")

# %% [markdown]
# ## Where are its mistakes?
#
# Another kind of model says where it expects them. Here it is an ensemble of 10 logistic regressions, trained on
# the same 300 images. `alcore.expected_loss` takes its draws and the predictions of the forest. An image has a high
# score where the ensemble gives a small probability to the class that the forest says.

# %%
regression = LogisticRegression(max_iter=300)
others = BaggingClassifier(regression, 10, random_state=0)
others.fit(x[train] / 16, y[train])
draws = alcore_sklearn.predict(others, x[test] / 16)
scores = alcore.expected_loss(draws, predicted, loss="zero-one")
print(f"mean score where the forest is right: {scores[~wrong].mean():.2f}")
print(f"mean score where it is wrong: {scores[wrong].mean():.2f}")

# %% [markdown]
# ## Label 60 images
#
# `alcore.power` draws images in proportion to their scores. `batch.q` has the probability of each pick. These images
# are labelled, and all that follows reads the labels of these images alone.

# %%
batch = alcore.power(scores, k=60, rng=1)
losses = wrong[batch.indices]  # needs the labels of the 60 picks
print(f"{losses.sum()} of {len(losses)} picks are wrong, {losses.mean():.1%}")

# %% [markdown]
# The picks are wrong far more often than the test set, because they were picked for that. `alcore.lure` weights them by
# their probabilities. The result is unbiased, and it has a standard error:

# %%
risk = alcore.lure(losses, batch.q, len(test), support=batch.support)
half = 2 * risk.standard_error
print(f"between {risk.value - half:.1%} and {risk.value + half:.1%}")
print(f"estimate {risk.value:.1%}, truth {truth:.1%}")

# %% [markdown]
# ## Is that luck?
#
# One test says little about a method. So the test is repeated 500 times, with 60 labels at random for comparison.


# %%
def repeat(scores, repeats=500):
    rng = np.random.default_rng(2)
    found = np.zeros((repeats, 2))
    for row in found:
        batch = alcore.power(scores, k=60, rng=rng)
        losses = wrong[batch.indices]
        row[:] = alcore.lure(losses, batch.q, len(test), support=batch.support)
    return found.T


uniform = np.ones(len(test))
results = {"at random": repeat(uniform), "by expected loss": repeat(scores)}
for name, (values, errors) in results.items():
    typical = np.sqrt(np.mean((values - truth) ** 2))
    covered = np.mean(np.abs(values - truth) < 2 * errors)
    print(f"{name}: typical error {typical:.2%}, interval right {covered:.0%}")

# %% [markdown]
# Both are right on average. The draw in proportion to the expected loss errs less, so it needs fewer labels for the
# same error.

# %%
figure, axes = plt.subplots(figsize=(7, 3.5), layout="constrained")
bins = (np.arange(14) - 0.5) / 60  # at random, estimates are multiples of 1/60
for name, (values, errors) in results.items():
    axes.hist(values, bins=bins, histtype="step", linewidth=1.5, label=name)
axes.axvline(truth, color="black", linestyle="--", label="truth")
axes.set_xlabel("error of the model, estimated from 60 labels")
axes.set_ylabel("repeats")
axes.legend(frameon=False)
figure.savefig("estimates.svg")

# %% [markdown]
# ![Histograms of 500 estimates: those drawn by expected loss lie closer around the truth than those at random](active_testing/estimates.svg)
#
# ## How many labels?
#
# The interval shrinks as labels come in. `alcore.lure` takes the picks so far, so you can stop when the interval is narrow enough
# for your decision. Decide on the width before you look at the values.

# %%
batch = alcore.power(scores, k=240, rng=3)
for labels in (30, 60, 120, 240):
    first = slice(0, labels)
    losses, q = wrong[batch.indices[first]], batch.q[first]
    risk = alcore.lure(losses, q, len(test), support=batch.support[first])
    half = 2 * risk.standard_error
    print(f"{labels:3} labels: {risk.value:.1%} ± {half:.1%}")

# %% [markdown]
# The formulas, other losses, and picks that are refused are in [Unbiased risk](../risk.md).
