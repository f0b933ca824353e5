#!/bin/sh
# Which customers will leave? A model for each region, and a report about both.
set -eu
export LC_ALL=C OMP_NUM_THREADS=1
python=${PYTHON:-python3}
mkdir -p data/customers models metrics report

"$python" src/regions.py
for region in north south; do
    "$python" src/churn.py "$region"
done
"$python" src/churn_report.py
