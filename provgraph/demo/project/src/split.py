"""Join measurements with diagnoses, and set some patients aside for the test."""

import argparse

import pandas as pd


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--test-share", type=float, required=True)
    parser.add_argument("--seed", type=int, required=True)
    arguments = parser.parse_args()

    measurements = pd.read_csv("data/raw/measurements.csv", index_col="patient")
    labels = pd.read_csv("data/raw/labels.csv", index_col="patient")
    patients = measurements.join((labels["diagnosis"] == "M").astype(int).rename("malignant"))

    test = patients.sample(frac=arguments.test_share, random_state=arguments.seed)
    patients.drop(test.index).to_csv("data/train.csv")
    test.sort_index().to_csv("data/test.csv")
    print(f"split: {len(patients) - len(test)} patients to train on, {len(test)} to test on")


if __name__ == "__main__":
    main()
