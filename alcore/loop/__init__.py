"""The active learning loop: train, predict, ask, label, again.

Here live the loop over a ledger, the notes it keeps there, and the learning curves of its runs. Imports heuristics, the
ledger, stopping and what lies below. A new thing that a step remembers joins `notes`.
"""
