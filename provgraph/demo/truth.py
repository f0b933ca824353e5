"""What is really true of one run of the demo's pipeline? Written by reading its scripts.

Paths are relative to the prepared folder; commands are as the pipeline gives them, without the
interpreter before a Python script. Two things are left out on purpose, and an answer may have them
or not: `pipeline.sh`, which started every program but gave none of them any content, and Python's
bytecode caches under `src/__pycache__/`, which stand for the module they were made from.
"""

from __future__ import annotations

from dataclasses import dataclass

STARTER = "pipeline.sh"
CACHES = "src/__pycache__/*"

Names = frozenset[str]


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of a program: what it reads here can only have gone into what it writes from here
    on. A later phase knows what the earlier ones read."""

    reads: Names
    writes: Names = frozenset()


@dataclass(frozen=True, slots=True)
class Step:
    """A program of the pipeline. `scripts` are the project's code that it executes: the script
    itself and the modules it imports. `piped_from` is the command whose output it reads."""

    command: str
    scripts: Names
    phases: tuple[Phase, ...]
    piped_from: str | None = None


@dataclass(frozen=True, slots=True)
class Lineage:
    """All that `of` was made from, directly or not, without `of` itself. `absent` must not be
    there, and each is there in a cruder answer: by run, by program, or by name."""

    of: str
    data: Names
    scripts: Names
    commands: Names
    absent: Names


@dataclass(frozen=True, slots=True)
class Impact:
    """Every file that `of` went into, directly or not, without `of` itself."""

    of: str
    files: Names


def _names(text: str) -> Names:
    return frozenset(text.split())


SPLIT = "src/split.py --test-share 0.3 --seed 7"
FEATURES = "src/features.py"
LOGISTIC = "src/train.py logistic"
FOREST = "src/train.py forest"
EVALUATE = "src/evaluate.py"
CHOOSE = "src/choose.py"
WINE = "src/wine.py"
CUT = "cut -d, -f1,2 data/raw/wine.csv"
TAIL = "tail -n +2"
SORT = "sort -t, -k2,2nr"
HEAD = "head -n 10"


def _train(model: str) -> Step:
    return Step(
        f"src/train.py {model}",
        _names("src/train.py src/common.py"),
        (
            Phase(
                reads=_names("data/features/train.csv params.toml"),
                writes=_names(f"models/{model}.pkl metrics/{model}.json"),
            ),
        ),
    )


STEPS = (
    Step(
        WINE,
        _names("src/wine.py"),
        (Phase(_names("data/raw/wine.csv"), _names("report/wine.csv")),),
    ),
    Step(CUT, _names(""), (Phase(_names("data/raw/wine.csv")),)),
    Step(TAIL, _names(""), (Phase(_names("")),), piped_from=CUT),
    Step(SORT, _names(""), (Phase(_names("")),), piped_from=TAIL),
    Step(
        HEAD,
        _names(""),
        (Phase(_names(""), _names("report/strongest_wines.csv")),),
        piped_from=SORT,
    ),
    Step(
        SPLIT,
        _names("src/split.py"),
        (
            Phase(
                reads=_names("data/raw/measurements.csv data/raw/labels.csv"),
                writes=_names("data/train.csv data/test.csv"),
            ),
        ),
    ),
    Step(
        FEATURES,
        _names("src/features.py src/common.py"),
        (
            Phase(_names("data/train.csv"), _names("data/features/train.csv")),
            Phase(_names("data/test.csv"), _names("data/features/test.csv")),
        ),
    ),
    _train("logistic"),
    _train("forest"),
    Step(
        EVALUATE,
        _names("src/evaluate.py src/common.py"),
        (
            Phase(
                reads=_names("data/features/test.csv models/logistic.pkl models/forest.pkl"),
                writes=_names("metrics/evaluation.json report/figure.png"),
            ),
        ),
    ),
    Step(
        CHOOSE,
        _names("src/choose.py"),
        (
            Phase(
                reads=_names("params.toml metrics/evaluation.json models/logistic.pkl"),
                writes=_names("models/best.pkl"),
            ),
            Phase(
                reads=_names("metrics/logistic.json metrics/forest.json templates/report.md"),
                writes=_names("report/report.md"),
            ),
        ),
    ),
)
"""Every program of the pipeline that reads or writes a file of the project, and in which order."""

_WINES = _names("src/wine.py data/raw/wine.csv report/wine.csv report/strongest_wines.csv")
_NEVER_READ = _names("README.md .gitignore report/figure.png")

LINEAGES = (
    # The choice was between both models, on the test data. The numbers of the cross-validation and
    # the report's template were read by the same program, after the model had been kept.
    Lineage(
        of="models/best.pkl",
        data=_names("""
            data/raw/measurements.csv data/raw/labels.csv
            data/train.csv data/test.csv data/features/train.csv data/features/test.csv
            params.toml models/logistic.pkl models/forest.pkl metrics/evaluation.json
        """),
        scripts=_names("""
            src/split.py src/features.py src/common.py src/train.py src/evaluate.py src/choose.py
        """),
        commands=frozenset({SPLIT, FEATURES, LOGISTIC, FOREST, EVALUATE, CHOOSE}),
        absent=_WINES
        | _NEVER_READ
        | _names("metrics/logistic.json metrics/forest.json templates/report.md report/report.md"),
    ),
    # No test data: the program that makes the features reads it after it has written those to
    # learn from. And nothing of the other model, though one script trains both.
    Lineage(
        of="models/forest.pkl",
        data=_names("""
            data/raw/measurements.csv data/raw/labels.csv
            data/train.csv data/features/train.csv params.toml
        """),
        scripts=_names("src/split.py src/features.py src/common.py src/train.py"),
        commands=frozenset({SPLIT, FEATURES, FOREST}),
        absent=_WINES
        | _NEVER_READ
        | _names("""
            data/test.csv data/features/test.csv src/evaluate.py src/choose.py
            models/logistic.pkl metrics/logistic.json metrics/forest.json models/best.pkl
        """),
    ),
    # Its link to the figure is text: nothing read the figure.
    Lineage(
        of="report/report.md",
        data=_names("""
            data/raw/measurements.csv data/raw/labels.csv
            data/train.csv data/test.csv data/features/train.csv data/features/test.csv
            params.toml models/logistic.pkl models/forest.pkl metrics/evaluation.json
            metrics/logistic.json metrics/forest.json templates/report.md
        """),
        scripts=_names("""
            src/split.py src/features.py src/common.py src/train.py src/evaluate.py src/choose.py
        """),
        commands=frozenset({SPLIT, FEATURES, LOGISTIC, FOREST, EVALUATE, CHOOSE}),
        absent=_WINES | _NEVER_READ | _names("models/best.pkl"),
    ),
    # Through three pipes, and not through the script that read the same table at the same time.
    Lineage(
        of="report/strongest_wines.csv",
        data=_names("data/raw/wine.csv"),
        scripts=_names(""),
        commands=frozenset({CUT, TAIL, SORT, HEAD}),
        absent=_names("src/wine.py report/wine.csv data/raw/labels.csv src/split.py"),
    ),
)

_FROM_THE_MODELS = _names("""
    models/logistic.pkl models/forest.pkl metrics/logistic.json metrics/forest.json
    metrics/evaluation.json report/figure.png models/best.pkl report/report.md
