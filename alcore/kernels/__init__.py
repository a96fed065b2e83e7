"""The arithmetic: serial numba loops over contiguous arrays, each a formula with an ``out``.

The only folder that imports numba; it imports nothing else of alcore and checks nothing but what it is
asked to check. Names mirror the modules above it: ``measures.py`` there, ``kernels/measures.py`` here.
"""
