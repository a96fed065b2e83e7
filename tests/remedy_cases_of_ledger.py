"""Refusals of a ledger's file: where it lies, who may write it, its log, and what it is opened with."""

from __future__ import annotations

from tests.remedy_scenes import Scene

RUN = "ledger = Ledger.open(path, 10); ledger.label({3: 'cat'})\n"
CLOSED = RUN + "ledger.close()\n"
LOG = RUN + "shutil.copy(path + '-wal', 'log'); ledger.backup('copy.db'); ledger.close(); os.remove(path)\n"
READ = "ledger = Ledger.open(path, readonly=True)"
HERE, CAT = "{here}/my run.db", {3: "cat"}
AGAIN, BY = "Ledger.open(path)", "ledger = <>"
LATER = "ledger = <>; ledger.label({1: 'dog'})"

OPENING = (
    Scene(CLOSED, "Ledger.open(path, 12)", AGAIN, BY, CAT),
    Scene(
        CLOSED,
        "Ledger.open(path, 12)",
        "ledger.add(ids)",
        "ids = 2; ledger = Ledger.open(path); <>",
        CAT,
        "len(ledger) == 12",
    ),
    Scene(CLOSED, "Ledger.open(path, ids=list('abcdefghij'))", AGAIN, BY, CAT),
    Scene(CLOSED, "Ledger.open(path, labels='text')", AGAIN, BY, CAT),
    Scene(
        "with Ledger.open(path, ids=['a', 'b']) as ledger: ledger.label({'a': 'cat'})",
        "Ledger.open(path, ids=['b', 'a'])",
        AGAIN,
        BY,
        {"a": "cat"},
    ),
    Scene("", AGAIN, "Ledger.open(path, size=N)", f"N = 10; {LATER}", {1: "dog"}),
    Scene(
        "",
        AGAIN,
        "Ledger.open(path, ids=[...])",
        "ledger = <>; ledger.label({'a': 'dog'})",
        {"a": "dog"},
        gaps={"...": "'a'"},
    ),
    *(
        Scene(
            "file = sqlite3.connect(path); file.execute('PRAGMA application_id = 1634493298')\n"
            "file.execute('CREATE TABLE a (b)'); file.execute('DROP TABLE a'); file.close()",
            AGAIN,
            remedy,
            after,
            holds,
            gaps=gaps,
        )
        for remedy, after, holds, gaps in (
            ("Ledger.open(path, size=N)", f"N = 10; {LATER}", {1: "dog"}, {}),
            ("Ledger.open(path, ids=[...])", "ledger = <>; ledger.label({'a': 'dog'})", {"a": "dog"}, {"...": "'a'"}),
        )
    ),
    Scene("", "Ledger()", "Ledger(size=N)", f"N = 10; {LATER}", {1: "dog"}),
    Scene(
        "",
        "Ledger()",
        "Ledger(ids=[...])",
        "ledger = <>; ledger.label({'a': 'dog'})",
        {"a": "dog"},
        gaps={"...": "'a'"},
    ),
    Scene(CLOSED, "ledger.labels", AGAIN, BY, CAT),
    Scene(CLOSED + READ, "ledger.label({1: 'dog'})", AGAIN, LATER, {**CAT, 1: "dog"}),
    Scene(CLOSED + READ, "Sync(ledger, None)", AGAIN, LATER, {**CAT, 1: "dog"}),
    Scene(
        CLOSED + READ + "\nshutil.move(path, 'old.db'); Ledger.open(path, 3).close(); ledger.counts",
        "ledger.labels",
        "Ledger.open(path, readonly=True)",
        BY,
        {},
    ),
    Scene(
        CLOSED + "release = locked(path); ledger = Ledger.open(path, timeout=0.05)",
        "ledger.label({1: 'dog'})",
        "Ledger.open(path, timeout=600)",
        f"release(); {LATER}",
        {**CAT, 1: "dog"},
    ),
)
PLACES = (
    Scene(
        "path = 'my runs/a/run.db'",
        "Ledger.open(path, 10)",
        "mkdir -p '{here}/my runs/a'",
        "shell(remedy); ledger = Ledger.open(path, 10); ledger.label({1: 'dog'})",
        {1: "dog"},
    ),
    Scene(
        CLOSED + "os.chmod(path, 0o444)",
        AGAIN,
        f"chmod u+w '{HERE}'",
        "shell(remedy); ledger = Ledger.open(path); ledger.label({1: 'dog'})",
        {**CAT, 1: "dog"},
    ),
    Scene(CLOSED + "os.chmod(path, 0o444)", AGAIN, "Ledger.open(path, readonly=True)", BY, CAT),
    Scene(
        CLOSED + "os.chmod(path, 0)",
        AGAIN,
        f"chmod u+rw '{HERE}'",
        "shell(remedy); ledger = Ledger.open(path); ledger.label({1: 'dog'})",
        {**CAT, 1: "dog"},
        bound=True,
    ),
    Scene(
        "os.mkdir('a b'); path = 'a b/run.db'; Ledger.open(path, 10).close(); os.chmod('a b', 0o555)",
        "Ledger.open(path).label({1: 'dog'})",
        "chmod u+w '{here}/a b' '{here}/a b/run.db'",
        "shell(remedy); ledger = Ledger.open(path); ledger.label({1: 'dog'})",
        {1: "dog"},
        bound=True,
    ),
    Scene(
        "os.mkdir('a b'); os.chmod('a b', 0o555); path = 'a b/run.db'",
        "Ledger.open(path, 10)",
        "chmod u+w '{here}/a b'",
        "shell(remedy); ledger = Ledger.open(path, 10); ledger.label({1: 'dog'})",
        {1: "dog"},
        bound=True,
    ),
    Scene(
        CLOSED + "os.mkdir('a b'); shutil.move(path, 'a b/run.db'); path = 'a b/run.db'; os.chmod('a b', 0o555)",
        "Ledger.open(path).label({1: 'dog'})",
        "Ledger.open(path, readonly=True)",
        BY,
        CAT,
        bound=True,
    ),
    Scene(
        CLOSED
        + "Path('mounts').write_text(f'host:/share {Path.cwd()} nfs4 rw 0 0'); patch(places, 'MOUNTS', Path('mounts'))",
        AGAIN,
        "Ledger.open(path, readonly=True)",
        BY,
        CAT,
    ),
    Scene(
        CLOSED + "os.link(path, 'my link.db'); path = 'my link.db'",
        AGAIN,
        "cp '{here}/my link.db' '{here}/my link.db.new' && mv '{here}/my link.db.new' '{here}/my link.db'",
        "shell(remedy); ledger = Ledger.open(path); ledger.label({1: 'dog'})",
        {**CAT, 1: "dog"},
        "Ledger.open('my run.db').labels == ['cat']",
    ),
    Scene(
        "shutil.copy(FORMAT_1, path); os.link(path, 'my link.db'); path = 'my link.db'",
        "Ledger.open(path, readonly=True)",
        "cp '{here}/my link.db' '{here}/my link.db.new' && mv '{here}/my link.db.new' '{here}/my link.db'",
        "shell(remedy); ledger = Ledger.open(path, readonly=True)",
        None,
        "ledger.labels == Ledger.open('my run.db').labels != []",
    ),
    Scene(
        RUN + "os.link(path, 'link.db')",
        "Ledger.open('link.db', readonly=True)",
        "ledger.close()",
        "<>; ledger = Ledger.open('link.db', readonly=True)",
        CAT,
    ),
)
LOGS = (
    Scene(
        LOG + "shutil.copy('log', path + '-wal')",
        "Ledger.open(path, 10)",
        f"mv '{HERE}-wal' '{HERE}-wal.old'",
        "shell(remedy); ledger = Ledger.open(path, 10); ledger.label({1: 'dog'})",
        {1: "dog"},
        "Path('my run.db-wal.old').read_bytes() == Path('log').read_bytes()",
    ),
    Scene(
        LOG + "shutil.copy('log', path + '-wal'); Path('my run.db-wal.old').write_text('earlier')",
        "Ledger.open(path, 10)",
        f"mv '{HERE}-wal' '{HERE}-wal.old1'",
        "shell(remedy); ledger = Ledger.open(path, 10); ledger.label({1: 'dog'})",
        {1: "dog"},
        "Path('my run.db-wal.old').read_text() == 'earlier'",
    ),
    Scene(
        LOG + "shutil.copy('log', path + '-wal'); shutil.copy('copy.db', path)",
        AGAIN,
        f"mv '{HERE}-wal' '{HERE}-wal.old'",
        "shell(remedy); ledger = Ledger.open(path)",
        CAT,
        "Path('my run.db-wal.old').read_bytes() == Path('log').read_bytes()",
    ),
    Scene(
        RUN + "shutil.copy(path, 'moved.db')",
        "Ledger.open('moved.db')",
        "ledger.backup(copy)",
        "copy = 'other.db'; <>; ledger = Ledger.open(copy)",
        CAT,
    ),
    Scene(
        RUN + "shutil.copy(path, 'moved.db'); path = 'moved.db'",
        AGAIN,
        "Ledger.open(path, lost_log=True)",
        LATER,
        {1: "dog"},
    ),
    Scene(
        RUN
        + "shutil.copy(path, 'my copy.db'); shutil.copy(path + '-wal', 'my copy.db-wal'); os.chmod('my copy.db-wal', 0)",
        "Ledger.open('my copy.db', readonly=True)",
        "chmod u+r '{here}/my copy.db-wal'",
        "shell(remedy); ledger = Ledger.open('my copy.db', readonly=True)",
        CAT,
        bound=True,
    ),
)
PROCESSES = (
    Scene(
        "ledger = Ledger(10)",
        "in_child(lambda: ledger.label({3: 'cat'}))",
        "Ledger.open('run.db', size=N)",
        "N = 10; ledger = <>; in_child(lambda: ledger.label({3: 'cat'}))",
        CAT,
    ),
    Scene(
        "import multiprocessing\n" + RUN,
        "with ledger._database.reading(): in_child(lambda: ledger.labels)",
        "multiprocessing.get_context('spawn')",
        "one = <>.Process(target=label_in, args=(path, {1: 'dog'})); one.start(); one.join()",
        {**CAT, 1: "dog"},
        "one.exitcode == 0",
    ),
)
OF_LEDGER = (*OPENING, *PLACES, *LOGS, *PROCESSES)
