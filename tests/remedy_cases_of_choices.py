"""Refusals of numbers, choices and files that print code, with that code and what it must give. `tests.remedies` explains them."""

from __future__ import annotations

from tests.remedies import Case

NUMBERS = (
    Case(
        "alcore.expected_loss(probs, predicted, loss='log')",
        "np.clip(predicted, 1e-6, None)",
        "np.isfinite(alcore.expected_loss(probs, {}, loss='log')).all()",
        "True",
        {
            "predicted": "np.eye(3)[probs.mean(-1).argmax(1)]",
        },
    ),
    Case(
        "alcore.expected_loss(probs, draws, loss='brier')",
        "draws.mean(axis=-1)",
        "alcore.expected_loss(probs, {}, loss='brier')",
        "brier_of(probs)",
        {"draws": "probs"},
    ),
    Case(
        "alcore.power([1.0, 2.0], 1, rng='a')",
        "numpy.random.default_rng(seed)",
        "len(alcore.power([1.0, 2.0], 1, rng={}))",
        "1",
        {"numpy": "np", "seed": "0"},
    ),
    Case(
        "alcore.bald(probs, weights=x)",
        "x.filled(value)",
        "alcore.bald(probs, weights={})",
        "bald_of(probs)",
        {"x": "np.ma.masked_array(np.ones(5))", "value": "1"},
    ),
    Case(
        "alcore.lure(x, [0.1, 0.1], 9)", "x.compressed()", "{}", "[0.5, 0.25]", {"x": "np.ma.masked_array([0.5, 0.25])"}
    ),
    Case(
        "alcore.bald(probs, weights=x)",
        "np.asarray(x, float)",
        "alcore.bald(probs, weights={})",
        "bald_of(probs)",
        {"x": "['1', '1', '1', '1', '1']"},
    ),
    Case(
        "stopping.agreement.kappa(one, classes)",
        "one.compressed()",
        "stopping.agreement.kappa({}, classes)",
        "stopping.agreement.kappa(classes, classes)",
        {"classes": "probs.mean(-1).argmax(1)", "one": "np.ma.masked_array(classes)"},
    ),
    Case(
        "stopping.agreement.kappa(probs.mean(-1), classes)",
        "probs.mean(axis=-1).argmax(axis=1)",
        "{}",
        "classes",
        {"classes": "probs.mean(-1).argmax(1)"},
    ),
    Case(
        "alcore.lure([0.5, np.inf], [0.1, 0.1], 9)",
        "np.clip(probs, 1e-6, None)",
        "np.isfinite(np.log({})).all()",
        "True",
        {"probs": "np.eye(3)"},
    ),
    Case(
        "alcore.lure(losses, [1e-4, 1e-4], 9)",
        "losses / np.max(losses)",
        "alcore.lure({}, [1e-4, 1e-4], 9).value * 2",
        "alcore.lure([2.0, 1.0], [1e-4, 1e-4], 9).value",
        {"losses": "np.array([1e308, 5e307])"},
    ),
    Case(
        "alcore.lure([0.5], [1.0], 9)",
        "floor=0.1",
        "(Power(Precomputed(alcore.expected_loss(certain, mean, loss='brier', {}))).select(None, 3, rng=0).q < 1).all()",
        "True",
    ),
    Case(
        "alcore.lure([0.5], [0.2], 9, support=[3])",
        "floor=0.1",
        "Power(Precomputed(alcore.expected_loss(certain, mean, loss='brier', {}))).select(None, 3, rng=0).support.tolist()",
        "[12, 11, 10]",
    ),
)
SELECTIONS = (
    Case(
        "alcore.power([1.0, np.inf], 1, rng=0)",
        "floor=1e-6",
        "np.isfinite(alcore.pairwise_kl(certain, {})).all()",
        "True",
    ),
    Case(
        "Reduce(PairwiseKL(), 'mean').score(hard)",
        "floor=1e-6",
        "np.isfinite(Reduce(PairwiseKL({}), 'mean').score(hard)).all()",
        "True",
        {"hard": "np.stack([certain, certain[..., ::-1]], 2)"},
    ),
    Case(
        "BALD() + BatchBALD()",
        "select(predictions, k)",
        "BatchBALD().{}.indices",
        "alcore.batchbald(probs, 3).indices",
        {"predictions": "probs", "k": "3"},
    ),
    Case(
        "BatchBALD().score(probs)",
        "select(predictions, k)",
        "BatchBALD().{}.indices",
        "alcore.batchbald(probs, 3).indices",
        {"predictions": "probs", "k": "3"},
    ),
    Case(
        "alcore.top(scores, 2)",
        "Reduce(heuristic, 'mean')",
        "{}.score(tokens)",
        "bald_of(tokens).mean(1)",
        {"scores": "alcore.bald(tokens)", "heuristic": "BALD()"},
    ),
    Case(
        "alcore.top(scores, 2)",
        "alcore.reduce(scores, 'mean')",
        "alcore.top({}, 2).indices",
        "np.argsort(-bald_of(tokens).mean(1))[:2]",
        {"scores": "alcore.bald(tokens)"},
    ),
    Case(
        "alcore.top(scores, 2)",
        "np.nan_to_num(scores, nan=0.0)",
        "alcore.top({}, 2).indices",
        "[0, 2]",
        {"scores": "np.array([0.3, np.nan, 0.2])"},
    ),
    Case(
        "alcore.batch_information(probs, indices)",
        "indices.compressed()",
        "alcore.batch_information(probs, {})",
        "alcore.batch_information(probs, [1, 2])",
        {"indices": "np.ma.masked_array([1, 2])"},
    ),
    Case(
        "alcore.batch_information(probs, mask)",
        "np.flatnonzero(mask)",
        "alcore.batch_information(probs, {})",
        "alcore.batch_information(probs, [1, 2])",
        {"mask": "np.isin(np.arange(12), [1, 2])"},
    ),
    Case(
        "alcore.batch_information(probs, indices)",
        "np.asarray(indices) % len(probs)",
        "alcore.batch_information(probs, {})",
        "alcore.batch_information(probs, [11, 2])",
        {"indices": "[-1, 2]"},
    ),
    Case(
        "alcore.batch_information(probs, indices)",
        "np.unique(indices)",
        "alcore.batch_information(probs, {})",
        "alcore.batch_information(probs, [1, 2])",
        {"indices": "[2, 1, 2]"},
    ),
    Case(
        "Ledger(size=12).ask(BALD(), None, 3)",
        "Precomputed(scores)",
        "Ledger(size=12).ask({}, None, 3).ids",
        "np.argsort(-bald_of(probs))[:3]",
        {"scores": "alcore.bald(probs)"},
    ),
    Case(
        "Power(BatchBALD())",
        "Power(0.7 * BALD() + 0.3 * Entropy())",
        "{}.heuristic.score(probs)",
        "0.7 * bald_of(probs) + 0.3 * entropy_of(probs)",
        {"call": "0.5 * (Power(BALD()) + Entropy())"},
    ),
    Case(
        "BALD().score(tokens, mask=padding)",
        "Reduce(BALD(), 'mean')",
        "{}.score(tokens, mask=padding)",
        "np.where(padding, 0, bald_of(tokens)).sum(1) / (~padding).sum(1)",
    ),
    Case(
        "(BALD() + Reduce(Entropy(), 'mean')).score(tokens)",
        "0.5 * Reduce(BALD(), 'mean')",
        "({} + Reduce(Entropy(), 'mean')).score(tokens)",
        "0.5 * bald_of(tokens).mean(1) + entropy_of(tokens).mean(1)",
    ),
    Case(
        "alcore.batchbald([probs], 5, memory=10)",
        "memory=",
        "len(alcore.batchbald([probs], 5, {}))",
        "5",
        {"remedy": "memory=[0-9]+"},
    ),
)
FILES = (
    Case(
        "alcore.batch_epig(iter([probs]), probs[:2], 2)",
        "list(probs)",
        "alcore.batch_epig({}, probs[0][:2], 2, rng=0).indices",
        "alcore.batch_epig(whole, whole[:2], 2, rng=0).indices",
        {"whole": "probs", "remedied probs": "[whole]"},
    ),
    Case(
        "alcore.batch_epig(iter([probs]), probs[:2], 2)",
        "alcore.save_predictions('preds.zarr', probs)",
        "np.asarray({}[:])",
        "probs",
    ),
    Case(
        "alcore.batch_epig(iter([moved]), moved[:, :2], 2, axes='TNC')",
        "alcore.save_predictions('preds.zarr', probs, axes='TNC')",
        "np.asarray({}[:])",
        "whole",
        {"whole": "probs", "moved": "probs.transpose(2, 0, 1)", "remedied probs": "iter([moved[:, :4], moved[:, 4:]])"},
    ),
    Case(
        "alcore.ical(iter([probs]), 2, labels='expected')",
        "labels='drawn'",
        "len(alcore.ical(iter([probs]), 2, {}, rng=0))",
        "2",
    ),
    Case(
        "alcore.bald('text.csv')",
        "alcore.save_predictions('preds.npy', predictions)",
        "np.asarray({})",
        "probs",
        {"predictions": "probs"},
    ),
    Case("alcore.bald('part_*.npy')", "sorted(glob.glob('part_*.npy'))", "alcore.bald({})", "bald_of(probs)"),
    Case(
        "alcore.bald('two.npz')", "member='b'", "alcore.bald(alcore.open_predictions('two.npz', {}))", "bald_of(votes)"
    ),
    Case(
        "alcore.bald('objects.npy')",
        "np.save(path, array)",
        "[{}, alcore.bald(path)][1]",
        "bald_of(probs)",
        {"path": "'new.npy'", "array": "probs"},
    ),
    Case(
        "alcore.concatenate_draws([iter([probs])])",
        "alcore.save_predictions('part.zarr', files[0])",
        "alcore.bald(alcore.concatenate_draws([{}, probs]))",
        "bald_of(np.concatenate([probs] * 2, -1))",
        {"files": "[iter([probs])]"},
    ),
    Case(
        "alcore.bald('hole.zarr', kind='logits')",
        "alcore.open_predictions('hole.zarr')[0:8]",
        "alcore.bald({}, kind='logits')",
        "bald_of(softmax_of(logits[:8]))",
    ),
    Case(
        "alcore.bald('hole.zarr', kind='logits')",
        "alcore.open_predictions('hole.zarr')[:]",
        "np.asarray({})[8:]",
        "np.zeros((4, 3, 5))",
    ),
    Case(
        "alcore.bald('hole.h5', kind='logits')",
        "alcore.open_predictions('hole.h5', 'preds')[0:8]",
        "alcore.bald({}, kind='logits')",
        "bald_of(softmax_of(logits[:8]))",
    ),
    Case(
        "alcore.bald('tall.zarr')",
        "alcore.save_predictions('rows.npy', alcore.open_predictions('tall.zarr'))",
        "np.asarray({})",
        "probs",
    ),
    Case(
        "alcore.bald('flat.zarr', axes='TNC')",
        "alcore.save_predictions('rows.npy', alcore.open_predictions('flat.zarr'), axes='TNC')",
        "np.asarray({})",
        "probs",
    ),
    Case(
        "alcore.batchbald(same, 3, rng=0)",
        "PowerBALD().select(probs, 3)",
        "len({})",
        "3",
        {"same": "np.array([[[1.0, 0.0], [0.0, 1.0]]] * 3)"},
    ),
)
PATHS = (
    Case(
        "alcore.bald(iter(['part_1.npy', 'part_2.npy']))",
        "list(probs)",
        "alcore.bald({})",
        "bald_of(whole)",
        {"whole": "probs", "remedied probs": "iter(['part_1.npy', 'part_2.npy'])"},
    ),
)
BENCH = (
    Case(
        "bench.calibration(probs, classes)",
        "probs.mean(axis=-1)",
        "bench.calibration({}, classes).accuracy",
        "1",
        {"classes": "probs.mean(-1).argmax(1)"},
    ),
    Case(
        "bench.calibration(logits, classes)",
        "scipy.special.softmax(logits, axis=1)",
        "bench.calibration({}, classes).log_likelihood",
        "np.log(softmax_of(logits).max(1)).mean()",
        {"logits": "3 * np.log(probs[..., 0])", "classes": "logits.argmax(1)"},
    ),
    Case(
        "bench.compare(iter([probs]), k=2)",
        "alcore.save_predictions('preds.zarr', blocks)",
        "np.asarray({}[:])",
        "probs",
        {"blocks": "iter([probs])"},
    ),
    Case(
        "bench.compare(iter([moved]), k=2, axes='TNC')",
        "alcore.save_predictions('preds.zarr', blocks, axes='TNC')",
        "np.asarray({}[:])",
        "probs",
        {"moved": "probs.transpose(2, 0, 1)", "blocks": "iter([moved[:, :4], moved[:, 4:]])"},
    ),
    Case(
        "bench.replay({'bald': 'bald'}, set_of, set_of)",
        "BALD()",
        "list(bench.replay({{'bald': {}}}, set_of, set_of, steps=2, seeds=2).curves) == ['bald']",
        "True",
        {"classes": "np.arange(12) % 3", "set_of": "bench.labelled(probs, classes)"},
    ),
    Case(
        "plot.scores({'bald': scores}, picks={'bald': [99]})",
        "batch.indices",
        "plot.scores({{'bald': scores}}, picks={{'bald': {}}}) is None",
        "False",
        {"scores": "alcore.bald(probs)", "batch": "BALD().select(probs, 2)"},
    ),
)
