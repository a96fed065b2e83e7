# %% [markdown]
# # Sentences, with a transformer
#
# You sort short messages of customers into four topics with a small transformer. Its sentences have several
# lengths, so they are padded and have a mask. BatchBALD chooses which messages to label. Nothing is downloaded:
# the transformer is built from a configuration, and the messages are generated.

# %%
import itertools

import alcore
import alcore_torch
import numpy as np
import torch
from transformers import BertConfig, BertForSequenceClassification

things = {
    "delivery": ["parcel", "courier", "van"],
    "payment": ["invoice", "card", "refund"],
    "account": ["password", "login", "profile"],
    "product": ["screen", "battery", "cable"],
}
starts = ["hello", "please help", "good morning", "hi there", "urgent"]
ends = [
    "is late",
    "is wrong",
    "does not work",
    "is missing",
    "again and again",
    "since monday",
]
topics, share = list(things), [0.7, 0.1, 0.1, 0.1]
rng = np.random.default_rng(0)


def message(topic):
    other = rng.choice(list(itertools.chain(*things.values())))
    aside = f" and the {other}" if rng.random() < 0.2 else ""
    return (
        f"{rng.choice(starts)} my {rng.choice(things[topic])}{aside} {rng.choice(ends)}"
    )


truth = np.append(rng.choice(4, 400, p=share), np.repeat(np.arange(4), 50))
texts = [message(topics[one]) for one in truth]
pool, test = np.arange(400), np.arange(400, 600)
print(texts[0], "|", texts[1])
print("messages of each topic in the pool:", np.bincount(truth[pool]))

# %% [markdown]
# Seven in ten messages of the pool are about deliveries. The test set has as many of each topic.
#
# ## Tokens, and a mask
#
# All sentences are padded to one length. So each draw has one dropout mask for all of them, as [consistent
# draws](../adapters/torch.md#transformers) need. With a tokenizer of transformers, this is
# `padding="max_length"`.

# %%
words = sorted({word for text in texts for word in text.split()})
number = {word: place + 1 for place, word in enumerate(words)}  # 0 is padding
longest = max(len(text.split()) for text in texts)
tokens = torch.zeros(len(texts), longest, dtype=torch.long)
for row, text in enumerate(texts):
    found = [number[word] for word in text.split()]
    tokens[row, : len(found)] = torch.tensor(found)
data = {"input_ids": tokens, "attention_mask": (tokens > 0).long()}
print(len(words), "words,", longest, "tokens a sentence")

# %% [markdown]
# ## A small transformer
#
# A configuration of BERT has dropout of 0.1 in the hidden layers and in attention. A small network needs larger
# first weights than a large one.

# %%
config = BertConfig(
    vocab_size=len(words) + 1,
    hidden_size=32,
    num_hidden_layers=1,
    num_attention_heads=2,
    intermediate_size=64,
    max_position_embeddings=longest,
    num_labels=4,
    initializer_range=0.1,
)


def part(rows):
    return {name: one[rows] for name, one in data.items()}


def train(rows, seed):
    torch.manual_seed(seed)
    model = BertForSequenceClassification(config).train()
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(40):
        optimiser.zero_grad()
        model(**part(rows), labels=torch.tensor(truth[rows])).loss.backward()
        optimiser.step()
    return model.eval()


@torch.no_grad()
def accuracy(model):
    return (model(**part(test)).logits.argmax(dim=1).numpy() == truth[test]).mean()


# %% [markdown]
# ## Choose messages
#
# A block is a dictionary, which becomes the arguments of the model. `output="logits"` names what to keep of
# what it returns.
# <!-- numbers vary -->

# %%
labelled, free = pool[:8], pool[8:]
model = train(labelled, seed=0)
preds = alcore_torch.predict(
    model, part(free), draws=30, kind="logits", output="logits"
)
probs = np.concatenate(list(preds))
batch = alcore.BatchBALD().select(probs, k=6, rng=0)
print(f"accuracy with 8 labels: {accuracy(model):.2f}")
print("topics with a label:", np.bincount(truth[labelled], minlength=4))
print("topics of the batch:", np.bincount(truth[free[batch.indices]], minlength=4))

# %% [markdown]
# The pool holds near-copies of one message. BatchBALD counts what a second copy adds. The six rows of highest
# BALD each count alone, so their labels tell less together:
# <!-- numbers vary -->

# %%
top = alcore.BALD().select(probs, k=6)
for name, rows in {
    "batchbald": batch.indices,
    "bald": top.indices,
    "random": np.arange(6),
}.items():
    print(f"{name:10} {alcore.batch_information(probs, rows).value:.2f} nats")

# %% [markdown]
# ## Train again, and compare
#
# Four queries of six messages, from the same start.


# %%
def campaign(heuristic, seed, queries=4):
    rows = np.random.default_rng(seed).permutation(pool)
    labelled, free, values = rows[:8], rows[8:], []
    for step in range(queries + 1):
        model = train(labelled, seed)
        values.append(accuracy(model))
        preds = alcore_torch.predict(
            model, part(free), draws=30, kind="logits", output="logits", seed=step
        )
        picks = heuristic.select(preds, k=6, rng=step).indices
        labelled, free = np.append(labelled, free[picks]), np.delete(free, picks)
    return values


labels, seeds = 8 + 6 * np.arange(5), (0, 1)
curves = {}
for name, heuristic in {
    "batchbald": alcore.BatchBALD(),
    "random": alcore.Random(),
}.items():
    values = np.array([campaign(heuristic, seed) for seed in seeds])
    curves[name] = alcore.Curves(labels, {"accuracy": values}, np.array(seeds))

# %% [markdown]
# <!-- numbers vary -->

# %%
for name, curve in curves.items():
    print(f"{name:10}", curve.mean("accuracy").round(2))
alcore.plot.curves(curves, "accuracy", level=0.5).savefig("curves.svg")

# %% [markdown]
# ![Accuracy on all four topics against labels, for BatchBALD and random picks](text_classification/curves.svg)
#
# The shades are 50 % intervals of the mean over two seeds.
#
# A model of tokens, one that tags words, returns a score for each token. [The PyTorch
# page](../adapters/torch.md#transformers) leaves padding out of such scores.
