"""Diagrams of columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tutor.answers.say import Say
from tutor.answers.sentence_catalogue import Sentence
from tutor.data.figures import figures_of
from tutor.data.python_text import FIGURES, in_calendar_order, names, quoted, result, shown
from tutor.data.requests import Column, ColumnKind, ShowChart, Statistic
from tutor.programs.result_keys import Key

_MAX_BARS: Final = 40
_MAX_SLICES: Final = 10
_LEGEND: Final = "if len(plt.gca().get_legend_handles_labels()[1]) > 1:\n    plt.legend()\n"


def _opened(task: ShowChart) -> str:
    scale = task.looks.scale
    return (
        f'plt.figure(figsize={scale:g} * np.array(plt.rcParams["figure.figsize"]))\n'
        if scale != 1
        else "plt.figure()\n"
    )


def _finished(task: ShowChart, title: str, x: str, y: str, *, fields: Mapping[Key, str]) -> str:
    looks = task.looks
    colour = ""
    if looks.colour:
        colour = f"""for artist in [*plt.gca().lines, *plt.gca().patches, *plt.gca().collections]:
    artist.set_color({quoted(looks.colour)})
"""
    legend = {None: "", True: "plt.legend()\n", False: "plt.legend().remove()\n"}[looks.legend]
    grid = "" if looks.grid is None else f"plt.grid({looks.grid})\n"
    return f"""{colour}{legend}{grid}plt.title({shown(looks.title or title)})
plt.xlabel({shown(x)})
plt.ylabel({shown(y)})
plt.show()
{result(fields)}"""


def _listed(task: ShowChart) -> str:
    return ", ".join(column.name for column in task.ys)


def _groups(task: ShowChart) -> str:
    if task.by is None:
        return f"groups = {{name: table[name].dropna() for name in {names(task.ys)}}}\n"
    column, by = quoted(task.ys[0].name), quoted(task.by.name)
    return f"groups = {{group_name(group): rows[{column}].dropna() for group, rows in table.groupby({by})}}\n"


def histogram(task: ShowChart, say: Say) -> str:
    """How often values of each size occur."""
    title = say(Sentence.TITLE_HISTOGRAM, ys=_listed(task))
    bins = task.bins or '"auto" if len(values) < 100_000 else 60'
    return f"""
# How the values are spread: how many fall into each of the bins.
{_groups(task)}{_opened(task)}for name, values in groups.items():
    plt.hist(values, bins={bins}, alpha=0.7, label=name)
{_LEGEND}""" + _finished(
        task,
        title,
        _listed(task),
        say(Sentence.COUNT),
        fields={Key.COUNT: "sum(len(values) for values in groups.values())"},
    )


def boxes(task: ShowChart, say: Say) -> str:
    """Median, quartiles and outliers, side by side."""
    title, by = say(Sentence.TITLE_BOXES, ys=_listed(task)), task.by.name if task.by else ""
    return f"""
# How the values are spread: median, quartiles, and what lies far outside.
{_groups(task)}{_opened(task)}plt.boxplot(list(groups.values()), tick_labels=list(groups))
""" + _finished(task, title, by, _listed(task), fields={Key.COUNT: "sum(len(values) for values in groups.values())"})


def scatter(task: ShowChart, say: Say) -> str:
    """One dot a row."""
    x = task.x or task.ys[0]
    trend = (
        _TREND.format(numbers="rows[across]", places="rows[across]", trend=say(Sentence.TREND)) if task.trend else ""
    )
    return f"""
