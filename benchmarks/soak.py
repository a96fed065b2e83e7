"""Run every law at length and write benchmarks/soak.md: what was tried, of which commit, and what became of it.

python benchmarks/soak.py                   # all of tests/, written
python benchmarks/soak.py tests/ledger      # that part alone, printed
"""

from __future__ import annotations

import datetime
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from harness import Table, cpu_model, memory_gib, yes_no

ROOT = Path(__file__).parents[1]
PAGE = Path(__file__).with_name("soak.md")
WORKERS = os.environ.get("WORKERS", "2")
FUZZED = ("inputs", "refused", "answered", "known_faults")  # what tests/soak records of a test
ENDED = ("kills", "races")  # what tests of several processes record
CAMPAIGNS = ("processes", "kills", "interrupts", "acknowledged", "foreign refused", "copies right", "copies refused")
WRONG = ("lost", "twice", "elsewhere", "asked twice", "half", "copies", "failed")  # of two campaigns
WRONG_OF_SYNC = ("lost", "wrong", "doubled")
SYNC = ("annotators", "tasks", "kills", *WRONG_OF_SYNC)
DELAYS = {  # of a sync: what tests record in milliseconds
    "label_ms": "longest time from a label in Label Studio to the ledger",
    "order_ms": "a new order of 1 000 tasks",
}
HEAD = """# The same laws at length

`make soak` writes this page. `make test` holds the code to the same laws in less: fewer kills, examples, inputs and seeds.
A test that fails here is a fault.
"""


@dataclass(frozen=True)
class Tried:
    """One test of the run: its file, how it ended, its seconds and what it recorded."""

    file: str
    name: str
    outcome: str
    seconds: float
    recorded: dict[str, int]


def main() -> None:
    named, start = sys.argv[1:], time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.xml")
        code = run(named or ["tests"], report)
        if not report.exists():
            raise SystemExit(f"pytest ended with {code} and wrote no report.")
        tried = read(report)
    page = render(tried, time.perf_counter() - start)
    print(page)
    if not named:
        PAGE.write_text(page, encoding="utf-8")
    raise SystemExit(code)


def run(paths: list[str], report: Path) -> int:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", WORKERS, "--dist", "worksteal"]
    environment = {**os.environ, "ALCORE_SOAK": "1"}
    return subprocess.run([*command, f"--junitxml={report}", *paths], cwd=ROOT, env=environment, check=False).returncode


def read(report: Path) -> list[Tried]:
    return [_tried(case) for case in ElementTree.parse(report).iter("testcase")]  # noqa: S314  written by pytest a moment ago


def _tried(case: ElementTree.Element) -> Tried:
    outcomes = {"failure": "failed", "error": "failed", "skipped": "skipped"}
    outcome = next((outcomes[part.tag] for part in case if part.tag in outcomes), "passed")
    recorded = {part.get("name", ""): int(part.get("value", "0")) for part in case.iter("property")}
    file = case.get("classname", "").replace(".", "/")
    return Tried(file, case.get("name", ""), outcome, float(case.get("time", "0")), recorded)


def render(tried: list[Tried], seconds: float) -> str:
    tables = [by_folder(tried), fuzzed(tried), killed(tried), campaigns(tried), synced(tried)]
    failed = "".join(f"- {test.file}: {test.name}\n" for test in tried if test.outcome == "failed")
    parts = [HEAD, facts(seconds), *(table.render() for table in tables if table.rows)]
    return "\n".join([*parts, f"## Failed\n\n{failed}"] if failed else parts)


def facts(seconds: float) -> str:
    found = {
        "date": f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}, {seconds / 60:.1f} minutes",
        "commit": _git("rev-parse", "--short=10", "HEAD")
        + (" with changes" if _git("status", "--porcelain", "-uno") else ""),
        "machine": f"{cpu_model()}, {len(os.sched_getaffinity(0))} cores, {memory_gib():.0f} GiB, {WORKERS} workers",
    }
    return "| | |\n|---|---|\n" + "".join(f"| {name} | {fact} |\n" for name, fact in found.items())


def by_folder(tried: list[Tried]) -> Table:
    """Tests, how they ended, and the seconds of all workers together, a folder a row."""
    rows = []
    for folder, tests in _grouped(tried, lambda test: "/".join(test.file.split("/")[:2])):
        ended = Counter(test.outcome for test in tests)
        rows.append(
            [
                folder,
                *(str(ended[end]) for end in ("passed", "failed", "skipped")),
                f"{sum(t.seconds for t in tests):.0f}",
            ]
        )
    total = Counter(test.outcome for test in tried)
    ends = [str(total[end]) for end in ("passed", "failed", "skipped")]
    rows.append(["all", *ends, f"{sum(test.seconds for test in tried):.0f}"])
    return Table(
        "Tests",
        "Seconds are those of all workers together.",
        ["folder", "passed", "failed", "skipped", "seconds"],
        rows,
    )


