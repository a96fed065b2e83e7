"""Rows that are chosen together: scores or predictions -> `Batch`.

Here live `Batch`, the selections from scores (top, power, softmax, softrank), the joint batches (BatchBALD, 2-BALD, batch EPIG,
ICAL), and the information of any batch. The folder `search` holds what the joint batches share. Imports scores, sources, the
door and the kernels of the same name. A new way to choose is a function in a file of its own.
"""
