"""The active learning loop: train, predict, ask, label, and again.

`active_learning` is the loop over a ledger, `arguments` its checks, `cycle` a training and what is ranked by it, `wait` its
oracle of people, `notes` the records of its steps there, `same_loop` that of its settings. `pool_scores` records scores for
stopping criteria, and `curves` has learning curves. Imports heuristics, the ledger, stopping and the folders below. A new number
that a step records is a field of `Past` and joins `notes`.
"""