def fuzzed(tried: list[Tried]) -> Table:
    """What became of random inputs, a test a row."""
    text = (
        "Every input is either refused in one sentence that names what is wrong, or answered with what the definition gives; "
        "no input is written to. A known fault is on the list of its test, to be taken off when it is mended."
    )
    rows = [
        [
            name,
            *(f"{sum(test.recorded[kind] for test in tests):,}" for kind in FUZZED),
            f"{sum(test.seconds for test in tests):.0f}",
        ]
        for name, tests in _grouped((t for t in tried if "inputs" in t.recorded), _test_and_format)
    ]
    return Table("Random inputs", text, ["test", *(kind.replace("_", " ") for kind in FUZZED), "seconds"], rows)


def _test_and_format(test: Tried) -> str:
    """The name of a test without the number of the part of its inputs, which is its last parameter."""
    return re.sub(r"\[(.*)-\d+\]$", r" (\1)", re.sub(r"\[\d+\]$", "", test.name))


def killed(tried: list[Tried]) -> Table:
    """How many processes were killed, and for how many ids of a ledger several raced, a test a row."""
    text = "Processes ended by SIGKILL at random moments; ids of a ledger that 8 processes asked for and labelled at the same time."
    rows = [
        [test.name, *(f"{test.recorded[kind]:,}" if kind in test.recorded else "" for kind in ENDED)]
        for test in tried
        if any(kind in test.recorded for kind in ENDED) and not {"processes", "tasks"} & test.recorded.keys()
    ]
    return Table("Kills and races", text, ["test", "processes killed", "ids raced for"], rows)


def campaigns(tried: list[Tried]) -> Table:
    """What two campaigns went through together, and what went wrong."""
    text = (
        "Two ledgers have the same hostile ids. Each process asks, tells by Python, by files and by commands, imports, corrects, "
        "unlabels, sets aside, restores, withdraws and makes backups at random, and gives each ledger files of the other. SIGKILL, "
        "SIGINT and `cp` come at random moments. Each process keeps a journal on disk (fsync) of what was acknowledged. A judge "
        "compares. lost: an acknowledged act is missing. twice: a label was recorded twice. elsewhere: a label is on another id or "
        "in another ledger. asked twice: two queries had an id at one time. half: a part of an act is there. copies: a copy lacks "
        "what was acknowledged before it began, and was not refused. failed: an error that is no refusal."
    )
    rows = [row for test in tried if "processes" in test.recorded for row in _figures(test, (*CAMPAIGNS, *WRONG))]
    return Table("Two campaigns side by side", text, ["what", "found", "target", "reached"], rows)


def _figures(test: Tried, names: Iterable[str]) -> list[list[str]]:
    """A row for each figure. What is wrong is to be 0."""
    found = [(name, test.recorded[name], name in (*WRONG, *WRONG_OF_SYNC)) for name in names]
    return [
        [name, f"{count:,}", "0" if wrong else "", yes_no(not count) if wrong else ""] for name, count, wrong in found
    ]


def synced(tried: list[Tried]) -> Table:
    """What a sync with a real Label Studio lost, and how soon labels and orders came through."""
    text = (
        "`alcore ledger sync` with Label Studio 1.23.2 on this machine, beside the other tests of this run. Annotators label, "
        "correct and skip. SIGKILL ends the sync, and another one goes on. wrong: a label or an annotator is not the right one. "
        "Seconds are of 20 labels at a poll of 2 s, and of one new ranking."
    )
    rows = [row for test in tried if "tasks" in test.recorded for row in _figures(test, SYNC)]
    rows += [
        [what, f"{test.recorded[name] / 1000:.2f} s", "≤ 2 s", yes_no(test.recorded[name] <= 2000)]
        for name, what in DELAYS.items()
        for test in tried
        if name in test.recorded
    ]
    return Table("A sync with Label Studio", text, ["what", "found", "target", "reached"], rows)


def _grouped(tests: Iterable[Tried], key: Callable[[Tried], Any]) -> list[tuple[Any, list[Tried]]]:
    groups: dict[Any, list[Tried]] = {}
    for test in tests:
        groups.setdefault(key(test), []).append(test)
    return sorted(groups.items())


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    main()
