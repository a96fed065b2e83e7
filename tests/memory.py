"""How much memory a piece of code takes at its peak, in a process of its own."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap

MEASURE_GROWTH = '''
import re, sys, threading, time
from pathlib import Path
import numpy as np
import alcore

def anonymous_mib():
    return int(re.search(r"RssAnon:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024

def blocks(count):
    """So many blocks of 64 MiB."""
    rng = np.random.default_rng(0)
    for _ in range(count):
        block = rng.random((16_777, 10, 100), dtype=np.float32) + np.float32(0.01)
        block /= block.sum(axis=1, keepdims=True)
        yield block

def peak_growth(work):
    alcore.bald(np.full((4, 10, 100), 0.1, np.float32))
    start, peak, done = anonymous_mib(), [0.0], threading.Event()
    def watch():
        while not done.wait(0.002):
            peak[0] = max(peak[0], anonymous_mib() - start)
    watcher = threading.Thread(target=watch, daemon=True)  # an error of the work ends the script
    watcher.start()
    work()
    done.set()
    watcher.join()
    return peak[0]
'''


def growth(code: str) -> float:
    """MiB that ``work`` of the code takes at its peak beyond what the process had before; ``blocks(count)`` is a stream for it."""
    script = MEASURE_GROWTH + textwrap.dedent(code) + "\nprint('growth', peak_growth(work))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    found = re.search(r"growth ([\d.]+)", done.stdout)
    assert found is not None, done.stderr
    return float(found[1])
