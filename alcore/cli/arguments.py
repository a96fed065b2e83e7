"""Reads what the commands are given: heuristics by name, arrays by file. Errors come before the work starts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

import alcore
from alcore import door
from alcore.bench.compare import DEFAULT, DEFAULT_OF_MEANS, JOINT
from alcore.bench.labels import check_same_cells, why_no_labels
from alcore.cli.options import HeuristicOptions, PredictionOptions
from alcore.cli.sentences import note
from alcore.door import Reading
from alcore.door.wording import word
from alcore.heuristics import Heuristic
from alcore.heuristics.names import check_name
from alcore.sources.axes import arranged, joined
from alcore.sources.files import exists, fitting, is_pattern
from alcore.sources.formats import NoMember
from alcore.sources.names import axes_of
from alcore.sources.reading import open_source
from alcore.sources.urls import File, Url, as_file
from alcore.sources.variances import PlacedVariance

IN_MEMORY_BYTES = 512 << 20
NUMBERS = re.compile(r"[-+.,\deE\s]+")  # one number, or several separated by commas
PLAIN = PredictionOptions()  # probabilities (N, C, ..., T)


def heuristics_named(
    named: str, source: Any, files: list[File], options: HeuristicOptions, read: PredictionOptions
) -> list[Heuristic]:
    """The heuristics that bench compares: those named, or all that the predictions allow."""
    names = [name.strip() for name in named.split(",")]
    targeted = options.targets is not None or _has_targets(files, source.shape, read)
    if named == "all":
        opened = open_source(source, Reading.of({"kind": read.kind}))
        alone = why_no_labels(opened) is not None
        default = DEFAULT_OF_MEANS if read.kind == "mean" else DEFAULT
        names = [name for name in default if not (alone and name in (*JOINT, "log-det"))]
        if targeted and not door.has_too_many_labels(opened.kind, opened.cell_shape[0]):
            names.append("epig")
    targets = read_targets(next(filter(_needs_targets, names), ""), files, options.targets, read)
    return [
        heuristic_named(
            name,
            options,
            targets if _needs_targets(name) else None,
            floor=options.floor if name.endswith("pairwise-kl") else None,
            target_variance=target_variance_of(name, files, options, read),
        )
        for name in names
    ]


def heuristic_of(
    name: str, files: list[File] | None, options: HeuristicOptions, read: PredictionOptions = PLAIN, **batch: Any
) -> Heuristic:
    """The heuristic of a command. Targets come from the file of --targets, else from the file of the predictions."""
    targets = None if files is None else read_targets(name, files, options.targets, read)
    noise = target_variance_of(name, files, options, read)
    return heuristic_named(name, options, targets, floor=options.floor, target_variance=noise, **batch)


def heuristic_named(name: str, options: HeuristicOptions, targets: Any, **more: Any) -> Heuristic:
    if name.endswith("precomputed"):
        raise ValueError(
            "heuristic: precomputed scores work only in Python. Select from them with alcore.top(scores, k)."
        )
    check_name(name, without=("precomputed",))
    given = {key: value for key, value in {"targets": targets, **more}.items() if value is not None}
    return alcore.heuristic(name, reduce=options.reduce, q=options.share, empty=options.empty, **given)


def reading_of(options: PredictionOptions, files: list[File] | None) -> dict[str, Any]:
    """Read the options and the files that a heuristic takes beside the predictions, which lie in ``files``."""
    return {
        "kind": options.kind,
        "over_labels": options.over_labels,
        "weights": load(options.weights),
        "variance": variance_of(options.variance, options, files),
        "output_weights": None if options.output_weights is None else floats(options.output_weights, "output_weights"),
        "mask": load(options.mask),
        "ignore_index": options.ignore_index,
    }


def variance_of(given: str | None, read: PredictionOptions, files: list[File] | None) -> Any:
    """The variances of means: one number, one for each output, or a file whose axes lie as those of the means."""
    if given is None or (files is None and not NUMBERS.fullmatch(given)):
        return None
    means = None if files is None else alcore.open_predictions(files[0], read.member, default="pool")
    return _numbers_or_placed(given, "variance", means, read)


def test_variance_of(given: str | None, test: File | None, files: list[File], read: PredictionOptions) -> Any:
    """The variances of the test set's noise: one number, one for each output, or a file whose axes lie as those of the test set."""
    return None if given is None else _numbers_or_placed(given, "test_variance", _member(test, files, "test"), read)


def _numbers_or_placed(given: str, name: str, means: Any, read: PredictionOptions) -> Any:
    if NUMBERS.fullmatch(given):
        return _numbers(given, name)
    return as_file(given) if means is None else _placed(given, name, means, read)


def _placed(given: str, name: str, means: Any, read: PredictionOptions) -> PlacedVariance:
    """The variances of a file, which lie as the means do."""
    reading = Reading.of({"kind": "mean", "axes": read.axes})
    axes = axes_of(means, reading if name == "variance" else reading.of_targets, name)
    try:
        return PlacedVariance(alcore.open_predictions(as_file(given), default=name), axes)
    except NoMember as error:
        raise ValueError(
            f"{given}: expected the variances as the only array or as member {name!r}, got other members. Save them as .npy, or "
            f"under the name {name!r}."
        ) from error


