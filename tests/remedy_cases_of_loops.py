"""Refusals of the loop that print code. `tests.remedies` explains the cases, `tests.loop.test_remedies` the names."""

from __future__ import annotations

from tests.remedies import Case

LABELS = "[one.labelled for one in make().run()]"

OF_LOOPS = (
    Case(
        "make('run.db')",
        "Ledger.open('run.db', size=N)",
        "[one.labelled for one in make({}).run()]",
        LABELS,
    ),
    Case(
        "make(Ledger.open(path, readonly=True))",
        "Ledger.open(path)",
        "[one.labelled for one in make({}).run()]",
        LABELS,
        {"path": "written()"},
    ),
    Case(
        "make(heuristic=EPIG)",
        "BALD()",
        "labelled(make(heuristic={}))",
        "labelled(make(heuristic=alcore.BALD()))",
    ),
    Case(
        "make(heuristic=EPIG)",
        "heuristic=EPIG, targets=lambda model: predictions",
        "chosen(make({}))",
        "best(alcore.epig(first(), predictions), 4)",
        {"predictions": "first()[:5]"},
    ),
    Case(
        "make(heuristic=BALD(), targets=targets)",
        "heuristic=EPIG",
        "chosen(make({}, targets=targets))",
        "best(alcore.epig(first(), first()[:5]), 4)",
        {"targets": "lambda model: first()[:5]"},
    ),
    Case("make(stop=40)", "LabelBudget(100)", "make(stop={}, k=30).run()[-1].labelled", "N"),
    Case(
        "make(oracle=Wait()).repeat(2)",
        "loop.run()",
        "[one.labelled for one in {}]",
        LABELS,
        {"loop": "make(oracle=lambda ids: TRUTH[ids])"},
    ),
    Case(
        "make(ledger).repeat(2)",
        "ledger=ledger.empty()",
        "make({}).repeat(2).metrics['accuracy']",
        "make().repeat(2).metrics['accuracy']",
        {"ledger": "begun()"},
    ),
    Case(
        "Curves.of([loop.history], [0])",
        "loop.run()",
        "Curves.of([{}], [0]).labels",
        LABELS,
        {"loop": "make()"},
    ),
    Case(
        "Wait(data={'0': 'a.png'})",
        "export='tasks.json'",
        "handed_out(Wait(data=shown, timeout=0, {}))",
        "True",
        {"shown": "{str(i): f'image {i}' for i in range(N)}"},
    ),
    Case(
        "make(train_every=3, sample=11)",
        "sample=12",
        "[past.size for past in make(train_every=3, stop=LabelBudget(12), {}).run()][:3]",
        "[4, 4, 4]",
    ),
    Case(
        "make(update={'scale': 1.5})",
        "train_every=5",
        "scales(make(update={{'scale': 1.5}}, heuristic=BALD(), {}))",
        "[1.5, 1.5, 1.5]",
    ),
    Case(
        "make(train_every=2, predict=stream).run()",
        "list(blocks)",
        "labelled(make(train_every=2, predict=lambda model, ids: [{} for blocks in [stream(model, ids)]][0]))",
        "labelled(make(train_every=2))",
    ),
    Case(
        "Wait(export='my tasks/todo.csv')",
        "mkdir -p 'my tasks'",
        "files_after({!r}, lambda: Wait(export='my tasks/todo.csv', timeout=0))",
        "[[1], [0]]",
    ),
    Case(
        "list(make(oracle=Wait(export='my tasks.csv', timeout=0)))",
        "mv 'my tasks-1.csv' 'my tasks-1.csv.old'",
        "files_after({!r}, lambda: Wait(export='my tasks.csv', timeout=0))",
        "[[1], [1]]",
        {"others": "list(make(oracle=Wait(export='my tasks.csv', timeout=0)))"},
    ),
)
