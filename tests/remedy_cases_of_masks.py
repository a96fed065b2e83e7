"""Refusals of masks and of a test set's noise by command line, whose remedies are options."""

from __future__ import annotations

from tests.remedy_scenes import Scene

MAPS = (
    "maps = np.random.default_rng(0).dirichlet(np.ones(3), (20, 4, 6)).transpose(0, 3, 1, 2)\n"
    "padding = np.random.default_rng(1).random((20, 4)) < 0.3; padding[:, 0] = False\n"
    "labels = np.where(padding, 255, 1)\n"
    "np.save('maps.npy', maps); np.save('padding.npy', padding); np.save('LABELS.npy', labels)\n"
    "np.save('rows.npy', maps[:, :, 0]); np.save('ends.npy', np.array([0, 2, 10, 20]))\n"
    "masked = np.ma.masked_array(bald(maps), padding).mean(1).filled(0)\n"
    "plain = bald(maps).mean(1)\n"
    "def scores(): return np.load('s.npy')\n"
)
SCORE = "alcore score {} -H bald -o s.npy {}"
SETS = "rows.npy --offsets ends.npy"
LABELS = "--reduce mean --mask LABELS.npy"
PADDING = "--mask padding.npy"


def score(files: str, options: str, remedy: str, given: str, also: str) -> Scene:
    """Refused with these options. With those that are given, and with the remedy, the scores are as ``also`` says."""
    return Scene(
        MAPS,
        f'cli("{SCORE.format(files, options)}")',
        remedy,
        f'cli(f"{SCORE.format(files, given)}")',
        None,
        also,
    )


MASKED, PLAIN = "np.allclose(scores(), masked, atol=1e-6)", "np.allclose(scores(), plain, atol=1e-6)"
OF_SCORES = (
    score("maps.npy", PADDING, "--reduce mean", f"{PADDING} {{remedy}}", MASKED),
    score("maps.npy", LABELS, "--ignore-index 255", f"{LABELS} {{remedy}}", MASKED),
    score(
        "maps.npy",
        "--reduce mean --ignore-index 255",
        "--mask LABELS.npy",
        "--reduce mean --ignore-index 255 {remedy}",
        MASKED,
    ),
    score("maps.npy", "--reduce mean --ignore-index 255", "leave --ignore-index out", "--reduce mean", PLAIN),
    score(
        "maps.npy",
        f"--reduce mean {PADDING} --ignore-index 255",
        "Leave --ignore-index out",
        f"--reduce mean {PADDING}",
        MASKED,
    ),
    score(
        SETS,
        f"--reduce mean {PADDING}",
        "Leave --mask out",
        "--reduce mean",
        "np.allclose(scores(), [part.mean() for part in np.split(bald(maps[:, :, 0]), [2, 10])], atol=1e-6)",
    ),
)
SELECT = f"alcore select {{}} {PADDING} -k 2 --seed 0 {{}}"
OF_SELECTIONS = (
    Scene(
        MAPS,
        f'cli("{SELECT.format("maps.npy", "-H batchbald")}")',
        "--heuristic batchbald --positions 16",
        f'seen = cli(f"{SELECT.format("maps.npy", "{remedy}")} -o picks.csv")',
        None,
        "[row['row'] for row in csv.DictReader(Path('picks.csv').read_text().splitlines())] == "
        "[str(one) for one in BatchBALD(positions=16).select(maps, 2, rng=0, mask=padding).indices]",
    ),
)
BENCH = "alcore bench {} -k 2 --steps 4 --seeds 2 --heuristics bald,random --json all.json {}"
MEANS = (
    "np.save('means.npy', np.log(probs)); np.save('test.npy', np.log(probs[:4]))\n"
    "np.save('labels.npy', np.log(probs).mean(-1)); np.save('test_labels.npy', np.log(probs[:4]).mean(-1))\n"
    "np.save('probs.npy', probs)\n"
)
NUMBERS = "--kind mean --variance 0.2 --labels labels.npy"
OF_TESTS = (
    *(
        Scene(
            MEANS,
            f'cli("{BENCH.format(file, f"{given} --test-variance 0.2")}")',
            remedy,
            f'seen = cli(f"{BENCH.format(file, after)}")',
            None,
            f"('replay' in json.loads(Path('all.json').read_text())['left out']) == {not gaps}",  # it measures on the test set
            gaps,
        )
        for file, given, remedy, after, gaps in (
            ("probs.npy", "", "leave --test-variance out", "", {}),
            (
                "means.npy",
                NUMBERS,
                "--test FILE and --test-labels FILE",
                f"{NUMBERS} --test-variance 0.2 {{remedy}}",
                {"FILE and": "test.npy", "labels FILE": "labels test_labels.npy"},
            ),
            ("means.npy", "--kind mean --variance 0.2", "leave --test-variance out", "--kind mean --variance 0.2", {}),
        )
    ),
)
OF_MASKS = (*OF_SCORES, *OF_SELECTIONS, *OF_TESTS)
