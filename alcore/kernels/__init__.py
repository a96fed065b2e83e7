"""The arithmetic: serial numba loops over contiguous arrays, each a formula with an ``out``.

Here live the kernels, in files named as those of scores, batches and risk that call them, and what these share (`log`, `product`,
`distributions`, `jit`). Imports numba, which no other folder does, and nothing of alcore. A new kernel checks nothing but what
it is asked to check, and is covered by a test that runs its source interpreted.
"""
