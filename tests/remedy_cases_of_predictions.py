"""Refusals of ``alcore score | select | bench``, whose remedies are options, and of files of predictions."""

from __future__ import annotations

from tests.remedy_scenes import Scene

PREDS = "np.save('a b.npy', probs)\n"
MAPS = "maps = np.stack([probs] * 2, 2); np.save('a b.npy', maps)\n"
CELLS = "np.save('a b.npy', probs); np.save('ends.npy', np.array([0, 2, 2, 10]))\n"
FULL = "np.save('a b.npy', probs); np.save('ends.npy', np.array([0, 2, 10]))\n"
MEANS = "means = np.log(probs); np.save('a b.npy', means)\n"
TARGETS = "np.save('targets.npy', probs[:4]); np.save('means.npy', np.log(probs[:4]))\n"
SELECT, SCORE = "alcore select 'a b.npy' -k 2 {}", "alcore score 'a b.npy' -o s.npy {}"
BALD = "np.allclose(np.load('s.npy'), bald(probs), atol=1e-6)"
PICKED = "len(seen.splitlines()) == 3"


def score(before: str, options: str, remedy: str, also: str, given: str = "", **more: dict[str, str]) -> Scene:
    """A score that is refused with these options; with what is given and the remedy it is written."""
    return Scene(
        before,
        f'cli("{SCORE.format(options)}")',
        remedy,
        f'cli(f"{SCORE.format(given)} {{remedy}}")',
        None,
        also,
        **more,
    )  # type: ignore[arg-type]


def select(
    before: str, options: str, remedy: str, given: str = "", also: str = PICKED, **more: dict[str, str]
) -> Scene:
    return Scene(
        before,
        f'cli("{SELECT.format(options)}")',
        remedy,
        f'seen = cli(f"{SELECT.format(given)} {{remedy}}")',
        None,
        also,
        **more,
    )  # type: ignore[arg-type]


def words(remedy: str, *options: str, **more: dict[str, str]) -> dict[str, str]:
    return {remedy: " ".join(options)}


