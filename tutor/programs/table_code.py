"""Tables of values, shown and saved as csv."""

from __future__ import annotations

import json

from tutor.planning.labels import label
from tutor.planning.tasks import Table
from tutor.programs.result_keys import Key
from tutor.programs.script import MARK, Script

FILE = "table.csv"
MAX_ROWS = 1000


def table(script: Script, task: Table) -> None:
    """Values at equal steps, one column a function."""
    script.uses("pd", "sp")
    variable = script.symbol(task.functions[0].variable)
    columns = ", ".join(
        f"{json.dumps(label(each), ensure_ascii=False)}: {script.real_function(each)}" for each in task.functions
    )
    low, high, step = (script.exact(each) for each in (task.bounds.low, task.bounds.high, task.step))
    script.section(
        "The values of the variable, at equal steps.",
        f"""
        low, high, step = {low}, {high}, {step}
        count = min(int(sp.floor((high - low) / step)) + 1, {MAX_ROWS})
        values = [low + number * step for number in range(count)]
    """,
    )
    script.section(
        "Work out each row, show the table and save it as a csv file.",
        f"""
        columns = {{{columns}}}
        rows = pd.DataFrame({{"{variable}": [float(value) for value in values]}})
        for name, formula in columns.items():
            heights = [formula.subs({variable}, value).evalf() for value in values]
            rows[name] = [float(height) if height.is_real and height.is_finite else None for height in heights]
        print(rows.to_string(index=False))
        rows.to_csv("{FILE}", index=False)
        shown = rows.head(12).astype(object).where(rows.head(12).notna(), None).values.tolist()
        print("{MARK}", json.dumps({{"{Key.ROWS}": shown, "{Key.COUNT}": len(rows)}}))
    """,
    )
