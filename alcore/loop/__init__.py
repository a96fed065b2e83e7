"""The active learning loop: train, predict, ask, label, again.

Here live the loop over a ledger (`active_learning`), the notes it keeps there (`notes`), what the pool scored (`pool_scores`), and
learning curves of runs (`curves`). Imports heuristics, the ledger, stopping and what lies below. A new thing that a step
records is a field of `Past` and joins `notes`.
"""