def target_variance_of(name: str, files: list[File] | None, options: HeuristicOptions, read: PredictionOptions) -> Any:
    """The variances of the targets' noise, for EPIG. None for other heuristics."""
    given = options.target_variance
    if given is None or not _needs_targets(name) or name == "batch-epig":
        return None
    means = None if files is None else _targets_of(name, files, options.targets)
    return _numbers_or_placed(given, "target_variance", means, read)


def _numbers(given: str, name: str) -> Any:
    found = floats(given, name)
    return found[0] if len(found) == 1 else found


def floats(text: str, name: str) -> list[float]:
    """Numbers, separated by commas."""
    try:
        return [float(part) for part in text.split(",")]
    except ValueError as error:
        raise ValueError(f"{name}: expected numbers, separated by commas, such as 0.5,2, got {text!r}.") from error


def check_scored(name: str) -> None:
    if name == "random":
        raise ValueError(
            "random: it draws rows at random, so scores mean nothing. Draw a batch: alcore select FILE --heuristic random."
        )
    if name in (*JOINT, "batch-epig", "log-det"):
        raise ValueError(
            f"{name}: it chooses a batch jointly, so no row has a score of its own. "
            f"Choose a batch: alcore select FILE --heuristic {name}."
        )


def named_files(files: list[File]) -> list[File]:
    """The files that are meant: for a pattern those that fit, part_2 before part_10. The order of several is printed."""
    found: list[File] = []
    for file in map(as_file, files):
        if isinstance(file, Url) and not file.is_pattern:
            found.append(file)
            continue
        there = isinstance(file, Path) and exists(file)
        fit = [] if there else fitting(file)
        if not fit and not there and is_pattern(file):
            see = f" See which there are: ls {word(file.parent)}." if isinstance(file, Path) else ""
            raise ValueError(f"{file}: no file has a name like this.{see}")
        found += [as_file(one) for one in fit] or [file]
    if len(found) > 1:
        note(f"{len(found)} files are one pool, with rows in this order: {', '.join(map(str, found))}.")
    return found


def open_files(files: list[File], options: PredictionOptions) -> Any:
    """The predictions of a file, or of several along the rows, as (N, C, ..., T), or as a `Ragged` where there are offsets."""
    if options.offsets is not None and len(files) > 1:
        raise ValueError(
            f"--offsets: expected one file of cells, got {len(files)} files. Join them first: "
            "alcore.save_predictions('all.npy', [paths]) in Python."
        )
    opened = [alcore.open_predictions(one, options.member, default="pool", offsets=options.offsets) for one in files]
    if len(opened) > 1:
        return joined(opened, [*map(str, files)], _reading(options), "files")
    if isinstance(opened[0], alcore.Ragged):
        return alcore.Ragged(in_order(opened[0].flat, options), opened[0].offsets)
    return in_order(opened[0], options)


def _reading(options: PredictionOptions) -> Reading:
    return Reading.of({"kind": options.kind, "axes": options.axes})


def in_order(source: Any, read: PredictionOptions, name: str = "probs") -> Any:
    """An array of a file as (N, C, ..., T). Targets and tests have no event axes."""
    reading = _reading(read)
    if name == "targets":
        reading.check_targets(source)
    return arranged(source, reading if name == "probs" else reading.of_targets, name)


def read_if_small(source: Any, read: PredictionOptions) -> tuple[Any, str]:
    """Read the predictions into memory if they are small, so that times do not include reading the file."""
    size = int(np.prod(source.shape, dtype=np.int64)) * source.dtype.itemsize
    if size > IN_MEMORY_BYTES:
        return source, "read from disk each time"
    return _whole_of(source, read, "probs"), "in memory"


def _whole_of(source: Any, read: PredictionOptions, name: str) -> Any:
    """Predictions (N, C, ..., T) of a file, read into memory."""
    blocks = list(open_source(source, Reading.of({"kind": read.kind}), name).blocks)
    return np.concatenate(blocks) if blocks else source


def _needs_targets(name: str) -> bool:
    return name.endswith("epig")


def read_targets(name: str, files: list[File], targets: File | None, read: PredictionOptions) -> Any:
    """Targets from the file of --targets, else from the file of the predictions if the heuristic needs them."""
    if targets is None and not _needs_targets(name):
        return None
    found = _targets_of(name, files, targets)
    if targets is None:
        note(f"the targets are the member 'target' of {', '.join(map(str, files))}, shape {found.shape}.")
    return _whole_of(in_order(found, read, "targets"), read, "targets")


def _targets_of(name: str, files: list[File], targets: File | None) -> Any:
    """The targets as they lie in their file."""
    if targets is not None:
        try:
            return alcore.open_predictions(targets, default="target")
        except NoMember as error:
            raise ValueError(
                f"{targets}: expected targets as the only array or as member 'target', got other members. "
                "Save them as .npy, or under the name 'target'."
            ) from error
    source = _own(files, "target")
    if source is None:
        raise ValueError(
            f"{name}: expected targets, predictions by the same draws for the inputs that you care about, but "
            f"{', '.join(map(str, files))} has no member 'target'. Name their file: --targets FILE."
        )
    return source


