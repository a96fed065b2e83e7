"""The active learning loop. Each step is recorded in the ledger, so that a run that was killed goes on from there."""

from __future__ import annotations

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
from alcore.door import Reading
from alcore.heuristics import Heuristic, Random
from alcore.ledger import Ledger, Moment, Query, Update
from alcore.loop.arguments import check_arguments
from alcore.loop.curves import Curves
from alcore.loop.cycle import Ids, Predicted, Training, begun, call, check_reread, ids_to_predict, training_set
from alcore.loop.noise import means_and_noise, noise_of
from alcore.loop.notes import as_note, as_past, is_of_query
from alcore.loop.pool_scores import RecordingHeuristic
from alcore.loop.same_loop import check_same_loop, settings_of
from alcore.loop.wait import Wait, wait_for_labels
from alcore.sources.progress import track
from alcore.stopping.criterion import Stopping
from alcore.stopping.history import Past

# Streams of random numbers of a step, one for each use. A run gives the same bits as before only while these numbers stay.
_TRAINING, _CHOOSING, _SAMPLING, _STARTING, _PREDICTING = range(5)


@dataclass(frozen=True, eq=False)
class Step:
    """One active learning step.

    Attributes:
        past: the number of the step, its counts and its metrics, as stopping criteria see them.
        model: what `train` returned, at this step or at the last one that trained.
        query: the `Query` that this model chose, all labelled by now. None in the closing step, whose model is trained on all
            labels.
        stopped: why the run ends with this step, in words. None if it goes on.
    """

    past: Past
    model: Any
    query: Query | None
    stopped: str | None = None

    @property
    def metrics(self) -> Mapping[str, float]:
        """The metrics of this step's model, by name."""
        return self.past.metrics


