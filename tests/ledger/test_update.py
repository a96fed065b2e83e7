"""Asking between two trainings: labels that came since are learned, none twice, and the rows are ranked on updated draws."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import alcore
from alcore import Ledger, LedgerError, Update
from tests.ledger.examples import PROBS, N

TARGETS = np.random.default_rng(5).dirichlet(np.ones(3), size=(9, 6)).transpose(0, 2, 1).copy()
TRUTH = np.random.default_rng(6).integers(0, 3, N)
HEURISTICS = {
    "bald": alcore.BALD(),
    "power": alcore.PowerBALD(),
    "batchbald": alcore.BatchBALD(),
    "two-bald": alcore.TwoBALD(),
    "epig": alcore.EPIG(TARGETS),
    "batch-epig": alcore.BatchEPIG(TARGETS),
    "sum with epig": 0.5 * alcore.EPIG(TARGETS) + 0.5 * alcore.BALD(),
}


def campaign() -> tuple[Ledger, list[int], list[int]]:
    """Labels that the model was trained on, and labels that came since."""
    ledger = Ledger(N)
    old, new = [4, 17, 30], [2, 9, 25, 33, 38]
    ledger.label({one: int(TRUTH[one]) for one in old})
    ledger.label({one: int(TRUTH[one]) for one in new})
    return ledger, old, new


def by_hand(rows: Any, labels: Any, seed: int, **options: Any) -> tuple[Any, Any, alcore.Posterior]:
    posterior = alcore.Posterior({"predictions": PROBS, "targets": TARGETS}, **options)
    posterior.learn(rows, labels, part="predictions")
    draws = [np.asarray(posterior.draws(part, 50, rng=seed)) for part in ("predictions", "targets")]
    return draws[0], draws[1], posterior


def about(heuristic: Any, targets: Any) -> Any:
    from alcore.heuristics.subsets import with_targets

    return with_targets(heuristic, lambda own: replace(own, targets=targets))


@pytest.mark.parametrize("name", HEURISTICS)
@pytest.mark.parametrize("scale", [None, 2.0])
def test_the_free_rows_are_ranked_as_on_a_posterior_made_by_hand(name: str, scale: float | None) -> None:
    ledger, old, new = campaign()
    rng = np.random.default_rng(3)
    query = ledger.ask(HEURISTICS[name], PROBS, 6, rng=rng, update=Update(old, scale=scale, draws=50))
    other = np.random.default_rng(3)
    seed = int(other.integers(1 << 53))
    draws, targets, posterior = by_hand(new, TRUTH[new], seed, scale=scale)
    free = np.setdiff1d(np.arange(N), old + new)
    batch = about(HEURISTICS[name], targets).select(draws[free], 6, rng=other)
    np.testing.assert_array_equal(query.ids, free[batch.indices])
    np.testing.assert_array_equal(query.q, batch.q)
    np.testing.assert_allclose(query.scores, batch.scores, rtol=1e-6)
    assert query.update is not None
    found = {name: query.update[name] for name in ("learned", "trained_on", "left_out", "draws", "seed")}
    assert found == {"learned": 5, "trained_on": 3, "left_out": 0, "draws": 50, "seed": seed}
    assert query.update["scale"] == posterior.scale
    assert query.update["effective_dimension"] == posterior.effective_dimension
    assert ledger.open_queries()[0].update == query.update


def test_the_order_in_which_labels_came_changes_nothing() -> None:
    queries = []
    for order in ([2, 9, 25, 33, 38], [38, 2, 33, 25, 9]):
        ledger = Ledger(N)
        for one in order:
            ledger.label({one: int(TRUTH[one])})
        queries.append(ledger.ask(alcore.PowerBALD(), PROBS, 8, rng=1, update=Update([])))
    assert queries[0].ids.tolist() == queries[1].ids.tolist()
    assert queries[0].update == queries[1].update


def test_without_labels_to_learn_the_picks_are_those_of_the_predictions() -> None:
    ledger, old, new = campaign()
    query = ledger.ask(alcore.PowerBALD(), PROBS, 5, rng=2, update=Update([*old, *new]))
    plain = campaign()[0].ask(alcore.PowerBALD(), PROBS, 5, rng=2)
    np.testing.assert_array_equal(query.ids, plain.ids)
    np.testing.assert_array_equal(query.scores, plain.scores)
    assert query.update is None


def test_what_a_model_was_trained_on_is_told_by_ids_a_query_or_a_moment() -> None:
    """Also where a label is corrected, removed or added later: none is learned that was there then."""
    found = []
    for way in ("ids", "query", "moment"):
        ledger = Ledger(N)
        ledger.label({one: int(TRUTH[one]) for one in (4, 17, 30)})
        moment = ledger.now
        first = ledger.ask(alcore.BALD(), PROBS, 3)
        assert ledger.labels_at(first) == ledger.labels_at(moment) == {one: int(TRUTH[one]) for one in (4, 17, 30)}
        ledger.tell(first, TRUTH[first.ids].tolist())
        ledger.label({4: (int(TRUTH[4]) + 1) % 3}, overwrite=True)
        given = {"ids": [4, 17, 30], "query": first, "moment": moment}[way]
        found.append(ledger.ask(alcore.BALD(), PROBS, 3, rng=0, update=Update(given)))
        assert ledger.labels_at(moment)[4] == TRUTH[4]
    assert [query.update["learned"] for query in found] == [3] * 3
    assert found[0].update == found[1].update == found[2].update
    assert found[0].ids.tolist() == found[1].ids.tolist() == found[2].ids.tolist()
    ledger.unlabel([17])
    ledger.withdraw(found[2])
    query = ledger.ask(alcore.BALD(), PROBS, 3, rng=0, update=Update(moment))
    assert query.update["learned"] == 3
    ledger.withdraw(query)
    with pytest.raises(LedgerError, match="expected ids that have a label, but 17 has none. Leave it out"):
        ledger.ask(alcore.BALD(), PROBS, 3, update=Update([4, 17, 30]))
    assert ledger.ask(alcore.BALD(), PROBS, 3, rng=0, update=Update([4, 30])).ids.tolist() == query.ids.tolist()


def test_moments_know_free_asked_and_gone_ids() -> None:
    ledger = Ledger(6)
    query = ledger.label_randomly(2, rng=0)
    ledger.set_aside([next(one for one in range(6) if one not in query.ids)])
    ledger.label({int(ledger.pool[0]): "x"})
    moment = ledger.now
    expected = sorted([*ledger.pool.tolist(), *ledger.asked.tolist()])
    ledger.tell(query, ["a", "b"])
    ledger.add(3)
    assert ledger.waiting_at(moment).tolist() == expected
    assert list(ledger.labels_at(moment).values()) == ["x"]


def test_rows_of_some_ids_learn_labels_of_names() -> None:
    """Predictions of some ids in their own order, classes by name."""
    names = [f"{one}.png" for one in range(N)]
    ledger = Ledger(ids=names, labels=["cat", "dog", "bird"])
    rows = np.random.default_rng(1).permutation(N)[:30]
    new = rows[:4]
    words = np.array(["cat", "dog", "bird"])
    ledger.label({names[one]: str(words[TRUTH[one]]) for one in new})
    given = [names[one] for one in rows]
    query = ledger.ask(alcore.BALD(), PROBS[rows], 5, ids=given, rng=0, update=Update([], draws=50))
    order = np.sort(new)
    draws, _, _ = by_hand(order, TRUTH[order], query.update["seed"])  # type: ignore[index]
    free = rows[4:]
    assert query.ids.tolist() == [names[one] for one in free[alcore.BALD().select(draws[free], 5).indices]]


def test_labels_without_a_row_are_refused_or_left_out() -> None:
    ledger, old, _ = campaign()
    ids = np.arange(5, N)
    with pytest.raises(LedgerError, match=r"1 labelled ids have none: 2\. Predict them too, or leave") as refusal:
        ledger.ask(alcore.BALD(), PROBS[5:], 2, ids=ids, update=Update(old))
    assert "leave_out=True" in str(refusal.value)
    query = ledger.ask(alcore.BALD(), PROBS[5:], 2, ids=ids, update=Update(old, leave_out=True))
    assert (query.update["learned"], query.update["left_out"]) == (4, 1)  # type: ignore[index]


def test_an_update_that_does_not_say_what_the_model_knows_is_refused() -> None:
    with pytest.raises(ValueError, match="A label must not be learned twice") as refusal:
        Update(None)
    assert "trained_on=[]" in str(refusal.value)
    with pytest.raises(TypeError, match="For one id pass"):
        Update("a.png")
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        Update()  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="scale: expected a number above 0"):
        Update([], scale=0)
    with pytest.raises((ValueError, TypeError), match="draws: expected"):
        Update([], draws=0)
    with pytest.raises(TypeError, match=r"classes=\['cat', 'dog'\]"):
        Update([], classes="cat")
    ledger, _, _ = campaign()
    with pytest.raises(TypeError, match="update: expected an Update") as other:
        ledger.ask(alcore.BALD(), PROBS, 2, update=[1, 2])  # type: ignore[arg-type]
    assert "alcore.Update(trained_on=ids)" in str(other.value)
    with pytest.raises(LedgerError, match="which it does not have|at least 0 and under 40"):
        ledger.ask(alcore.BALD(), PROBS, 2, update=Update([4, N]))
    stranger = Ledger(N).label_randomly(1)
    with pytest.raises(LedgerError, match="expected a query of"):
        ledger.ask(alcore.BALD(), PROBS, 2, update=Update(stranger))
    assert ledger.counts()["asked"] == 0


def test_labels_that_are_no_classes_are_refused_with_a_remedy_that_works() -> None:
    ledger = Ledger(N)
    ledger.label({1: "dog", 2: "cat", 3: "bird"})
    with pytest.raises(LedgerError, match="whole numbers from 0 to 2, .* but the label of 1 is 'dog'") as refusal:
        ledger.ask(alcore.BALD(), PROBS, 2, update=Update([]))
    assert "in the order of axis 1, such as classes=['bird', 'cat', 'dog']." in str(refusal.value)
    classes = ["cat", "dog", "bird"]
    query = ledger.ask(alcore.BALD(), PROBS, 2, rng=0, update=Update([], classes=classes, draws=50))
    draws, _, _ = by_hand([1, 2, 3], [1, 0, 2], query.update["seed"])  # type: ignore[index]
    best = np.setdiff1d(np.arange(N), [1, 2, 3])[alcore.BALD().select(draws[[0, *range(4, N)]], 2).indices]
    assert query.ids.tolist() == best.tolist()
    ledger.withdraw(query)
    with pytest.raises(LedgerError, match="expected 3 classes, as the predictions have, got 2"):
        ledger.ask(alcore.BALD(), PROBS, 2, update=Update([], classes=["cat", "dog"]))
    with pytest.raises(LedgerError, match="expected one of the classes cat, dog, cow, but the label of 3 is 'bird'"):
        ledger.ask(alcore.BALD(), PROBS, 2, update=Update([], classes=["cat", "dog", "cow"]))
    for labels in ([*classes, "cow"], [1, "1"], ["x", " y"]):  # none of them can be the three classes
        wrong = Ledger(N)
        wrong.label(dict(enumerate(labels)))
        with pytest.raises(
            LedgerError, match=r"\. Replace the label: ledger\.label\(\{\d: label\}, overwrite=True\)\.$"
        ):
            wrong.ask(alcore.BALD(), PROBS, 2, update=Update([]))
    turned = Ledger(N, labels=[2, 1, 0])
    turned.label({1: 0})
    with pytest.raises(LedgerError, match="Say which class each column") as either:
        turned.ask(alcore.BALD(), PROBS, 2, update=Update([]))
    assert "classes=[0, 1, 2]" in str(either.value)
    assert turned.ask(alcore.BALD(), PROBS, 2, update=Update([], classes=[0, 1, 2])).update["learned"] == 1  # type: ignore[index]


@pytest.mark.parametrize("label", [True, 1.0, 3, -1, None, [1], "1"])
def test_a_label_that_only_looks_like_a_class_is_refused(label: Any) -> None:
    ledger = Ledger(N)
    ledger.label({1: label})
    with pytest.raises(LedgerError, match="expected whole numbers from 0 to 2"):
        ledger.ask(alcore.BALD(), PROBS, 2, update=Update([]))


def test_predictions_that_cannot_learn_are_refused_before_anything_is_asked() -> None:
    ledger, old, _ = campaign()
    maps = np.repeat(PROBS[:, :, None], 2, axis=2)
    with pytest.raises(ValueError, match=r"expected shape \(N, C, T\)"):
        ledger.ask(alcore.Reduce(alcore.BALD(), "mean"), maps, 2, update=Update(old))
    with pytest.raises(ValueError, match="Leave update out"):
        ledger.ask(alcore.Random(), None, 2, update=Update(old))
    with pytest.raises(ValueError, match="predictions of heads. Leave update out"):
        ledger.ask(alcore.BALD(), {"a": PROBS}, 2, update=Update(old))
    blocks = (PROBS[start : start + 10] for start in range(0, N, 10))
    with pytest.raises(
        ValueError, match=r"predictions: expected predictions that can be read again.*list\(predictions\)"
    ):
        ledger.ask(alcore.BALD(), blocks, 2, update=Update(old))
    with pytest.raises(ValueError, match="predictions: expected 40 rows, as ids has, got 39"):
        ledger.ask(alcore.BALD(), PROBS[1:], 2, update=Update(old))
    assert ledger.counts()["asked"] == 0
    listed = [PROBS[start : start + 10] for start in range(0, N, 10)]
    query = ledger.ask(alcore.BALD(), listed, 4, rng=0, update=Update(old))
    whole = campaign()[0].ask(alcore.BALD(), PROBS, 4, rng=0, update=Update(old))
    assert query.ids.tolist() == whole.ids.tolist()


def test_logits_weights_and_axes_are_those_of_the_predictions() -> None:
    found = []
    weights = [1.0, 2.0, 1.0, 0.5, 1.0, 1.0]
    for given, options in (
        (PROBS, {}),
        (np.log(PROBS), {"kind": "logits"}),
        (PROBS.transpose(2, 0, 1), {"axes": "TNC"}),
    ):
        ledger, old, _ = campaign()
        update = Update(old, scale=1.0)
        found.append(ledger.ask(alcore.BALD(), given, 4, rng=0, weights=weights, update=update, **options))
    assert found[0].ids.tolist() == found[1].ids.tolist() == found[2].ids.tolist()


YES = PROBS[:, 0]


@pytest.mark.parametrize(
    ("kind", "predictions", "labels", "options"),
    [
        ("binary", YES, [1, False, True], {}),
        ("multilabel", PROBS, [[0, 1, 1], [1, 0, 0], [0, 0, 1]], {}),
        ("mean", PROBS[:, :1], [0.5, 2, -1.0], {"variance": 0.25}),
        (
            "mean",
            PROBS,
            [[0.5, 2, 1], [1, 1, 1], [0, 0, -1]],
            {"variance": np.random.default_rng(0).random((N, 3, 6)) + 0.1},
        ),
    ],
)
def test_other_kinds_learn_their_labels(kind: str, predictions: Any, labels: Any, options: dict[str, Any]) -> None:
    ledger = Ledger(N)
    ledger.label(dict(zip([1, 2, 3], labels, strict=True)))
    query = ledger.ask(alcore.BALD(), predictions, 4, rng=0, kind=kind, update=Update([]), **options)
    posterior = alcore.Posterior({"predictions": predictions}, kind=kind, **options)
    posterior.learn([1, 2, 3], [int(one) for one in labels] if kind == "binary" else labels, part="predictions")
    drawn = posterior.draws("predictions", 100, rng=query.update["seed"])  # type: ignore[index]
    noise = {"variance": np.mean(np.broadcast_to(options["variance"], predictions.shape), axis=-1)} if options else {}
    scores = alcore.BALD().score(drawn, kind=drawn.kind, **noise)
    scores[[1, 2, 3]] = -1
    assert query.ids.tolist() == alcore.top(scores, 4).indices.tolist()
    bad = Ledger(N)
    bad.label({1: "x"})
    with pytest.raises(LedgerError, match="the label of 1 is 'x'"):
        bad.ask(alcore.BALD(), predictions, 4, kind=kind, update=Update([]), **options)


def test_epig_of_numbers_has_the_noise_of_its_targets() -> None:
    found = []
    for noise in ({}, {"target_variance": 0.25}, {"target_variance": np.full((9, 3), 0.25)}):
        ledger = Ledger(N)
        ledger.label({1: [0.5, 0.2, 0.1]})
        heuristic = alcore.EPIG(TARGETS, **noise)
        query = ledger.ask(heuristic, PROBS, 4, rng=0, kind="mean", variance=0.25, update=Update([], scale=1.0))
        found.append(query.ids.tolist())
    assert found[0] == found[1] == found[2]
    with pytest.raises(ValueError, match="target_variance: EPIG of means needs"):
        Ledger(N).ask(alcore.EPIG(TARGETS), PROBS, 4, kind="mean", variance=np.full((N, 3), 0.25), update=Update([]))
