# %% [markdown]
# # Digits in Flax: `ActiveLearning`, with EPIG
#
# You describe training, prediction and labels as functions, and `alcore.ActiveLearning` runs the loop. EPIG
# asks for the labels that tell most about the inputs you want to predict. Here these are the images of the
# digits 3, 5, 8 and 9.

# %%
import alcore
import alcore_flax
import numpy as np
import optax
from alcore.stopping import LabelBudget
from flax import nnx
from sklearn.datasets import load_digits

digits = load_digits()
images = (digits.images[..., None] / 16).astype("float32")
order = np.random.default_rng(0).permutation(len(images))
test, pool = order[:500], order[500:]
wanted = np.isin(digits.target[test], [3, 5, 8, 9])
targets = test[wanted][:100]

# %% [markdown]
# ## Training with fixed shapes
#
# JAX compiles a function for each shape of what it is given. Batches of 32 rows, drawn with replacement, have
# one shape for any number of labels.


# %%
class Net(nnx.Module):
    def __init__(self, rngs):
        self.conv = nnx.Conv(1, 16, (3, 3), strides=2, rngs=rngs)
        self.first = nnx.Linear(256, 64, rngs=rngs)
        self.drop = nnx.Dropout(0.4, rngs=rngs)
        self.last = nnx.Linear(64, 10, rngs=rngs)

    def __call__(self, x):
        x = nnx.relu(self.conv(x)).reshape(len(x), -1)
        return self.last(self.drop(nnx.relu(self.first(self.drop(x)))))


adam = optax.adam(3e-3)  # made once: another one would be compiled anew


@nnx.jit
def step(model, optimizer, x, y):
    def loss(model):
        return optax.softmax_cross_entropy_with_integer_labels(model(x), y).mean()

    optimizer.update(model, nnx.grad(loss)(model))


def train(ids, labels, seed):
    model = Net(nnx.Rngs(seed % 1000))
    optimizer = nnx.Optimizer(model, adam, wrt=nnx.Param)
    parts = np.random.default_rng(seed).integers(len(ids), size=(100, 32))
    for part in parts:
        step(model, optimizer, images[pool[ids[part]]], np.asarray(labels)[part])
    return model


# %% [markdown]
# ## Predictions of the pool and of the targets
#
# Both come from the same draws: the same `draws=` and `seed=`. The loop predicts a sample of 512 free images,
# so blocks of 128 have one shape too.


# %%
def predict(model, ids):
    return alcore_flax.predict(model, images[pool[ids]], draws=40, kind="logits")


def predict_targets(model):
    return np.concatenate(
        list(alcore_flax.predict(model, images[targets], draws=40, kind="logits"))
    )


evaluate = nnx.jit(lambda model, x: model(x))


def metrics(model):
    model.eval()
    said = np.asarray(evaluate(model, images[test])).argmax(axis=1)
    right = said == digits.target[test]
    return {"accuracy": float(right.mean()), "on targets": float(right[wanted].mean())}


# %% [markdown]
# ## The loop
#
# `repeat` runs it from an empty ledger for each seed and returns `alcore.Curves`.

# %%
options = {
    "train": train,
    "predict": predict,
    "oracle": lambda ids: digits.target[pool[ids]],
    "metrics": metrics,
    "sample": 512,
    "k": 10,
    "start": 20,
    "stop": LabelBudget(40),
}


def loop(**more):
    return alcore.ActiveLearning(ledger=alcore.Ledger(len(pool)), **options, **more)


curves = {
    "epig": loop(heuristic=alcore.EPIG, targets=predict_targets).repeat(seeds=2),
    "random": loop(heuristic=alcore.Random()).repeat(seeds=2),
}

# %% [markdown]
# <!-- numbers vary -->

# %%
for name, curve in curves.items():
    print(f"{name:7} on 3, 5, 8, 9:", curve.mean("on targets").round(3))
alcore.plot.curves(curves, "on targets", level=0.5).savefig("curves.svg")

# %% [markdown]
# ![Accuracy on the digits 3, 5, 8 and 9 against labels, for EPIG and for random picks](digits_flax/curves.svg)
#
# The shades are 50 % intervals of the mean. For a decision, run ten seeds and read 95 % intervals.
#
# With a ledger on disk, `alcore.Ledger.open("run.db", size=len(pool))`, a loop that was killed continues from
# its file: see [the loop](../loop.md).
