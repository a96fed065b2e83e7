"""Refusals of arrays, axes and values that print code, with that code and what it must give. `tests.remedies` explains them."""

from __future__ import annotations

from tests.remedies import Case
from tests.remedy_cases_of_choices import BENCH, FILES, NUMBERS, PATHS, SELECTIONS
from tests.remedy_cases_of_kinds import HEADS, KINDS, LISTS, SETS
from tests.remedy_cases_of_means import OF_MEANS
from tests.remedy_cases_of_posteriors import OF_POSTERIORS
from tests.remedy_cases_of_remote_stores import REMOTE
from tests.remedy_cases_of_sources import CASES_OF_SOURCES

X = {"x": "np.ma.masked_array(probs)", "value": "0.5", "heuristic": "BALD()", "mask": "padding"}
HALF = {"x": "half", "path": "'half.npy'"}
AXES = "alcore.bald({})"
NORMAL = "bald_of(skewed / skewed.sum(1, keepdims=True))"

ARRAYS = (
    Case("alcore.bald(x)", "x.filled(value)", "alcore.bald({})", "bald_of(probs)", X),
    Case(
        "alcore.bald(x)",
        "Reduce(heuristic).score(x, mask=mask)",
        "{}",
        "np.where(padding, 0, bald_of(tokens)).sum(1) / (~padding).sum(1)",
        {**X, "x": "np.ma.masked_array(tokens)", "remedied x": "tokens"},
    ),
    Case("alcore.bald(Lists(probs))", "np.asarray(x)", "alcore.bald({})", "bald_of(probs)", {"x": "probs.tolist()"}),
    Case(
        "alcore.bald([probs, x])",
        "np.asarray(block)",
        "alcore.bald([probs, {}])",
        "bald_of(np.concatenate([probs] * 2))",
        {"x": "probs.tolist()", "block": "probs.tolist()"},
    ),
    Case("alcore.bald(3)", "np.asarray(x)", "alcore.bald({})", "bald_of(probs)", {"x": "probs.tolist()"}),
    Case(
        "alcore.bald(np.round(probs[:, :1]).astype(int))",
        "probs.astype(np.float32)",
        "alcore.bald({})",
        "bald_of(votes)",
        {"probs": "votes.astype(int)"},
    ),
    Case("alcore.bald(probs.astype(np.longdouble))", "probs.astype(np.float64)", "alcore.bald({})", "bald_of(probs)"),
    Case(
        "alcore.bald(half)",
        "x.astype(np.float32)",
        "alcore.bald({}.astype(np.float32))",
        "bald_of(votes)",
        {**HALF, "x": "votes"},
    ),
    Case(
        "alcore.bald(half)",
        "np.load(path).view(ml_dtypes.bfloat16).astype(np.float32)",
        "alcore.bald({})",
        "bald_of(votes)",
        HALF,
    ),
    Case(
        "alcore.bald(lazy)",
        "x.compute_chunk_sizes()",
        "alcore.bald({})",
        "bald_of(probs[probs[:, 0, 0] > 0.3])",
        {"x": "lazy"},
    ),
    Case(
        "alcore.bald(ragged)",
        "Reduce(heuristic).score(x, mask=mask)",
        "{}",
        "np.where(padding, 0, bald_of(tokens)).sum(1) / (~padding).sum(1)",
        {"x": "tokens", "mask": "padding", "heuristic": "BALD()"},
    ),
    Case(
        "alcore.entropy(probs[..., 0])", "axes='NC'", "alcore.entropy(probs[..., 0], {})", "entropy_of(probs[..., :1])"
    ),
    Case(
        "alcore.entropy(probs[0, :, 0])",
        "probs[None, :, None]",
        "alcore.entropy({})",
        "entropy_of(whole[:1, :, :1])",
        {"whole": "probs", "flat": "probs[0, :, 0]", "remedied probs": "flat"},
    ),
    Case(
        "alcore.bald(p)",
        "kind='binary'",
        "alcore.bald(p, {})",
        "bald_of(np.stack([1 - p[:, 0], p[:, 0]], 1))",
        {"p": "probs[:, :1]"},
    ),
    Case(
        "alcore.bald(one.transpose(0, 2, 1))",
        "axes='NTC'",
        "alcore.bald(one.transpose(0, 2, 1), {})",
        "bald_of(one)",
        {"one": "probs[..., :1]"},
    ),
    Case(
        "alcore.bald(one.transpose(2, 0, 1))",
        "axes='TNC'",
        "alcore.bald(one.transpose(2, 0, 1), {})",
        "bald_of(one)",
        {"one": "probs[:1]"},
    ),
)
ORDERS = (
    Case("alcore.bald(Sample(maps, 4))", "axes='NTC'", "alcore.bald(probs.transpose(0, 2, 1), {})", "bald_of(probs)"),
    Case(
        "alcore.bald(named)",
        "axes={'N': 'place', 'C': 'kind', 'T': ('draw',)}",
        "alcore.bald(named, {}).values",
        "bald_of(probs)",
        {"named": "xarray.DataArray(probs, dims=('place', 'kind', 'draw'))"},
    ),
    Case(
        "alcore.bald(probs.transpose(0, 2, 1))",
        "axes='NTC'",
        "alcore.bald(probs.transpose(0, 2, 1), {})",
        "bald_of(probs)",
    ),
    Case(
        "alcore.bald(probs.transpose(2, 0, 1))",
        "axes='TNC'",
        "alcore.bald(probs.transpose(2, 0, 1), {})",
        "bald_of(probs)",
    ),
    Case(
        "alcore.batchbald(maps, 3)",
        "np.moveaxis(np.asarray(probs), 1, -2).reshape(-1, 3, 5)",
        "alcore.bald({})",
        "bald_of(maps).ravel()",
        {"probs": "maps"},
    ),
    *(
        Case(
            f"alcore.batchbald(probs, 3, axes={axes!r})",
            f"np.transpose(np.asarray(probs), {order}).reshape(-1, 3, 5)",
            "alcore.bald({})",
            "bald_of(maps).ravel()",
            {"probs": f"maps.transpose({moved})"},
        )
        for axes, order, moved in (
            ("NHWCT", "(0, 1, 2, 3, 4)", "0, 2, 3, 1, 4"),
            ("TNCHW", "(1, 3, 4, 2, 0)", "4, 0, 1, 2, 3"),
        )
    ),
    *(
        Case(
            "alcore.batchbald(probs, 3)",
            remedy,
            "alcore.bald({})",
            "bald_of(tokens).ravel()",
            {"probs": f"xarray.DataArray(tokens, dims=('obs', 'class', 'token', 'draw')).transpose(*{names})"},
        )
        for remedy, names in (
            ("np.moveaxis(np.asarray(probs), 1, -2).reshape(-1, 3, 5)", "('obs', 'class', 'token', 'draw')"),
            ("np.transpose(np.asarray(probs), (2, 1, 3, 0)).reshape(-1, 3, 5)", "('draw', 'token', 'obs', 'class')"),
        )
    ),
    Case(
        "alcore.batchbald(probs, 3, axes='SDNCH')",
        "np.transpose(np.asarray(probs), (2, 4, 3, 0, 1)).reshape(-1, 3, 5)",
        "alcore.bald({})",
        "bald_of(tokens).ravel()",
        {"probs": "tokens.transpose(3, 0, 1, 2)[None]"},
    ),
    Case(
        "alcore.batchbald(probs, 3, kind='binary', axes='HTN')",
        "np.transpose(np.asarray(probs), (2, 0, 1)).reshape(-1, 1, 5)",
        "alcore.bald({}, kind='binary')",
        "bald_of(two_of(whole)).ravel()",
        {"whole": "probs", "probs": "whole.transpose(1, 2, 0)"},
    ),
)
VALUES = (
    Case("alcore.bald(logits)", "kind='logits'", "alcore.bald(logits, {})", "bald_of(softmax_of(logits))"),
    Case(
        "alcore.bald(abs(logits) + 1)",
        "kind='logits'",
        "alcore.bald(abs(logits) + 1, {})",
        "bald_of(softmax_of(abs(logits) + 1))",
    ),
    Case(
        "alcore.bald(probs)",
        "probs / probs.sum(axis=1, keepdims=True)",
        "alcore.bald({})",
        "bald_of(abs(logits) / abs(logits).sum(1, keepdims=True))",
        {"probs": "abs(logits) + 0"},
    ),
    Case(
        "alcore.bald(probs)", "probs / probs.sum(axis=1, keepdims=True)", "alcore.bald({})", NORMAL, {"probs": "skewed"}
    ),
    Case("alcore.bald(skewed)", "kind='logits'", "alcore.bald(skewed, {})", "bald_of(softmax_of(skewed))"),
    Case(
        "alcore.bald(probs, axes='TNC')",
        "probs / probs.sum(axis=2, keepdims=True)",
        "alcore.bald({}, axes='TNC')",
        NORMAL,
        {"probs": "skewed.transpose(2, 0, 1)"},
    ),
    Case(
        "alcore.bald(broken)",
        "np.delete(probs, 4, axis=0)",
        "alcore.bald({})",
        "bald_of(np.delete(probs, 4, axis=0))",
        {"remedied probs": "broken"},
    ),
    Case(
        "alcore.bald(probs, axes='TNC')",
        "np.delete(probs, 4, axis=1)",
        "alcore.bald({}, axes='TNC')",
        "bald_of(np.delete(whole, 4, axis=0))",
        {"whole": "probs", "probs": "broken.transpose(2, 0, 1)"},
    ),
    Case(
        "alcore.bald(broken, kind='logits')",
        "np.delete(probs, 4, axis=0)",
        "alcore.bald({}, kind='logits')",
        "bald_of(softmax_of(np.delete(probs, 4, axis=0)))",
        {"remedied probs": "broken"},
    ),
    Case(
        "alcore.bald(probs)",
        "p = np.clip(probs, 0, None); p / p.sum(axis=1, keepdims=True)",
        "alcore.bald({})",
        "bald_of(np.clip(minus, 0, None) / np.clip(minus, 0, None).sum(1, keepdims=True))",
        {"probs": "minus"},
    ),
    Case("alcore.bald(logits, kind='log')", "kind='logits'", "alcore.bald(logits, {})", "bald_of(softmax_of(logits))"),
    Case(
        "Reduce(BALD()).score(tokens, mask=x)",
        "mask.filled(True)",
        "Reduce(BALD()).score(tokens, mask={})",
        "np.where(padding, 0, bald_of(tokens)).sum(1) / (~padding).sum(1)",
        {"x": "np.ma.masked_array(padding)", "mask": "np.ma.masked_array(padding)"},
    ),
    Case(
        "Reduce(BALD()).score(tokens, mask=attention_mask)",
        "mask=attention_mask == 0",
        "Reduce(BALD()).score(tokens, {})",
        "np.where(padding, 0, bald_of(tokens)).sum(1) / (~padding).sum(1)",
        {"attention_mask": "(~padding).astype(int)"},
    ),
    Case(
        "Reduce(BALD()).score(tokens, mask=labels)",
        "ignore_index=255",
        "Reduce(BALD()).score(tokens, mask=labels, {})",
        "Reduce(BALD()).score(tokens, mask=padding)",
        {"labels": "np.where(padding, 255, 1)"},
    ),
    Case(
        "Reduce(BALD()).score(tokens, ignore_index=255)",
        "mask=labels",
        "Reduce(BALD()).score(tokens, {}, ignore_index=255)",
        "Reduce(BALD()).score(tokens, mask=padding)",
        {"labels": "np.where(padding, 255, 1)"},
    ),
    Case(
        "Reduce(BALD()).score(tokens, mask=mask, ignore_index=1)",
        "np.ma.getmaskarray(mask)",
        "Reduce(BALD()).score(tokens, mask={})",
        "Reduce(BALD()).score(tokens, mask=padding)",
        {"mask": "np.ma.masked_array(padding.astype(int), padding)"},
    ),
    Case(
        "Reduce(BALD()).score(tokens, mask=mask, ignore_index=255)",
        "mask.astype(np.int64)",
        "Reduce(BALD()).score(tokens, mask={}, ignore_index=255)",
        "Reduce(BALD()).score(tokens, mask=padding)",
        {"mask": "np.where(padding, 255.0, 1.0)"},
    ),
    Case(
        "Reduce(BALD()).score(tokens, mask=mask, ignore_index=-100)",
        "np.unique(mask)",
        "Reduce(BALD()).score(tokens, mask=mask, ignore_index={}[-1])",
        "Reduce(BALD()).score(tokens, mask=padding)",
        {"mask": "np.where(padding, 255, 1).astype(np.uint8)"},
    ),
    Case(
        "BatchBALD().select(tokens, 2, mask=padding, rng=0)",
        "BatchBALD(positions=16)",
        "{}.select(tokens, 2, mask=padding, rng=0).indices",
        "batchbald(np.where(padding[:, None, :, None], np.eye(3)[0][:, None, None], tokens), 2, positions=16, rng=0).indices",
    ),
    Case(
        "Reduce(BALD()).score(tokens, mask='padding.npy')",
        "np.load('padding.npy')",
        "Reduce(BALD()).score(tokens, mask={})",
        "Reduce(BALD()).score(tokens, mask=padding)",
        {"saved": "np.save('padding.npy', padding)"},
    ),
    Case(
        "Reduce(BALD()).score(predictions)",
        "scores = alcore.bald(predictions); alcore.reduce(scores, 'mean', mask=predictions.mask)",
        "{}",
        "Reduce(BALD()).score(tokens, mask=padding)",
        {"predictions": "Masked(iter([(tokens, {'mask': padding})]), has_mask=True)"},
    ),
    Case(
        "Reduce(BALD()).score(np.where(padding[:, None, :, None], np.nan, tokens))",
        "Reduce(heuristic).score(probs, mask=mask)",
        "{}",
        "Reduce(BALD()).score(tokens, mask=padding)",
        {"heuristic": "BALD()", "probs": "np.where(padding[:, None, :, None], np.nan, tokens)", "mask": "padding"},
    ),
    Case(
        "epig(maps.transpose(4, 0, 2, 3, 1), targets, axes='TNHWC')",
        "np.transpose(np.asarray(targets), (0, 1, 2, 3, 4)).reshape(5, -1, 3)",
        "epig(maps.transpose(4, 0, 2, 3, 1), {}, axes='TNHWC')",
        "epig(maps, maps[:2].transpose(0, 2, 3, 1, 4).reshape(-1, 3, 5))",
        {"targets": "maps[:2].transpose(4, 0, 2, 3, 1)"},
    ),
    Case(
        "batchbald(tokens, 2, mask=np.ones((12, 4), bool), positions=2)",
        "mask=~mask",
        "batchbald(tokens, 2, {}, positions=2, rng=0).indices",
        "batchbald(tokens, 2, positions=2, rng=0).indices",
        {"mask": "np.ones((12, 4), bool)"},
    ),
)
CASES = (
    *ARRAYS,
    *ORDERS,
    *VALUES,
    *NUMBERS,
    *SELECTIONS,
    *FILES,
    *PATHS,
    *BENCH,
    *KINDS,
    *LISTS,
    *SETS,
    *HEADS,
    *OF_MEANS,
    *OF_POSTERIORS,
    *CASES_OF_SOURCES,
    *REMOTE,
)
