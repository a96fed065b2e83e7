"""Pages of the site that are files elsewhere: what the benchmarks generate, and what every repository keeps in its root."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[1]
BENCHMARKS = ROOT / "benchmarks"
LABELS = BENCHMARKS / "label_efficiency"
LABEL_PAGES = ("README.md", "filling.md", "replay.md", "replay_by_posterior.md", "second_task.md")
# A page of the site begins at this table of benchmarks/README.md and ends before the next one's.
FIRST_TABLES = {
    "adapters": "Adapters against loops by hand",
    "batchbald": "BatchBALD against its peers",
    "epig_and_ical": "EPIG against Baal",
    "ledger": "What the ledger survives",
    "measures": "BALD against Baal",
    "report_and_start": "Replay and report",
}
# Tables that belong to another page than the one in whose place they stand.
MOVED = {
    "BatchBALD where bounds are weak": "batchbald",
    "Batches by the determinant": "batchbald",
    "Float64 and pairwise divergence": "measures",
    "ICAL with many draws": "epig_and_ical",
    "Logits against a softmax first": "measures",
    "Logits against probabilities": "measures",
    "Maps against Baal": "measures",
    "Memory of EPIG": "epig_and_ical",
    "One yes or no against two classes": "measures",
    "Other orders of axes": "measures",
    "Threads and processes": "measures",
}
TITLES = {
    "adapters": "Adapters, measured",
    "batchbald": "BatchBALD and log-det batches, measured",
    "epig_and_ical": "EPIG and ICAL, measured",
    "ledger": "The ledger, measured",
    "measures": "Scores of rows, measured",
    "report_and_start": "The report and the start, measured",
}

SOURCES = (
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "benchmarks/README.md",
    "benchmarks/capacity.md",
    "benchmarks/soak.md",
    *(f"benchmarks/label_efficiency/{name}" for name in (*LABEL_PAGES, "curves.png")),
)


FOUND_LAST = "---\nsearch: {boost: 0.2}\n---\n\n"  # tables and lists of changes name everything and explain nothing


def pages() -> dict[str, str | bytes]:
    """Path in the site -> what stands there."""
    return {path: FOUND_LAST + text if isinstance(text, str) else text for path, text in _found().items()}


def _found() -> dict[str, str | bytes]:
    found: dict[str, str | bytes] = dict(benchmark_pages())
    for name in LABEL_PAGES:
        page = "index.md" if name == "README.md" else name
        found[f"speed/label_efficiency/{page}"] = _without_generated_mark((LABELS / name).read_text())
    found["speed/label_efficiency/curves.png"] = (LABELS / "curves.png").read_bytes()
    found["speed/capacity.md"] = _without_generated_mark((BENCHMARKS / "capacity.md").read_text())
    found["speed/soak.md"] = _without_generated_mark((BENCHMARKS / "soak.md").read_text())
    found["speed/report.png"] = (ROOT / "docs" / "report.png").read_bytes()
    found["changelog.md"] = (ROOT / "CHANGELOG.md").read_text()
    found["contributing.md"] = (ROOT / "CONTRIBUTING.md").read_text()
    return found


def benchmark_pages() -> dict[str, str]:
    """benchmarks/README.md cut where `FIRST_TABLES` says; its head, with the machine and the misses, is a page too."""
    head, *tables = _without_generated_mark((BENCHMARKS / "README.md").read_text()).split("\n## ")
    starts = {title: page for page, title in FIRST_TABLES.items()}
    parts: dict[str, list[str]] = {page: [f"# {TITLES[page]}\n"] for page in FIRST_TABLES}
    page = next(iter(FIRST_TABLES))
    for table in tables:
        title = table.partition("\n")[0]
        page = starts.get(title, page)
        parts[MOVED.get(title, page)].append(f"## {table}")
    return {"speed/machine.md": head + "\n", **{f"speed/{page}.md": "\n".join(part) for page, part in parts.items()}}


def _without_generated_mark(text: str) -> str:
    return text.split("-->\n", 1)[1].lstrip() if text.startswith("<!--") else text
