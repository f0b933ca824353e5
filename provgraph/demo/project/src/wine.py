"""Mean of every column for each cultivar of the wines."""

import csv
from collections import defaultdict
from pathlib import Path
from statistics import fmean


def main():
    wines = defaultdict(list)
    with Path("data/raw/wine.csv").open(newline="") as table:
        for wine in csv.DictReader(table):
            wines[wine.pop("cultivar")].append(wine)
    with Path("report/wine.csv").open("w", newline="") as summary:
        columns = list(next(iter(wines.values()))[0])
        writer = csv.writer(summary)
        writer.writerow(["cultivar", "wines", *columns])
        for cultivar, group in sorted(wines.items()):
            means = (round(fmean(float(wine[column]) for wine in group), 3) for column in columns)
            writer.writerow([cultivar, len(group), *means])
    print(f"wine: {len(wines)} cultivars")


if __name__ == "__main__":
    main()
