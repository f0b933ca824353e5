"""Parameters are found in command lines and in the configuration files that a run read, with where they stood."""

from __future__ import annotations

import sys

from capture.workspace import Workspace

from provgraph.graph import Graph
from provgraph.ingest.capture import parameters
from provgraph.model.records import StepSeen

SCRIPT = """
import configparser, json, sys, tomllib
import provgraph, yaml
settings = yaml.safe_load(open("conf/train.yaml")), tomllib.load(open("a.toml", "rb"))
json.load(open("params.json")), json.load(open("person.json")), open("secrets.yaml").read()
configparser.ConfigParser().read(["a.ini", "private.ini", "pyproject.toml"])
provgraph.log_params(seed=7)
open("out", "w").write(str(sys.argv))
"""
FILES = {
    "conf/train.yaml": "model: {depth: 6, layers: [8, 4], password: hunter2}\nlr: 0.5\nseed: 1\nnote: |\n  a\n  b\n",
    "a.toml": "[data]\nrows = 100\n",
    "a.ini": "[run]\nname = night\n",
    "params.json": '{"epochs": 3}',
    "person.json": '{"name": "Ann"}',
    "secrets.yaml": "key: hunter2",
    "private.ini": "[a]\nhidden = hunter2\n",
    "pyproject.toml": "[tool]\nx = 1\n",
}


def test_the_parameters_of_a_run_and_where_they_stood(workspace: Workspace) -> None:
    for name, text in {**FILES, "train.py": SCRIPT}.items():
        (workspace.root / name).parent.mkdir(exist_ok=True)
        (workspace.root / name).write_text(text)
    with workspace.project.file.open("a") as settings:
        settings.write('\n[content]\nnever = ["private.ini"]\n')
    train = [sys.executable, "train.py", "--lr", "0.1", "--fast"]
    for words in (train, [*train[:3], "0.2", "model.depth=8", "--api-key", "hunter2"]):
        done = workspace.run("sh", "-c", 'exec "$@"', "sh", *words)
        assert done.returncode == 0, done.stderr
    found = [
        {name: value for name, value in ended.items() if name.startswith("param.")}
        for ended in (record.properties for record in workspace.all(type(workspace.ended)))
    ]
    files = {
        "param.model.layers": "[8, 4]",
        "param.model.password": "[redacted]",
        "param.data.rows": 100,
        "param.run.name": "night",
        "param.epochs": 3,
        "param.seed": 7,
    }
    assert sorted(found, key=lambda each: str(each["param.lr"])) == [
        {**files, "param.lr": 0.1, "param.fast": True, "param.model.depth": 6},
        {**files, "param.lr": 0.2, "param.model.depth": 8, "param.api_key": "[redacted]"},
    ]
    scripts = [s for s in workspace.all(StepSeen) if s.script and not s.phase]
    assert {s.properties["param.lr"] for s in scripts} == {0.1, 0.2}
    with Graph.open(workspace.root) as graph:
        graph.sync()
        different = "run [param.lr = 0.1] | diff (run [param.lr = 0.2]) on parameters | select name, before, after, origin"
        assert [tuple(row) for row in graph.ask(different).rows.values] == [
            ("api_key", None, "[redacted]", "argv"),
            ("fast", "true", None, "argv"),
            ("lr", "0.1", "0.2", "argv"),
            ("model.depth", "6", "8", "argv, conf/train.yaml"),
        ]
        origins = "run [param.lr = 0.1] | select prop.origin.epochs, prop.origin.seed"
        assert [tuple(row) for row in graph.ask(origins).rows.values] == [("params.json", None)]
    assert not any(b"hunter2" in path.read_bytes() for path in workspace.project.journal.iterdir())


def test_a_configuration_that_aliases_make_endless_is_read_to_an_end() -> None:
    lines = ["a0: &a0 {" + ", ".join(f"k{n}: null" for n in range(20)) + "}"]
    for level in range(1, 9):
        inner = ", ".join(f"k{n}: *a{level - 1}" for n in range(20))
        lines.append(f"a{level}: &a{level} {{{inner}}}")
    text = "\n".join(["seed: 7", *lines])
    assert parameters.of_file("conf.yaml", text.encode()) == {"seed": 7}
