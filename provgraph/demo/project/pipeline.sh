#!/bin/sh
# From the raw tables to models/best.pkl and the report. The wines are another matter, beside it.
set -eu
export LC_ALL=C OMP_NUM_THREADS=1
python=${PYTHON:-python3}
mkdir -p data/features models metrics report

"$python" src/wine.py &
wine=$!
cut -d, -f1,2 data/raw/wine.csv | tail -n +2 | sort -t, -k2,2nr | head -n 10 > report/strongest_wines.csv

"$python" src/split.py --test-share 0.3 --seed 7
"$python" src/features.py
for model in logistic forest; do
    "$python" src/train.py "$model"
done
"$python" src/evaluate.py
"$python" src/choose.py
wait "$wine"
