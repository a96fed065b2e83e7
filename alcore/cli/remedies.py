"""Remedies of errors as command lines. A ledger's errors name the Python call that helps; here each has its command."""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path

from alcore.door.wording import word
from alcore.ledger.label_text import encode, to_cell

TEXT = r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\""  # as Python writes one
WORD = "'(?:[^']|'\"'\"')*'|[^)\\s]*"  # as `word` writes one
# A call as errors of alcore write it, and what does the same on the command line. {run} is the ledger's file, {ids} are the ids
# of the call, {1} is the first group. The first that fits is taken.
REMEDIES = (
    (r"ledger\.(?P<verb>restore|unlabel|history)\(\[(?P<ids>.*?)\]\)", "alcore ledger {verb} {run} {ids}"),
    (r"ledger\.add\((?P<count>\d+)\)", "alcore ledger add {run} {count}"),
    (r"ledger\.add\(\['name', \.\.\.\]\)", "alcore ledger add {run} NAME"),
    (r"ledger\.add\(ids\)", "alcore ledger add {run} IDS"),
    (r"ledger\.open_queries\(\)( \(alcore ledger status\))?", "alcore ledger status {run}"),
    (rf"ledger\.tell_file\((?P<file>{TEXT})\)( \(alcore ledger tell\))?", "alcore ledger tell {run} {file}"),
    (r"id=KEY, label=KEY \((?P<option>--[^)]*)\)", "{option}"),
    (
        rf"(?P<key>id|label|agree|answer)=(?:{TEXT}|\S+) \((?P<option>--\w+ (?:{WORD}))\)",
        "{option}",
    ),
    (r"ledger\.import_file\(path\)( \(alcore ledger import\))?", "alcore ledger import {run} FILE"),
    (
        rf"ledger\.import_file\((?P<file>{TEXT})\)( \(alcore ledger import\))?",
        "alcore ledger import {run} {file}",
    ),
    (r"ledger\.label\(\{id: label\}\)", "alcore ledger import {run} FILE"),
    (r"ledger\.tell\(query, labels\)", "alcore ledger tell {run} FILE"),
    (r"ledger\.ask\(heuristic, predictions, k\)", "alcore ledger ask {run} PREDICTIONS"),
    (r"ledger\.ids\b", "alcore ledger export {run} all.csv"),
    (r"ledger\.backup\((path|copy|'[^']*')\)", "alcore ledger backup {run} COPY"),
    (r"empty=0\.0", "--empty 0"),
    (r"Pass reduce='sum' too, or leave empty out", "Pass --reduce sum too, or leave --empty out"),
    (r"ledger\.label\(\{(?P<one>.+?): label\}, overwrite=True\)", "alcore ledger import {run} FILE --overwrite"),
    (r"overwrite=True( \(--overwrite\))?", "--overwrite"),
    (
        r"Ledger\.open\(path, size=N\), or with names Ledger\.open\(path, ids=\[\.\.\.\]\)",
        "alcore ledger create {run} --size N, or with names alcore ledger create {run} --ids FILE",
    ),
    (r", or wait longer: Ledger\.open\(path, timeout=\d+\)", ""),
    (r"make the copy with ledger\.backup\(copy\)", "make the copy with alcore ledger backup {run} COPY"),
    (r"open what the file holds: Ledger\.open\(path, lost_log=True\)", "alcore ledger backup --lost-log {run} COPY"),
    (r"Ledger\.open\(path(, readonly=True)?\)", "alcore ledger status {run}"),
    (r"labels='text' \(alcore ledger create --labels text\)", "alcore ledger create NEW.db --labels text"),
    (r"(?P<option>asker|annotator)='ann'", "--{option} ann"),
    (r"Replace it: text\.encode\('utf-8', 'replace'\)\.decode\(\)", "Type it anew"),
    (r"Leave update out", "Leave --update out"),
    (r"alcore\.Update\(trained_on=trained_on, leave_out=True\)", "--leave-out"),
    (rf"classes=\[(?P<classes>(?:{TEXT}|[^\]'\"])*)\]", "--classes {classes}"),
    (r"^rng: ", "--seed: "),
    (r"^(?P<option>mask): ", "--{option}: "),
    (r"^ignore_index: ", "--ignore-index: "),
    (r"Pass mask=labels, or leave ignore_index out", "Pass --mask LABELS.npy, or leave --ignore-index out"),
    (r"Leave ignore_index out", "Leave --ignore-index out"),
    (r"Leave mask out", "Leave --mask out"),
    (
        r"For maps and sequences choose by BatchBALD\(positions=16\)",
        "For maps and sequences choose by --heuristic batchbald --positions 16",
    ),
    (r"Reduce them: Reduce\(.*, 'mean'\)", "Reduce them: --reduce mean"),
    (r"ignore_index=(?P<value>-?\d+)", "--ignore-index {value}"),
    (
        r"reduce a score, Reduce\(BALD\(\), 'mean'\), or compare rows at some positions, BatchBALD\(positions=16\)",
        "reduce a score, --heuristic bald --reduce mean, or compare rows at some positions, --heuristic batchbald --positions 16",
    ),
    (
        r"pass alcore\.concatenate_draws\(files, axes='(?P<axes>\w+)'\) without axes=\. If they are blocks of rows, pass .*",
        "join them in Python, alcore.concatenate_draws(files, 'all.npy', axes=\"{axes}\"), and pass all.npy without --axes. If "
        "they are blocks of rows, join them with np.concatenate.",
    ),
    (r"\b(?P<option>kind|axes)='(?P<value>\w+)'", "--{option} {value}"),
    (r"^(?P<option>kind|axes): ", "--{option}: "),
    (r"^over_labels: ", "--over-labels: "),
    (r"alcore\.log_det\(means, k, variance=\.\.\.\) or alcore\.LogDet\(\)", "--heuristic log-det"),
    (r"alcore\.variance\(means, 'epistemic'\)", "--heuristic epistemic-variance"),
    (r"alcore\.BALD\(\), alcore\.Entropy\(\) or alcore\.Variance\('total'\)", "--heuristic bald, entropy or variance"),
    (r"alcore\.BALD\(\) or alcore\.EPIG\(targets\)", "--heuristic bald or epig"),
    (r"alcore\.MeanStd\(\) or alcore\.BALD\(\)", "--heuristic mean-std or bald"),
    (r"^target_variance: ", "--target-variance: "),
    (r"^test_variance: ", "--test-variance: "),
    (r"^variance: ", "--variance: "),
    (r"^output_weights: ", "--output-weights: "),
    (r"(?P<name>test|target)_variance=(?P<value>[\d.]+), or an array", "--{name}-variance {value}, or a file"),
    (r"target_variance=(?P<value>[\d.]+)", "--target-variance {value}"),
    (r"(?P<leave>[Ll]eave) (?P<name>test|target)_variance out", "{leave} --{name}-variance out"),
    (
        r"beside it, test=means, got none\. Pass the means of the test set",
        "beside it, got none. Pass --test FILE and --test-labels FILE",
    ),
    (r"variance=(?P<value>[\d.]+)", "--variance {value}"),
    (r"(?P<leave>[Ll]eave) (?P<option>kind|variance) out", "{leave} --{option} out"),
    (r"(?P<leave>[Ll]eave) output_weights out", "{leave} --output-weights out"),
    (
        r"Leave over_labels out\. For event axes use alcore\.Reduce",
        "Leave --over-labels out. For event axes use --reduce mean",
    ),
)


