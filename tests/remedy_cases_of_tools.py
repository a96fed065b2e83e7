"""Refusals of other tools' files, and of files whose keys a caller names. `tests.ledger.test_tools` has where they come from."""

from __future__ import annotations

from tests.remedy_scenes import Scene

TEN = "ledger = Ledger(10); ledger.label({3: 'cat'})\n"
RESULT = "dict(from_name='my mood', type='choices', value=dict(choices=['dog']))"
TASK = f"dict(id=9, annotations=[dict(result=[{RESULT}])], data=dict(id=4))"
DOG = {3: "cat", 4: "dog"}
FIRST, TAKEN = "ledger.import_file('a.jsonl')", "ledger.import_file('a.jsonl', <>)"
OF_TABLE, TAKEN_TABLE = "ledger.import_file('a.csv')", "ledger.import_file('a.csv', <>)"


def of_record(record: str) -> str:
    return f"{TEN}lines('a.jsonl', {record})"


def of_text(text: str) -> str:
    return f"{TEN}Path('a.csv').write_text({text!r})"


def of_lines(record: str, remedy: str, refused: str = FIRST, after: str = TAKEN, also: str = "True") -> Scene:
    return Scene(of_record(record), refused, remedy, after, DOG, also)


def of_table(text: str, remedy: str, refused: str = OF_TABLE, after: str = TAKEN_TABLE, **more: str) -> Scene:
    return Scene(of_text(text), refused, remedy, after, DOG, gaps=more)


IDS = (
    Scene(of_record("dict(picture=4, label='dog')"), FIRST, "id='KEY'", TAKEN, DOG, gaps={"KEY": "picture"}),
    of_lines("dict(meta=dict(id=4), label='dog')", "id='meta.id'"),
    of_lines("dict(label='dog', my=dict(item=4))", "id='my.item'"),
    of_lines("dict(_input_hash=1, _task_hash=2, meta=dict(id=4), label='dog', answer='accept')", "id='meta.id'"),
    of_lines("dict(id=4, text='x', label=['dog'], Comments=[])", "id='id'"),
    of_lines("dict(id=0, item=4, text='x', label=['dog'], Comments=[])", "id='item'"),
    of_lines("dict(annotation_id=7, id=1, lead_time=1, item=4, label='dog')", "id='item'"),
    of_table("id,label,annotation_id,lead_time\n4,dog,7,1\n", "id='id'"),
    of_table("id,item,label,annotation_id,lead_time\n0,4,dog,7,1\n", "id='item'"),
    Scene(
        TEN + "Path('a.json').write_text(json.dumps([dict(number=4, kind='dog')]))",
        "ledger.import_file('a.json')",
        "id=KEY, label=KEY",
        "ledger.import_file('a.json', <>)",
        DOG,
        gaps={"id=KEY": "id='number'", "label=KEY": "label='kind'"},
    ),
    of_table("number,kind\n4,dog\n", "id=KEY, label=KEY", **{"id=KEY": "id='number'", "label=KEY": "label='kind'"}),
    of_lines(
        "dict(id=4, label='dog')",
        "There are: id, label",
        "ledger.import_file('a.jsonl', id='no')",
        "ledger.import_file('a.jsonl', id='id')",
    ),
)
LABELS = (
    of_lines(TASK, "label='my mood'"),
    Scene(
        TEN + "table('a.parquet', dict(id=4, ledger=ledger.identity, mood='dog', annotation_id=7, lead_time=1.0))",
        "ledger.import_file('a.parquet')",
        "label=NAME",
        "ledger.import_file('a.parquet', <>)",
        DOG,
        gaps={"NAME": "'mood'"},
    ),
    of_lines(
        "dict(id=4, _input_hash=1, _task_hash=2, spans='dog', answer='accept')",
        "label='spans'",
    ),
    Scene(
        of_text("id,text,label,Comments\n4,x,dog#cow,\n"),
        "ledger.import_file('a.csv', id='id')",
        "label='label'",
        "ledger.import_file('a.csv', id='id', <>)",
        {3: "cat", 4: "dog#cow"},
    ),
    of_lines(
        "dict(id=4, label='dog', state='done')",
        "answer='answer=accept'",
        "ledger.import_file('a.jsonl', answer='done')",
        "lines('a.jsonl', dict(id=4, label='dog', answer='accept'), dict(id=5, label='cow', answer='no')); "
        "ledger.import_file('a.jsonl', <>)",
    ),
    *(
        of_table(
            "id,label\n4,dog\n",
            "There are: id, label",
            f"ledger.import_file('a.csv', {option})",
            "ledger.import_file('a.csv', id='id', label='label')",
        )
        for option in ("id='id', label='label.mood'", "annotator_key='label.who'", "answer='label.state=done'")
    ),
)
OF_TOOLS = (*IDS, *LABELS)
