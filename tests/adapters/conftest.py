"""What is no test by itself: `test_adapters` runs the laws and the suites of each framework in a process of its own."""

import os

if "ALCORE_ADAPTER" not in os.environ:
    collect_ignore = ["laws.py", "torch", "keras", "flax", "sklearn"]
