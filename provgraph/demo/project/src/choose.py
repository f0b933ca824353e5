"""Keep the better model, and report about both."""

import json
import shutil
import tomllib
from pathlib import Path


def row(name, metrics):
    learned = json.loads(Path(f"metrics/{name}.json").read_text())
    cells = [name, metrics["accuracy"], metrics["recall"], metrics["roc_auc"], learned["accuracy"]]
    return f"| {' | '.join(map(str, cells))} |"


def main():
    by = tomllib.loads(Path("params.toml").read_text())["choose"]["by"]
    evaluation = json.loads(Path("metrics/evaluation.json").read_text())
    best = max(evaluation, key=lambda name: evaluation[name][by])
    shutil.copyfile(f"models/{best}.pkl", "models/best.pkl")

    # The choice is made: what is read from here on is for the report alone.
    rows = "\n".join(row(name, metrics) for name, metrics in evaluation.items())
    template = Path("templates/report.md").read_text()
    Path("report/report.md").write_text(template.format(best=best, by=by, rows=rows))
    print(f"choose: {best}, by {by}")


if __name__ == "__main__":
    main()
