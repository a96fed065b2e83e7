"""Refusals between two trainings: what predictions learn, which class a label is, and what a model was trained on."""

from __future__ import annotations

from tests.remedy_scenes import Scene

CAT = "ledger = Ledger(10); ledger.label({3: 'cat', 5: 'dog'})\n"
BIRD = CAT + "ledger.label({7: 'bird'})\n"
THREE = {3: "cat", 5: "dog", 7: "bird"}
ASK = "query = ledger.ask(BALD(), probs, 2, rng=0, update={})"
LEARNED = "query.update['learned'] == {} and query.update['trained_on'] == {}"
BY_HAND = """
def by_hand(rows, classes, given=probs, **options):
    \"\"\"The scores of the picks on a posterior that learned these labels.\"\"\"
    posterior = alcore.Posterior({'predictions': given}, **options)
    posterior.learn(rows, classes, part='predictions')
    drawn = posterior.draws('predictions', 100, rng=query.update['seed'])
    scores = BALD().score(drawn, kind=drawn.kind)
    return np.sort(scores[query.ids])[::-1]
def is_of(rows, classes, given=probs, **options):
    return np.allclose(np.sort(query.scores)[::-1], by_hand(rows, classes, given, **options), rtol=1e-5)
"""


def asked(update: str) -> str:
    return ASK.format(update)


def learning(before: str, refused: str, remedy: str, after: str, also: str, **more: object) -> Scene:
    return Scene(before + BY_HAND, asked(refused), remedy, after, also=also, **more)  # type: ignore[arg-type]


