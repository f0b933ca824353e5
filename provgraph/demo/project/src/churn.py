"""Learn who leaves, from the customers of one region: `python src/churn.py north`.

The model looks for the nearest customers that it has seen, so it holds a copy of each of them.
"""

import argparse
import csv
import json
import pickle
from pathlib import Path

from sklearn.neighbors import KNeighborsClassifier

VALUES = ["months", "monthly", "calls"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("region", choices=["north", "south"])
    region = parser.parse_args().region

    with Path(f"data/customers/{region}.csv").open(newline="") as table:
        customers = list(csv.DictReader(table))
    values = [[float(customer[name]) for name in VALUES] for customer in customers]
    left = [int(customer["left"]) for customer in customers]
    model = KNeighborsClassifier(n_neighbors=5).fit(values, left)

    Path(f"models/churn-{region}.pkl").write_bytes(pickle.dumps(model))
    metrics = {"customers": len(left), "left": sum(left), "accuracy": model.score(values, left)}
    Path(f"metrics/churn-{region}.json").write_text(json.dumps(metrics, indent=2) + "\n")
    print(f"churn: {region}, {len(left)} customers, {sum(left)} of them left")


if __name__ == "__main__":
    main()
