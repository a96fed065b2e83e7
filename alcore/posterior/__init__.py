"""Draws that learn: saved draws as directions of a Gaussian posterior, updated by labels without training.

Imports sources, door and, for softmax, kernels. A new likelihood joins `likelihoods`; a new way to find the mode joins `laplace`.
"""
