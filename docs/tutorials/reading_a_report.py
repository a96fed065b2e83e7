# %% [markdown]
# # Reading a report
#
# A report compares heuristics on saved predictions. After this tutorial you can make one and read it: what each table
# and picture says, and what it does not say.
#
# The predictions are those of 300 small networks. Each was trained on 40 labelled digits. The pool has 1 000 other digits.

# %%
import textwrap

import alcore
import alcore.bench
import alcore.plot
import numpy as np

saved = np.load("benchmarks/sample_predictions.npz")
names = ["bald", "entropy", "power-bald", "batchbald", "random"]
result = alcore.bench.compare(
    saved["pool"],
    k=10,
    heuristics=names,
    labels=saved["pool_labels"],
    test=saved["test"],
    test_labels=saved["test_labels"],
    steps=60,
    seeds=10,
    rng=0,
)
alcore.bench.write_report(result, "report.html", source="sample_predictions.npz")

# %% [markdown]
# Open `report.html` in a browser. It needs no network, so you can send it by mail. The command
# `alcore bench preds.npz --report report.html` writes the same page.
#
# ![The first page of a report of all heuristics: a summary, links to sections, and learning curves](../report.png)
#
# ## The summary
#
# The sentences at the top are the result. The rest of the page is the evidence.
#
# <!-- numbers vary -->

# %%
for sentence in alcore.bench.sentences(result):
    print(textwrap.fill(sentence, 74), end="\n\n")

# %% [markdown]
# Read them in this order:
#
# 1. **Who leads**, in the first sentence, with its interval. Then **the warning about calibration.** Everything rests on the
#    probabilities, so the ranking may change when they are mended. The last section tries it.
# 2. **The horizon.** So many labels ahead the replay looks, without training. The comparison says nothing about later labels.
# 3. **Who needed fewer labels than Random.** Only heuristics with a clear interval are named. The others were not shown
#    to be worse: ten runs cannot tell.
# 4. **The batch that tells most.** This is about the model, not about accuracy.
#
# ## The table of heuristics
#
# One row for each heuristic. In the report you can sort it by a click on a heading.
#
# <!-- numbers vary -->

# %%
table = result.tables()["heuristics"]
for row, name in enumerate(table["heuristic"]):
    nats, share = table["information"][row], table["share of the bound"][row]
    twice, alike = table["redundancy"][row], table["near-duplicates"][row]
    print(f"{name:10} {nats:.2f} nats, {share:.0%} of log T, ", end="")
    print(f"{twice:.2f} redundant, {alike:.0f} alike")

# %% [markdown]
# - `bald` and `batchbald` tell more than three times as much as the random rows. `batchbald` tells most, with less redundancy
#   than `bald`: its rows tell different things.
# - `entropy` asks for ambiguous digits too, about which the networks agree. Such labels tell less about the model.
# - No batch reaches 99 % of log T, so 300 draws can still tell these batches apart. A batch that does reach it is
#   too large for its draws.
# - Times are of this machine, and near-duplicates are counted on the mean prediction. Images that look alike to you can
#   have different predictions.
#
# ## What the batches tell
#
# The picture has the same nats, after each number of picks.

# %%
bound = ("log T", result.information_bound)
figure = alcore.plot.information(result.information_curves, bound=bound)
figure.savefig("information.svg")

# %% [markdown]
# ![Joint information of the first picks, one line for each heuristic](reading_a_report/information.svg)
#
# A line that bends down early has redundant rows. A line that is flat has exhausted its draws.
# The picture does not say that more nats give more accuracy. They may concern classes that your test set hardly has.
#
# ## Replay
#
# Here the labels come in. Ten rows at a time get their known labels, the draws learn them, and the test set is predicted anew.

# %%
replay = result.replays[0]
shown = {name: replay.curves[name] for name in ("bald", "entropy", "random")}
for metric in ("log-likelihood", "accuracy"):
    figure = alcore.plot.curves(shown, metric, horizon=replay.horizon)
    figure.savefig(f"{metric}.svg")

# %% [markdown]
# ![Log-likelihood against labels](reading_a_report/log-likelihood.svg)
#
# ![Accuracy against labels](reading_a_report/accuracy.svg)
#
# - **Look at the bands.** They are 95 % intervals of the mean over runs. BALD and entropy separate from Random in log-likelihood.
# - **Look at several metrics.** Log-likelihood counts how sure the right answer is. Accuracy counts which answer comes first,
#   and one test digit of 300 is 0.3 points.
# - **Stop at the dotted line.** To its right some heuristics are missing.
#
# The column "labels needed, % of Random's" turns the curves into labels:
#
# <!-- numbers vary -->

# %%
for name, share in replay.labels_like("random").items():
    interval = f"{share.low:.0%} to {share.high:.0%}"
    print(f"{name}: {share.share:.0%} of {share.labels} labels ({interval})")