# One dot for each row{", and the straight line that fits best" if task.trend else ""}.
across, fits = {quoted(x.name)}, []
{_opened(task)}for name in {names(task.ys)}:
    rows = table[[across, name]].dropna() if name != across else table[[name]].dropna()
    plt.scatter(rows[across], rows[name], s=18 if len(rows) > 300 else None, alpha=0.8, label=name){trend}
{_LEGEND}""" + _finished(
        task,
        say(Sentence.TITLE_AGAINST, ys=_listed(task), x=x.name),
        x.name,
        _listed(task),
        fields={Key.COUNT: "len(rows)", Key.FITS: "fits"},
    )


_TREND: Final = f"""
    numbers = {{numbers}}
    known = rows[name].notna() & numbers.notna()
    slope, intercept = np.polyfit(numbers[known], rows[name][known], 1)
    plt.plot({{places}}, slope * numbers + intercept, color="black", label=f"{{trend}} {{{{name}}}}")
    fits.append({{{{"{Key.NAME}": name, "{Key.SLOPE}": round(slope, 10), "{Key.INTERCEPT}": round(intercept, 10),
                 "{Key.R}": float(np.corrcoef(numbers[known], rows[name][known])[0, 1])}}}})"""


def _lines_by_group(task: ShowChart, x: Column, by: Column, say: Say) -> str:
    """One line for each group."""
    [y] = task.ys
    figure = FIGURES[task.statistic or Statistic.TOTAL]
    return f"""
# One line for each group, at most {_MAX_SLICES} of them, the largest.
rows = table.pivot_table(index={quoted(x.name)}, columns={quoted(by.name)}, values={quoted(y.name)}, aggfunc="{figure}")
count = len(rows.columns)
rows = rows[rows.sum().nlargest({_MAX_SLICES}).index]
{_opened(task)}for group in rows.columns:
    drawn = rows[group].dropna()
    plt.plot(drawn.index, drawn, marker="." if len(rows) < 60 else None, label=group_name(group))
plt.legend()
""" + _finished(
        task,
        say(Sentence.TITLE_BY, what=say(Sentence.TITLE_OVER, ys=y.name, x=x.name), by=by.name),
        x.name,
        y.name,
        fields={Key.COUNT: "len(rows.columns)", Key.WIDTH: "count"},
    )


def lines(task: ShowChart, say: Say) -> str:
    """The values in the order of dates, of another column, or of the rows."""
    if task.by is not None and task.x is not None:
        return _lines_by_group(task, task.x, task.by, say)
    rows = "table" if task.x is None else f"table.sort_values({quoted(task.x.name)})"
    added_up = ""
    if task.x is not None and task.x.kind is not ColumnKind.TEXT:
        rows = f"table.dropna(subset=[{quoted(task.x.name)}]).sort_values({quoted(task.x.name)})"
    if task.x is not None:
        x = quoted(task.x.name)
        added_up = f"""
added_up = bool(rows[{x}].duplicated().any())
if added_up:  # several rows share a place: a line needs one value there
    in_order = {task.x.kind is not ColumnKind.TEXT or bool(task.x.period)}
    rows = rows.groupby({x}, as_index=False, sort=in_order)[{names(task.ys)}].{_added_up(task)}"""
        if task.x.kind is ColumnKind.TEXT and not task.x.period:
            rows = "table"  # in the order of the file: the alphabet knows no months
    across = "rows.index" if task.x is None else f"rows[{quoted(task.x.name)}]"
    made = ""
    if task.statistic is Statistic.TOGETHER and task.x is not None:
        made = figures_of(task.ys[0], quoted(task.x.name), task.statistic) + "\n"
        rows, added_up = f"figures.to_frame({quoted(task.ys[0].name)}).reset_index()", ""
    over = say(Sentence.ROW) if task.x is None else task.x.name
    what = _listed(task)
    if task.statistic not in {None, Statistic.TOTAL}:
        what = say(Sentence.TITLE_FIGURE, figure=say(Sentence(str(task.statistic))), ys=what)
    trend = _TREND.format(numbers=_numbers(task.x), places=across, trend=say(Sentence.TREND)) if task.trend else ""
    rotated = "plt.gcf().autofmt_xdate()\n" if task.x is not None and task.x.kind is ColumnKind.DATE else ""
    return f"""
