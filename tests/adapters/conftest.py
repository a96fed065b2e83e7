"""The files here are run by tests/test_adapters.py, each framework in a process of its own, and not beside the others."""

import os

if "ALCORE_ADAPTER" not in os.environ:
    collect_ignore_glob = ["*.py"]
