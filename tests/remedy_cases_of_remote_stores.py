"""Refusals of remote stores that print code, with that code. `tests.remedies` explains them."""

from __future__ import annotations

from tests.remedies import Case

REMOTE = (
    Case(
        "alcore.bald('memory://remedies/fortran.npy')",
        "import fsspec; fs, path = fsspec.url_to_fs('memory://remedies/fortran.npy'); fs.get(path, 'fortran.npy', "
        "recursive=True); alcore.open_predictions('fortran.npy')",
        "alcore.bald({})",
        "bald_of(probs)",
    ),
    Case(
        "alcore.bald('memory://remedies/short.npy')",
        "np.save(path, array)",
        "[{}, alcore.bald(path)][1]",
        "bald_of(probs)",
        {"path": "'whole.npy'", "array": "probs"},
    ),
    Case("alcore.bald('no-such-store://a/b.npy')", "fsspec.available_protocols()", "'s3' in {}", "True"),
    Case(
        "Reduce(BALD(), 'mean').score(tokens, mask='memory://remedies/mask.npy')",
        "np.asarray(alcore.open_predictions('memory://remedies/mask.npy'))",
        "Reduce(BALD(), 'mean').score(tokens, mask={})",
        "np.where(padding, 0, bald_of(tokens)).sum(1) / (~padding).sum(1)",
    ),
    Case(
        "stores_of(alcore.open_predictions('two.npz', 'a'))",
        "alcore.save_predictions('preds.zarr', alcore.open_predictions('two.npz', 'a'))",
        "alcore.bald({})",
        "bald_of(probs)",
    ),
)