@dataclass(frozen=True, eq=False, kw_only=True)
class ActiveLearning:
    """The loop: train a model, predict the pool, choose rows, get their labels, and again, until a criterion says stop.

    At the end one more model is trained on all labels. ``for step in loop:`` gives each `Step` with its model, query and metrics.
    ``loop.run()`` goes to the end.

    Each step is in the ledger before its labels are asked for. A run that was killed goes on from its file with the same seeds:
    ``ActiveLearning(ledger=Ledger.open("run.db", size=N), ...)``. If the model is deterministic, it ends with the same bits.

    Args:
        ledger: the `Ledger` with the ids and their labels. Labels that are there already are used for training too.
        train: ``train(ids, labels) -> model``. **Make a model with fresh weights inside, at each step.** If the function has a
            parameter ``seed``, it gets a seed made from the run's seed and the step. If it has a parameter ``model``, it gets the
            model of the last step. That is None at the first step and at the first step after a kill, so that a run that was
            killed may then end differently.
        predict: ``predict(model, ids) -> predictions``, shape (n, C, ..., T), from any source, one row for each id. It may have a
            parameter ``seed`` too. It is not called if the heuristic needs no predictions (`Random`). Of kind "mean" it may return
            a pair ``(means, variances)``.
        heuristic: any heuristic of alcore. With ``targets``: a function of the targets' predictions, such as the class `EPIG`.
        oracle: ``oracle(ids) -> labels``: a list or an array in the order of ``ids``, ``{id: label}``, or a pandas Series whose
            index has the ids. If it labels only some ids, it is called again for the others. If it labels none, the iteration
            ends, and a new one goes on. With people: `Wait`, which waits until their labels are in the ledger.
        k: query size.
        start: how many labels there are before the first model. Missing ones are drawn at random and labelled.
        stop: a criterion, or several such as ``LabelBudget(150) | NoImprovement("accuracy", 5, direction="max")``. It is called at
            the end of each step. Without one the run ends when the pool is empty.
        metrics: ``metrics(model) -> {name: number}``.
        targets: ``targets(model) -> predictions``, shape (J, C, T), of the inputs that you care about, for EPIG.
        predicted: ``predicted(model) -> classes``, shape (M,), of a set that stays the same, for `StablePredictions`.
        sample: how many ids of the pool, drawn at random at each training, are predicted and ranked. All by default.
        kind: what the predictions and targets are, as in `alcore.entropy`.
        axes: the order of the axes of the predictions and targets, as in `alcore.entropy`.
        over_labels: how the scores of several labels become one, as in `alcore.entropy`.
        train_every: after how many queries the model is trained anew. Between two trainings the predictions of the last one learn
            the labels that came since (`Update`), and the heuristic ranks updated draws. The loop keeps the predictions of the
            pool until the next training, so ``predict`` must return what can be read again.
        update: options of `Update` for these queries: ``{"scale": ..., "draws": ..., "classes": ...}``. By default the scale is
            chosen anew at each query, by the evidence of the labels since the training.
        variance: of kind "mean", the variance of the noise where ``predict`` returns none: a number, one for each output, or
            ``variance(model)``, a function that returns that.
        seed: the seed of everything random in the run.
        asker: the name of the run in the ledger. Several runs may share a ledger under different names.
        progress: True to show a bar of the labels bought. It needs rich and a terminal, and appears after two seconds.

    Raises:
        TypeError: for arguments of another type, such as a ledger that is not a `Ledger`.
        ValueError: for numbers out of range, another ``kind``, and a ledger that was opened with ``readonly=True``.

    During the run errors of the ledger (`LedgerError`) and of your functions are passed on. What was recorded stays, and the run
    can go on.

    With ``train_every=5``, `Past.trained` is False at the steps between two trainings. They have no metrics and no ``predicted``,
    which are the model's, and `labelled` is that of their model. A run that was killed between two trainings trains the model
    again on the labels that it had then, with the same seed. Labels of ids that were not predicted are learned by the next model.

    Cost: at each training one training and one prediction of the pool (or of ``sample`` ids), at each step one selection of the
    heuristic.

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
    oracle: Callable[[Ids], Any] | Wait
    k: int = 10
    start: int = 20
    stop: Stopping | None = None
    metrics: Callable[[Any], Mapping[str, float]] | None = None
    targets: Callable[[Any], Any] | None = None
    predicted: Callable[[Any], npt.NDArray[np.integer]] | None = None
    sample: int | None = None
    kind: str = "probs"
    axes: str | None = None
    over_labels: str = "sum"
    train_every: int = 1
    update: Mapping[str, Any] | None = None
    variance: Any = None
    seed: int = 0
    asker: str = "default"
    progress: bool = True

    def __post_init__(self) -> None:
        check_arguments(self)
        self._reading(self.variance)

    @property
    def history(self) -> list[Past]:
        """A `Past` for each step so far, the oldest first, read from the ledger."""
        return [as_past(note) for note in self.ledger.notes(self.asker)]

    def run(self) -> list[Past]:
        """Run to the end. Returns the `history`."""
        for _ in self:
            pass
        return self.history

    def repeat(self, seeds: int | Iterable[int] = 10, folder: str | os.PathLike[str] | None = None) -> Curves:
        """Repeat the run with several seeds, each with an empty ledger of its own, and return learning curves.

        Args:
            seeds: how many seeds, from 0 on, or a list of them. They replace ``seed``.
            folder: the folder of the ledgers, whose names are ``<asker>-<seed>.db``. Runs that were killed go on, and runs that
                ended are not repeated. Runs of another loop are refused: each ledger records the heuristic, the numbers and the
                names of the functions of its loop. Without a folder the ledgers are in memory.

        Returns:
            `Curves` of the metrics, one run for each seed.

        Raises:
            ValueError: if this loop's ledger has labels or queries, because the runs would start without them, if the folder has
                runs of another loop, and if the oracle is `Wait`.
        """
        if isinstance(self.oracle, Wait):
            raise ValueError(
                "oracle: expected a function with labels for all runs, got Wait. Run the loop once: loop.run()."
            )
        if self.ledger.counts()["unlabelled"] < len(self.ledger) or self.ledger.step(self.asker):
            raise ValueError(
                "ledger: expected a ledger without labels and queries, as each run starts with an empty one of its own. Pass an "
                "empty one: ActiveLearning(ledger=ledger.empty(), ...)."
            )
        chosen = list(range(door.as_size(seeds, "seeds"))) if isinstance(seeds, int) else list(seeds)
        runs_of = {seed: replace(self, seed=seed) for seed in chosen}
        door.check_local(folder, "folder")
        paths = {seed: None if folder is None else Path(folder) / f"{self.asker}-{seed}.db" for seed in chosen}
        for seed, path in paths.items():
            if path is not None and path.exists():
                with self.ledger.empty(path) as ledger:
                    check_same_loop(ledger, self.asker, path, settings_of(runs_of[seed]))
        histories = []
        runs = ((done, seed) for done, seed in enumerate(chosen, 1))
        with closing(track(runs, len(chosen), "runs") if self.progress else runs) as tracked:
            for _, seed in tracked:
                with self.ledger.empty(path := paths[seed]) as ledger:
                    if path is not None:
                        check_same_loop(ledger, self.asker, path, settings_of(runs_of[seed]))
                    histories.append(replace(runs_of[seed], ledger=ledger)._finished_history())
        return Curves.of(histories, chosen)

    def _finished_history(self) -> list[Past]:
        """Run to the end and return the history. A run that has ended already trains nothing."""
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
        training: Training | None = None
        predicted: Predicted | None = None
        while True:
            history = [past for past in self.history if past.size]
            query = self._open_query()
            if query is not None and not self._is_own(query):  # somebody asked on behalf of the run
                if not self._label(query):
                    return
                continue
            history = history[:-1] if query is not None else history  # the last note is of the query's own step
            stopped = self._reason_to_stop(history) if query is None else None
            before, training = training, self._train(training, history, query, stopped)
            predicted = predicted if training is before else None
            if stopped is not None:
                yield self._closing_step(training, history, stopped)
                return
            if query is None:
                predicted = predicted or self._predict(training)
                query = self._ask(training, predicted, history)
            if not len(query):
                yield self._closing_step(training, history, "no id is free")
                return
            own = self._is_own(query)
            if not self._label(query):
                return
            if not own:  # somebody asked on behalf of the run while it trained
                continue
            yield Step(self.history[-1], training.model, query)

    # --- a step -----------------------------------------------------------------------------------------------------------

    def _label_start(self) -> bool:
        """Get the labels that the first model is trained on. False if some are missing still."""
        if self.ledger.notes(self.asker):
            return True
        missing = self.start - len(self.ledger.labelled)
        query = self._open_query()
        if query is None and missing > 0:
            query = self.ledger.label_randomly(missing, self._rng(0, _STARTING), asker=self.asker)
        return query is None or self._label(query)

    def _open_query(self) -> Query | None:
        """The query that has ids without a label, if there is one."""
        queries = self.ledger.open_queries(self.asker)
        return queries[0] if queries else None

    def _is_own(self, query: Query) -> bool:
        """Whether a step of this run chose the query: its note says so. Others may ask under the same name."""
        notes = self.ledger.notes(self.asker)
        return bool(notes) and is_of_query(notes[-1], query.step)

    def _train(self, last: Training | None, history: list[Past], query: Query | None, stopped: str | None) -> Training:
        """The training of a step: the last one, that one again after a kill, or a new one."""
        step, ledger = len(history), self.ledger
        notes = [note for note in ledger.notes(self.asker) if note["size"]]
        cycle = begun(notes, step, self.train_every) if stopped is None else None
        if cycle is not None and query is None and not np.isin(self._ids(*cycle), ledger.pool).any():
            cycle = None  # others have asked for the rest of the rows
        if cycle is not None and last is not None and last.step == cycle[0]:
            return last
        moment = None if self.train_every == 1 else ledger.now
        step, moment = (step, moment) if cycle is None else cycle
        ids, labels = training_set(ledger, query if cycle is None else None, moment)
        model = None if last is None else last.model
        model = call(self.train, ids, labels, seed=self._seed(step, _TRAINING), model=model)
        return Training(step, moment, ids, labels, model)

    def _predict(self, training: Training) -> Predicted:
        heuristic = self._heuristic(training.model)
        ids = self._ids(training.step, training.moment)
        predictions = None
        if len(ids) and not isinstance(heuristic, Random):
            predictions = call(self.predict, training.model, ids, seed=self._seed(training.step, _PREDICTING))
        reading = self._reading(noise_of(self.variance, training.model))
        predictions, variance = means_and_noise(predictions, len(ids), reading)
        if self.train_every > 1 and predictions is not None:
            check_reread(predictions, self.train_every)
        return Predicted(heuristic, ids, predictions, self._reading(variance))

    def _ids(self, step: int, moment: Moment | None) -> Ids:
        return ids_to_predict(self.ledger, moment, self.sample, self._rng(step, _SAMPLING))

    def _reason_to_stop(self, history: list[Past]) -> str | None:
        reason = None if self.stop is None or not history else self.stop(history)
        if reason is None and self.train_every > 1 and not len(self.ledger.pool):
            return "no id is free"  # known before the training, so that the last model has all labels
        return reason

    def _ask(self, training: Training, predicted: Predicted, history: list[Past]) -> Query:
        step = len(history)
        room = None if self.stop is None else self.stop.room(history)
        k = self.k if room is None else max(1, min(self.k, room))
        recording, past = RecordingHeuristic(predicted.heuristic, {}), self._past(training, history)
        asked = self.ledger.step(self.asker)
        moment = training.moment if past.trained else None

        def note(batch: Batch) -> Any:
            information = None if batch.information is None else float(batch.information[-1])
            bought = past.bought + len(batch)
            scores = recording.pool_scores
            made = replace(past, bought=bought, size=len(batch), information=information, **scores)
            return as_note(made, asked, moment)

        predictions = predicted.predictions
        among = None if self.sample is None and predictions is None else predicted.ids
        learns = training.moment is not None and predictions is not None
        update = Update(training.moment, leave_out=True, **(self.update or {})) if learns else None
        rng, options = self._rng(step, _CHOOSING), predicted.reading.options
        return self.ledger.ask(
            recording, predictions, k, ids=among, asker=self.asker, rng=rng, note=note, update=update, **options
        )

    def _reading(self, variance: Any) -> Reading:
        own = {"kind": self.kind, "axes": self.axes, "over_labels": self.over_labels}
        return Reading.of({**own, "variance": variance})

    def _past(self, training: Training, history: list[Past]) -> Past:
        """What is recorded of a step that has bought nothing yet."""
        new = training.step == len(history)
        metrics = self.metrics(training.model) if self.metrics is not None and new else {}
        predicted = self.predicted(training.model) if self.predicted is not None and new else None
        counts = {"labelled": len(training.ids), "bought": history[-1].bought if history else 0, "size": 0}
        return Past(step=len(history), **counts, metrics=metrics, predicted=predicted, trained=new)

    def _heuristic(self, model: Any) -> Heuristic:
        if isinstance(self.heuristic, Heuristic):
            return self.heuristic
        assert self.targets is not None
        made = self.heuristic(self.targets(model))
        if not isinstance(made, Heuristic):
            raise TypeError(
                f"heuristic: expected a function that makes a heuristic of targets, such as EPIG, got one that makes "
                f"{type(made).__name__}."
            )
        return made

    def _label(self, query: Query) -> bool:
        """Call the oracle until all ids have labels. False if it has no answer yet."""
        while len(query):
            if isinstance(self.oracle, Wait):
                if not wait_for_labels(self.oracle, self.ledger, query, self.progress):
                    return False
            else:
                answers = self.oracle(query.ids)
                if answers is not None and not (hasattr(answers, "__len__") and not len(answers)):
                    self.ledger.tell(query, answers)
            rest = self._open_query()
            if rest is None:
                return True
            if rest.number == query.number and len(rest) == len(query):
                return False
            query = rest
        return True

    def _closing_step(self, training: Training, history: list[Past], stopped: str) -> Step:
        past = self._past(training, history)
        self.ledger.write_note(as_note(past), step=self.ledger.step(self.asker), asker=self.asker)
        return Step(past, training.model, None, stopped)

    def _rng(self, step: int, use: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, step, use])

    def _seed(self, step: int, use: int) -> int:
        return int(self._rng(step, use).integers(1 << 31))