def as_commands(text: str, run: Path | None = None) -> str:
    """The text of an error with command lines in place of Python calls.

    >>> as_commands("3 was set aside. Restore it first: ledger.restore([3]).", Path("my run.db"))
    "3 was set aside. Restore it first: alcore ledger restore 'my run.db' 3."
    """
    file = "RUN.db" if run is None else word(run)
    for pattern, command in REMEDIES:
        text = re.sub(pattern, lambda found, command=command: _filled(command, file, found), text)  # type: ignore[misc]
    return text


def _filled(command: str, run: str, found: re.Match[str]) -> str:
    words = found.groupdict()
    if "ids" in words:
        words["ids"] = _ids(words["ids"])
    if "file" in words:
        words["file"] = word(ast.literal_eval(words["file"]))
    if "classes" in words:
        words["classes"] = _classes(words["classes"])
    return command.format(run=run, **words)


def _classes(text: str) -> str:
    """Classes of a Python list as one word. Some texts cannot be written so: with commas, or those that read as JSON."""
    found = []
    for one in ast.literal_eval(f"[{text}]"):
        cell = "OTHERS" if one is ... else to_cell(encode(one, "classes"))
        if "," in cell or not cell.isprintable() or (isinstance(one, str) and cell != one):
            return "LABELS"
        found.append(cell)
    return word(",".join(found))


def _ids(text: str) -> str:
    """Ids of a Python list as words of a command line."""
    try:
        ids = [str(one) for one in ast.literal_eval(f"[{text}]")]
    except (ValueError, SyntaxError):
        return "IDS"
    if not all(map(str.isprintable, ids)):
        return "IDS"
    dashes = "-- " if any(one.startswith("-") for one in ids) else ""
    return dashes + " ".join(map(shlex.quote, ids))
