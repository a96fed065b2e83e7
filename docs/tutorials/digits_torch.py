# %% [markdown]
# # Digits in PyTorch: a loop by hand, with BatchBALD
#
# You train a convolutional network on 20 images, let BatchBALD choose ten more, label them, and train again. At
# the end you compare the accuracy with that of random picks.

# %%
import alcore
import alcore_torch
import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

digits = load_digits()
images = torch.tensor(digits.images / 16, dtype=torch.float32)[:, None]
truth = torch.tensor(digits.target)
order = np.random.default_rng(0).permutation(len(truth))
test, everything = order[:500], order[500:]

# %% [markdown]
# ## A network with dropout
#
# Each training begins with new weights. Dropout stands before the two dense layers only, so [more draws are
# cheap](../adapters/torch.md).


# %%
def train(rows, seed):
    torch.manual_seed(seed)
    first, second = nn.Conv2d(1, 16, 3, padding=1), nn.Conv2d(16, 32, 3, padding=1)
    features = first, nn.ReLU(), nn.MaxPool2d(2), second, nn.ReLU(), nn.MaxPool2d(2)
    dense = nn.Linear(128, 64), nn.Linear(64, 10)
    head = nn.Dropout(0.3), dense[0], nn.ReLU(), nn.Dropout(0.3), dense[1]
    model = nn.Sequential(*features, nn.Flatten(), *head)
    optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(80):
        optimiser.zero_grad()
        nn.functional.cross_entropy(model(images[rows]), truth[rows]).backward()
        optimiser.step()
    return model.eval()


@torch.no_grad()
def accuracy(model):
    return float((model(images[test]).argmax(dim=1) == truth[test]).float().mean())


# %% [markdown]
# ## One step
#
# The pool is what has no label. `alcore_torch.predict` gives 50 draws of it. BatchBALD chooses rows of the
# pool, so its indices go through `pool` to become places in the data set.
# <!-- numbers vary -->

# %%
labelled, pool = everything[:20], everything[20:]
model = train(labelled, seed=0)
preds = alcore_torch.predict(model, images[pool], draws=50, kind="logits", seed=0)
batch = alcore.BatchBALD().select(preds, k=10, rng=0)
print(f"accuracy with 20 labels: {accuracy(model):.3f}")
print("label next:", pool[batch.indices])
print("nats after each pick:", batch.information.round(2))

# %% [markdown]
# BatchBALD adds up what the labels tell together. The gain of a pick is smaller than that of the pick before.
# These are the ten images:

# %%
figure, axes = plt.subplots(1, 10, figsize=(8, 1.2))
for place, pick in zip(axes, pool[batch.indices], strict=True):
    place.imshow(images[pick, 0], cmap="gray_r")
    place.set_title(int(truth[pick]), fontsize=9)
    place.axis("off")
figure.savefig("picks.png", dpi=100)

# %% [markdown]
# ![Ten images that BatchBALD chose, each with its digit above](digits_torch/picks.png)
#
# ## Four queries, and random picks beside them
#
# Both ways start from the same 20 labels of a seed. The known labels stand in for annotators.


# %%
def run(heuristic, seed, queries=4):
    rows = np.random.default_rng(seed).permutation(everything)
    labelled, pool, values = rows[:20], rows[20:], []
    for step in range(queries + 1):
        model = train(labelled, seed)
        values.append(accuracy(model))
        preds = alcore_torch.predict(
            model, images[pool], draws=50, kind="logits", seed=step
        )
        picks = heuristic.select(preds, k=10, rng=step).indices
        labelled, pool = np.append(labelled, pool[picks]), np.delete(pool, picks)
    return values


heuristics = {"batchbald": alcore.BatchBALD(), "random": alcore.Random()}
runs = {
    name: np.array([run(one, seed) for seed in (0, 1)])
    for name, one in heuristics.items()
}

# %% [markdown]
# <!-- numbers vary -->

# %%
labels = 20 + 10 * np.arange(5)
curves = {
    name: alcore.Curves(labels, {"accuracy": values}, np.arange(2))
    for name, values in runs.items()
}
for name, curve in curves.items():
    print(f"{name:10}", curve.mean("accuracy").round(3))
alcore.plot.curves(curves, "accuracy", level=0.5).savefig("curves.svg")

# %% [markdown]
# ![Accuracy against labels, for BatchBALD and for random picks](digits_torch/curves.svg)
#
# The shades are 50 % intervals. Two seeds decide nothing: their 95 % intervals are 13 times as wide. Ten
# seeds on a pool of repeated digits are in [Labels to accuracy](../speed/label_efficiency/index.md). The file
# of predictions of a run also serves [replay](../benchmark.md), which needs no training.
