"""Refusals of `alcore_keras` and of pipelines of tf.data that print code, by the backend that raises them. `tests.remedies`
explains the cases, `test_remedies` the names.
"""

from __future__ import annotations

from tests.remedies import Case

PLAIN = "predict(model, rows)"

MODELS = (
    Case(
        "predict(quiet, rows)",
        "keras.layers.Dropout",
        "consistent(keras.Sequential([{}(0.5), quiet]), rows)",
        "True",
    ),
    Case(
        "predict(quiet, rows)",
        "alcore_keras.DropConnect(model)",
        "consistent({}, rows)",
        "True",
        {"remedied model": "quiet"},
    ),
    Case(
        "predict(quiet, rows)", "draws=1", "predict([quiet, model], rows, {})[..., 0]", "softmax(logits(quiet, rows))"
    ),
    Case(
        "predict(mixing, rows)",
        "keras.layers.LayerNormalization",
        "consistent(keras.Sequential([keras.Input((6,)), {}(), kl.Dropout(0.5), kl.Dense(3)]), rows)",
        "True",
    ),
    Case("predict(by_pairs, rows)", "consistent=False", "differ(by_pairs, rows, {})", "True"),
    Case("predict(counts, rows)", "noise=('counts',)", "predict(counts, rows, {})", "predict(as_dropout, rows)"),
    Case(
        "predict(in_a_dict, rows, output=lambda made: made)",
        "output='logits'",
        "predict(in_a_dict, rows, {})",
        PLAIN,
    ),
    Case(
        "predict(turned, rows[:20], output='logits')",
        "output=lambda made: keras.ops.moveaxis(made['logits'], 1, 0)",
        "predict(turned, rows[:20], {})",
        "predict(model, rows[:20])",
    ),
    Case(
        "predict(two_heads, rows, kind='mean', output='mean', variance='short')",
        "variance=lambda returned: keras.ops.exp(returned['log_variance'])",
        "predict(two_heads, rows, kind='mean', output='mean', {})[1]",
        "np.exp(logits(quiet, rows))[..., None].repeat(4, -1)",
    ),
)
WEIGHTS = (
    *(
        Case(f"{name}(unbuilt)", "model(block)", use, "True", {"remedied model": "unbuilt", "block": "rows[:2]"})
        for name, use in (
            ("DropConnect", "({}, consistent(DropConnect(unbuilt), rows))[1]"),
            (
                "InitialWeights",
                "({}, kept := InitialWeights(unbuilt), before := logits(unbuilt, rows), spoil(unbuilt), kept.restore(), "
                "np.array_equal(logits(unbuilt, rows), before))[-1]",
            ),
        )
    ),
    Case(
        "DropConnect(words)",
        "layers=('looked_up',)",
        "consistent(DropConnect(words, {}), numbers)",
        "True",
    ),
)
STREAMS = (
    Case(
        "predict(of_images, flow(images, batch_size=10))",
        "shuffle=False",
        "predict(of_images, flow(images, batch_size=10, {}))",
        "predict(of_images, images)",
    ),
)
LOOPS = (
    Case("predict(recurrent(), steps)", "unroll=True", "consistent(recurrent({}), steps)", "True"),
    Case(
        "predict(own(jax.jit(noisy)), rows)",
        "leave out jax.jit and tf.function",
        "consistent(own(noisy), rows)",
        "True",
    ),
)
FUNCTIONS = (
    *(
        Case(
            f"predict(own(tf.function({layer})), rows)",
            "leave out jax.jit and tf.function",
            f"consistent(own({layer}), rows)",
            "True",
        )
        for layer in ("noisy", "of_values")
    ),
    Case(
        "predict(own(gamma), rows)",
        "keras.random.normal",
        "consistent(own(lambda x: x * {}(ops.shape(x))), rows)",
        "True",
    ),
)
OTHER_GENERATORS = Case(
    "predict(own(of_numpy), rows)",
    "model.run_eagerly = True",
    "(setattr(model, 'run_eagerly', True), consistent(model, rows))[1]",
    "True",
    {"model": "own(of_numpy)"},
)
PIPELINES = (
    *(
        Case(f"predict(model, {repeated})", "repeat(1)", "predict(model, stream.{}.batch(10))", PLAIN)
        for repeated in ("stream.repeat(2).batch(10)", "stream.batch(10).repeat()")
    ),
    Case("predict(model, stream.repeat(2).batch(10))", "Remove the step", "predict(model, stream.batch(10))", PLAIN),
    Case(
        "predict(model, stream.batch(8, drop_remainder=True))",
        "drop_remainder=False",
        "predict(model, stream.batch(8, {}))",
        PLAIN,
    ),
    Case(
        "predict(model, stream.batch(8, num_parallel_calls=2, deterministic=False))",
        "deterministic=True",
        "predict(model, stream.batch(8, num_parallel_calls=2, {}))",
        PLAIN,
    ),
    Case(
        "predict(model, stream.shuffle(20).batch(10))",
        "Remove the step",
        "predict(model, stream.batch(10))",
        PLAIN,
    ),
    Case(
        "predict(model, with_ids.shuffle(20).batch(10), inputs=lambda block: block['x'])",
        "ids='id'",
        "sorted_by_id(model, with_ids.shuffle(20).batch(10), inputs=lambda block: block['x'], {})",
        PLAIN,
    ),
    Case(
        "sorted_by_id(model, with_names.batch(10), inputs=lambda block: block['x'], ids='file')",
        "ids=lambda block: [one.decode() for one in numpy.asarray(block['file'])]",
        "sorted_by_id(model, with_names.batch(10), inputs=lambda block: block['x'], {})",
        PLAIN,
    ),
)
OF_KERAS = {
    "torch": (*MODELS, *WEIGHTS, *STREAMS),
    "jax": (*LOOPS, OTHER_GENERATORS),
    "tensorflow": (*FUNCTIONS, OTHER_GENERATORS, *PIPELINES),
}
