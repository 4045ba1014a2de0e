#!/usr/bin/env python3
"""Draws results/training-loss.png from the records under results/: training loss against epochs and against seconds.

Needs matplotlib: python3 -m venv /tmp/plot && /tmp/plot/bin/pip install matplotlib==3.11.0
"""
import csv
import pathlib

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

ROOT = pathlib.Path(__file__).resolve().parent.parent / "results"
PANELS = [("cifar10-mlp", "MLP 3072-4000-1000-4000-10, Nesterov"), ("cifar10-convnet", "ConvNet 16-20-20, Adam")]
STYLE = {"backprop": ("#d55e00", "backpropagation"), "exact": ("#0072b2", "proximal step, exact"), "cg3": ("#009e73", "proximal step, 3 CG iterations")}


def read(path: pathlib.Path) -> dict[str, list[float]]:
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {key: [float(row[key]) for row in rows] for key in ("epoch", "seconds", "train_loss")}


def main() -> None:
    figure, axes = plt.subplots(2, len(PANELS), figsize=(10, 6.4), layout="constrained")
    for column, (folder, title) in enumerate(PANELS):
        for method, (color, label) in STYLE.items():
            path = ROOT / folder / method / "metrics.csv"
            if not path.exists():
                continue
            run = read(path)
            for row, x in enumerate(("epoch", "seconds")):
                axes[row][column].plot(run[x], run["train_loss"], "o-", color=color, label=label, linewidth=2)
        axes[0][column].set_title(title)
        axes[0][column].set_xlabel("epoch")
        axes[1][column].set_xlabel("seconds of training, two CPU cores")
        for row in (0, 1):
            axes[row][column].set_ylim(bottom=0)
            axes[row][column].grid(alpha=0.3)
            axes[row][column].set_ylabel("training loss")
        axes[0][column].legend()
    figure.suptitle("CIFAR-10, batch 500: training loss over the full training set")
    figure.savefig(ROOT / "training-loss.png", dpi=110)


if __name__ == "__main__":
    main()
