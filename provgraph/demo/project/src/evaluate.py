"""Hold every model to the patients it has not seen."""

import json
import pickle
from pathlib import Path

import matplotlib
from common import MODELS, TARGET, read_table
from sklearn.metrics import accuracy_score, recall_score, roc_auc_score, roc_curve

matplotlib.use("Agg")
from matplotlib import pyplot as plt


def main():
    table = read_table("data/features/test.csv")
    values, target = table.drop(columns=TARGET), table[TARGET]
    figure, axes = plt.subplots(figsize=(5, 4))
    metrics = {}
    for name in MODELS:
        model = pickle.loads(Path(f"models/{name}.pkl").read_bytes())
        score = model.predict_proba(values)[:, 1]
        metrics[name] = {
            "accuracy": round(accuracy_score(target, score > 0.5), 4),
            "recall": round(recall_score(target, score > 0.5), 4),
            "roc_auc": round(roc_auc_score(target, score), 4),
        }
        false_positives, true_positives, _ = roc_curve(target, score)
        axes.plot(false_positives, true_positives, label=f"{name} ({metrics[name]['roc_auc']})")
    axes.set(xlabel="benign called malignant", ylabel="malignant found", title="ROC on the test")
    axes.legend(loc="lower right")
    figure.tight_layout()

    Path("metrics/evaluation.json").write_text(json.dumps(metrics, indent=2) + "\n")
    figure.savefig("report/figure.png", dpi=100)
    print("evaluate:", ", ".join(f"{name} {metrics[name]['roc_auc']}" for name in MODELS))


if __name__ == "__main__":
    main()
