"""Runs in the sandbox's own environment: executes the tutor's programs and works out the truth with numpy.

One JSON object a line in, one out. Not a test module and never imported: it is started as a program. Everything from
outside the standard library is imported by name, since the service's environment, where these files are type-checked,
has none of it.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import sys
import traceback
import warnings
from pathlib import Path
from typing import Any


def run(code: str) -> dict[str, Any]:
    """Execute a program in a namespace of its own; what it printed, drew and saved."""
    pyplot: Any = importlib.import_module("matplotlib.pyplot")
    figures: list[list[dict[str, Any]]] = []
    pyplot.show = lambda: figures.extend(described(pyplot))
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        try:
            exec(compile(code, "<code>", "exec"), {"__name__": "__main__"})  # noqa: S102  (its purpose)
        except BaseException:  # noqa: BLE001  (told as the sandbox tells it)
            traceback.print_exc()
    figures.extend(described(pyplot))
    files = {path.name: path.read_text("utf-8") for path in Path().glob("*.csv") if not path.name.startswith("given")}
    for name in files:
        Path(name).unlink()
    return {"output": printed.getvalue(), "figures": figures, "files": files}


def described(pyplot: Any) -> list[list[dict[str, Any]]]:
    """The axes of the open figures, which are then closed."""
    found = []
    for number in pyplot.get_fignums():
        for axes in pyplot.figure(number).axes:
            lines = [
                {
                    "label": str(line.get_label()),
                    "x": [float(x) for x in line.get_xdata(orig=False)],
                    "y": [float(y) for y in line.get_ydata(orig=False)],
                }
                for line in axes.get_lines()
            ]
            found.append(
                [
                    {
                        "title": axes.get_title(),
                        "xlabel": axes.get_xlabel(),
                        "ylabel": axes.get_ylabel(),
                        "xlim": list(axes.get_xlim()),
                        "ylim": list(axes.get_ylim()),
                        "xticks": [label.get_text() for label in axes.get_xticklabels()],
                        "legend": axes.get_legend() is not None,
                        "patches": len(axes.patches),
                        "points": sum(len(each.get_offsets()) for each in axes.collections),
                    },
                    *lines,
                ]
            )
    pyplot.close("all")
    return found


def values(formula: str, at: list[float]) -> list[float | None]:
    """A numpy formula at these points; None where it has no finite real value."""
    numpy = importlib.import_module("numpy")
    with numpy.errstate(all="ignore"), contextlib.suppress(SyntaxError, NameError, TypeError):
        grid = numpy.array(at, dtype=float)
        heights = eval(formula, {"np": numpy, "x": grid}) + 0 * grid  # noqa: S307  (written by the test's generator)
        return [float(height) if numpy.isfinite(height) else None for height in heights]
    return [None for _ in at]  # no formula that numpy knows


def main() -> None:
    """Answer until the input ends."""
    importlib.import_module("matplotlib").use("Agg")
    warnings.simplefilter("ignore")
    for line in sys.stdin:
        asked = json.loads(line)
        if "files" in asked:
            for name, text in asked["files"].items():
                Path(name).write_text(text, "utf-8")
            answer: object = {}
        elif "code" in asked:
            answer = run(asked["code"])
        else:
            answer = values(asked["formula"], asked["at"])
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
