"""Scores of one row at a time: what each row is worth, whatever the other rows are.

Here live the row-wise measures, EPIG, reductions of event axes, and estimates with their standard error. Imports sources, the
door and the kernels of the same name. A new measure is a function here, a kernel, an object in heuristics and a row of
``tests/cases.py``, which tests every law on it.
"""