COMMANDS = (
    Scene(
        PREDS,
        f'cli("{SCORE.format("-H random")}")',
        "alcore select FILE --heuristic random",
        "seen = cli(remedy + ' -k 2')",
        None,
        PICKED,
        {"FILE": "'a b.npy'"},
    ),
    Scene(
        PREDS,
        f'cli("{SCORE.format("-H batchbald")}")',
        "alcore select FILE --heuristic batchbald",
        "seen = cli(remedy + ' -k 2')",
        None,
        PICKED,
        {"FILE": "'a b.npy'"},
    ),
    Scene(
        "scores, k = np.arange(9.0), 2\n" + PREDS,
        f'cli("{SELECT.format("-H precomputed")}")',
        "alcore.top(scores, k)",
        "seen = <>",
        None,
        "seen.indices.tolist() == [8, 7]",
    ),
    score(
        PREDS + TARGETS,
        "-H epig",
        "--targets FILE",
        "np.allclose(np.load('s.npy'), epig(probs, probs[:4]), atol=1e-6)",
        "-H epig",
        gaps={"FILE": "targets.npy"},
    ),
    Scene(
        f"os.mkdir('my runs'); {PREDS}shutil.move('a b.npy', 'my runs/a.npy')",
        "cli(\"alcore score 'my runs/b*.npy' -o s.npy\")",
        "ls 'my runs'",
        "seen = shell(remedy)",
        None,
        "seen == 'a.npy\\n'",
    ),
    Scene(
        PREDS,
        "cli(\"alcore score 'a b.npy' -o 'my runs/a/s.npy'\")",
        "mkdir -p 'my runs/a'",
        "shell(remedy); cli(\"alcore score 'a b.npy' -o 'my runs/a/s.npy'\")",
        None,
        BALD.replace("'s.npy'", "'my runs/a/s.npy'"),
    ),
    Scene(
        MAPS,
        "cli(\"alcore bench 'a b.npy' --reduce mean --heuristics random --plot a.png\")",
        "--heuristics bald",
        "cli(f\"alcore bench 'a b.npy' --reduce mean --plot a.png {remedy}\")",
        None,
        "Path('a.png').stat().st_size > 0",
    ),
)
CELLS_AND_EVENTS = (
    select(MAPS, "", "--reduce mean"),
    select(FULL, "--offsets ends.npy", "--reduce sum", "--offsets ends.npy"),
    Scene(
        FULL + "np.save('first.npy', probs[:4]); np.save('second.npy', probs[4:])",
        "cli('alcore score first.npy second.npy -o s.npy --offsets ends.npy --reduce sum')",
        "alcore.save_predictions('all.npy', [paths])",
        "<>; cli('alcore score all.npy -o s.npy --offsets ends.npy --reduce sum')",
        None,
        "np.allclose(np.load('s.npy'), np.add.reduceat(bald(probs), [0, 2]), atol=1e-6)",
        {"[paths]": "['first.npy', 'second.npy']"},
    ),
    Scene(
        FULL,
        "cli(\"alcore bench 'a b.npy' --offsets ends.npy\")",
        "alcore score FILE --offsets OFFSETS --reduce sum -o scores.npy",
        "cli(remedy)",
        None,
        "np.allclose(np.load('scores.npy'), np.add.reduceat(bald(probs), [0, 2]), atol=1e-6)",
        {"FILE": "'a b.npy'", "OFFSETS": "ends.npy"},
    ),
    score(
        CELLS,
        "--offsets ends.npy --reduce mean",
        "--empty 0",
        "np.allclose(np.load('s.npy'), [bald(probs)[:2].mean(), 0, bald(probs)[2:].mean()], atol=1e-6)",
        "--offsets ends.npy --reduce mean",
    ),
    score(
        CELLS,
        "--empty 0",
        "Pass --reduce sum too",
        "len(np.load('s.npy')) == 3",
        "--offsets ends.npy --empty 0",
        gaps={"Pass": "", "too": ""},
    ),
    select(MAPS, "-H batchbald", "--heuristic bald --reduce mean"),
    select(MAPS, "-H batchbald", "--heuristic batchbald --positions 16"),
    Scene(
        "files = ['first.npy', 'second.npy']; np.save(files[0], probs[..., 0]); np.save(files[1], probs[..., 1])",
        "cli('alcore score first.npy second.npy -o s.npy --axes NC')",
        "alcore.concatenate_draws(files, 'all.npy', axes=\"NC\")",
        "<>; cli('alcore score all.npy -o s.npy')",
        None,
        "np.allclose(np.load('s.npy'), bald(probs[..., :2]), atol=1e-6)",
    ),
)
KINDS = (
    score(
        MAPS,
        "--over-labels max --reduce mean",
        "Leave --over-labels out. For event axes use --reduce mean",
        "np.allclose(np.load('s.npy'), bald(maps).mean(1), atol=1e-6)",
        gaps={"Leave --over-labels out. For event axes use": ""},
    ),
    score("np.save('a b.npy', np.log(probs) + 1)", "", "--kind logits", BALD),
    score("np.save('a b.npy', np.log(probs) + 1)", "--kind logit", "--kind logits", BALD),
    score("np.save('a b.npy', probs.transpose(0, 2, 1))", "", "--axes NTC", BALD),
    score(PREDS, "--axes NCC", "--axes: expected", BALD, "--axes NCT", gaps={"--axes: expected": ""}),
    score(PREDS, "--over-labels max", "--over-labels: expected", BALD, gaps={"--over-labels: expected": ""}),
    score(PREDS, "--over-labels max", "Leave --over-labels out", BALD, gaps={"Leave --over-labels out": ""}),
    score(PREDS, "--variance 0.5", "leave --variance out", BALD, gaps={"leave --variance out": ""}),
    score(PREDS, "-H variance", "--heuristic mean-std or bald", BALD, gaps={"mean-std or ": ""}),
    score(
        PREDS,
        "-H variance",
        "--heuristic mean-std or bald",
        "np.allclose(np.load('s.npy'), mean_std(probs), atol=1e-6)",
        gaps={" or bald": ""},
    ),
)
GAUSS = "np.allclose(np.load('s.npy'), {}, atol=1e-5)"
BOUND = GAUSS.format("bald(means, kind='mean', variance=0.25)")
OF_MEANS = (
    score(MEANS, "--kind mean", "--variance 0.25", BOUND, "--kind mean"),
    score(
        MEANS,
        "--kind mean",
        "--heuristic epistemic-variance",
        GAUSS.format("variance(means, 'epistemic', kind='mean')"),
        "--kind mean",
    ),
    score(
        MEANS,
        "--kind mean --variance 0.5,1",
        "--variance: expected",
        BOUND,
        "--kind mean --variance 0.25",
        gaps={"--variance: expected": ""},
    ),
    *(
        score(
            MEANS,
            "-H margin --kind mean --variance 0.25",
            "--heuristic bald, entropy or variance",
            GAUSS.format(f"{one}"),
            "--kind mean --variance 0.25",
            gaps={"bald, entropy or variance": name},
        )
        for name, one in (
            ("bald", "bald(means, kind='mean', variance=0.25)"),
            ("entropy", "entropy(means, kind='mean', variance=0.25)"),
            ("variance", "variance(means, 'total', kind='mean', variance=0.25)"),
        )
    ),
    score(
        MEANS + TARGETS,
        "-H epig --kind mean --targets means.npy --variance 'a b.npy'".replace("'", "'"),
        "--target-variance 0.25",
        GAUSS.format("epig(means, means[:4], kind='mean', variance=0.25, target_variance=0.25)"),
        "-H epig --kind mean --targets means.npy --variance 0.25",
    ),
    select(MEANS, "-H batchbald --kind mean", "--heuristic log-det", "--kind mean --variance 0.25"),
    select(
        MEANS,
        "-H batchbald --kind mean",
        "--heuristic bald or epig",
        "--kind mean --variance 0.25",
        gaps={" or epig": ""},
    ),
    select(
        MEANS,
        "-H log-det --kind mean --variance 0.25 --output-weights 1,2,3",
        "Leave --output-weights out",
        "-H log-det --kind mean --variance 0.25",
        gaps={"Leave --output-weights out": ""},
    ),
    score(
        MEANS,
        "--kind mean --variance 0.25 --output-weights a",
        "--output-weights: expected",
        BOUND,
        "--kind mean --variance 0.25 --output-weights 1,1,1",
        gaps={"--output-weights: expected": ""},
    ),
)
BEGUN = (
    "from alcore.sources.writing import Saving\n"
    "def begun(**request):\n"
    "    with Saving(Path('a b.npy'), 10, request) as saving:\n"
    "        saving.append(probs[:5]); raise OSError('the process ends here')\n"
)
SAVED = "save_predictions('a b.npy', probs)"
FILES = (
    Scene(
        "",
        "save_predictions('my runs/a/b.npy', probs)",
        "mkdir -p 'my runs/a'",
        "shell(remedy); save_predictions('my runs/a/b.npy', probs)",
        None,
        "(np.load('my runs/a/b.npy') == probs).all()",
    ),
    Scene(
        "files = ['a.npy', 'b.npy']; [np.save(one, probs[..., :1]) for one in files]",
        "alcore.concatenate_draws(files, 'my runs/a/b.npy')",
        "mkdir -p 'my runs/a'",
        "shell(remedy); alcore.concatenate_draws(files, 'my runs/a/b.npy')",
        None,
        "np.load('my runs/a/b.npy').shape == (10, 3, 2)",
    ),
    *(
        Scene(
            f"{BEGUN}with suppress(OSError): begun({before})",
            refused,
            "rm -r 'a b.npy.part'",
            f"shell(remedy); {SAVED}",
            None,
            "(np.load('a b.npy') == probs).all()",
        )
        for before, refused in (("", SAVED), ("draws=5", "begun(draws=6)"))
    ),
    Scene(
        f"{SAVED}; os.chmod('a b.npy', 0)",
        "bald('a b.npy')",
        "chmod u+r 'a b.npy'",
        "shell(remedy)",
        None,
        "(bald('a b.npy') == bald(probs)).all()",
        bound=True,
    ),
    Scene(
        "ledger = Ledger(10); Path('a b.csv').write_text('id,label\\n3,cat\\n'); os.chmod('a b.csv', 0)",
        "ledger.import_file('a b.csv')",
        "chmod u+r 'a b.csv'",
        "shell(remedy); ledger.import_file('a b.csv')",
        {3: "cat"},
        bound=True,
    ),
)
OF_PREDICTIONS = (*COMMANDS, *CELLS_AND_EVENTS, *KINDS, *OF_MEANS, *FILES)
LOOP = (
    "classes = truth\n"
    "def loop(**more):\n"
    "    global ledger\n"
    "    ledger = Ledger(10)\n"
    "    given = dict(train=lambda ids, labels: 0, predict=lambda model, ids: probs[ids], oracle=lambda ids: truth[ids])\n"
    "    return ActiveLearning(ledger=ledger, **given, **{'heuristic': BALD(), 'k': 2, 'start': 2, **more})\n"
)
LEARNT = "len(ledger.labels) > 2 and ledger.labels == truth[ledger.labelled].tolist()"
OF_STOPPING = (
    Scene(
        LOOP,
        "loop(heuristic=BatchBALD(), stop=UncertaintyBelow(0.01)).run()",
        "BALD()",
        "loop(heuristic=<>, stop=UncertaintyBelow(0.01)).run()",
        None,
        LEARNT,
    ),
    Scene(
        LOOP,
        "loop(heuristic=BatchBALD(), stop=UncertaintyBelow(0.01)).run()",
        "InformationBelow",
        "loop(heuristic=BatchBALD(), stop=<>(0.01)).run()",
        None,
        LEARNT,
    ),
    *(
        Scene(
            LOOP + "targets = probs",
            "loop(stop=InformationBelow(0.01)).run()",
            remedy,
            f"loop({after}).run()",
            None,
            LEARNT,
        )
        for remedy, after in (
            ("BatchBALD()", "stop=InformationBelow(0.01), heuristic=<>"),
            ("BatchEPIG(targets)", "stop=InformationBelow(0.01), heuristic=<>"),
            ("UncertaintyBelow", "stop=<>(0.01)"),
        )
    ),
    Scene(
        LOOP,
        "loop(stop=StablePredictions(2)).run()",
        "ActiveLearning(predicted=lambda model: classes)",
        "<>.run()",
        None,
        LEARNT,
        {"ActiveLearning(": "loop(stop=StablePredictions(2), "},
    ),
    Scene(
        LOOP,
        "LabelBudget(4) | 3",
        "LabelBudget(100)",
        "loop(stop=LabelBudget(4) | <>).run()",
        None,
        LEARNT + " and len(ledger.labels) == 6",
    ),
    Scene(LOOP, "AnyOf(())", "LabelBudget(100)", "loop(stop=AnyOf((<>,))).run()", None, "len(ledger.labels) == 10"),
)
