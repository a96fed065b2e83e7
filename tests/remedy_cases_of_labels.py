"""Refusals of labels, ids and queries, as a caller passes them or as a file has them."""

from __future__ import annotations

from tests.remedy_scenes import Scene

TEN = "ledger = Ledger(10); ledger.label({3: 'cat'})\n"
ASKED = TEN + "query = ledger.ask(BALD(), probs, 2); one, two = query.ids.tolist()\n"
CAT = {3: "cat"}
LABEL = "ledger.label({id: label})"
ANYWAY = "ledger.import_file(path)"

GIVEN = (
    Scene(
        "",
        "Ledger(10, labels='cat')",
        "labels=['cat']",
        "ledger = Ledger(10, <>); ledger.label(dict.fromkeys([3], 'cat'))",
        CAT,
    ),
    Scene(
        "ledger = Ledger(10); text = 'caf\\ud800'",
        "ledger.label({3: text})",
        "text.encode('utf-8', 'replace').decode()",
        "ledger.label({3: <>})",
        {3: "caf?"},
    ),
    Scene(
        "ledger = Ledger(10); label = {1: 'x', 'y': [2]}",
        "ledger.label({3: label})",
        "{str(key): value for key, value in label.items()}",
        "ledger.label({3: <>})",
        {3: {"1": "x", "y": [2]}},
    ),
    Scene(TEN, "ledger.label({3: 'dog'})", "overwrite=True", "ledger.label({3: 'dog'}, <>)", {3: "dog"}),
    Scene(
        TEN + "ledger.set_aside([4])",
        "ledger.label({4: 'dog'})",
        "ledger.restore([4])",
        "<>; ledger.label({4: 'dog'})",
        {**CAT, 4: "dog"},
    ),
    Scene(
        TEN,
        "ledger.set_aside([3])",
        "ledger.history([3])",
        "seen = <>",
        CAT,
        "[one['action'] for one in seen] == ['labelled']",
    ),
)
QUERIES = (
    Scene(
        ASKED,
        "ledger.tell(7, {one: 'dog'})",
        "ledger.open_queries()",
        "(seen,) = <>; ledger.tell(seen, ['dog', 'cow'])",
        None,
        "ledger.labels_of(query.ids) == ['dog', 'cow']",
    ),
    Scene(
        ASKED + "ledger.tell(query, ['dog', 'cow'])",
        "ledger.withdraw(query)",
        "ledger.open_queries()",
        "seen = <>",
        None,
        "seen == [] and sorted(ledger.labels) == ['cat', 'cow', 'dog']",
    ),
    Scene(
        ASKED + "ledger.withdraw(query); id, label = one, 'dog'",
        "ledger.tell(query, {id: label})",
        LABEL,
        "<>",
        None,
        "dict(zip(ledger.labelled.tolist(), ledger.labels)) == {3: 'cat', one: 'dog'}",
    ),
    Scene(ASKED + "id, label = 3, 'cat'", "ledger.tell(query, {id: label})", LABEL, "<>", CAT),
    Scene(
        ASKED + "labels = ['dog', 'cow']; ids = query.ids.tolist()",
        "ledger.tell(1, labels)",
        "the Query that ledger.ask(...) returned",
        "ledger.tell(query, labels)",
        None,
        "ledger.labels_of(ids) == labels",
    ),
    *(
        Scene(
            ASKED + "labels = ['dog', 'cow']; ids = query.ids.tolist()",
            refused,
            "dict(zip(ids, labels))",
            "ledger.tell(query, <>)",
            None,
            "ledger.labels_of(ids) == labels",
        )
        for refused in ("ledger.tell(query, set(labels))", "ledger.label(labels)")
    ),
    Scene(
        TEN,
        "ledger.ask('bald', probs, 2)",
        "alcore.heuristic('bald')",
        "ledger.ask(<>, probs, 2)",
        CAT,
        "len(ledger.asked) == 2",
    ),
    Scene(
        TEN + "heuristic, predictions, k = BALD(), probs, 2",
        "ledger.q",
        "ledger.ask(heuristic, predictions, k)",
        "ledger.tell(<>, ['dog', 'cow'])",
        None,
        "len(ledger.q) == 2",
    ),
    Scene(
        ASKED + "labels = ['dog', 'cow']",
        "ledger.q",
        "ledger.tell(query, labels)",
        "<>",
        None,
        "len(ledger.q) == 2",
    ),
    Scene(
        TEN + "ledger.tell(ledger.ask(BALD(), probs, 2), ['dog', 'cow']); ledger.add(2)\n"
        "ledger.tell(ledger.ask(Random(), None, 1), ['dog'])",
        "ledger.q",
        "Ledger(ids=[str(one) for one in ledger.pool])",
        "new = <>; new.tell(new.ask(Random(), None, 2, rng=0), ['dog', 'cow'])",
        None,
        "new.ids.tolist() == [str(one) for one in ledger.pool] and new.q.tolist() == [1 / 8, 1 / 7]",
    ),
)
IDS = (
    Scene("", "Ledger(ids=[0, 1])", "size=N", "N = 2; ledger = Ledger(<>); ledger.label({1: 'dog'})", {1: "dog"}),
    Scene(
        "ids = [7, 9]",
        "Ledger(ids=ids)",
        "ids=[str(one) for one in ids]",
        "ledger = Ledger(<>); ledger.label({'9': 'dog'})",
        {"9": "dog"},
    ),
    Scene("", "Ledger(ids='abc')", "ids=['abc']", "ledger = Ledger(<>); ledger.label({'abc': 'dog'})", {"abc": "dog"}),
    Scene(TEN, "ledger.add([12, 13])", "ledger.add(2)", "<>", CAT, "len(ledger) == 12"),
    Scene(
        "ledger = Ledger(ids=['a']); ledger.label({'a': 'dog'})",
        "ledger.add(2)",
        "ledger.add(['name', ...])",
        "<>",
        {"a": "dog"},
        "ledger.ids.tolist() == ['a', 'name', 'b']",
        gaps={"...": "'b'"},
    ),
)
OF_FILES = (
    *(
        Scene(
            f"{ASKED}{before}\npath = 'a.csv'; Path(path).write_text('id,label,query\\n9,dog,{query}\\n')",
            "ledger.tell_file(path)",
            ANYWAY,
            "<>",
            {**CAT, 9: "dog"},
        )
        for before, query in (("", ""), ("", 7), ("", 1), ("ledger.withdraw(query)", 1))
    ),
    Scene(
        TEN + "ledger.set_aside([4]); rows('a.csv', '4,dog')",
        "ledger.import_file('a.csv')",
        "ledger.restore([4])",
        "<>; ledger.import_file('a.csv')",
        {**CAT, 4: "dog"},
    ),
    Scene(
        TEN + "rows('a.csv', '3,dog', '4,cow')",
        "ledger.import_file('a.csv')",
        "overwrite=True",
        "ledger.import_file('a.csv', <>)",
        {3: "dog", 4: "cow"},
    ),
    Scene(
        TEN + "Path('a.csv').write_text('id,label,annotator\\n4,dog,ann\\n4,dog,bob\\n4,cow,eve\\n')",
        "ledger.import_file('a.csv', agree='most')",
        "agree='majority'",
        "ledger.import_file('a.csv', <>)",
        {**CAT, 4: "dog"},
    ),
    Scene(
        TEN + "Path('a.csv').write_text('id,label,annotator\\n4,dog,ann\\n4,cow,bob\\n')",
        "ledger.import_file('a.csv', agree='one=eve')",
        "got labels by ann, bob",
        "ledger.import_file('a.csv', agree='one=ann')",
        {**CAT, 4: "dog"},
    ),
    Scene(
        ASKED + "query.export(\"ann's.csv\"); typed(\"ann's.csv\", {str(one): 'dog'})",
        'query.export("ann\'s.csv")',
        'ledger.tell_file("{here}/ann\'s.csv")'.replace("{here}/", ""),
        "<>; query.export('next.csv'); query.export(\"ann's.csv\", overwrite=True)",
        None,
        "ledger.labels_of([one]) == ['dog'] and Path(\"ann's.csv\").read_text() == Path('next.csv').read_text()",
    ),
    Scene(
        TEN + "ledger.export('all.csv'); typed('all.csv', {'4': 'dog'})",
        "ledger.export('all.csv')",
        "ledger.import_file('all.csv')",
        "<>; ledger.export('all.csv', overwrite=True); new = Ledger(10); new.import_file('all.csv')",
        {**CAT, 4: "dog"},
        "new.labels == ledger.labels",
    ),
)
NUMBER = "ledger = Ledger(10); rows('a.csv', '3,{}')"
CODES = "ledger = Ledger(10); rows('a.csv', '1,12345', '3,{}')"
TYPED = (
    Scene(
        NUMBER.format("1.50"),
        "ledger.import_file('a.csv')",
        '"""1.50"""',
        "rows('a.csv', '3,<>'); ledger.import_file('a.csv')",
        {3: "1.50"},
    ),
    Scene(
        NUMBER.format("1.50"),
        "ledger.import_file('a.csv')",
        '"1.50"',
        "typed('a.csv', {'3': '<>'}); ledger.import_file('a.csv')",
        {3: "1.50"},
    ),
    Scene(
        NUMBER.format("1.50"),
        "ledger.import_file('a.csv')",
        "labels='text'",
        "ledger = Ledger(10, <>); ledger.import_file('a.csv')",
        {3: "1.50"},
    ),
    Scene(
        "ledger = Ledger(10); table('a.parquet', {'id': 3, 'label': '1.50'})",
        "ledger.import_file('a.parquet')",
        '"1.50"',
        "table('a.parquet', {'id': 3, 'label': '<>'}); ledger.import_file('a.parquet')",
        {3: "1.50"},
    ),
    Scene(
        CODES.format("01234"),
        "ledger.import_file('a.csv')",
        '"""01234"""',
        "rows('a.csv', '1,\"\"\"12345\"\"\"', '3,<>'); ledger.import_file('a.csv')",
        {1: "12345", 3: "01234"},
    ),
    Scene(
        CODES.format("01234"),
        "ledger.import_file('a.csv')",
        '"01234"',
        "typed('a.csv', {'1': '\"12345\"', '3': '<>'}); ledger.import_file('a.csv')",
        {1: "12345", 3: "01234"},
    ),
    Scene(
        CODES.format("01234"),
        "ledger.import_file('a.csv')",
        "labels='text'",
        "ledger = Ledger(10, <>); ledger.import_file('a.csv')",
        {1: "12345", 3: "01234"},
    ),
)
OF_LABELS = (*GIVEN, *QUERIES, *IDS, *OF_FILES, *TYPED)
