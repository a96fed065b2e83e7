"""The active learning loop: train, predict, ask, label, again, recorded at each step and continued where it was killed."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from alcore import door
from alcore.batches.batch import Batch
from alcore.heuristics import Heuristic, Random
from alcore.ledger import Ledger, Query
from alcore.loop.curves import Curves
from alcore.loop.notes import as_note, as_past
from alcore.loop.pool_scores import RecordingHeuristic
from alcore.sources.progress import track
from alcore.stopping.criterion import Stopping
from alcore.stopping.history import Past

Ids = npt.NDArray[Any]
# Streams of random numbers of a step, one for each use. A run gives the same bits as before only while these numbers stay.
_TRAINING, _CHOOSING, _SAMPLING, _STARTING, _PREDICTING = range(5)


@dataclass(frozen=True, eq=False)
class Step:
    """One active learning step.

    Attributes:
        past: its number, counts and metrics, as stopping criteria see them.
        model: what `train` returned.
        query: what was asked and labelled with this model; None in the closing step, whose model has all labels.
        stopped: why the run ends with this step; None where it goes on.
    """

    past: Past
    model: Any
    query: Query | None
    stopped: str | None = None

    @property
    def metrics(self) -> Mapping[str, float]:
        return self.past.metrics


@dataclass(frozen=True, eq=False, kw_only=True)
class ActiveLearning:
    """Train, predict the pool, choose, have labelled, and again, until a criterion says stop; one more model closes the run.

    ``for step in loop:`` sees each step's model, query and metrics; ``loop.run()`` goes to the end. Each step is in the ledger
    before its labels are asked for, so that a run which was killed goes on from its file with the same seeds, and with a
    deterministic model to the same end, bit for bit: ``ActiveLearning(ledger=Ledger.open("run.db", size=N), ...)``.

    Args:
        ledger: the ids and their labels; what is labelled already is trained on too.
        train: ``train(ids, labels) -> model``. **A model with fresh weights at each step**: make it inside. A function with a
            parameter ``seed`` is given one, of the run's seed and the step; one with a parameter ``model`` is given the last step's
            model to go on with, None at the first step and the first after a kill, so that such runs may end otherwise.
        predict: ``predict(model, ids) -> predictions`` (n, C, ..., T) of any kind that heuristics take, a row for each id; with a
            parameter ``seed`` as above. Not called for heuristics that need none (`Random`).
        heuristic: any of alcore's; or with ``targets`` a function of their predictions, such as ``EPIG``.
        oracle: ``oracle(ids) -> labels``, in their order or {id: label}, from a file or a person. Where it labels some ids alone,
            it is asked again for the others; where it labels none the iteration ends, and another one goes on from there.
        k: query size.
        start: how many ids drawn at random are labelled before the first model, where fewer are.
        stop: a criterion or several, such as ``LabelBudget(150) | NoImprovement("accuracy", 5, direction="max")``; asked at the
            end of each step. Without one the run ends with the pool.
        metrics: ``metrics(model) -> {name: number}``.
        targets: ``targets(model) -> predictions`` of the inputs one cares about, for EPIG.
        predicted: ``predicted(model) -> (M,) classes`` of a fixed set, for `StablePredictions`.
        sample: ids of the pool, drawn at random at each step, that are predicted and ranked; all by default.
        kind: of predictions and targets, "probs" or "logits".
        seed: of everything random in the run.
        asker: the name under which the ledger keeps the run; several may share a ledger.
        progress: a bar of the labels bought, on terminals after two seconds, where rich is installed.

    Raises: `LedgerError` and what the functions raise; what was recorded stays, and the run can go on.

    >>> import alcore, numpy
    >>> from alcore.stopping import LabelBudget
    >>> rng = numpy.random.default_rng(0)
    >>> x = rng.normal(size=60); truth = (x > 0).astype(int)
    >>> def train(ids, labels):  # a committee of thresholds that fit the labels
    ...     low = max([x[i] for i, y in zip(ids, labels) if y == 0], default=-3)
    ...     high = min([x[i] for i, y in zip(ids, labels) if y == 1], default=3)
    ...     return numpy.linspace(low, high, 20)
    >>> def predict(model, ids):
    ...     p = (x[ids][:, None] > model).astype(float)
    ...     return numpy.stack([1 - p, p], axis=1)
    >>> loop = alcore.ActiveLearning(ledger=alcore.Ledger(60), train=train, predict=predict, heuristic=alcore.BALD(),
    ...     oracle=lambda ids: truth[ids], k=1, start=4, stop=LabelBudget(6), seed=1,
    ...     metrics=lambda model: {"accuracy": float(((x > model.mean()) == truth).mean())})
    >>> for step in loop:
    ...     end = step.stopped
    >>> end, loop.history[-1].metrics["accuracy"] > 0.95
    ('6 labels bought of a budget of 6', True)
    """

    ledger: Ledger
    train: Callable[..., Any]
    predict: Callable[..., Any]
    heuristic: Heuristic | Callable[[Any], Heuristic]
    oracle: Callable[[Ids], Any]
    k: int = 10
    start: int = 20
    stop: Stopping | None = None
    metrics: Callable[[Any], Mapping[str, float]] | None = None
    targets: Callable[[Any], Any] | None = None
    predicted: Callable[[Any], npt.NDArray[np.integer]] | None = None
    sample: int | None = None
    kind: str = "probs"
    seed: int = 0
    asker: str = "default"
    progress: bool = True

    def __post_init__(self) -> None:
        if not isinstance(self.ledger, Ledger):
            raise TypeError(
                f"ledger: expected a Ledger, got {type(self.ledger).__name__}: Ledger.open('run.db', size=N)."
            )
        for name in ("train", "predict", "oracle"):
            if not callable(getattr(self, name)):
                raise TypeError(f"{name}: expected a function, got {type(getattr(self, name)).__name__}.")
        for name in ("metrics", "targets", "predicted"):
            if getattr(self, name) is not None and not callable(getattr(self, name)):
                raise TypeError(f"{name}: expected a function of the model, got {type(getattr(self, name)).__name__}.")
        if self.targets is None and not isinstance(self.heuristic, Heuristic):
            raise TypeError(
                f"heuristic: expected one of alcore's, such as BALD(), got {self.heuristic!r}. One with targets: "
                "heuristic=EPIG, targets=lambda model: ..."
            )
        if self.targets is not None and isinstance(self.heuristic, Heuristic):
            raise TypeError(
                "heuristic: expected a function of the predictions of targets, such as EPIG, got a heuristic."
            )
        if self.stop is not None and not isinstance(self.stop, Stopping):
            raise TypeError(f"stop: expected a criterion of alcore.stopping, got {self.stop!r}.")
        door.as_size(self.k, "k")
        door.as_count(self.start, "start")
        door.as_count(self.seed, "seed")
        door.as_kind(self.kind)

    @property
    def history(self) -> list[Past]:
        """A `Past` for each step so far, read from the ledger."""
        return [as_past(note) for note in self.ledger.notes(self.asker)]

    def run(self) -> list[Past]:
        """Go to the end; the history."""
        for _ in self:
            pass
        return self.history

    def repeat(self, seeds: int | Iterable[int] = 10, folder: str | os.PathLike[str] | None = None) -> Curves:
        """The same run with several seeds, each from a ledger of its own without labels: learning curves.

        Args:
            seeds: how many, from 0 on, or which; they take the place of ``seed``.
            folder: where the ledgers are kept, ``<asker>-<seed>.db``; runs that were killed go on, those that ended are not
                repeated. In memory without it.

        Raises: ValueError where this loop's ledger has labels or queries, which the runs would not begin with.
        """
        if self.ledger.counts()["unlabelled"] < len(self.ledger) or self.ledger.step(self.asker):
            raise ValueError(
                "ledger: expected one without labels or queries, since each run begins with one of its own."
            )
        chosen = list(range(door.as_size(seeds, "seeds"))) if isinstance(seeds, int) else list(seeds)
        histories = []
        runs = ((done, seed) for done, seed in enumerate(chosen, 1))
        with closing(track(runs, len(chosen), "runs") if self.progress else runs) as tracked:
            for _, seed in tracked:
                path = None if folder is None else Path(folder) / f"{self.asker}-{seed}.db"
                with self.ledger.empty(path) as ledger:
                    histories.append(replace(self, ledger=ledger, seed=seed)._finished_history())
        return Curves.of(histories, chosen)

    def _finished_history(self) -> list[Past]:
        """The history of a run to its end; a run that has ended already trains nothing."""
        history = self.history
        if history and not history[-1].size and (self.stop is None or self._reason_to_stop(history[:-1]) is not None):
            return history
        return self.run()

    def __iter__(self) -> Iterator[Step]:
        total = None if self.stop is None else self.stop.room([])
        steps = ((step.past.bought, step) for step in self._steps())
        with closing(track(steps, total, f"labels bought, {self.asker}") if self.progress else steps) as tracked:
            yield from (step for _, step in tracked)

    def _steps(self) -> Iterator[Step]:
        if not self._label_start():
            return
        model = None
        while True:
            history = [past for past in self.history if past.size]
            query = self._open_query()
            history = history[:-1] if query is not None else history  # the last note is of the query's own step
            stopped = self._reason_to_stop(history) if query is None else None
            ids, labels = self._training_set(query)
            model = _call(self.train, ids, labels, seed=self._seed(len(history), _TRAINING), model=model)
            if stopped is not None:
                yield self._closing_step(model, history, ids, stopped)
                return
            query = query or self._ask(model, history, len(ids))
            if not len(query):
                yield self._closing_step(model, history, ids, "no id is free")
                return
            if not self._label(query):
                return
            yield Step(self.history[-1], model, query)

    # --- a step -----------------------------------------------------------------------------------------------------------

    def _label_start(self) -> bool:
        """Have ids labelled that the first model is trained on; whether the labels are there."""
        if self.ledger.notes(self.asker):
            return True
        missing = self.start - len(self.ledger.labelled)
        query = self._open_query()
        if query is None and missing > 0:
            query = self.ledger.label_randomly(missing, self._rng(0, _STARTING), asker=self.asker)
        return query is None or self._label(query)

    def _open_query(self) -> Query | None:
        """The query that was asked and is not answered yet, or not all of it."""
        queries = self.ledger.open_queries(self.asker)
        return queries[0] if queries else None

    def _training_set(self, query: Query | None) -> tuple[Ids, list[Any]]:
        """Ids and labels for a step's model: none of the step's own query, even where that is answered in part."""
        ids = self.ledger.labelled
        if query is not None:
            ids = ids[~np.isin(ids, self.ledger.asked_by(query))]
        return ids, self.ledger.labels_of(ids)

    def _reason_to_stop(self, history: list[Past]) -> str | None:
        if self.stop is None or not history:
            return None
        return self.stop(history)

    def _ask(self, model: Any, history: list[Past], labelled: int) -> Query:
        step = len(history)
        room = None if self.stop is None else self.stop.room(history)
        k = self.k if room is None else max(1, min(self.k, room))
        heuristic = self._heuristic(model)
        ids = self.ledger.pool
        if self.sample is not None:
            ids = self.ledger.sample_pool(self.sample, self._rng(step, _SAMPLING))
        needed = len(ids) > 0 and not isinstance(heuristic, Random)
        predictions = _call(self.predict, model, ids, seed=self._seed(step, _PREDICTING)) if needed else None
        recording, past = RecordingHeuristic(heuristic, {}), self._past(model, history, labelled)

        def note(batch: Batch) -> Any:
            information = None if batch.information is None else float(batch.information[-1])
            bought = past.bought + len(batch)
            scores = recording.pool_scores
            return as_note(replace(past, bought=bought, size=len(batch), information=information, **scores))

        among = None if self.sample is None and predictions is None else ids
        rng = self._rng(step, _CHOOSING)
        return self.ledger.ask(
            recording, predictions, k, ids=among, asker=self.asker, rng=rng, kind=self.kind, note=note
        )

    def _past(self, model: Any, history: list[Past], labelled: int) -> Past:
        """What is recorded of a step that has bought nothing yet."""
        metrics = {} if self.metrics is None else self.metrics(model)
        predicted = None if self.predicted is None else self.predicted(model)
        bought = history[-1].bought if history else 0
        return Past(step=len(history), labelled=labelled, bought=bought, size=0, metrics=metrics, predicted=predicted)

    def _heuristic(self, model: Any) -> Heuristic:
        if isinstance(self.heuristic, Heuristic):
            return self.heuristic
        assert self.targets is not None
        made = self.heuristic(self.targets(model))
        if not isinstance(made, Heuristic):
            raise TypeError(
                f"heuristic: expected a function that makes a heuristic of targets, got {type(made).__name__}."
            )
        return made

    def _label(self, query: Query) -> bool:
        """Ask the oracle until all is answered; False where it has no answer yet."""
        while len(query):
            answers = self.oracle(query.ids)
            if answers is None or (hasattr(answers, "__len__") and not len(answers)):
                return False
            self.ledger.tell(query, answers)
            rest = self._open_query()
            if rest is None:
                return True
            query = rest
        return True

    def _closing_step(self, model: Any, history: list[Past], ids: Ids, stopped: str) -> Step:
        past = self._past(model, history, len(ids))
        self.ledger.write_note(as_note(past), step=self.ledger.step(self.asker), asker=self.asker)
        return Step(past, model, None, stopped)

    def _rng(self, step: int, use: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, step, use])

    def _seed(self, step: int, use: int) -> int:
        return int(self._rng(step, use).integers(1 << 31))


def _call(function: Callable[..., Any], *given: Any, **options: Any) -> Any:
    """Call a user's function with those options that it has a parameter for."""
    names = list(inspect.signature(function).parameters)[len(given) :]
    return function(*given, **{name: value for name, value in options.items() if name in names})
