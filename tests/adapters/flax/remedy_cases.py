"""Refusals and warnings of `alcore_flax` that print code. `tests.remedies` explains the cases, `test_remedies` the names."""

from __future__ import annotations

from tests.remedies import Case

PLAIN = "predict(model, rows)"

DRAWS = (
    Case("predict(quiet, rows)", "draws=1", "predict(quiet, rows, {})[..., 0]", "softmax(quiet(rows))"),
    Case("predict(quiet, rows)", "DropConnect(model)", "consistent({}, rows)", "True", {"remedied model": "quiet"}),
    Case(
        "predict(quiet, rows)",
        "a list of models with draws=1",
        "predict([quiet, quiet], rows, draws=1)",
        "softmax(quiet(rows))[..., None].repeat(2, -1)",
    ),
    *(
        Case(
            call,
            "inputs=lambda x: (x, {'flag': True})",
            "consistent(silent, rows, {})",
            "True",
        )
        for call in ("predict(silent, rows)", "predict(silent, rows, draws=1)")
    ),
    Case(
        "predict(mixing, rows)",
        "inputs=lambda x: (x, {'flag': False})",
        "consistent(mixing, rows, {})",
        "True",
    ),
    *(
        Case(
            f"predict(own({layer}), rows)",
            "self.make_rng('dropout')",
            "consistent(own(lambda self: jax.random.bernoulli({}, 0.5, (8,))), rows)",
            "True",
        )
        for layer in (
            "lambda self: random.random()",
            "lambda self: jax.random.bernoulli(jax.random.key(0), 0.5, (8,))",
            "lambda self: drop(self) * jax.random.bernoulli(jax.random.key(0), 0.5, (8,))",
        )
    ),
    Case("predict(tracked, rows)", "noise=('tracked',)", "consistent(tracked, rows, {})", "True"),
    Case("predict(failing, rows)", "noise=('inner/Dropout_0',)", "consistent(failing, rows, {})", "True"),
)
OUTPUTS = (
    Case(
        "predict(in_a_dict, rows, output=lambda made: made)",
        "output='logits'",
        "predict(in_a_dict, rows, {})",
        PLAIN,
    ),
    Case(
        "predict(turned, rows, output='logits')",
        "output=lambda made: jnp.moveaxis(made['logits'], 1, 0)",
        "predict(turned, rows, {})",
        PLAIN,
    ),
    Case(
        "predict(heads, rows, kind='mean', output='mean', variance='short')",
        "variance=lambda returned: jnp.exp(returned['log_variance'])",
        "predict(heads, rows, kind='mean', output='mean', {})",
        "predict(heads, rows, kind='mean', output='mean', variance='variance')",
    ),
)
INPUTS = (
    *(
        Case(
            f"predict(model, {data})",
            remedy,
            f"predict(model, {data}, {{}})",
            PLAIN,
            {"texts": "['a'] * 15", "blocks": "[rows[:15], rows[15:]]"},
        )
        for data, remedy in (
            ("[(texts, block) for block in blocks]", "inputs=lambda block: block[1]"),
            ("[(texts, dict(x=block)) for block in blocks]", "inputs=lambda block: block[1]['x']"),
            ("dict(x=rows.tolist())", "inputs=lambda block: numpy.asarray(block['x'])"),
        )
    ),
    Case("predict(model, data)", "numpy.asarray(data)", "predict(model, {})", PLAIN, {"data": "rows.tolist()"}),
    Case(
        "predict(model, objects)",
        "inputs=lambda block: block.x",
        "predict(model, objects, {})",
        PLAIN,
        {"objects": "[SimpleNamespace(x=block) for block in (rows[:15], rows[15:])]"},
    ),
    Case(
        "alcore_flax.stochastic(model)(x, key)",
        "jax.numpy.asarray(x)",
        "alcore_flax.stochastic(model)({}, key)",
        "alcore_flax.stochastic(model)(rows, key)",
        {"x": "rows.tolist()"},
    ),
    Case(
        "predict(steps_first, series, inputs=lambda x: np.moveaxis(x, 0, 1))",
        "jnp.moveaxis(x, 0, 1)",
        "consistent(around(lambda x: {}), series)",
        "True",
    ),
    Case("predict(module, rows)", "module.bind(variables)", "predict({}, rows)", PLAIN),
)
WEIGHTS = (
    *(
        Case(
            f"dropped.{name}",
            "next(predict(model, data, draws=1))",
            f"({{}}, sorted(dropped.{name}))[1] == {expected}",
            "True",
            {"dropped": "DropConnect(quiet)", "predict": "alcore_flax.predict", "model": "dropped", "data": "rows"},
        )
        for name, expected in (
            ("dropped", "['Dense_0/kernel', 'Dense_1/kernel']"),
            ("left", "['Dense_0/bias', 'Dense_1/bias']"),
        )
    ),
    Case(
        "predict(DropConnect(quiet, layers=('dense',)), rows)",
        "layers=('Dense_0/kernel',)",
        "consistent(DropConnect(quiet, {}), rows)",
        "True",
    ),
    Case(
        "predict(Checkpoints(model, [path]), rows, draws=1, out='preds.npy')",
        "Checkpoints.save(model, path)",
        "({}, predict(Checkpoints(model, [path]), rows, draws=1, out='preds.npy'))[1]",
        "predict(model, rows, draws=1)",
        {"path": "written('other.msgpack')"},
    ),
)
OF_FLAX = (*DRAWS, *OUTPUTS, *INPUTS, *WEIGHTS)