TRAINED_ON = (
    learning(
        "ledger = Ledger(10); ledger.label({3: 0, 5: 1}); ids = [3]",
        "ids",
        "update=alcore.Update(trained_on=ids)",
        "query = ledger.ask(BALD(), probs, 2, rng=0, <>)",
        "is_of([5], [1]) and " + LEARNED.format(1, 1),
        holds={3: 0, 5: 1},
    ),
    learning(
        "ledger = Ledger(10); ledger.label({3: 0, 5: 1})",
        "Update(None)",
        "trained_on=[]",
        asked("Update(<>)"),
        "is_of([3, 5], [0, 1]) and " + LEARNED.format(2, 0),
        holds={3: 0, 5: 1},
    ),
    learning(
        "ledger = Ledger(ids=list('abcdefghij')); ledger.label({'c': 0, 'e': 1})",
        "Update('c')",
        "trained_on=['c']",
        asked("Update(<>)"),
        LEARNED.format(1, 1),
        holds={"c": 0, "e": 1},
    ),
    learning(
        "ledger = Ledger(10); ledger.label({3: 0, 5: 1})",
        "Update(3)",
        "trained_on=[3]",
        asked("Update(<>)"),
        "is_of([5], [1]) and " + LEARNED.format(1, 1),
        holds={3: 0, 5: 1},
    ),
    Scene(
        "ledger = Ledger(10); ledger.label({0: 2, 3: 0, 5: 1}); ids = np.arange(1, 10); trained_on = [3]",
        "ledger.ask(BALD(), probs[1:], 2, ids=ids, update=Update([3]))",
        "alcore.Update(trained_on=trained_on, leave_out=True)",
        "query = ledger.ask(BALD(), probs[1:], 2, ids=ids, rng=0, update=<>)",
        {0: 2, 3: 0, 5: 1},
        LEARNED.format(1, 1) + " and query.update['left_out'] == 1",
    ),
)
CLASSES = (
    # the labels are texts: the printed classes are in the order of the alphabet
    learning(
        BIRD,
        "Update([])",
        "classes=['bird', 'cat', 'dog']",
        asked("Update([], <>)"),
        "is_of([3, 5, 7], [1, 2, 0])",
        holds=THREE,
    ),
    learning(
        CAT,
        "Update([])",
        "classes=['cat', 'dog', ...]",
        asked("Update([], <>)"),
        "is_of([3, 5], [0, 1])",
        gaps={"...": "'bird'"},
        holds={3: "cat", 5: "dog"},
    ),
    learning(
        "ledger = Ledger(10); ledger.label({3: 0, 5: 4})",
        "Update([])",
        "ledger.label({5: label}, overwrite=True)",
        "label = 1; <>; " + asked("Update([])"),
        "is_of([3, 5], [0, 1])",
        holds={3: 0, 5: 1},
    ),
    # of the classes that are named no label is "cow", so the label "bird" is in its place
    learning(
        BIRD,
        "Update([], classes=['dog', 'cow', 'cat'])",
        "classes=['dog', 'bird', 'cat']",
        asked("Update([], <>)"),
        "is_of([3, 5, 7], [2, 0, 1])",
        holds=THREE,
    ),
    learning(
        BIRD,
        "Update([], classes=['dog', 'cow', 'cat'])",
        "ledger.label({7: label}, overwrite=True)",
        "label = 'cow'; <>; " + asked("Update([], classes=['dog', 'cow', 'cat'])"),
        "is_of([3, 5, 7], [2, 0, 1])",
        holds={**THREE, 7: "cow"},
    ),
    learning(
        CAT,
        "Update([], classes=['dog', 'cat'])",
        "classes=['dog', 'cat', ...]",
        asked("Update([], <>)"),
        "is_of([3, 5], [1, 0])",
        gaps={"...": "'bird'"},
        holds={3: "cat", 5: "dog"},
    ),
    learning(
        BIRD,
        "Update([], classes=['dog', 'cow', 'bird', 'cat'])",
        "classes=['dog', 'bird', 'cat']",
        asked("Update([], <>)"),
        "is_of([3, 5, 7], [2, 0, 1])",
        holds=THREE,
    ),
    *(
        learning(
            "ledger = Ledger(10, labels=[2, 0, 1]); ledger.label({3: 2, 5: 0})",
            "Update([])",
            f"classes={order}",
            asked("Update([], <>)"),
            f"is_of([3, 5], {[order.index(2), order.index(0)]})",
            holds={3: 2, 5: 0},
        )
        for order in ([0, 1, 2], [2, 0, 1])
    ),
    Scene(
        CAT + "yes = probs[:, 0]" + BY_HAND,
        "Update([], classes='cat')",
        "classes=['cat', 'dog']",
        "query = ledger.ask(BALD(), yes, 2, rng=0, kind='binary', update=Update([], <>))",
        {3: "cat", 5: "dog"},
        "is_of([3, 5], [0, 1], yes, kind='binary')",
    ),
    Scene(
        "ledger = Ledger(10); ledger.label({3: [0, 1, 1], 5: 'x'})" + BY_HAND,
        "ledger.ask(BALD(), probs, 2, kind='multilabel', update=Update([]))",
        "ledger.label({5: label}, overwrite=True)",
        "label = [1, 0, 0]; <>; query = ledger.ask(BALD(), probs, 2, rng=0, kind='multilabel', update=Update([]))",
        {3: [0, 1, 1], 5: [1, 0, 0]},
        "is_of([3, 5], [[0, 1, 1], [1, 0, 0]], kind='multilabel')",
    ),
)
# A table whose rows are named by the ids in another order, and one whose names lie in the ledger's order by chance of the user.
TABLE = (
    "import pandas\n"
    "ids = list('jihgfedcba'); ledger = Ledger(ids=ids); ledger.label({'c': 0})\n"
    "p = np.random.default_rng(0).random((10, 6)); predictions = pandas.DataFrame(p, index=sorted(ids))\n"
)
OF_ROWS = tuple(
    Scene(
        TABLE + BY_HAND,
        "ledger.ask(BALD(), predictions, 2, kind='binary')",
        remedy,
        "query = ledger.ask(BALD(), predictions, 2, kind='binary', <>)",
        {"c": 0},
        f"query.ids.tolist() == [one for one in np.array({order})[np.argsort(-BALD().score(p, kind='binary'))].tolist() "
        "if one != 'c'][:2]",
    )
    for remedy, order in (("ids=predictions.index", "sorted(ids)"), ("ids=ledger.ids", "ids"))
)
# By command line.
RUN = "'my run.db'"
NEW = (
    "np.save('my preds.npy', probs)\n"
    "with Ledger.open(path, 10) as ledger: ledger.label({3: 0}); ledger.export('labels.csv')\n"
    "with Ledger.open(path) as ledger:\n"
    "    for _ in range(3): ledger.withdraw(ledger.ask(BALD(), probs, 2, rng=0))\n"
    "    ledger.label({5: 1})\n"
    "def last():\n"
    "    global query\n"
    "    with Ledger.open(path, readonly=True) as ledger: (query,) = ledger.open_queries()\n"
    "    return query.update\n"
    "del ledger\n"
)
TEXTS = NEW + "with Ledger.open(path) as ledger: ledger.label({3: 'cat', 5: 'dog'}, overwrite=True)\ndel ledger\n"
NUMBERS = {3: 0, 5: 1}
NAMES = {3: "cat", 5: "dog"}


