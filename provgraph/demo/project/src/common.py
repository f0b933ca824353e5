"""What the programs share: how tables and parameters are read."""

import tomllib
from pathlib import Path

import pandas as pd

KEY = "patient"
TARGET = "malignant"
MODELS = ("logistic", "forest")


def read_table(path):
    return pd.read_csv(path, index_col=KEY)


def read_parameters():
    return tomllib.loads(Path("params.toml").read_text())
