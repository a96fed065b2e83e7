"""The mean loss of a whole pool, estimated without bias from a few labelled rows.

Here live the estimators LURE and PURE with their weights, and the expected loss, which tells you which rows to test.
Imports scores, sources, the door and kernels. A new estimator joins `estimators`, a new loss `expected_loss`.
"""
