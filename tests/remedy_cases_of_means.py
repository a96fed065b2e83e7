"""Refusals of means and of the variances of their noise that print code, with that code and what it must give."""

from __future__ import annotations

from tests.remedies import Case

MEANS = {"means": "np.random.default_rng(5).normal(size=(12, 8))"}
BALD = "0.5 * np.log1p(means.var(1) / 0.25)"
SAME = {"means": "np.outer(np.arange(1.0, 13), np.linspace(-1, 1, 8)) * 1e4"}
TESTED = {
    **MEANS,
    "plan": "{'labels': means.mean(1), 'test': means[:5], 'test_labels': means[:5].mean(1), 'kind': 'mean'}",
    "plan2": "{'heuristics': ['bald'], 'k': 2, 'steps': 2, 'seeds': 2, 'rng': 0}",
    "each": "np.full((12, 1), 0.25)",
}
OF_MEANS = (
    Case("alcore.bald(means, kind='mean')", "variance=0.25", "alcore.bald(means, kind='mean', {})", BALD, MEANS),
    Case("alcore.bald(means, kind='mean')", "alcore.variance(means, 'epistemic')", "{}", "means.var(1)", MEANS),
    Case(
        "alcore.batchbald(means, 2, kind='mean')",
        "alcore.log_det",
        "{}(means, 2, variance=0.25).indices[0]",
        "means.var(1).argmax()",
        MEANS,
    ),
    Case(
        "alcore.batchbald(means, 2, kind='mean')",
        "alcore.LogDet()",
        "{}.select(means, 2, kind='mean', variance=0.25).indices[0]",
        "means.var(1).argmax()",
        MEANS,
    ),
    Case(
        "alcore.batchbald(means, 2, kind='mean')",
        "alcore.BALD()",
        "{}.score(means, kind='mean', variance=0.25)",
        BALD,
        MEANS,
    ),
    Case(
        "alcore.variance(maps, 'epistemic')",
        "axes='NCT'",
        "alcore.variance(maps[..., None, None] * np.ones((1, 1, 3)), 'epistemic', {})",
        "[0.0]",
        {"maps": "np.array([0.5])"},
    ),
    Case(
        "alcore.margin(means, kind='mean')",
        "alcore.Variance('total')",
        "{}.score(means, kind='mean', variance=0.25)",
        "means.var(1) + 0.25",
        MEANS,
    ),
    Case(
        "alcore.Variance('total').score(probs)",
        "alcore.MeanStd()",
        "{}.score(probs)",
        "probs.std(-1).mean(1)",
    ),
    Case(
        "alcore.Variance('total').score(means)",
        "kind='mean'",
        "alcore.Variance('epistemic').score(means, {})",
        "means.var(-1).sum(-1)",
        {"means": "probs"},
    ),
    Case(
        "alcore.epig(means, means[:3], kind='mean', variance=each)",
        "target_variance=0.25",
        "alcore.epig(means, means[:3], kind='mean', variance=each, {})",
        "alcore.epig(means, means[:3], kind='mean', variance=0.25)",
        {**MEANS, "each": "np.full((12, 1), 0.25)"},
    ),
    Case(
        "alcore.bald(means[:, None], kind='mean', variance=variance.tolist())",
        "variance[:, None]",
        "alcore.bald(means, kind='mean', variance={})",
        "0.5 * np.log1p(means.var(1) / np.arange(1.0, 13))",
        {**MEANS, "variance": "np.arange(1.0, 13)"},
    ),
    Case(
        "alcore.bald(means[:, None], kind='mean', variance='v.npy')",
        "variance[:, None]",
        "alcore.bald(means[:, None], kind='mean', variance={})",
        "0.5 * np.log1p(means.var(1) / np.arange(1.0, 13))",
        {**MEANS, "variance": "np.arange(1.0, 13)", "saved": "np.save('v.npy', variance)"},
    ),
    Case(
        "alcore.bald(means[:, None], kind='mean', variance=variance.tolist())",
        "numpy.broadcast_to(variance, means.shape)",
        "alcore.bald(means, kind='mean', variance={})",
        "0.5 * (np.log(means.var(1) + variance.mean()) - np.log(variance).mean())",
        {**MEANS, "variance": "np.arange(1.0, 9)", "numpy": "np"},
    ),
    Case(
        "alcore.bald(means, kind='mean', variance=lazy)",
        "numpy.broadcast_to(variance, means.shape)",
        "alcore.bald(means, kind='mean', variance={})",
        BALD,
        {**MEANS, "lazy": "np.full((3, 4), 0.25)", "variance": "np.full(8, 0.25)", "numpy": "np"},
    ),
    Case(
        "alcore.variance(means, 'total', kind='probs', variance=0.25)",
        "kind='mean'",
        "alcore.variance(means, 'total', {}, variance=0.25)",
        "means.var(1) + 0.25",
        MEANS,
    ),
    Case(
        "alcore.bald(means, kind='mean', variance=0.25, output_weights=[-1.0])",
        "output_weights[0]",
        "alcore.bald(means, kind='mean', variance=0.25, output_weights=[1.0])",
        BALD,
        MEANS,
    ),
    Case(
        "alcore.bald(probs, variance=0.25)",
        "kind='mean'",
        "alcore.variance(probs, 'epistemic', {})",
        "probs.var(-1).sum(-1)",
    ),
    Case(
        "alcore.bald(means, kind='mean', variance=variance)",
        "numpy.exp(variance)",
        "alcore.bald(means, kind='mean', variance={})",
        BALD,
        {**MEANS, "variance": "np.full((12, 1), np.log(0.25))", "numpy": "np"},
    ),
    Case(
        "alcore.bald(means, kind='mean', variance=variance)",
        "numpy.maximum(variance, 1e-6)",
        "alcore.bald(means, kind='mean', variance={})",
        "0.5 * np.log1p(means.var(1) / 1e-6)",
        {**MEANS, "variance": "np.zeros((12, 1))", "numpy": "np"},
    ),
    Case(
        "alcore.epig(probs, probs[:3], target_variance=0.25)",
        "kind='mean'",
        "alcore.epig(means, means[:3], {}, variance=0.25, target_variance=0.25)",
        "alcore.epig(means, means[:3], kind='mean', variance=0.25)",
        MEANS,
    ),
    Case(
        "alcore.log_det(means, 5, variance=variance, rng=0)",
        "PowerBALD().select(means, 5, kind='mean', variance=variance)",
        "len({})",
        "5",
        {**SAME, "variance": "0.25"},
    ),
    Case(
        "alcore.bench.compare(means, variance=each, **plan, **plan2)",
        "test_variance=0.25",
        "len(alcore.bench.compare(means, variance=each, {}, **plan, **plan2).replays)",
        "1",
        TESTED,
    ),
    Case(
        "alcore.bench.compare(pairs, **plan, **plan2)",
        "np.concatenate([noise for _, noise in blocks])",
        "alcore.bench.compare(means, variance={}, **plan, **plan2).batches[0].indices",
        "alcore.bald(means, kind='mean', variance=0.25).argsort()[::-1][:2]",
        {
            **TESTED,
            "pairs": "[(means, np.full((12, 8), 0.25))]",
            "blocks": "pairs",
            "remedied plan": "{'kind': 'mean'}",
        },
    ),
    Case(
        "alcore.bench.compare(means, variance=0.25, test_variance=0.25, kind='mean', **plan2)",
        "test=means",
        "len(alcore.bench.compare(means, {}, labels=means.mean(1), test_labels=means.mean(1), variance=0.25, test_variance=0.25, "
        "kind='mean', **plan2).replays)",
        "1",
        TESTED,
    ),
    Case(
        "alcore.bench.compare(probs, test_variance=0.25, **plan2)",
        "kind='mean'",
        "len(alcore.bench.compare(means, variance=each, test_variance=0.25, test=means[:5], labels=means.mean(1), "
        "test_labels=means[:5].mean(1), {}, **plan2).replays)",
        "1",
        TESTED,
    ),
    Case(
        "alcore.variance((means, noise), 'epistemic')",
        "list(probs)",
        "alcore.variance({}, 'epistemic')",
        "np.concatenate([means, noise]).var(1)",
        {**MEANS, "noise": "np.full((12, 8), 0.25)", "remedied probs": "(means, noise)"},
    ),
    Case(
        "alcore.bald((means, noise), kind='mean')",
        "probs[0]",
        "alcore.bald({}, kind='mean', variance=probs[1])",
        BALD,
        {**MEANS, "noise": "np.full((12, 8), 0.25)", "remedied probs": "(means, noise)"},
    ),
)
