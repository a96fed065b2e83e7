"""``Update``: predictions learn labels that were told since they were made, and the free rows are ranked on the result."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import KW_ONLY, asdict, dataclass, replace
from sqlite3 import Connection
from typing import Any, final

import numpy as np

from alcore import door
from alcore.door import Reading
from alcore.heuristics import Heuristic
from alcore.heuristics.subsets import asking_about, targets_of
from alcore.ledger import checks, label_type, moments, reading
from alcore.ledger.errors import LedgerError
from alcore.ledger.ids import Positions, about_ids, ids_at, listed, positions_of
from alcore.ledger.label_columns import as_columns, check_order
from alcore.ledger.moments import Moment
from alcore.ledger.query import Query
from alcore.posterior.posterior import Posterior
from alcore.sources.ragged import Ragged
from alcore.sources.variances import is_constant

SEEDS = 1 << 53  # a JSON number that every program reads exactly
POOL = "predictions"  # what refusals call the rows that are asked about


@final
@dataclass(frozen=True, eq=False)
class Update:
    """Between two trainings: saved predictions learn the labels that came since, before `Ledger.ask` ranks the free rows.

    ``ledger.ask(heuristic, predictions, k, update=Update(trained_on=...))`` makes an `alcore.Posterior` of the predictions. It
    learns each label of the ledger that the model was not trained on, and the heuristic ranks new draws of the free rows. A
    label that the model was trained on is never learned a second time. Without labels to learn, the predictions are ranked as
    they are.

    The labels become classes in this way: the ledger's classes in their order (``Ledger(labels=["cat", "dog"])``), or whole
    numbers 0 … C − 1, or ``classes``. Labels of kind "binary" are 0 and 1 or false and true, those of "multilabel" lists of L of
    them, and those of "mean" numbers, or lists of D numbers.

    Args:
        trained_on: what the model of the predictions was trained on. The ids of its labels, such as ``ledger.labelled`` at the
            training. Or a `Query`: all labels that were there when it was asked. Or ``ledger.now`` of the moment at which the
            training read its labels. For a model that was trained on no label of this ledger ``[]``.
        scale: the scale of the `Posterior`, above 0. By default the evidence of the learned labels chooses it at each query. Labels
            of a test set tell it better: `Posterior.fit_scale`.
        draws: how many draws are ranked.
        classes: the label of each class, in the order of axis 1 of the predictions.
        leave_out: True to learn nothing from ids without a row in the predictions. Otherwise they are refused.

    Raises:
        TypeError: for arguments of another type.
        ValueError: for numbers out of range, and ``trained_on=None``.

    In a ledger that was restored from an export, a label that was corrected counts from its correction on. Pass ids there.

    Cost: that of `alcore.Posterior`. The draws are computed anew each time that the heuristic reads the rows.

    >>> import alcore, numpy
    >>> probs = numpy.random.default_rng(0).dirichlet(numpy.ones(3), size=(100, 20)).transpose(0, 2, 1)
    >>> ledger = alcore.Ledger(size=100)
    >>> first = ledger.ask(alcore.BatchBALD(), probs, k=5, rng=0)
    >>> ledger.tell(first, [0, 2, 1, 1, 0])
    >>> query = ledger.ask(alcore.BatchBALD(), probs, k=5, rng=0, update=alcore.Update(trained_on=first))
    >>> query.update["learned"], len(query)
    (5, 5)
    """

    trained_on: Any
    _: KW_ONLY
    scale: float | None = None
    draws: int = 100
    classes: Iterable[Any] | None = None
    leave_out: bool = False

    def __post_init__(self) -> None:
        if self.trained_on is None:
            raise ValueError(
                "trained_on: expected the ids whose labels the model was trained on, got None. A label must not be learned twice. "
                "Pass those ids, or the query that was asked when the model was new. If it was trained on no label of this "
                "ledger: trained_on=[]."
            )
        if isinstance(self.trained_on, str) or not isinstance(self.trained_on, Query | Iterable):
            raise TypeError(
                f"trained_on: expected ids, a Query or ledger.now, got {door.shown(self.trained_on)}. For one id pass "
                f"trained_on=[{self.trained_on!r}]."
            )
        if not isinstance(self.trained_on, Query | Moment | np.ndarray):
            object.__setattr__(self, "trained_on", list(self.trained_on))
        if self.scale is not None:
            object.__setattr__(self, "scale", door.as_scale(self.scale))
        door.as_size(self.draws, "draws")
        door.as_flag(self.leave_out, "leave_out")
        if self.classes is not None:
            if isinstance(self.classes, str) or not isinstance(self.classes, Iterable):
                raise TypeError(
                    f"classes: expected a list with the label of each class, got {door.shown(self.classes)}. Write "
                    "classes=['cat', 'dog'], in the order of axis 1."
                )
            object.__setattr__(self, "classes", label_type.as_label_type(list(self.classes)).named)  # type: ignore[union-attr]


def check_update(update: Any, predictions: Any, options: Mapping[str, Any]) -> None:
    """Refuse what cannot learn, before anything is read."""
    if not isinstance(update, Update):
        raise TypeError(
            f"update: expected an Update, got {door.shown(update)}. Write update=alcore.Update(trained_on=ids), with the ids whose "
            "labels the model was trained on."
        )
    if predictions is None:
        raise ValueError("update: expected predictions that learn, got None. Leave update out.")
    if isinstance(predictions, Ragged | Mapping) or options.get("mask") is not None:
        what = "heads" if isinstance(predictions, Mapping) else "sets, maps or sequences"
        raise ValueError(
            f"update: expected predictions (N, C, T), one label a row, got predictions of {what}. Leave update out."
        )


@dataclass(frozen=True, eq=False)
class ToLearn:
    """Labels that the model was not trained on, as they were when the free rows were read.

    Attributes:
        rows: (n,) their rows in the predictions.
        texts: their labels, as JSON texts.
        names: their ids, in words, for refusals.
    """

    rows: Positions
    texts: list[str]
    names: list[Any]
    classes: tuple[Any, ...] | None
    trained_on: Positions
    left_out: int


def to_learn(connection: Connection, update: Update, positions: Positions | None) -> ToLearn:
    """``positions``: those of the rows of the predictions. None for all ids."""
    labelled, texts = reading.labels_with_positions(connection)
    trained = _trained_on(connection, update.trained_on)
    places = np.full(about_ids(connection).size, -1)
    places[slice(None) if positions is None else positions] = np.arange(
        len(places) if positions is None else len(positions)
    )
    fresh = ~np.isin(labelled, trained)
    known = places[labelled] >= 0
    missing = labelled[fresh & ~known]
    if len(missing) and not update.leave_out:
        raise LedgerError(
            f"predictions: expected a row for each label to learn, but {len(missing)} labelled ids have none: "
            f"{listed(ids_at(connection, missing).tolist())}. Predict them too, or leave their labels out: "
            "alcore.Update(trained_on=trained_on, leave_out=True)."
        )
    kept = fresh & known
    own = label_type.read(connection)
    classes = update.classes
    if own.kind == "classes" and classes is None:
        classes = tuple(own.named)
        check_order(classes)
    return ToLearn(
        places[labelled[kept]],
        [text for text, keep in zip(texts, kept.tolist(), strict=True) if keep],
        ids_at(connection, labelled[kept]).tolist(),
        None if classes is None else tuple(classes),
        np.sort(trained),
        len(missing),
    )


def _trained_on(connection: Connection, given: Any) -> Positions:
    if isinstance(given, Moment):
        return moments.labels_at(connection, given)[0]
    if isinstance(given, Query):
        number = checks.as_number(given, about_ids(connection).identity, "this ledger")
        return moments.labels_at(connection, moments.before_query(connection, number))[0]
    positions = positions_of(connection, given) if len(given) else np.empty(0, np.int64)
    states = reading.items(connection, positions)
    for position in positions.tolist():
        if position not in states or states[position].state != "labelled":
            (one,) = ids_at(connection, np.array([position])).tolist()
            raise LedgerError(
                f"trained_on: expected ids that have a label, but {one!r} has none. Leave it out: it is not learned without a "
                "label."
            )
    return positions


@dataclass(frozen=True)
class Learned:
    """What is recorded of an update: numbers that JSON keeps exactly."""

    learned: int
    left_out: int
    trained_on: int
    digest: str
    scale: float
    draws: int
    seed: int
    effective_dimension: float

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Updated:
    """What is ranked in place of the predictions, and what was learned. None if there was no label to learn."""

    heuristic: Heuristic
    predictions: Any
    reading: Reading
    learned: Learned | None


def updated(
    update: Update,
    found: ToLearn,
    heuristic: Heuristic,
    predictions: Any,
    given: Reading,
    rows: int,
    rng: np.random.Generator,
) -> Updated:
    """``rows``: how many rows the predictions must have, as ids has."""
    targets = targets_of(heuristic)
    posterior = _posterior(update, predictions, targets, given)
    count, size = posterior.shape(POOL)
    if count != rows:
        door.refuse_unequal_rows(POOL, rows, count, "ids")
    labels = as_columns(found.texts, found.names, found.classes, size, given.kind)
    if not len(found.rows):
        return Updated(heuristic, predictions, given, None)
    posterior.learn(found.rows, labels, part=POOL)
    seed = int(rng.integers(SEEDS))
    drawn = posterior.draws(POOL, update.draws, rng=seed)
    parts = [posterior.draws(_name(place), update.draws, rng=seed) for place in range(len(targets))]
    changed = asking_about(heuristic, ((part, part.noise()) for part in parts))
    own = replace(given, kind=door.as_kind(drawn.kind), axes=None, weights=None, variance=drawn.noise())
    digest = hashlib.sha256(found.trained_on.astype("<i8").tobytes()).hexdigest()[:16]
    learned = Learned(
        learned=len(found.rows),
        left_out=found.left_out,
        trained_on=len(found.trained_on),
        digest=digest,
        scale=posterior.scale,
        draws=update.draws,
        seed=seed,
        effective_dimension=posterior.effective_dimension,
    )
    return Updated(changed, drawn, own, learned)


def _posterior(update: Update, predictions: Any, targets: list[tuple[Any, Any]], given: Reading) -> Posterior:
    parts = {POOL: predictions, **{_name(place): own for place, (own, _) in enumerate(targets)}}
    variance = {POOL: given.variance} | {_name(place): _noise_of(own, given) for place, (_, own) in enumerate(targets)}
    return Posterior(
        parts,
        scale=update.scale,
        kind=given.kind,
        axes=given.axes,
        weights=given.weights,
        variance=variance if given.kind == "mean" else None,
    )


def _noise_of(noise: Any, given: Reading) -> Any:
    if noise is None and given.kind == "mean":
        if not is_constant(given.variance, None):
            door.refuse_no_target_variance()
        return given.variance
    return noise


def _name(place: int) -> str:
    return "targets" if place == 0 else f"targets {place + 1}"
