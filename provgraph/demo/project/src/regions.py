"""Give each region a table of its customers, without their names."""

import csv
from pathlib import Path

KEPT = ["user_id", "months", "monthly", "calls", "left"]


def main():
    with Path("data/raw/customers.csv").open(newline="") as table:
        customers = list(csv.DictReader(table))
    for region in sorted({customer["region"] for customer in customers}):
        own = [customer for customer in customers if customer["region"] == region]
        with Path(f"data/customers/{region}.csv").open("w", newline="") as table:
            out = csv.DictWriter(table, KEPT, extrasaction="ignore", lineterminator="\n")
            out.writeheader()
            out.writerows(own)
        print(f"regions: {len(own)} customers in the {region}")


if __name__ == "__main__":
    main()
