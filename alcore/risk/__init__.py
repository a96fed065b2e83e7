"""The mean loss of a whole pool from a few labelled rows, without bias.

Here live the estimators LURE and PURE with their weights, and the expected loss that says which rows to test.
Imports scores, sources, the door and kernels. A new estimator joins `estimators`, a new loss `expected_loss`.
"""
