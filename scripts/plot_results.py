#!/usr/bin/env python3
"""Draws the pictures of docs/results.md: for each experiment of FOLDER/results.json FOLDER/<experiment>.png.

    proxprop reproduce --report-only --out results
    python3 scripts/plot_results.py results

The numbers are all in results.json; this script chooses colours. Needs matplotlib:
python3 -m venv /tmp/plot && /tmp/plot/bin/pip install matplotlib==3.11.0
"""
import json
import pathlib
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

COLORS = ["#0072b2", "#d55e00", "#00875f", "#b0508f", "#9a7400", "#5a4fcf", "#56a0d3"]
PANELS = [
    ("train_loss", "epoch", "training loss", "epochs"),
    ("train_loss", "seconds", "training loss", "seconds of training"),
    ("train_loss", "evaluations", "training loss", "gradient evaluations"),
    ("validation_accuracy", "epoch", "validation accuracy", "epochs"),
    ("validation_accuracy", "seconds", "validation accuracy", "seconds of training"),
    ("validation_accuracy", "evaluations", "validation accuracy", "gradient evaluations"),
]


def looks(labels: list[str]) -> dict[str, dict[str, str]]:
    """The baselines are grey, the others take turns."""
    others = [label for label in labels if not label.startswith("backprop")]
    baselines = [label for label in labels if label.startswith("backprop")]
    styles = {label: {"color": COLORS[i % len(COLORS)], "linestyle": ["-", "--", ":"][i // len(COLORS) % 3]} for i, label in enumerate(others)}
    styles |= {label: {"color": "#3f4a5a", "linestyle": ["-", "--", ":", "-."][i % 4]} for i, label in enumerate(baselines)}
    return styles


def numbers(values: list) -> list[float]:
    return [float("nan") if value is None else value for value in values]


def draw_curves(section: dict, path: pathlib.Path) -> None:
    curves = section["curves"]
    styles = looks([curve["label"] for curve in curves])
    known = {"epoch"} | {x for x in ("seconds", "evaluations") if any(curve[x] for curve in curves)}
    if all(evaluations <= epoch + 1e-6 for curve in curves for evaluations, epoch in zip(curve["evaluations"], curve["epoch"])):
        known.discard("evaluations")  # they are the epochs
    panels = [panel for panel in PANELS if panel[1] in known]
    columns = len({panel[1] for panel in panels})
    figure, axes = plt.subplots(2, columns, figsize=(5.2 * columns, 7.2), layout="constrained", squeeze=False)
    for axis, (quantity, x, name, unit) in zip(axes.flat, panels):
        for curve in curves:
            if not curve[x]:
                continue
            band, style = {key: numbers(values) for key, values in curve[quantity].items()}, styles[curve["label"]]
            axis.plot(curve[x], band["mean"], label=curve["label"], linewidth=1.8, **style)
            axis.fill_between(curve[x], band["low"], band["high"], color=style["color"], alpha=0.18, linewidth=0)
        axis.set_xlabel(unit)
        axis.set_ylabel(name)
        axis.grid(alpha=0.3)
        if quantity == "train_loss":
            axis.set_yscale("log")
    if len(curves) > 10:
        figure.legend(*axes[0][0].get_legend_handles_labels(), loc="outside right upper", fontsize=8)
    else:
        axes[0][0].legend()
    figure.suptitle(section["title"])
    figure.savefig(path, dpi=100)
    plt.close(figure)


def draw_sweeps(section: dict, path: pathlib.Path) -> None:
    styles = looks([sweep["label"] for sweep in section["sweeps"]])
    figure, axis = plt.subplots(figsize=(7.5, 4.6), layout="constrained")
    for sweep in section["sweeps"]:
        color = styles[sweep["label"]]["color"]
        axis.plot(sweep["x"], numbers(sweep["ours"]), "o-", color=color, label=sweep["label"], linewidth=1.8)
        if sweep["paper"]:
            axis.plot(sweep["x"], numbers(sweep["paper"]), "x:", color=color, label=f"paper: {sweep['label']}", linewidth=1.2)
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_xlabel("learning rate tau")
    axis.set_ylabel("training loss at the end")
    axis.grid(alpha=0.3)
    axis.legend(ncols=2, fontsize=8)
    axis.set_title(section["title"])
    figure.savefig(path, dpi=100)
    plt.close(figure)


def main() -> None:
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "results")
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    for section in results["sections"]:
        path = folder / f"{section['name']}.png"
        if section["curves"]:
            draw_curves(section, path)
        elif section["sweeps"]:
            draw_sweeps(section, path)


if __name__ == "__main__":
    main()
