"""``alcore ledger ask --update``: which labels the model was trained on, and what the predictions learned."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from alcore import door
from alcore.cli.ledger_options import as_ids, ids_in
from alcore.cli.options import UpdateOptions
from alcore.cli.sentences import note, say
from alcore.door.wording import word
from alcore.ledger import Ledger, Query, Update, formats
from alcore.ledger.columns import PAST
from alcore.ledger.label_type import LabelType, as_label_type

NEW = "--trained-on labels.csv, an export that was written when the model was trained; --trained-on 3, the number of the first "
NEW += "query that was asked with these predictions; or --trained-on none"


def update_of(options: UpdateOptions, ledger: Ledger, run: Path) -> Update | None:
    """The update that the options ask for. None without --update."""
    if not options.update:
        for name in ("trained_on", "scale", "classes"):
            if getattr(options, name) is not None:
                option = f"--{name.replace('_', '-')}"
                raise ValueError(
                    f"{option}: this option says how predictions learn. Add --update, or leave {option} out."
                )
        return None
    if options.trained_on is None:
        raise ValueError(
            "--update: expected --trained-on, since a label that the model was trained on must not be learned again. "
            f"Name its labels: {NEW}."
        )
    classes = None if options.classes is None else _classes(options.classes, ledger)
    trained = _trained_on(options.trained_on, ledger, run)
    return Update(trained, scale=options.scale, draws=options.draws, classes=classes, leave_out=options.leave_out)


def note_learned(query: Query, update: Update | None = None) -> None:
    """What the query's predictions learned."""
    if query.update is None:
        if update is not None and len(query):
            note("no label came since the model was trained, so the predictions were ranked as they are.")
        return
    note(in_words(query.update))


def say_updates(updates: Mapping[int, Mapping[str, Any]], numbers: Iterable[int]) -> None:
    """What the predictions of some queries learned, a line each."""
    for number in sorted(set(numbers) & set(updates)):
        say(f"query {number}: {in_words(updates[number])}")


def in_words(update: Mapping[str, Any]) -> str:
    """`Query.update` as a sentence."""
    learned, left_out = update["learned"], update["left_out"]
    lacking = "1 label has no row and was" if left_out == 1 else f"{left_out:,} labels have no row and were"
    left = f" {lacking} left out." if left_out else ""
    return (
        f"{learned:,} {'label was' if learned == 1 else 'labels were'} learned that came since the model was trained on "
        f"{update['trained_on']:,} (scale {update['scale']:.3g}, effective dimension {update['effective_dimension']:.1f}).{left}"
    )


def _trained_on(text: str, ledger: Ledger, run: Path) -> Any:
    """Ids that have a label still. What the model knows of others cannot be learned twice."""
    if text == "none":
        return []
    door.check_local(text, "--trained-on")
    file = Path(text)
    if text.isascii() and text.isdecimal():
        found = list(ledger.labels_at(int(text)))
    elif not file.is_file():
        raise ValueError(
            f"--trained-on: expected a file, the number of a query, or none, got {text!r}. Name one: {NEW}."
        )
    elif file.suffix.lower() not in formats.FORMATS:
        found = list(ids_in(ledger, file))
    else:
        found = _ids_of_export(file, ledger, run)
    without = {one for ids in (ledger.pool, ledger.asked, ledger.aside) for one in ids.tolist()}
    return [one for one in found if one not in without]


def _ids_of_export(file: Path, ledger: Ledger, run: Path) -> list[Any]:
    """The ids of a file that have a label there, each once."""
    read = formats.read(file, as_label_type(ledger.label_type) or LabelType())
    texts = dict[str, None]()
    for number, row in read.rows:
        if row.get("ledger") not in (None, ledger.identity):
            raise read.refuse(
                number,
                f"ledger: expected {ledger.identity}, the identity of {run}, got {row['ledger']}. Name an export of this ledger.",
            )
        if row.get("label") is not None and row.get("state") != PAST:
            texts[str(row["id"])] = None
    if not texts:
        raise ValueError(
            f"{file}: expected ids with a label, got none. Name a file with the labels of the training, written by alcore ledger "
            f"export {word(run)} FILE --state labelled. For a model without labels: --trained-on none."
        )
    return list(as_ids(ledger, list(texts), f"{file}, id "))


def _classes(text: str, ledger: Ledger) -> list[Any]:
    """The labels of the classes as the ledger has them."""
    own = as_label_type(ledger.label_type) or LabelType()
    texts = [own.from_text(one.strip(), "--classes") for one in text.split(",")]
    return [LabelType("classes", (one,)).named[0] for one in texts if one is not None]
