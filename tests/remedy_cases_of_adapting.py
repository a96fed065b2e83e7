"""Refusals that adapters share, with the code that they print. `tests.remedies` explains the cases, `tests.adapting.test_remedies`
the names. Those about loaders and pipelines are beside the tests of PyTorch and Keras, which have them.
"""

from __future__ import annotations

from tests.remedies import Case

TWO = "expected"
PAIR = {"both": "lambda x, draw: {'logits': np.log(classes(x, draw)), 'loss': 1.0}"}
TOKENS = {"tokens": "lambda x, draw: np.stack([np.log(classes(x, draw))] * 2, axis=1)"}
HEADS = {"heads": "lambda x, draw: {'mean': x + draw, 'log_variance': x[:, :2]}"}

BLOCKS = (
    Case(
        "predict(cells, words, mask=lambda block: block['attention_mask'])",
        "mask='attention_mask'",
        "kept('mask', cells, words, {})",
        "words['attention_mask'] == 0",
    ),
    Case(
        "predict(cells, words, mask='mask')",
        "mask='attention_mask'",
        "kept('mask', cells, words, {})",
        "words['attention_mask'] == 0",
    ),
    Case(
        "predict(cells, words, mask=0)",
        "mask='attention_mask'",
        "kept('mask', cells, words, {})",
        "words['attention_mask'] == 0",
    ),
    *(
        Case(
            "predict(of_places, data, mask='attention_mask')",
            f"mask=lambda block: numpy.asarray({cells}) == 0",
            "kept('mask', of_places, data, {})",
            "places == 0",
            {
                "places": "np.arange(40).reshape(10, 4) % 3",
                "data": data,
                "of_places": "lambda x, draw: cells(x if isinstance(x, dict) else {'x': x}, draw)",
                "cells": "lambda x, draw: np.stack([classes(x['x'] / 3, draw)] * 4, axis=2)",
            },
        )
        for data, cells in (
            ("{'x': places}", "block['x']"),
            ("places", "block"),
            ("[(places, ROWS)]", "block[0]"),
            ("[({'x': places}, ROWS)]", "block[0]['x']"),
        )
    ),
    Case("predict(two, Held(ROWS))", "numpy.asarray(rows)", "predict(two, {})", TWO, {"rows": "Held(ROWS)"}),
    Case(
        "predict(one_number, data)",
        "data[None]",
        "predict(one_number, {}, kind='binary')",
        "[[[0.3, 0.4, 0.5]]]",
        {"data": "np.array(0.3)", "one_number": "lambda x, draw: x + 0.1 * draw"},
    ),
)
IDS = (
    Case("predict(two, parts, ids=0.5)", "ids=1", "kept('ids', two, parts, {})", "np.arange(10)"),
    Case("predict(with_x, words, ids=0.5)", "ids='id'", "kept('ids', with_x, words, {})", "words['id']"),
    Case("predict(two, parts, ids=7)", "ids=1", "kept('ids', two, parts, {})", "np.arange(10)"),
    Case("predict(with_x, words, ids='file')", "ids='id'", "kept('ids', with_x, words, {})", "words['id']"),
    Case("predict(two, [ROWS], ids='file')", "ids=1", "kept('ids', two, [(ROWS, np.arange(10))], {})", "np.arange(10)"),
    Case("predict(two, parts, ids=0)", "ids=1", "kept('ids', two, parts, {})", "np.arange(10)"),
    *(
        Case(
            f"predict(with_x, {{'x': ROWS, 'file': {given}}}, ids='file')",
            "",
            f"kept('ids', with_x, {{{{'x': ROWS, 'file': {given}}}}}, {{}}) == {texts}",
            "np.full(10, True)",
            {"remedy": r"ids=lambda block: .*block\['file'\].*(?=\.$)"},
        )
        for given, texts in (
            ("np.array([b'%d' % i for i in range(10)])", "np.arange(10).astype(str)"),
            ("np.array([str(i) + chr(0) for i in range(10)], object)", "np.arange(10).astype(str)"),
            ("np.array([2**63 + i for i in range(10)])", "[str(2**63 + i) for i in range(10)]"),
        )
    ),
    Case(
        "predict(two, mixed, ids=1)",
        "ids=lambda block: list(map(str, numpy.asarray(block[1], object)))",
        "kept('ids', two, mixed, {}) == ['0', '1', '2', '3', 'a', 'b']",
        "np.full(6, True)",
        {"mixed": "[(ROWS[:4], np.arange(4)), (ROWS[4:6], ['a', 'b'])]"},
    ),
    Case(
        "in_turn(loader, ids=1)",
        "list(loader) with out='preds.zarr'",
        "in_turn(list(loader), out='preds.zarr', ids=1)[:][np.argsort(np.load('preds.ids.npy'))]",
        "expected[..., [0, 0]]",
        {"loader": "Turning()"},
    ),
    Case("in_turn(data)", "list(data)", "in_turn({})[:]", "expected[..., [0, 0]]", {"data": "iter([ROWS])"}),
    Case("in_turn(ROWS, out=None)", "out='preds.npy'", "in_turn(ROWS, {})[:]", "expected[..., [0, 0]]"),
    Case(
        "in_turn([ROWS], out=None, rows=None)",
        "out='preds.zarr'",
        "in_turn([ROWS], rows=None, {})[:]",
        "expected[..., [0, 0]]",
    ),
)
CALLS = (
    Case(
        "check_call(model, words, 'Model')",
        "inputs=lambda block: block['x']",
        "model(dict({})['inputs'](words))",
        "ROWS",
        {"model": "lambda rows: rows"},
    ),
    Case(
        "check_call(model, words, 'Model')",
        "inputs=lambda block: {key: block[key] for key in ('id', 'x')}",
        "model(**dict({})['inputs'](words))",
        "words['id'] + ROWS[:, 0]",
        {"model": "lambda id, x: id + x[:, 0]", "remedied words": "{**words, 'x': ROWS}"},
    ),
    Case(
        "check_call(model, ROWS, 'Model')",
        "inputs=lambda block: (block[0], block[1])",
        "model(*dict({})['inputs']((ROWS[:, 0], np.arange(10))))",
        "np.arange(10) + ROWS[:, 0]",
        {"model": "lambda x, y, flag=True: x + y"},
    ),
    Case(
        "check_call(model, (ROWS, 1), 'Model')",
        "inputs=lambda block: block[0]",
        "model(dict({})['inputs']((ROWS, 1)))",
        "ROWS",
        {"model": "lambda x: x"},
    ),
    Case(
        "refuse_no_array(block)",
        "inputs=lambda block: block[1]['x']",
        "dict({})['inputs'](block)",
        "ROWS",
        {"block": "(['a'], {'x': ROWS})"},
    ),
    Case(
        "refuse_no_array(block)",
        "inputs=lambda block: block.x",
        "dict({})['inputs'](block)",
        "ROWS",
        {"block": "type('Example', (), {'x': ROWS})()"},
    ),
    Case("as_rate(1)", "rate=0.5", "as_rate({})", "0.5"),
    Case("request(seed='a')", "seed=0", "[request({}).seed_of(3, 0)]", "[request().seed_of(3, 0)]"),
)
AXES = (
    Case("predict(tokens, kind='logits')", "class_axis=2", "predict(tokens, kind='logits', {})", "by_token", TOKENS),
    Case(
        "predict(steps, kind='logits')",
        "class_axis=1",
        "predict(steps, kind='logits', {})",
        "by_token",
        {"steps": "lambda x, draw: np.stack([np.log(classes(x, draw))] * 2, axis=2)"},
    ),
    Case(
        "predict(lambda x, draw: classes(x, draw).T, data)",
        "output=lambda made: numpy.moveaxis(made, 1, 0)",
        "predict(lambda x, draw: classes(x, draw).T, data, {})",
        "expected[:5]",
        {"data": "[ROWS[:5]]"},
    ),
    *(
        Case(
            f"predict({returned}, data, kind='logits', output={output})",
            f"output=lambda made: numpy.moveaxis({taken}, 1, 0)",
            f"predict({returned}, data, kind='logits', {{}})",
            "expected[:5]",
            {
                "data": "[ROWS[:5]]",
                "turned": "lambda x, draw: np.log(classes(x, draw).T)",
                "in_a_dict": "lambda x, draw: {'logits': turned(x, draw), 'loss': 1.0}",
                "in_a_pair": "lambda x, draw: Pair(turned(x, draw), 1.0)",
                "output": "np.asarray",
            },
        )
        for returned, output, taken in (
            ("in_a_dict", "'logits'", "made['logits']"),
            ("in_a_pair", "'logits'", "made.logits"),
            ("in_a_pair", "0", "made[0]"),
            ("turned", "output", "output(made)"),
        )
    ),
    Case(
        "predict(turned, data, kind='mean', class_axis=1, output='mean', variance='variance')",
        "output=lambda made: numpy.moveaxis(made['mean'], 2, 0), variance=lambda made: numpy.moveaxis(made['variance'], 2, 0)",
        "np.asarray(predict(turned, data, kind='mean', class_axis=1, {}))",
        "[moved[:5, :2, None], still[:5, :2, None]]",
        {
            "data": "[ROWS[:5]]",
            "last": "lambda x: np.moveaxis(x[:, :2, None], 0, 2)",
            "turned": "lambda x, draw: {'mean': last(x + draw), 'variance': last(x)}",
        },
    ),
    Case("predict(many, draws=1)", "draw_axis=0", "predict(many, draws=1, {})", TWO),
    Case("predict(many, draws=1, draw_axis=7)", "draw_axis=0", "predict(many, draws=1, {})", TWO),
    Case("request(draw_axis=0.5)", "draw_axis=0", "predict(many, draws=1, {})", TWO),
    Case(
        "predict(lambda x, draw: classes(x, draw), noises=kept_noise)",
        "draw_axis=0",
        "predict(many, draws=1, {})",
        TWO,
    ),
    Case("predict(many_first, draws=1)", "draw_axis='draws-first'", "predict(many_first, draws=1, {})", TWO),
    Case("predict(rows_first, draws=1)", "draw_axis='rows-first'", "predict(rows_first, draws=1, {})", TWO),
    Case(
        "predict(two, list(ROWS))",
        "inputs=lambda row: row[None]",
        "predict(two, list(ROWS), {})",
        TWO,
        {"two": "lambda x, draw: classes(np.atleast_2d(x), draw)[0] if x.ndim == 1 else classes(x, draw)"},
    ),
    Case("predict(many_last, class_axis=3)", "class_axis=-1", "predict(many_last, {})", "expected[:, :, None]"),
    Case(
        "predict(lambda x, draw: {'logits': np.log(classes(x, draw)), 'hidden': x[:, 0]}, output='hidden')",
        "output='logits'",
        "predict(both, kind='logits', {})",
        TWO,
        PAIR,
    ),
    Case("predict(lambda x, draw: np.zeros((3, 2)))", "output='logits'", "predict(both, kind='logits', {})", TWO, PAIR),
)
KINDS = (
    Case("predict(yes)", "kind='binary'", "predict(yes, {})", "expected[:, :1]"),
    Case(
        "predict(lambda x, draw: logit(yes(x, draw)))",
        "kind='binary_logits'",
        "predict(lambda x, draw: logit(yes(x, draw)), {})",
        "expected[:, :1]",
    ),
    Case(
        "predict(lambda x, draw: classes(x, draw)[:, None, None])",
        "class_axis=-1",
        "predict(lambda x, draw: classes(x, draw)[:, None, None], {})",
        "expected[:, :, None, None]",
    ),
    Case(
        "predict(classes, kind='binary')",
        "output=lambda made: made[:, None]",
        "predict(classes, kind='binary', {})",
        "expected[:, None]",
    ),
    Case(
        "predict(named, kind='binary', output='p')",
        "output=lambda made: made['p'][:, None]",
        "predict(named, kind='binary', {})",
        "expected[:, None]",
        {"named": "lambda x, draw: {'p': classes(x, draw), 'x': x}"},
    ),
    Case("predict(classes, kind='binary')", "kind='multilabel'", "predict(classes, {})", TWO),
    Case(
        "predict(lambda x, draw: logit(classes(x, draw)), kind='binary_logits')",
        "kind='multilabel_logits'",
        "predict(lambda x, draw: logit(classes(x, draw)), {})",
        TWO,
    ),
    Case("predict(classes, kind='binary')", "kind='probs'", "predict(classes, {})", TWO),
    Case(
        "predict(lambda x, draw: np.log(classes(x, draw)), kind='binary')",
        "kind='logits'",
        "predict(lambda x, draw: np.log(classes(x, draw)), {})",
        TWO,
    ),
    Case(
        "predict(places, kind='binary', class_axis=1)",
        "class_axis=-1",
        "predict(places, kind='binary', {})",
        "expected[:, None]",
        {"places": "lambda x, draw: classes(x, draw)[..., None]"},
    ),
)
OUTPUTS = (
    Case("predict(both, kind='logits')", "output='logits'", "predict(both, kind='logits', {})", TWO, PAIR),
    Case("predict(both, output='probs')", "output='logits'", "predict(both, kind='logits', {})", TWO, PAIR),
    Case("predict(classes, output='probs')", "output=None", "predict(classes, {})", TWO),
    Case(
        "predict(heads, kind='probs', output='mean', variance='log_variance')",
        "kind='mean'",
        "np.asarray(predict(lambda x, draw: (x + draw, x), {}, output=0, variance=1))",
        "[[*moved], [*still]]",
        HEADS,
    ),
    Case(
        "predict(heads, kind='mean', output='mean', variance='log_variance')",
        "variance=lambda returned: numpy.exp(returned['log_variance'])",
        "predict(fitting, kind='mean', output='mean', {})",
        "[[*moved], [*np.exp(still)]]",
        {**HEADS, "fitting": "lambda x, draw: {'mean': x + draw, 'log_variance': x}"},
    ),
    Case(
        "predict(heads, kind='mean', output='mean', variance='mean', draw_axis=0)",
        "Leave draw_axis out",
        "predict(heads, kind='mean', output='mean', variance='mean')",
        "[[*moved], [*moved]]",
        HEADS,
    ),
)
NOISE = (
    Case(
        "predict(classes, noises=row_noise)",
        "consistent=False",
        "predict(classes, noises=row_noise, {})",
        TWO,
    ),
)
RANGES = (
    Case("in_store(ROWS, rows=None)", "rows=(0, 10)", "in_store(ROWS, {})", TWO),
    Case(
        "in_store(data, (0, 10), out='preds.zarr')",
        "out=alcore.SharedStore('preds.zarr', rows=len(data))",
        "in_store(data, (0, 10), {})",
        TWO,
        {"data": "ROWS"},
    ),
    Case("in_store(ROWS, (0, 10), consistent=False)", "consistent=True", "in_store(ROWS, (0, 10), {})", TWO),
    Case("in_store(data, (5, 10))", "data[5:10]", "in_store({}, (5, 10))", "expected[5:]", {"data": "ROWS"}),
    Case("adapting.refuse_ranges('why')", "out='preds.zarr'", "np.asarray(started(two, {})[:])", TWO),
)
OF_ADAPTING = (*BLOCKS, *IDS, *CALLS, *AXES, *KINDS, *OUTPUTS, *NOISE, *RANGES)
NOT_RUN_HERE = {
    "pip install": "a test installs nothing",
    "noise={}": "the layers are those of a framework, whose tests run it",
    "as len(dataset) says": "needs a loader; the tests of PyTorch run it",
}
