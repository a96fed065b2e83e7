"""Refusals of kinds, lists without draws, sets and heads that print code, with that code and what it must give."""

from __future__ import annotations

from tests.remedies import Case

YES = {"yes": "probs[:, 0]"}
MANY = {"many": "np.random.default_rng(3).random((12, 11, 5))", "remedied probs": "many"}
KINDS = (
    Case("alcore.bald(yes)", "kind='binary'", "alcore.bald(yes, {})", "bald_of(two_of(yes))", YES),
    Case(
        "alcore.bald(yes)",
        "kind='binary', axes='TN'",
        "alcore.bald(yes, {})",
        "bald_of(two_of(yes.T))",
        {"yes": "probs[:, 0].T"},
    ),
    Case(
        "alcore.entropy(yes)",
        "kind='binary', axes='N'",
        "alcore.entropy(yes, {})",
        "entropy_of(two_of(yes[:, None]))",
        {"yes": "probs[:, 0, 0]"},
    ),
    Case(
        "alcore.entropy(yes, axes='NC')",
        "kind='binary', axes='NT'",
        "alcore.entropy(yes, {})",
        "entropy_of(two_of(yes))",
        YES,
    ),
    Case(
        "alcore.entropy(yes, axes='CN')",
        "kind='binary', axes='TN'",
        "alcore.entropy(yes, {})",
        "entropy_of(two_of(yes.T))",
        {"yes": "probs[:, 0].T"},
    ),
    Case(
        "alcore.entropy(flat)",
        "probs[..., 0]",
        "alcore.entropy({}, kind='binary')",
        "entropy_of(two_of(flat[..., 0]))",
        {"flat": "probs[:, 0][..., None]", "remedied probs": "flat"},
    ),
    Case(
        "alcore.entropy(flat, axes='TNC')",
        "kind='binary'",
        "alcore.entropy(flat[0], {})",
        "entropy_of(two_of(flat[0]))",
        {"flat": "probs[:, 0][None]"},
    ),
    Case(
        "alcore.entropy(logit, axes='NC')",
        "kind='binary_logits', axes='NT'",
        "alcore.entropy(logit, {})",
        "entropy_of(two_of(1 / (1 + np.exp(-logit))))",
        {"logit": "logits[:, 0]"},
    ),
    Case(
        "alcore.entropy(yes, kind='binary')",
        "axes='N'",
        "alcore.entropy(yes, kind='binary', {})",
        "entropy_of(two_of(yes[:, None]))",
        {"yes": "probs[:, 0, 0]"},
    ),
    Case(
        "alcore.entropy(yes, kind='multilabel')",
        "axes='NC'",
        "alcore.entropy(yes, kind='multilabel', {})",
        "entropy_of(two_of(yes[..., None])).sum(1)",
        YES,
    ),
    Case(
        "alcore.bald(yes, kind='binary', axes='NC')",
        "axes='NT'",
        "alcore.bald(yes, kind='binary', {})",
        "bald_of(two_of(yes))",
        YES,
    ),
    Case(
        "alcore.bald(probs, kind='binary')",
        "axes='NHT'",
        "alcore.bald(probs, kind='binary', {})",
        "bald_of(two_of(probs))",
    ),
    Case(
        "alcore.bald(probs, kind='binary')",
        "kind='multilabel'",
        "alcore.bald(probs, {})",
        "bald_of(two_of(probs)).sum(1)",
    ),
    Case(
        "alcore.bald(logits, kind='multilabel')",
        "kind='multilabel_logits'",
        "alcore.bald(logits, {})",
        "bald_of(two_of(1 / (1 + np.exp(-logits)))).sum(1)",
    ),
    Case(
        "alcore.bald(probs, kind='multilabel')",
        "np.clip(probs, 0, 1)",
        "alcore.bald({}, kind='multilabel')",
        "bald_of(two_of(np.clip(minus, 0, 1))).sum(1)",
        {"probs": "minus"},
    ),
    Case(
        "alcore.bald(probs, over_labels='mean')",
        "alcore.Reduce",
        "{}(BALD(), 'mean').score(tokens)",
        "bald_of(tokens).mean(1)",
    ),
    Case(
        "alcore.two_bald(many, 3, kind='multilabel')",
        "probs[:, :10]",
        "len(alcore.two_bald({}, 2, kind='multilabel'))",
        "2",
        MANY,
    ),
    Case(
        "alcore.two_bald(many, 3, kind='multilabel')",
        "BatchBALD()",
        "len({}.select(many, 3, kind='multilabel', rng=0))",
        "3",
        MANY,
    ),
    Case(
        "alcore.ICAL().select(many, 3, kind='multilabel')",
        "BALD()",
        "{}.score(many, kind='multilabel')",
        "bald_of(two_of(many)).sum(1)",
        MANY,
    ),
    Case(
        "alcore.batchbald(many[:, :, None], 3, kind='multilabel', positions=1)",
        "Reduce(BALD(), 'mean')",
        "{}.score(many[:, :, None], kind='multilabel')",
        "bald_of(two_of(many)).sum(1)",
        MANY,
    ),
    Case(
        "alcore.expected_loss(yes, predicted, loss='log', kind='binary')",
        "np.clip(predicted, 1e-6, 1 - 1e-6)",
        "np.isfinite(alcore.expected_loss(yes, {}, loss='log', kind='binary')).all()",
        "True",
        {**YES, "predicted": "np.eye(12)[0]"},
    ),
    Case(
        "alcore.expected_loss(logit, predicted, loss='log', kind='binary_logits')",
        "np.clip(predicted, -14, 14)",
        "np.isfinite(alcore.expected_loss(logit, {}, loss='log', kind='binary_logits')).all()",
        "True",
        {"logit": "logits[:, 0]", "predicted": "np.full(12, 40.0)"},
    ),
    Case(
        "alcore.expected_loss(logits, predicted, loss='log', kind='logits')",
        "np.maximum(predicted, predicted.max(axis=1, keepdims=True) - 14)",
        "np.isfinite(alcore.expected_loss(logits, {}, loss='log', kind='logits')).all()",
        "True",
        {"predicted": "np.tile([3.0, -np.inf, 2.0], (12, 1))"},
    ),
    Case(
        "alcore.batch_epig(iter([yes]), yes[:2], 2, kind='binary')",
        "alcore.save_predictions('preds.zarr', probs, kind='binary')",
        "np.asarray({}[:])",
        "yes[:, None]",
        {**YES, "remedied probs": "iter([yes])"},
    ),
    Case(
        "bench.calibration(probs.mean(-1), labels, kind='multilabel')",
        "alcore.bench.labelled(probs, labels, kind='multilabel').probs.mean(axis=-1)",
        "bench.calibration({}, labels, kind='multilabel').log_likelihood",
        "np.log((np.where(labels[..., None], probs, 1 - probs).prod(1)).mean(-1)).mean()",
        {"labels": "np.eye(3, dtype=int)[np.arange(12) % 3]"},
    ),
)
JOBS = {"whole": "probs", "probs": "[whole[..., t] for t in range(5)]"}
PARTS = {"whole": "probs", "probs": "[whole[:6, :, 0], whole[6:, :, 0]]"}
LISTS = (
    Case(
        "alcore.bald(probs, axes='NC')",
        "np.stack(probs, axis=-1)",
        "alcore.bald({}, axes='NCT')",
        "bald_of(whole)",
        JOBS,
    ),
    Case(
        "alcore.bald(probs, axes='CN')",
        "np.stack(probs, axis=-1)",
        "alcore.bald({}, axes='CNT')",
        "bald_of(whole)",
        {"whole": "probs", "probs": "tuple(whole[..., t].T for t in range(5))"},
    ),
    Case(
        "alcore.entropy(probs, axes='NC')",
        "np.concatenate(probs, axis=0)",
        "alcore.entropy({}, axes='NC')",
        "entropy_of(whole[..., :1])",
        PARTS,
    ),
    Case(
        "alcore.entropy(probs, axes='NC')",
        "iter(probs)",
        "alcore.entropy({}, axes='NC')",
        "entropy_of(whole[..., :1])",
        PARTS,
    ),
    Case(
        "alcore.bald(probs, axes='NC')",
        "alcore.concatenate_draws(probs, axes='NC')",
        "alcore.bald({})",
        "bald_of(whole)",
        {"whole": "probs", "probs": "sorted(glob.glob('job_*.npy'))"},
    ),
    Case(
        "alcore.entropy(probs, axes='NC')",
        "(alcore.open_predictions(one) for one in probs)",
        "alcore.entropy({}, axes='NC')",
        "entropy_of(np.concatenate([whole[..., :1], whole[..., 1:2]]))",
        {"whole": "probs", "probs": "['job_0.npy', 'job_1.npy']"},
    ),
)
RAGGED = {"ragged": "Ragged(probs, [0, 2, 12])", "offsets": "[0, 2, 12]", "sizes": "[2, 10]", "C": "3", "T": "5"}
FROM_SIZES = "np.concatenate([[0], np.cumsum(sizes)])"
SUMS = "[bald_of(probs[:2]).sum(), bald_of(probs[2:]).sum()]"
SUMS_OF_TOKENS = "[bald_of(tokens[:2]).mean(1).sum(), bald_of(tokens[2:]).mean(1).sum()]"
SETS = (
    *(
        Case(call, FROM_SIZES, "Reduce(BALD(), 'sum').score(Ragged(probs, {}))", SUMS, RAGGED)
        for call in ("Ragged(probs, [2, 12])", "Ragged(probs, [0, 5, 2])")
    ),
    Case("Ragged(probs)", "Ragged(flat, offsets)", "{}.offsets", "[0, 2, 12]", {**RAGGED, "flat": "probs"}),
    Case(
        "Ragged(probs, masked)",
        "offsets.compressed()",
        "Ragged(probs, {}).offsets",
        "[0, 2, 12]",
        {"masked": "np.ma.masked_array([0, 2, 12])", "offsets": "masked"},
    ),
    Case(
        "Ragged(probs, offsets)",
        "offsets.astype(np.int64)",
        "Ragged(probs, {}).offsets",
        "[0, 2, 12]",
        {"offsets": "np.array([0.0, 2.0, 12.0])"},
    ),
    Case("Ragged([])", "Ragged(np.empty((0, C, T)), [0])", "len({})", "0", RAGGED),
    Case("Ragged([probs, probs[0]])", "np.empty((0, C, T))", "Ragged([probs, {}]).offsets", "[0, 12, 12]", RAGGED),
    Case("alcore.bald(ragged)", "Reduce(BALD(), 'sum').score(ragged)", "{}", SUMS, RAGGED),
    Case("alcore.bald(ragged)", "ragged.flat", "alcore.bald({})", "bald_of(probs)", RAGGED),
    Case(
        "Reduce(BALD(), 'sum').score(Ragged(tokens, offsets))",
        "alcore.reduce(alcore.reduce(alcore.bald(flat), 'mean'), 'sum', offsets=offsets)",
        "{}",
        SUMS_OF_TOKENS,
        {**RAGGED, "flat": "tokens"},
    ),
    Case(
        "Reduce(Precomputed([1.0, 2.0]), 'sum').score(ragged)",
        "Precomputed(alcore.reduce(scores, 'sum', offsets=offsets))",
        "{}.select(None, 2).scores",
        f"sorted({SUMS}, reverse=True)",
        {**RAGGED, "scores": "alcore.bald(probs)"},
    ),
    Case(
        "alcore.reduce(scores, 'sum', offsets=offsets)",
        "alcore.reduce(alcore.reduce(scores, 'mean'), 'sum', offsets=offsets)",
        "{}",
        SUMS_OF_TOKENS,
        {**RAGGED, "scores": "alcore.bald(tokens)"},
    ),
    Case(
        "alcore.reduce(scores, 'max', offsets=[0, 0, 12])",
        "empty=0.0",
        "alcore.reduce(scores, 'max', offsets=[0, 0, 12], {})",
        "[0, bald_of(probs).max()]",
        {"scores": "alcore.bald(probs)"},
    ),
    Case(
        "alcore.bald(probs, kind='mean', variance=variance)",
        "variance.flat",
        "alcore.bald(probs, kind='mean', variance={})",
        "np.log1p(probs.var(-1)).sum(1) / 2",
        {"variance": "Ragged(np.ones((12, 3)), [0, 2, 12])"},
    ),
    Case(
        "Reduce(BALD(), 'sum').score(means, kind='mean', variance=Ragged(variances, [0, 3, 12]))",
        "Ragged(variances, means.offsets)",
        "Reduce(BALD(), 'sum').score(means, kind='mean', variance={})",
        "np.add.reduceat(np.log1p(probs.var(-1)).sum(1) / 2, [0, 2])",
        {"means": RAGGED["ragged"], "variances": "np.ones((12, 3))"},
    ),
    Case(
        "match_boxes([b])",
        "np.concatenate([b[:, :2], b[:, :2] + b[:, 2:]], axis=1)",
        "{}",
        "[[5, 5, 7, 8]]",
        {"b": "np.array([[5.0, 5.0, 2.0, 3.0]])"},
    ),
    Case(
        "alcore.heuristic('bald', empty=0.0)",
        "reduce='sum'",
        "alcore.heuristic('bald', empty=0.0, {}).score(Ragged(probs, [0, 0, 12]))",
        "[0, bald_of(probs).sum()]",
    ),
)
ROWS = {
    "a": "xarray.DataArray(probs, dims=('obs', 'class', 'draw'), coords={'obs': [f'photo{i}' for i in range(12)]})",
    "both": "Combine({'a': BALD(), 'b': Entropy()})",
}
PLACES = "sum(np.argsort(np.argsort(scores)) for scores in (bald_of(probs), entropy_of(probs))) / 11"
TABLES = {
    "table": "pandas.DataFrame(probs.mean(2))",
    "both": "Combine({'a': Entropy(), 'b': LeastConfidence()})",
}
TABLE_PLACES = "sum(np.argsort(np.argsort(scores)) for scores in (entropy_of(probs), -probs.mean(2).max(1))) / 11"
HEADS = (
    Case(
        "both.score(predictions)",
        "predictions['b'].sel({'obs': predictions['a']['obs'].values})",
        "both.score({{**predictions, 'b': {}}})",
        PLACES,
        {**ROWS, "predictions": "{'a': a, 'b': a[::-1]}"},
    ),
    Case(
        "both.score(predictions)",
        "predictions['b'].sel({'photo': predictions['a']['obs'].values})",
        "both.score({{**predictions, 'b': {}}})",
        PLACES,
        {**ROWS, "predictions": "{'a': a, 'b': a[::-1].rename(obs='photo')}"},
    ),
    Case(
        "both.score(predictions)",
        "predictions['b'].drop_vars('obs')",
        "both.score({{**predictions, 'b': {}}})",
        PLACES,
        {**ROWS, "predictions": "{'a': a, 'b': a.assign_coords(obs=np.arange(12))}"},
    ),
    Case(
        "both.score(predictions)",
        "predictions['b'].drop_vars('photo').rename({'photo': 'obs'})",
        "both.score({{**predictions, 'b': {}}})",
        PLACES,
        {**ROWS, "predictions": "{'a': a, 'b': a.assign_coords(obs=np.arange(12)).rename(obs='photo')}"},
    ),
    Case(
        "both.score(predictions)",
        "predictions['b'].rename({'photo': 'obs'})",
        "both.score({{**predictions, 'b': {}}})",
        PLACES,
        {**ROWS, "predictions": "{'a': a, 'b': a.drop_vars('obs').rename(obs='photo')}"},
    ),
    Case(
        "alcore.epig(pool, targets)",
        "targets.sel({'draw': probs['draw'].values})",
        "alcore.epig(pool, {})",
        "alcore.epig(pool.values, pool.values[:2])",
        {
            "pool": "xarray.DataArray(probs, dims=('obs', 'class', 'draw'), coords={'draw': np.arange(5)})",
            "targets": "pool[:2, :, ::-1]",
            "remedied probs": "pool",
        },
    ),
    Case(
        "both.score(predictions, axes='NC')",
        "predictions['b'].loc[predictions['a'].index]",
        "both.score({{**predictions, 'b': {}}}, axes='NC')",
        TABLE_PLACES,
        {**TABLES, "predictions": "{'a': table, 'b': table[::-1]}"},
    ),
    Case(
        "both.score(predictions, axes='NC')",
        "predictions['b'].to_numpy()",
        "both.score({{**predictions, 'b': {}}}, axes='NC')",
        TABLE_PLACES,
        {**TABLES, "predictions": "{'a': table, 'b': table.set_index(np.arange(5, 17))}"},
    ),
    Case(
        "Combine({'a': Power(BALD())})",
        "BALD()",
        "Combine({{'a': {}}}).score({{'a': probs}})",
        "np.argsort(np.argsort(bald_of(probs))) / 11",
    ),
    Case(
        "Combine({'a': PairwiseKL()}, scale='standard').score({'a': certain})",
        "scale='rank'",
        "Combine({{'a': PairwiseKL()}}, {}).score({{'a': certain}}).max()",
        "10.5 / 11",  # two rows are infinite, and half of one counts as lower for the other
    ),
    Case(
        "Combine({'a': PairwiseKL()}, scale='standard').score({'a': certain})",
        "PairwiseKL(floor=1e-6)",
        "np.isfinite(Combine({{'a': {}}}, scale='standard').score({{'a': certain}})).all()",
        "True",
    ),
)