def ask(options: str, more: str = "'my preds.npy'") -> str:
    return f'cli(f"""alcore ledger ask {RUN} {more} -k 2 --seed 0 {options}""")'


def command(
    before: str, options: str, remedy: str, given: str, also: str, holds: dict[int, object], **more: object
) -> Scene:
    return Scene(
        before + BY_HAND,
        ask(options),
        remedy,
        f"{ask(f'{given} {{remedy}}')}; last()",
        holds,
        also,
        **more,  # type: ignore[arg-type]
    )


WHAT = (("labels.csv", 1, "is_of([5], [1])"), ("3", 1, "is_of([5], [1])"), ("none", 2, "is_of([3, 5], [0, 1])"))
TO_ALL = "--update --trained-on none"
COMMANDS = (
    *(
        command(
            NEW, refused, f"--trained-on {what}", "--update", f"{also} and query.update['learned'] == {count}", NUMBERS
        )
        for refused in ("--update", "--update --trained-on nowhere.csv")
        for what, count, also in WHAT
    ),
    command(NEW, "--trained-on none", "--update", "--trained-on none", "is_of([3, 5], [0, 1])", NUMBERS),
    Scene(
        NEW + "cli(\"alcore ledger export 'my run.db' free.csv --state unlabelled\")\n" + BY_HAND,
        ask("--update --trained-on free.csv"),
        f"alcore ledger export {RUN} FILE --state labelled",
        "cli(remedy); " + ask("--update --trained-on all.csv") + "; found = last()",
        NUMBERS,
        "found is None and len(query) == 2",
        {"FILE": "all.csv"},
    ),
    Scene(
        NEW + "cli(\"alcore ledger export 'my run.db' free.csv --state unlabelled\")\n" + BY_HAND,
        ask("--update --trained-on free.csv"),
        "--trained-on none",
        ask("--update {remedy}") + "; last()",
        NUMBERS,
        "is_of([3, 5], [0, 1])",
    ),
    command(
        TEXTS,
        TO_ALL,
        "--classes cat,dog,OTHERS",
        TO_ALL,
        "is_of([3, 5], [0, 1])",
        NAMES,
        gaps={"OTHERS": "bird"},
    ),
    Scene(
        TEXTS + BY_HAND + "rows('my labels.csv', '3,2', '5,1')",
        ask(TO_ALL),
        f"alcore ledger import {RUN} FILE --overwrite",
        f"cli(remedy); {ask(TO_ALL)}; last()",
        {3: 2, 5: 1},
        "is_of([3, 5], [2, 1])",
        {"FILE": "'my labels.csv'"},
    ),
    Scene(
        NEW + "np.save('half.npy', probs[4:]); Path('half.txt').write_text('4\\n5\\n6\\n7\\n8\\n9\\n')",
        ask(f"--ids half.txt {TO_ALL}", "half.npy"),
        "--leave-out",
        ask(f"--ids half.txt {TO_ALL} {{remedy}}", "half.npy") + "; found = last()",
        NUMBERS,
        "found['learned'] == 1 and found['left_out'] == 1",
    ),
    Scene(
        NEW,
        ask(f"-H random {TO_ALL}", ""),
        "Leave --update out",
        ask("-H random", "") + "; found = last()",
        NUMBERS,
        "found is None and len(query) == 2",
    ),
)
BENCH = "alcore bench 'my preds.npy' -k 2 --heuristics {} --report r.html --highlight {}"
HIGHLIGHTED = tuple(
    Scene(
        "np.save('my preds.npy', probs)",
        f'cli("{BENCH.format("bald,random", "entropy")}")',
        remedy,
        f'seen = cli(f"{after}")',
        None,
        also,
    )
    for remedy, after, also in (
        (
            "--highlight bald",
            BENCH.format("bald,random", "entropy").replace("--highlight entropy", "{remedy}"),
            "Path('r.html').exists() and 'entropy' not in seen",
        ),
        (
            "--heuristics bald,random,entropy",
            BENCH.format("bald,random", "entropy").replace("--heuristics bald,random", "{remedy}"),
            "Path('r.html').exists() and 'entropy' in seen",
        ),
    )
)
OF_UPDATES = (*TRAINED_ON, *CLASSES, *OF_ROWS, *COMMANDS, *HIGHLIGHTED)
