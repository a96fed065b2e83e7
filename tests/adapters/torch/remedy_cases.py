"""Refusals of `alcore_torch` and of loaders that print code. `tests.remedies` explains the cases, `test_remedies` the names."""

from __future__ import annotations

from tests.remedies import Case

ROWS = "predict(model, rows)"
ORDERED = "predict(model, rows)[order]"

MODELS = (
    Case("predict(quiet, rows)", "draws=1", "predict(quiet, rows, {})[..., 0]", "softmax(quiet, rows)"),
    Case(
        "predict(quiet, rows)",
        "DropConnect(model)",
        "differ({}, rows)",
        "True",
        {"remedied model": "quiet"},
    ),
    Case(
        "predict(switched_off, rows)",
        "noise=('1',)",
        "predict(switched_off, rows, {})",
        "predict(switched_off.train(), rows)",
    ),
    Case(
        "predict(needs_labels, rows)",
        "noise=('own',)",
        "differ(needs_labels, rows, {})",
        "True",
    ),
    Case("predict(itself, rows, kind='probs')", "noise=('',)", "differ(itself, rows, kind='probs', {})", "True"),
    Case(
        "predict(mixing, rows)",
        "torch.nn.LayerNorm",
        "np.ptp(predict(nn.Sequential({}(6), nn.Dropout(0.5)), rows[[0] * 9]), axis=0).max()",
        "0",
    ),
    Case(
        "predict(flagged, rows, inputs=lambda x: (x, True))",
        "inputs=lambda x: (x, False)",
        "predict(flagged, rows, {})",
        "predict(flagged.inner, rows)",
    ),
    Case(
        "predict(listed, rows)",
        "output='logits'",
        "predict(in_a_dict, rows, {})",
        ROWS,
    ),
    Case(
        "DropConnect(nn.Dropout(0.5))",
        "layers=nn.Linear",
        "differ(DropConnect(quiet, {}), rows)",
        "True",
    ),
    Case(
        "predict(keeps, rows)",
        "consistent=False",
        "differ(keeps, rows, {})",
        "True",
    ),
)
LOADERS = (
    *(
        Case(
            f"predict(model, DataLoader({data}, 12, drop_last=True))",
            "drop_last=False",
            f"predict(model, DataLoader({data}, 12, {{}}))",
            ROWS,
        )
        for data in ("data", "Counted()")
    ),
    *(
        Case(
            f"predict(model, {loader})",
            "Subset(dataset, ids) with shuffle=False",
            "predict(model, DataLoader(Subset(dataset, ids), 12, shuffle=False))",
            ORDERED,
            {"dataset": "data", "ids": "order"},
        )
        for loader in ("DataLoader(data, 12, shuffle=True)", "DataLoader(data, 12, sampler=order)")
    ),
    Case(
        "predict(model, DataLoader(named, 12, shuffle=True))",
        "ids='id'",
        "sorted_by_id(model, DataLoader(named, 12, shuffle=True), inputs=lambda block: block['x'], {})",
        ROWS,
    ),
    Case("predict(model, data)", "data[0]", "predict(model, {})", ROWS, {"data": "[DataLoader(tensors, 12)] * 2"}),
    Case(
        "predict(model, data)",
        "DataLoader(ConcatDataset([one.dataset for one in data]), batch_size=128)",
        "predict(model, {})",
        "np.concatenate([predict(model, rows)] * 2)",
        {"data": "[DataLoader(tensors, 12)] * 2"},
    ),
    Case(
        "predict(model, module)",
        "module.predict_dataloader()",
        "(module.setup('predict'), predict(model, {}))[1]",
        ROWS,
    ),
    Case("predict(model, trainer)", "trainer.datamodule.predict_dataloader()", "predict(model, {})", ROWS),
    Case(
        "predict(model, DataLoader(data, 12, sampler=SequentialSampler(range(10))))",
        "Subset(dataset, ids)",
        "predict(model, DataLoader({}, 12))",
        ORDERED,
        {"dataset": "data", "ids": "order"},
    ),
    Case(
        "predict(model, Turned(data, 12))",
        "plain DataLoader of its data set, with shuffle=False",
        "predict(model, DataLoader(data, 12, shuffle=False))",
        ROWS,
    ),
    Case(
        "predict(model, DataLoader(Counted(), 12, num_workers=2))",
        "num_workers=0",
        "predict(model, DataLoader(Counted(), 12, {}))",
        ROWS,
    ),
    Case(
        "predict(model, DataLoader(data, 12, num_workers=2, in_order=False))",
        "in_order=True",
        "predict(model, DataLoader(data, 12, num_workers=2, {}))",
        ROWS,
    ),
    Case(
        "predict(model, DataLoader(short, 12, collate_fn=without_broken))",
        "collate_fn that keeps all rows",
        "predict(model, DataLoader(short, 12))",
        ROWS,
    ),
    Case(
        "predict(model, begun(DataLoader(data, 12)))",
        "drop_last=False",
        "predict(model, DataLoader(data, 12, {}))",
        ROWS,
    ),
)
PIPES = (
    Case(
        "predict(model, IterableWrapper(list(rows)).shuffle())",
        "Remove the step",
        "predict(model, IterableWrapper(list(rows)))",
        ROWS,
    ),
    Case(
        "predict(model, DataLoader(IterableWrapper(list(rows)).batch(12, drop_last=True).map(torch.stack), None))",
        "drop_last=False",
        "predict(model, DataLoader(IterableWrapper(list(rows)).batch(12, {}).map(torch.stack), None))",
        ROWS,
    ),
)
OF_TORCH = (*MODELS, *LOADERS, *PIPES)
