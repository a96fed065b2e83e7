"""Refusals of a posterior that print code, with that code and what it must give."""

from __future__ import annotations

from tests.remedies import Case

MADE = {"posterior": "alcore.Posterior(probs)", "test": "probs[:4]", "pool": "probs"}
LEARNED = {**MADE, "known": "posterior.learn([0, 2], [1, 1])"}
OF_POSTERIORS = (
    Case(
        "posterior.draws('test')",
        "alcore.Posterior({'pool': pool, 'test': test})",
        "{}.draws('test').shape",
        "(4, 3, 100)",
        MADE,
    ),
    Case("posterior.learn([0], [2])", "posterior.forget()", "{}.labelled", "0", LEARNED),
    Case(
        "posterior.learn(np.arange(12) == 3, [1])",
        "np.flatnonzero(rows)",
        "posterior.learn({}, [1]) or posterior.labelled",
        "1",
        {**MADE, "rows": "np.arange(12) == 3"},
    ),
)