# The values in order, joined to lines.
{made}rows, fits = {rows}, []{added_up}
{_opened(task)}for name in {names(task.ys)}:
    plt.plot({across}, rows[name], marker="." if len(rows) < 60 else None, label=name){trend}
{_LEGEND}{rotated}""" + _finished(
        task,
        say(Sentence.TITLE_OVER, ys=what, x=over),
        over,
        what,
        fields={Key.COUNT: "len(rows)", Key.FITS: "fits"} | ({Key.ADDED_UP: "added_up"} if added_up else {}),
    )


def _added_up(task: ShowChart) -> str:
    statistic = task.statistic or Statistic.TOTAL
    return "sum(min_count=1)" if statistic is Statistic.TOTAL else f"{FIGURES[statistic]}()"


def _numbers(x: Column | None) -> str:
    """What a trend is fitted over: days for dates."""
    if x is None:
        return "rows.index.to_series().astype(float)"
    if x.kind is not ColumnKind.DATE:
        return f"rows[{quoted(x.name)}].astype(float)"
    return f"(rows[{quoted(x.name)}] - rows[{quoted(x.name)}].min()).dt.total_seconds() / 86400"


def bars(task: ShowChart, say: Say) -> str:
    """One bar for each group, or for each column."""
    statistic = task.statistic or Statistic.TOTAL
    figure, word = FIGURES.get(statistic, ""), say(Sentence(statistic))
    if task.by is None:
        return f"""
# One bar for each column.
heights = table[{names(task.ys)}].{figure}()
{_opened(task)}plt.bar([str(name) for name in heights.index], heights.to_numpy(), label={shown(word)})
""" + _finished(
            task,
            say(Sentence.TITLE_FIGURE, figure=word, ys=_listed(task)),
            "",
            word,
            fields={Key.COUNT: "len(heights)"},
        )
    by, made = quoted(task.by.name), ""
    if statistic is Statistic.TOGETHER:
        made = figures_of(task.ys[0], by, statistic) + "\n"
    heights = (
        f"figures.to_frame({quoted(task.ys[0].name)}){in_calendar_order(task.by)}"
        if made
        else f"table.groupby({by}, sort=True)[{names(task.ys)}].{figure}(){in_calendar_order(task.by)}"
        if task.ys
        else f'table[{by}].value_counts().to_frame("count")'
    )
    pick = "nsmallest" if task.is_lowest else "nlargest"
    shown_part = f".{pick}({task.top}, heights.columns[0])" if task.top else f".head({_MAX_BARS})"
    what = say(Sentence.TITLE_FIGURE, figure=word, ys=_listed(task)) if task.ys else word
    return f"""
# One bar for each group, at most {task.top or _MAX_BARS} of them.
{made}heights = {heights}
count = len(heights)
heights = heights{shown_part}
print(heights.to_string())
axes = {_opened(task).strip()}.gca()
heights.plot.bar(rot=45 if len(heights) > 6 else 0, width=0.7, legend=len(heights.columns) > 1, ax=axes)
""" + _finished(
        task,
        say(Sentence.TITLE_BY, what=what, by=task.by.name),
        task.by.name,
        what,
        fields={Key.COUNT: "len(heights)", Key.WIDTH: "count"},
    )


def pie(task: ShowChart, say: Say) -> str:
    """The part of the whole that each group has; the smallest groups are one slice."""
    group = task.by.name if task.by else ""
    by, ys = quoted(group), task.ys
    parts = f"table.groupby({by})[{quoted(ys[0].name)}].sum()" if ys else f"table[{by}].value_counts()"
    what = say(Sentence.TITLE_FIGURE, figure=say(Sentence.TOTAL), ys=_listed(task)) if ys else say(Sentence.COUNT)
    pick = "ascending=True" if task.is_lowest else "ascending=False"
    kept = task.top or _MAX_SLICES - 1
    full = task.top or _MAX_SLICES
    return f"""
# What part of the whole each group has.
parts = {parts}.sort_values({pick})
if len(parts) > {full}:  # the rest is one slice, so that the parts add up to the whole
    rest = pd.Series({{{quoted(say(Sentence.OTHERS))}: parts.iloc[{kept}:].sum()}})
    parts = pd.concat([parts.head({kept}), rest])
drawn = bool((parts >= 0).all() and parts.sum() > 0)
print(parts.to_string())
{_opened(task)}if drawn:
    labels = [group_name(group) for group in parts.index]
    plt.pie(parts, labels=labels, autopct="%.1f%%", startangle=90, counterclock=False)
""" + _finished(
        task,
        say(Sentence.TITLE_BY, what=what, by=group),
        "",
        "",
        fields={Key.COUNT: "len(parts)", Key.EMPTY: "not drawn"},
    ).replace("plt.show()", "plt.show() if drawn else plt.close()")
