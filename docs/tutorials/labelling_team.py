# %% [markdown]
# # A labelling team
#
# Two annotators label images of digits. Ann works in a spreadsheet, Bob in Label Studio. A model chooses what they label
# next, and a ledger keeps order between them. After this tutorial you can run such a team from Python or from the
# command line.
#
# The truth is known here, so the answers of the annotators are made from it. In your project people type them.

# %%
import csv
import json
import subprocess
from pathlib import Path

import alcore
import alcore_sklearn
import numpy as np
from sklearn.datasets import load_digits
from sklearn.ensemble import ExtraTreesClassifier

x, y = load_digits(return_X_y=True)
order = np.random.default_rng(0).permutation(len(x))
x, y = x[order], y[order]
names = [f"img_{i:04}" for i in range(600)]  # the pool: 600 images
truth = dict(zip(names, y.tolist()))
row_of = {name: row for row, name in enumerate(names)}


# %% [markdown]
# ## The ledger
#
# Each image has a name, and the ledger knows it by that name. The commands `alcore ledger ...` do what the methods of
# `alcore.Ledger` do. This function runs a command and prints its answer:


# %%
def run(*command):
    done = subprocess.run(command, text=True, capture_output=True)
    print((done.stdout + done.stderr).strip())


with open("names.txt", "w") as file:
    file.write("\n".join(names))
run("alcore", "ledger", "create", "team.db", "--ids", "names.txt")

# %% [markdown]
# ## The first labels
#
# No model exists yet, so the first 30 images are drawn at random. `--asker` says for whom. `-o start.csv` writes the
# file that Ann opens in her spreadsheet. Her column is `label`:

# %%
ask = ("alcore", "ledger", "ask", "team.db")
at_random = ("--heuristic", "random", "-k", "30", "--seed", "0")
run(*ask, *at_random, "--asker", "ann", "-o", "start.csv")
print(*Path("start.csv").read_text().splitlines()[:3], sep="\n")


# %% [markdown]
# Ann fills in the digits and hands the file back. She leaves the last two rows empty, because she has to go.


# %%
def fill_in(path, leave=0):
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows[: len(rows) - leave]:
        row["label"] = truth[row["id"]]
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)


fill_in("start.csv", leave=2)
run("alcore", "ledger", "tell", "team.db", "start.csv", "--annotator", "ann")

# %% [markdown]
# The two rows without a label stay open. Ann fills them in later and hands in the same file again. The labels that are
# there already stay as they are.

# %%
fill_in("start.csv")
run("alcore", "ledger", "tell", "team.db", "start.csv", "--annotator", "ann")


# %% [markdown]
# ## The model asks
#
# The model is a forest, and each tree is a draw. It predicts all images of the pool. The ledger leaves those out that
# are labelled or asked.


# %%
def train():
    with alcore.Ledger.open("team.db") as ledger:
        rows = [row_of[name] for name in ledger.labelled]
        labels = [int(label) for label in ledger.labels]
        return ExtraTreesClassifier(50, random_state=0).fit(x[rows], labels)


def accuracy(model):
    return f"{model.score(x[600:], y[600:]):.2f} of the test images are right"


model = train()
alcore_sklearn.predict(model, x[:600], out="step_1.npy")
accuracy(model)

# %% [markdown]
# `power-bald` draws images in proportion to a power of their BALD. Two askers get different images, each in the kind of
# file that suits the annotator. A file that ends in `.json` holds tasks for Label Studio, and `--data` says what a task
# shows.

# %%
how = ("step_1.npy", "--heuristic", "power-bald", "--beta", "4", "-k", "20")
run(*ask, *how, "--seed", "1", "--asker", "ann", "-o", "ann.csv")
shown = ("--data", "image=https://images.example/{id}.png")
run(*ask, *how, "--seed", "2", "--asker", "bob", "-o", "bob.json", *shown)
tasks = json.loads(Path("bob.json").read_text())
print(tasks[0]["data"])

# %% [markdown]
# Bob imports `bob.json` into a project of Label Studio. Its [labelling interface](../ledger.md#label-studio) has a choice
# for each digit. He labels, and exports the project as JSON. An exported task has `annotations`. Bob skips the first image,
# which he cannot read.

# %%
for task in tasks:
    result = {
        "from_name": "label",
        "to_name": "image",
        "type": "choices",
        "value": {"choices": [str(truth[task["data"]["id"]])]},
    }
    bob = {"email": "bob@example.org"}
    task["annotations"] = [{"result": [result], "completed_by": bob}]
tasks[0]["annotations"] = [{"result": [], "was_cancelled": True}]
with open("bob_done.json", "w") as file:
    json.dump(tasks, file)
fill_in("ann.csv")
run("alcore", "ledger", "tell", "team.db", "ann.csv", "--annotator", "ann")
run("alcore", "ledger", "tell", "team.db", "bob_done.json")

# %% [markdown]
# ## One column, one type
#
# A choice in Label Studio is a string, `"3"`. A cell of a spreadsheet that reads as a number is a number, 3. The ledger
# keeps both as they are, so `3` and `"3"` are two labels, and a model would learn two classes for one digit. That is why
# `train` makes them one type. Words (`three`) are strings in both files and need no such care.

# %%
with alcore.Ledger.open("team.db") as ledger:
    print(sorted({type(label).__name__ for label in ledger.labels}))

accuracy(train())

# %% [markdown]
# ## What nobody can label
#
# The image that Bob skipped waits for an answer. Set it aside, and nobody is asked for it again:

# %%
with alcore.Ledger.open("team.db") as ledger:
    for query in ledger.open_queries():
        print(query.asker, "waits for", query.ids.tolist())
        ledger.set_aside(query.ids)
run("alcore", "ledger", "status", "team.db")

# %% [markdown]
# ## When annotators disagree
#
# Ann opens an image that Bob has labelled, and types another digit. The ledger refuses the whole file and says where.
# Agree first. Then `--overwrite` replaces the label, and the history keeps the old one.

# %%
disputed = tasks[1]["data"]["id"]
with open("late.csv", "w") as file:
    file.write(f"id,label\n{disputed},{(truth[disputed] + 1) % 10}\n")
run("alcore", "ledger", "import", "team.db", "late.csv", "--annotator", "ann")

# %% [markdown]
# ## Hand over the labels
#
# `export` writes the labels with who gave them, when, and with what probability each image was picked. `.jsonl` and `.parquet`
# work too, and an export of all states restores the ledger elsewhere. [The ledger](../ledger.md) has the details, the
# [command line](../command_line/ledger.md) all commands.

# %%
run("alcore", "ledger", "export", "team.db", "labels.csv", "--state", "labelled")
with open("labels.csv", newline="") as file:
    rows = list(csv.DictReader(file))
print(len(rows), list(rows[0])[:6])
