# %% [markdown]
# # Digits in Keras: a ledger, with PowerBALD
#
# You keep a labelling campaign in a ledger file. A Keras model is trained on what has labels, PowerBALD asks
# for ten images, and the answers go back into the ledger. The picks also have the probabilities that unbiased
# estimates need.

# %%
import alcore
import alcore_keras
import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_digits

digits = load_digits()
images = (digits.images[..., None] / 16).astype("float32")
order = np.random.default_rng(0).permutation(len(images))
test, pool = order[:500], order[500:]

# %% [markdown]
# ## One model, many trainings
#
# The model is built once, and `alcore_keras.InitialWeights` writes the first weights back before each training.
# Then neither Keras nor the adapter compiles anew. Plain SGD has no state of its own that a training could
# inherit. Batches of one size keep one shape.

# %%
keras.utils.set_random_seed(0)
features = layers.Conv2D(16, 3, activation="relu"), layers.Flatten()
hidden = layers.Dropout(0.3), layers.Dense(64, "relu"), layers.Dropout(0.3)
body = *features, *hidden, layers.Dense(10)
model = keras.Sequential([keras.Input((8, 8, 1)), *body])
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(keras.optimizers.SGD(0.3), loss)
initial = alcore_keras.InitialWeights(model)


def train(rows, labels, seed):
    initial.restore()
    rng = np.random.default_rng(seed)
    for _ in range(150):
        part = rng.integers(len(rows), size=32)
        model.train_on_batch(images[rows[part]], labels[part])


def accuracy():
    said = model.predict(images[test], batch_size=500, verbose=0).argmax(axis=1)
    return float((said == digits.target[test]).mean())


# %% [markdown]
# ## Ask, label, tell
#
# The ledger holds one id for each image of the pool: its place in `pool`. `ledger.ask` chooses among the free
# ids alone, and writes the query into the file before it returns. Predictions that are a part of the pool come
# with `ids=`.


# %%
def campaign(file, heuristic, queries=4):
    values = []
    with alcore.Ledger.open(file, size=len(pool)) as ledger:
        first = ledger.label_randomly(20, rng=0)
        ledger.tell(first, digits.target[pool[first.ids]])
        for step in range(queries + 1):
            train(pool[ledger.labelled], np.asarray(ledger.labels), seed=step)
            values.append(accuracy())
            free = ledger.pool
            preds = alcore_keras.predict(
                model, images[pool[free]], draws=50, kind="logits", seed=step
            )
            query = ledger.ask(heuristic, preds, k=10, ids=free, rng=step)
            ledger.tell(query, digits.target[pool[query.ids]])
    return values, query


random, _ = campaign("random.db", alcore.Random())
power, last = campaign("power.db", alcore.PowerBALD())

# %% [markdown]
# <!-- numbers vary -->

# %%
print("labels    ", *range(20, 70, 10), sep="  ")
print("power-bald", np.round(power, 3))
print("random    ", np.round(random, 3))

# %% [markdown]
# One seed shows how the parts fit, and not which heuristic is better: [Labels to
# accuracy](../speed/label_efficiency/index.md) has ten seeds.
#
# ## What the ledger knows
#
# Each pick has the probability `q` with which it was drawn, given the picks before it. [Unbiased
# risk](../risk.md) uses it. The file can be opened in another process, and from the command line.

# %%
with alcore.Ledger.open("power.db") as ledger:
    print(
        len(ledger.labelled),
        "labels,",
        len(ledger.pool),
        "free,",
        len(ledger.open_queries()),
        "open queries",
    )

# %% [markdown]
# Here is the last query among the scores of the pool, by the model that asked it:
# <!-- numbers vary -->

# %%
print("digits of the last query:", digits.target[pool[last.ids]])
print("probability of each pick: ", last.q.round(4))
preds = alcore_keras.predict(model, images[pool], draws=50, kind="logits", seed=4)
figure = alcore.plot.scores({"bald": alcore.bald(preds)}, picks={"bald": last.ids})
figure.savefig("scores.svg")

# %% [markdown]
# ![Histogram of BALD over the pool, with the last ten picks in it](digits_keras/scores.svg)
#
# PowerBALD draws in proportion to BALD. So its picks lie over the whole range of scores, and more of them lie
# at the right than in the pool.
