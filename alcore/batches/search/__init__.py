"""The search that joint batches share: lazy greedy over candidates with upper bounds.

Here live the rows to choose from and their bounds, the greedy loop, and the configurations of labels with their posteriors.
Imports what batches may import. A new objective is a class in the file of its batch. Only what two batches share comes here.
"""