# %% [markdown]
# `inf` says: within so many labels this heuristic did not reach what Random reached. An interval that ends at `inf` leaves
# the question open, and more seeds may close it. The runs vary the pool, and all use one test set. So the intervals say
# nothing about another test set.
#
# Ten labels are asked for at a time. With `at_a_time=(1, 10)` there is a replay of single labels too.
#
# ## Are there enough draws?
#
# The report says how many picks 300 fresh draws would pick again, which are certain, and how many draws would bring this to 80 %.
#
# <!-- numbers vary -->

# %%
for name, one in result.fresh_draws.items():
    print(f"{name:10} {one.overlap:.0%} ({one.low:.0%} to {one.high:.0%}),", end=" ")
    print(f"{one.certain.sum()} certain, 80 % with {one.enough:.0f} draws")

# %% [markdown]
# It is measured on disjoint parts of the draws. With half of the sample's draws, compared with the other half (20 splits, batches of 10):
#
# | heuristic | said | true | bootstrap of the draws |
# |---|---|---|---|
# | bald | 77 % | 80 % | 84 % |
# | margin | 32 % | 30 % | 36 % |
# | variation-ratio | 67 % | 55 % | 73 % |
#
# A bootstrap shares its noise with the batch, so it says too much. Of the picks called certain, 97 to 100 % were picked again.
#
# For 16 heuristics on bootstrapped regressions the overlap was right within 12 points with 50 draws. With 20 draws it was up to 16 points too
# high. The number of draws for 80 % is rough: half to twice the true number for most, and far too small for BatchBALD, where 130 was said and 500
# were not enough.
#
# ## Who picks alike
#
# <!-- numbers vary -->

# %%
print("same picks, bald and batchbald:", round(result.overlap[0, 3], 2))
print("same picks, bald and entropy:  ", round(result.overlap[0, 1], 2))
print("same ranking, bald and entropy:", round(result.rank_correlation[0, 1], 2))

# %% [markdown]
# The rankings of BALD and entropy agree over the whole pool, and their ten picks hardly do. The ends of a ranking
# decide what you label, so trust the overlap more than the correlation. Two heuristics with a large overlap need no choice.
#
# ## Classes of the picks

# %%
classes = result.tables()["classes"]
for row in (0, 1, 4):
    counts = [int(classes[str(c)][row]) for c in range(10)]
    print(f"{classes['heuristic'][row]:8}", counts)

# %% [markdown]
# Nine of ten entropy picks are the digit 8: the networks find this digit ambiguous. Such a batch has few different lessons.
#
# ## Calibration
#
# Below the diagonal a model is too sure, above it not sure enough. The bars count the test rows.

# %%
figure = alcore.plot.reliability(result.tempering.states)
figure.savefig("reliability.svg")

# %% [markdown]
# ![Accuracy against confidence, as predicted and with the temperature](reading_a_report/reliability.svg)
#
# Points with few rows jump by chance. The sentence in the summary takes that into account: it warns only where the
# error is above what chance gives in 99 of 100 test sets.
#
# ## The same with a temperature
#
# Follow the advice of the summary, and see whether the conclusion stays. `gains_over` gives how much better the
# log-likelihood is than Random's after equally many labels, with its 95 % interval.
#
# <!-- numbers vary -->

# %%
tau = round(result.tempering.temperature, 2)
pool, test = (
    alcore.bench.labelled(
        alcore.bench.tempered(saved[name], tau), saved[f"{name}_labels"]
    )
    for name in ("pool", "test")
)
both = {"bald": alcore.BALD(), "random": alcore.Random()}
gains = {"as predicted, 10 runs": replay.gains_over("random")["bald"]}
for seeds in (10, 20):
    again = alcore.bench.replay(both, pool, test, steps=60, seeds=seeds)
    gains[f"tempered, {seeds} runs"] = again.gains_over("random")["bald"]
for name, gain in gains.items():
    interval = f"{gain.low:+.3f} to {gain.high:+.3f}"
    print(f"{name}: {gain.gain:+.3f} ({interval}) at {gain.labels}")

# %% [markdown]
# BALD's lead stays when the probabilities are mended, so it does not come from wrong probabilities. Had its interval contained 0
# with twenty runs, the file could not tell.
#
# ## A report in five questions
#
# 1. Is there a warning about calibration? Then temper, and compare again.
# 2. How many labels are compared? Fewer than you will buy: save more draws.
# 3. Is a heuristic named as better than Random? If none is, use more seeds, or accept that the file cannot tell.
# 4. Do batches of your size stay below 99 % of log T, with few near-duplicates?
# 5. Do the classes of the picks suit you?
#
# [Benchmark your heuristics](../benchmark.md) says how each number is computed and what replay cannot see.
