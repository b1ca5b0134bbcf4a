"""Figures as lines in the terminal, as a table in Markdown, and as a picture."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.load import Figures

HEAD = (
    "cell | bot | asked | lost | doubled | disordered | ack p50/p99/max ms | overhead p50/p99 ms | lag p50 ms "
    "| turns/s | CPU ms/turn | memory MB | calls/turn | typing/turn (after the answer) | typing gap max s "
    "| connector peak/s | first sign p50 ms | first words p50 ms | updates peak/s of a chat"
)
OURS = {"ours", "ours, signed", "ours, responses", "ours, embedded"}
TABLE = Path(".cache/bench/table.md")
PICTURE = Path(".cache/bench/performance.png")
_PLOT = Path(__file__).with_name("plot.py")
_PYTHON_WITH_MATPLOTLIB = Path(".sandbox/bin/python")


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One row of the table."""

    cell: str
    bot: str
    figures: Figures
    cpu_ms_per_turn: float
    memory_mb: float


def row(result: Result) -> str:
    """One result as a row."""
    f = result.figures
    return (
        f"{result.cell} | {result.bot} | {f.asked} | {f.lost} | {f.doubled} | {f.out_of_order} "
        f"| {f.ack_p50_ms:.1f} / {f.ack_p99_ms:.1f} / {f.ack_max_ms:.0f} "
        f"| {f.overhead_p50_ms:.0f} / {f.overhead_p99_ms:.0f} | {f.lag_p50_ms:.0f} | {f.turns_per_s:.1f} "
        f"| {result.cpu_ms_per_turn:.1f} | {result.memory_mb:.0f} | {f.calls_per_turn:.1f} "
        f"| {f.typing_per_turn:.1f} ({f.typing_after_answer}) "
        f"| {_if_any(f.typing_gap_max_s)} | {f.connector_peak_per_s} "
        f"| {f.first_sign_p50_ms:.0f} | {f.first_words_p50_ms:.0f} | {f.updates_peak_per_s}"
    )


def _if_any(gap_s: float) -> str:
    """A bot that answers before it acknowledges has no time to type in between."""
    return f"{gap_s:.1f}" if gap_s >= 0 else "none"


def show(result: Result) -> None:
    """A line as soon as it is known."""
    sys.stdout.write(f"{row(result)}\n")
    sys.stdout.flush()


def write(results: Sequence[Result]) -> None:
    """The whole table and its picture, for docs/performance.md."""
    TABLE.parent.mkdir(parents=True, exist_ok=True)
    columns = HEAD.count("|") + 1
    lines = [f"| {HEAD} |", "|" + "---|" * columns, *(f"| {row(result)} |" for result in results)]
    TABLE.write_text("\n".join(lines) + "\n", "utf-8")
    sys.stdout.write(f"\nThe table is in {TABLE}.\n")
    if {result.bot for result in results} - OURS:
        _draw([result for result in results if result.bot not in {"ours, responses", "ours, embedded"}])
        sys.stdout.write(f"The picture beside peers is in {PICTURE}.\n")


def _draw(results: Sequence[Result]) -> None:
    bars = [
        {
            "cell": result.cell,
            "bot": result.bot,
            "acknowledged in ms, p99": result.figures.ack_p99_ms,
            "turns per second": result.figures.turns_per_s,
            "CPU ms per turn": result.cpu_ms_per_turn,
        }
        for result in results
    ]
    command = [str(_PYTHON_WITH_MATPLOTLIB), str(_PLOT), str(PICTURE)]
    subprocess.run(command, input=json.dumps(bars), text=True, check=True, timeout=120)