""")

IMPACTS = (
    Impact(
        "data/raw/labels.csv",
        _names("data/train.csv data/test.csv data/features/train.csv data/features/test.csv")
        | _FROM_THE_MODELS,
    ),
    Impact("data/raw/wine.csv", _names("report/wine.csv report/strongest_wines.csv")),
    Impact(
        "data/test.csv",
        _names("""
            data/features/test.csv
            metrics/evaluation.json report/figure.png models/best.pkl report/report.md
        """),
    ),
    Impact("params.toml", _FROM_THE_MODELS),
    Impact(
        "src/features.py",
        _names("data/features/train.csv data/features/test.csv") | _FROM_THE_MODELS,
    ),
    Impact("templates/report.md", _names("report/report.md")),
)

CUSTOMER = "4711"
"""A customer of the north. What their row of `data/raw/customers.csv` went into is in `OF_CUSTOMER`; what
`src/regions.py` wrote beside it, and all that was made from that, has nothing of them."""

OF_CUSTOMER = _names("""
    data/raw/customers.csv data/customers/north.csv
    models/churn-north.pkl metrics/churn-north.json report/churn.md
""")
NOT_OF_CUSTOMER = _names("""
    data/customers/south.csv models/churn-south.pkl metrics/churn-south.json
""")

USERS = {
    "src/features.py": frozenset({FEATURES}),
    "src/common.py": frozenset({FEATURES, LOGISTIC, FOREST, EVALUATE}),
    "src/train.py": frozenset({LOGISTIC, FOREST}),
    "params.toml": frozenset({LOGISTIC, FOREST, CHOOSE}),
    "data/features/test.csv": frozenset({EVALUATE}),
    "data/raw/wine.csv": frozenset({WINE, CUT}),
}
"""The commands that read or executed a file."""
