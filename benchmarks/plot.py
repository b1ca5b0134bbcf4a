"""Bars of the cells that peers took part in; runs in the sandbox's environment, which has matplotlib.

Standard input: a list of objects with "cell", "bot" and one number for each of PANELS. Argument: the PNG to write.
"""

from __future__ import annotations

import json
import sys
from typing import Any

PANELS = {
    "acknowledged in ms, p99": "less is better",
    "CPU ms per turn": "less is better",
    "turns per second": "more is better",
}
COLOURS = {  # told apart by colour-blind people too
    "ours": "#0072b2",
    "teams-ai": "#d55e00",
    "Teams SDK": "#e69f00",
    "Agents SDK": "#cc79a7",
    "echo": "#999999",
    "Agents SDK echo": "#c8c8c8",
}
LEGEND = {
    "ours": "this bot",
    "teams-ai": "teams-ai 1.8.2, AssistantsPlanner",
    "Teams SDK": "Teams SDK 2.1.1",
    "Agents SDK": "Agents SDK 1.9.0",
    "echo": "botbuilder CloudAdapter, echo only",
    "Agents SDK echo": "Agents SDK, echo only",
}
WIDTH = 0.14


def main(rows: list[dict[str, Any]], file: str) -> None:
    """Draw one panel per figure, each on a logarithmic scale."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    cells = list(dict.fromkeys(row["cell"] for row in rows if row["bot"] == "teams-ai"))
    figure, axes = plt.subplots(1, len(PANELS), figsize=(12, 4.2), layout="constrained")
    for panel, (name, note) in zip(axes, PANELS.items(), strict=True):
        _panel(panel, [row for row in rows if row["cell"] in cells], cells, name)
        panel.set_title(f"{name}\n({note})", fontsize=11)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False)
    figure.savefig(file, dpi=110)


def _panel(panel: Any, rows: list[dict[str, Any]], cells: list[str], name: str) -> None:
    for place, (bot, colour) in enumerate(COLOURS.items()):
        of_bot = [row for row in rows if row["bot"] == bot]
        x = [cells.index(row["cell"]) + (place - (len(COLOURS) - 1) / 2) * WIDTH for row in of_bot]
        bars = panel.bar(x, [row[name] for row in of_bot], WIDTH, color=colour, label=LEGEND[bot])
        panel.bar_label(bars, fmt=lambda value: f"{value:.3g}" if value < 1000 else f"{value / 1000:.2g}k", fontsize=7)
    panel.set_yscale("log")
    panel.yaxis.set_major_formatter("{x:g}")
    panel.yaxis.set_minor_formatter("")
    panel.set_xticks(range(len(cells)), cells)
    panel.margins(y=0.15)
    panel.spines[["top", "right"]].set_visible(False)


if __name__ == "__main__":
    main(json.load(sys.stdin), sys.argv[1])