def _has_targets(files: list[File], shape: tuple[int, ...], read: PredictionOptions) -> bool:
    """True if the member 'target' holds predictions. Labels may have this name too, and do not count."""
    found = _own(files, "target")
    if found is None or len(found.shape) != 3 or found.dtype.kind in "iub":
        return False
    targets = open_source(in_order(found, read, "target"), Reading.of({"kind": read.kind}), "target")
    check_same_cells(targets, (*shape[1:2], *shape[-1:]), "target")
    return True


def read_labelled(
    files: list[File], labels: File | None, test: File | None, test_labels: File | None, read: PredictionOptions
) -> dict[str, Any]:
    """Labels and test set for `alcore.bench.compare`: from the files named, else from members of the predictions' file."""
    test_predictions = _member(test, files, "test")
    classes = _member(test_labels, [test] if test else files, "test_labels")
    return {
        "labels": _whole(_member(labels, files, "pool_labels")),
        "test": None if test_predictions is None else in_order(test_predictions, read, "test"),
        "test_labels": None if test_predictions is None else _whole(classes),
    }


def _member(named: File | None, files: list[File], name: str) -> Any:
    """The member of that name. If a file was named for it, its only array will do."""
    if named is None:
        return _own(files, name)
    try:
        return alcore.open_predictions(named, default=name)
    except NoMember as error:
        raise ValueError(
            f"{named}: expected {name} as the only array or as a member of that name, got other members. Save it as .npy, or "
            f"under the name {name!r}."
        ) from error


def _own(files: list[File], name: str) -> Any:
    """The member of that name beside the predictions, where these are in one file."""
    if len(files) != 1:
        return None
    try:
        return alcore.open_predictions(files[0], name)
    except NoMember:
        return None


def _whole(source: Any) -> Any:
    return None if source is None else np.asarray(source)


@contextmanager
def unchanged(*files: File | None) -> Iterator[None]:
    """Refuse files that somebody writes to while they are read."""
    before = {file: _state(file) for file in files if file is not None}
    yield
    for file, state in before.items():
        if _state(file) != state:
            raise ValueError(
                f"{file}: changed while it was read. Wait until it is complete, and run the command again."
            )


def _state(file: File) -> list[tuple[Any, ...]]:
    if isinstance(file, Url):
        return [*file.state()]
    file = Path(file)
    parts = sorted(part for part in file.rglob("*") if part.is_file()) if file.is_dir() else [file]
    stats = [(str(part), part.stat()) for part in parts if part.exists()]
    return [(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats]


def check_reduced(predictions: Any, reduce: str | None) -> None:
    if isinstance(predictions, alcore.Ragged):
        if reduce is None:
            raise ValueError(
                "probs: expected one score per row, but with --offsets each row is a set of cells. Reduce them: --reduce sum (or "
                "mean, max, top-mean)."
            )
    elif reduce is None and len(predictions.shape) > 3:
        raise ValueError(
            f"probs: expected one score per row, but predictions of shape {predictions.shape} have event axes. "
            "Reduce them: --reduce mean (or sum, max, top-mean)."
        )


def check_bench(options: PredictionOptions) -> None:
    if options.offsets is not None:
        raise ValueError(
            "--offsets: bench compares predictions (N, C, ..., T), and rows of different size have none. Leave --offsets out, or "
            "score them: alcore score FILE --offsets OFFSETS --reduce sum -o scores.npy."
        )


def load(file: File | None) -> Any:
    if file is None:
        return None
    check_ending(file, ".npy")
    return np.array(alcore.open_predictions(file))


def numbers(text: str, name: str) -> list[int]:
    """Whole numbers, separated by commas."""
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdigit() and int(part) for part in parts):
        raise ValueError(f"{name}: expected whole numbers from 1 on, separated by commas, such as 1,10, got {text!r}.")
    return [int(part) for part in parts]


def check_output(file: Path, endings: tuple[str, ...], *inputs: File | None) -> None:
    """Check the name of an output file before the work starts."""
    door.check_local(file, "output")
    check_ending(file, *endings)
    if not file.parent.is_dir():
        raise ValueError(f"{file}: the folder {file.parent} does not exist. Create it: mkdir -p {word(file.parent)}.")
    if file.is_dir():
        raise ValueError(f"{file}: expected a file to write, got a folder. Name another file.")
    if file.exists() and any(isinstance(read, Path) and read.exists() and file.samefile(read) for read in inputs):
        raise ValueError(f"{file}: this file is an input and would be overwritten. Name another file for the output.")


def check_ending(file: File, *endings: str) -> None:
    if file.suffix not in endings:
        *others, last = endings
        listed = f"{', '.join(others)} or {last}" if others else last
        raise ValueError(f"{file}: expected a file that ends in {listed}, got {file.suffix or 'no ending'!r}.")
