"""Any source of predictions -> blocks of rows, and predictions -> files.

Here live the readers (arrays, files, lazy arrays, iterables of blocks), the one pass over blocks, the one bounded buffer, the
one thread pool, progress bars, and the writers. Imports the door, and those kernels that change a layout. A new kind of source
joins `reading`, a new file format `files`. Nothing here knows a heuristic.
"""
