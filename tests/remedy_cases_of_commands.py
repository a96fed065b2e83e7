"""Refusals and notes of ``alcore ledger``, whose remedies are command lines."""

from __future__ import annotations

from tests.remedy_scenes import Scene

RUN = "'my run.db'"
NEW = "Ledger.open(path, 10).close(); np.save('my preds.npy', probs)\n"
TEN = NEW + "label_in(path, {3: 'cat'})\n"
ASKED = TEN + "cli(\"alcore ledger ask 'my run.db' 'my preds.npy' -k 2 -o todo.csv\")\n"
NAMED = "with Ledger.open(path, ids=['a b', 'c']) as ledger: ledger.label({'a b': 'cat'})\ndel ledger\n"
CAT = {3: "cat"}
DO = "cli(remedy)"


def ledger(command: str, options: str = "") -> str:
    return f'cli("""alcore ledger {command} {RUN} {options}""")'


def dog(id: int = 4, more: str = "") -> str:
    return f"Path('a b.csv').write_text('id,label\\n{id},dog\\n{more}')\n"


CREATED = (
    Scene(
        "", ledger("create"), "--size N", "cli(f\"alcore ledger create 'my run.db' {remedy}\")", {}, gaps={"N": "10"}
    ),
    Scene(
        "Path('a.txt').write_text('a\\nb\\n')",
        ledger("create"),
        "--ids FILE",
        "cli(f\"alcore ledger create 'my run.db' {remedy}\"); label_in(path, {'b': 'dog'})",
        {"b": "dog"},
        gaps={"FILE": "a.txt"},
    ),
    Scene(TEN, ledger("create", "--size 10"), f"alcore ledger status {RUN}", f"seen = {DO}", CAT, "'cat' in seen"),
    *(
        Scene(
            f"{made}Path('a.txt').write_text('a\\nb\\n')",
            ledger("status"),
            f"alcore ledger create {RUN} {option}",
            f"{DO}; label_in(path, {{{one!r}: 'dog'}})",
            {one: "dog"},
            gaps={gap: value},
        )
        for made in ("", "Path(path).touch(); ")
        for option, gap, value, one in (("--size N", "N", "10", 1), ("--ids FILE", "FILE", "a.txt", "b"))
        if not (made == "" and gap == "FILE")
    ),
    Scene(
        "Path('a.txt').write_text('a\\nb\\n')",
        ledger("status"),
        "--ids FILE",
        "cli(f\"alcore ledger create 'my run.db' {remedy}\"); label_in(path, {'b': 'dog'})",
        {"b": "dog"},
        gaps={"FILE": "a.txt"},
    ),
    Scene(
        "path = 'my runs/a/run.db'",
        "cli(\"alcore ledger create 'my runs/a/run.db' --size 10\")",
        "mkdir -p '{here}/my runs/a'",
        "shell(remedy); cli(\"alcore ledger create 'my runs/a/run.db' --size 10\")",
        {},
    ),
    Scene(
        TEN + "os.chmod(path, 0o444)",
        ledger("add", "3"),
        "chmod u+w '{here}/my run.db'",
        f"shell(remedy); {ledger('add', '3')}",
        CAT,
        "len(Ledger.open(path)) == 13",
    ),
    Scene(
        TEN + "os.chmod(path, 0o444)",
        ledger("add", "3"),
        f"alcore ledger status {RUN}",
        f"seen = {DO}",
        CAT,
        "'cat' in seen",
    ),
)
LOST = "ledger = Ledger.open('old.db', 10); ledger.label({3: 'cat'}); shutil.copy('old.db', path)\n"
LOGS = (
    Scene(
        LOST,
        ledger("status"),
        f"alcore ledger backup {RUN} COPY",
        "cli(remedy); ledger = Ledger.open('copy.db')",
        CAT,
        gaps={RUN: "old.db", "COPY": "copy.db"},
    ),
    Scene(
        LOST,
        ledger("status"),
        f"alcore ledger backup --lost-log {RUN} COPY",
        "cli(remedy); label_in('copy.db', {1: 'dog'}); ledger = Ledger.open('copy.db')",
        {1: "dog"},
        gaps={"COPY": "copy.db"},
    ),
)
ASKING = (
    Scene(
        TEN,
        ledger("ask"),
        f"alcore ledger ask {RUN} PREDICTIONS",
        DO,
        CAT,
        "len(Ledger.open(path).asked) == 9",
        gaps={"PREDICTIONS": "'my preds.npy'"},
    ),
    Scene(
        TEN,
        ledger("ask"),
        "--heuristic random",
        f'cli(f"alcore ledger ask {RUN} {{remedy}} -k 2")',
        CAT,
        "len(Ledger.open(path).asked) == 2",
    ),
    Scene(
        TEN,
        ledger("show"),
        f"alcore ledger ask {RUN} PREDICTIONS",
        DO,
        CAT,
        "len(Ledger.open(path).asked) == 9",
        gaps={"PREDICTIONS": "'my preds.npy'"},
    ),
    Scene(
        ASKED + ledger("ask", "'my preds.npy' -k 2 --asker ann"),
        ledger("show"),
        f"alcore ledger show {RUN} 1",
        f"seen = {DO}",
        CAT,
        "seen == Path('todo.csv').read_text()",
    ),
    Scene(
        ASKED
        + "ids = Ledger.open(path).asked.tolist(); typed('todo.csv', {str(one): 'dog' for one in ids}, 'done.csv')",
        "note(\"alcore ledger ask 'my run.db' 'my preds.npy'\")",
        f"alcore ledger tell {RUN} FILE",
        DO,
        None,
        "Ledger.open(path).labels_of(ids) == ['dog', 'dog']",
        gaps={"FILE": "done.csv"},
    ),
    Scene(
        ASKED,
        "note(\"alcore ledger ask 'my run.db' 'my preds.npy'\")",
        f"alcore ledger withdraw {RUN} 1",
        DO,
        CAT,
        "len(Ledger.open(path).asked) == 0",
    ),
    Scene(TEN, ledger("withdraw", "7"), f"alcore ledger status {RUN}", f"seen = {DO}", CAT, "'cat' in seen"),
    Scene(
        TEN,
        ledger("ask", "'my preds.npy' --asker ''"),
        "--asker ann",
        f"cli(f\"alcore ledger ask {RUN} 'my preds.npy' -k 2 {{remedy}}\")",
        CAT,
        "len(Ledger.open(path).open_queries('ann')) == 1",
    ),
    Scene(
        TEN,
        ledger("ask", "'my preds.npy' -k 2 --seed -1"),
        "--seed: expected",
        f"cli(\"alcore ledger ask {RUN} 'my preds.npy' -k 2 --seed 1\")",
        CAT,
    ),
    Scene(
        TEN,
        ledger("ask", "'my preds.npy' -k 2 -o a.json --data image"),
        "image=https://host/{id}.png",
        f"cli(f\"alcore ledger ask {RUN} 'my preds.npy' -k 2 -o a.json --data {{remedy}}\")\n"
        "tasks = json.loads(Path('a.json').read_text())",
        CAT,
        "[one['data']['image'] for one in tasks] == [f\"https://host/{one['data']['id']}.png\" for one in tasks] != []",
    ),
)
TODO = ASKED + "typed('todo.csv', {str(one): 'dog' for one in Ledger.open(path).asked}, 'to do.csv')\n"
AGAIN = ledger("ask", "'my preds.npy' -o 'to do.csv'")
TYPED = (
    Scene(
        TODO,
        AGAIN,
        "--overwrite",
        "cli(\"alcore ledger ask 'my run.db' 'my preds.npy' -o 'to do.csv' --overwrite\")",
        CAT,
    ),
    Scene(
        TODO + "ids = Ledger.open(path).asked.tolist()",
        ledger("show", '-o \\"to do.csv\\"'),
        f"alcore ledger tell {RUN} 'to do.csv'",
        DO,
        None,
        "Ledger.open(path).labels_of(ids) == ['dog', 'dog']",
    ),
    Scene(
        TODO + "ids = Ledger.open(path).asked.tolist()",
        ledger("ask", "'my preds.npy' --asker bob -o 'to do.csv'"),
        f"alcore ledger tell {RUN} 'to do.csv'",
        DO,
        None,
        "Ledger.open(path).labels_of(ids) == ['dog', 'dog']",
    ),
    Scene(
        TODO + "os.rename('to do.csv', \"ann's (1).csv\"); ids = Ledger.open(path).asked.tolist()",
        ledger("show", '-o \\"ann\'s (1).csv\\"'),
        f"alcore ledger tell {RUN} 'ann'\"'\"'s (1).csv'",
        DO,
        None,
        "Ledger.open(path).labels_of(ids) == ['dog', 'dog']",
    ),
    Scene(
        TEN + f"{ledger('export', 'all.csv')}; typed('all.csv', {{'4': 'dog'}}, \"ann's.csv\")",
        ledger("export", '\\"ann\'s.csv\\"'),
        f"alcore ledger import {RUN} 'ann'\"'\"'s.csv'",
        DO,
        {**CAT, 4: "dog"},
    ),
    Scene(
        TEN + f"{ledger('export', 'all.csv')}; label_in(path, {{4: 'dog'}})",
        ledger("export", "all.csv"),
        "--overwrite",
        f"cli(f\"alcore ledger export {RUN} all.csv {{remedy}}\"); ledger = Ledger(10); ledger.import_file('all.csv')",
        {**CAT, 4: "dog"},
    ),
)
LABELS = (
    Scene(
        TEN + dog(),
        ledger("tell", "'a b.csv'"),
        f"alcore ledger import {RUN} FILE",
        DO,
        {**CAT, 4: "dog"},
        gaps={"FILE": "'a b.csv'"},
    ),
    Scene(
        TEN + dog(3),
        ledger("import", "'a b.csv'"),
        "--overwrite",
        f"cli(f\"alcore ledger import {RUN} 'a b.csv' {{remedy}}\")",
        {3: "dog"},
    ),
    Scene(
        NAMED + ledger("set-aside", "c") + "; Path('a b.csv').write_text('id,label\\nc,dog\\n')",
        ledger("import", "'a b.csv'"),
        f"alcore ledger restore {RUN} c",
        f"{DO}; {ledger('import', chr(39) + 'a b.csv' + chr(39))}",
        {"a b": "cat", "c": "dog"},
    ),
    Scene(
        NAMED,
        ledger("set-aside", "'a b'"),
        f"alcore ledger history {RUN} 'a b'",
        f"seen = {DO}",
        {"a b": "cat"},
        "'labelled' in seen",
    ),
    Scene(
        NAMED,
        ledger("set-aside", "x"),
        f"alcore ledger export {RUN} all.csv",
        DO,
        {"a b": "cat"},
        "'a b' in Path('all.csv').read_text()",
    ),
    Scene(
        TEN + dog(),
        ledger("import", "'a b.csv' --annotator ''"),
        "--annotator ann",
        f"cli(f\"alcore ledger import {RUN} 'a b.csv' {{remedy}}\")",
        {**CAT, 4: "dog"},
        "dict(Ledger.open(path).count_labels('annotator')) == {'ann': 1, None: 1}",
    ),
    Scene(
        TEN + dog(4, "4,dog\\n4,cow\\n"),
        ledger("import", "'a b.csv' --agree most"),
        "--agree majority",
        f"cli(f\"alcore ledger import {RUN} 'a b.csv' {{remedy}}\")",
        {**CAT, 4: "dog"},
    ),
    Scene(
        TEN + "Path('a.csv').write_text('number,kind\\n4,dog\\n')",
        ledger("import", "a.csv"),
        "--id KEY --label KEY",
        f'cli(f"alcore ledger import {RUN} a.csv {{remedy}}")',
        {**CAT, 4: "dog"},
        gaps={"--id KEY": "--id number", "--label KEY": "--label kind"},
    ),
    Scene(
        TEN + "lines('a.jsonl', {'my item': 4, 'label': 'dog'})",
        ledger("import", "a.jsonl"),
        "--id 'my item'",
        f'cli(f"alcore ledger import {RUN} a.jsonl {{remedy}}")',
        {**CAT, 4: "dog"},
    ),
    Scene(
        TEN + "lines('a.jsonl', {'id': 4, 'label': 'dog', 'answer': 'accept'})",
        ledger("import", "a.jsonl --answer accept"),
        "--answer answer=accept",
        f'cli(f"alcore ledger import {RUN} a.jsonl {{remedy}}")',
        {**CAT, 4: "dog"},
    ),
    Scene(
        TEN + dog().replace("dog", "1.50"),
        ledger("import", "'a b.csv'"),
        "alcore ledger create NEW.db --labels text",
        "cli(remedy + ' --size 10'); cli(\"alcore ledger import NEW.db 'a b.csv'\"); ledger = Ledger.open('NEW.db')",
        {4: "1.50"},
    ),
    Scene(
        TEN + 'Path(\'a.jsonl\').write_text(\'{"id": 4, "label": "caf\\\\ud800"}\')',
        ledger("import", "a.jsonl"),
        "Type it anew",
        "lines('a.jsonl', {'id': 4, 'label': 'café'}); " + ledger("import", "a.jsonl"),
        {**CAT, 4: "café"},
    ),
)
IDS = (
    Scene(
        TEN + "Path('ids.txt').write_text('4\\n5\\n')",
        ledger("set-aside"),
        "--ids-from FILE",
        f'cli(f"alcore ledger set-aside {RUN} {{remedy}}")',
        CAT,
        "Ledger.open(path).aside.tolist() == [4, 5]",
        gaps={"FILE": "ids.txt"},
    ),
    Scene(
        NAMED + "Path('ids.txt').write_text('d\\n')",
        ledger("add"),
        "--ids-from FILE",
        f'cli(f"alcore ledger add {RUN} {{remedy}}")',
        {"a b": "cat"},
        "Ledger.open(path).ids.tolist() == ['a b', 'c', 'd']",
        gaps={"FILE": "ids.txt"},
    ),
    Scene(TEN, ledger("add", "x"), f"alcore ledger add {RUN} 10", DO, CAT, "len(Ledger.open(path)) == 20"),
    Scene(TEN, ledger("add", "3 --nope"), "alcore ledger add --help", f"seen = {DO}", CAT, "'names' in seen"),
)
OF_COMMANDS = (*CREATED, *LOGS, *ASKING, *TYPED, *LABELS, *IDS)
