"""Train one of the models: `python src/train.py forest`."""

import argparse
import json
import pickle
from pathlib import Path

from common import MODELS, TARGET, read_parameters, read_table
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score

CLASSES = {"logistic": LogisticRegression, "forest": RandomForestClassifier}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", choices=MODELS)
    name = parser.parse_args().model

    table = read_table("data/features/train.csv")
    parameters = read_parameters()
    model = CLASSES[name](**parameters[name], random_state=parameters["seed"])
    values, target = table.drop(columns=TARGET), table[TARGET]
    accuracy = cross_val_score(model, values, target, cv=3).mean()
    model.fit(values, target)

    Path(f"models/{name}.pkl").write_bytes(pickle.dumps(model))
    metrics = {"model": name, "accuracy": round(accuracy, 4), "parameters": parameters[name]}
    Path(f"metrics/{name}.json").write_text(json.dumps(metrics, indent=2) + "\n")
    print(f"train: {name}, accuracy {accuracy:.3f} in cross-validation")


if __name__ == "__main__":
    main()
