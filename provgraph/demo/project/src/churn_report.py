"""Say how many customers leave, and how well it can be foreseen."""

import json
from pathlib import Path

REGIONS = ("north", "south")


def main():
    known = {name: json.loads(Path(f"metrics/churn-{name}.json").read_text()) for name in REGIONS}
    rows = (
        f"| {name} | {of['customers']} | {of['left']} | {of['accuracy']:.2f} |"
        for name, of in known.items()
    )
    head = ("# Who leaves?", "", "| region | customers | left | accuracy |", "|---|---|---|---|")
    Path("report/churn.md").write_text("\n".join((*head, *rows, "")))
    print("churn report: report/churn.md")


if __name__ == "__main__":
    main()
