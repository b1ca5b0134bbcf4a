"""Questions about a table whose columns are known."""

from __future__ import annotations

import ast
from dataclasses import replace

import pytest

from tutor.answers.say import Say
from tutor.data.data_reader import data_tasks
from tutor.data.file_mentions import Table
from tutor.data.programs import data_program, look
from tutor.data.requests import (
    Bound,
    Cell,
    Chart,
    ChartLooks,
    Column,
    ColumnKind,
    Comparison,
    CountRows,
    CountValues,
    DataTask,
    Days,
    Describe,
    FindGroup,
    FindTop,
    Months,
    Overview,
    ShowChart,
    ShowRows,
    Statistic,
    TellCorrelation,
    TellStatistics,
)
from tutor.data.table_follow_ups import data_tasks_in_thread
from tutor.language.vocabulary import Language
from tutor.planning.refusal import Refusal

DATE = Column(name="date", kind=ColumnKind.DATE)
REGION = Column(name="region", kind=ColumnKind.TEXT)
PRICE = Column(name="price", kind=ColumnKind.NUMBER)
SALES = Column(name="total_sales", kind=ColumnKind.NUMBER)
A = Column(name="a", kind=ColumnKind.NUMBER)
B = Column(name="b", kind=ColumnKind.NUMBER)
COLUMNS = (DATE, REGION, PRICE, SALES, A, B)
MEAN = Statistic.MEAN

READ: list[tuple[str, DataTask]] = [
    ("Plot b against a", ShowChart(chart=Chart.SCATTER, ys=(B,), x=A)),
    ("Plotte b gegen a", ShowChart(chart=Chart.SCATTER, ys=(B,), x=A)),
    (
        "scatter plot of price and total sales with a trend line",
        ShowChart(chart=Chart.SCATTER, ys=(SALES,), x=PRICE, trend=True),
    ),
    ("Plot a histogram of b", ShowChart(chart=Chart.HISTOGRAM, ys=(B,))),
    ("Zeichne ein Histogramm von price", ShowChart(chart=Chart.HISTOGRAM, ys=(PRICE,))),
    ("Plot price over time", ShowChart(chart=Chart.LINES, ys=(PRICE,), x=DATE)),
    ("line chart of price and total_sales over date", ShowChart(chart=Chart.LINES, ys=(PRICE, SALES), x=DATE)),
    ("show the price trend", ShowChart(chart=Chart.LINES, ys=(PRICE,), x=DATE, trend=True)),
    ("bar chart of price by region", ShowChart(chart=Chart.BARS, ys=(PRICE,), by=REGION, statistic=Statistic.TOTAL)),
    ("bar chart of the mean price per region", ShowChart(chart=Chart.BARS, ys=(PRICE,), by=REGION, statistic=MEAN)),
    ("plot region", ShowChart(chart=Chart.BARS, ys=(), by=REGION, statistic=Statistic.COUNT)),
    ("box plot of price by region", ShowChart(chart=Chart.BOXES, ys=(PRICE,), by=REGION)),
    (
        "What is the mean and the standard deviation of Price?",
        TellStatistics(statistics=(MEAN, Statistic.DEVIATION), columns=(PRICE,)),
    ),
    ("average total sales by region", TellStatistics(statistics=(MEAN,), columns=(SALES,), by=REGION)),
    ("Mittelwert von price nach region", TellStatistics(statistics=(MEAN,), columns=(PRICE,), by=REGION)),
    ("correlation between a and b", TellCorrelation(first=A, second=B)),
    ("How many rows are there?", CountRows()),
    ("how many regions are there?", CountValues(column=REGION)),
    ("which regions are there", CountValues(column=REGION)),
    ("how many price were sold", TellStatistics(statistics=(Statistic.TOTAL,), columns=(PRICE,))),
    ("sort by price", FindTop(column=PRICE, count=5, is_lowest=False)),
    ("price over time by region", ShowChart(chart=Chart.LINES, ys=(PRICE,), x=DATE, by=REGION)),
    ("Describe the data", Describe(columns=())),
    ("", Overview(columns=tuple(COLUMNS))),
]
LANGUAGES = {"Plotte", "Zeichne", "Mittelwert"}


@pytest.mark.parametrize(("question", "task"), READ, ids=[question or "nothing" for question, _ in READ])
def test_a_question_about_a_table_is_read_as_this_task(question: str, task: DataTask) -> None:
    german = bool(LANGUAGES & set(question.split()))
    assert data_tasks(question, COLUMNS, Language.GERMAN if german else Language.ENGLISH) == (task,)


@pytest.mark.parametrize(
    "question",
    [
        "plot the foo column",
        "mean of region",
        "histogram of region",
        "plot a against b and price in red",
        "what is the derivative of price",
        "price",
        "correlation of a",
        "predict the price for next year",
    ],
)
def test_what_does_not_fit_the_table_is_refused(question: str) -> None:
    with pytest.raises(Refusal):
        data_tasks(question, COLUMNS, Language.ENGLISH)


STAFF = (Column(name="team", kind=ColumnKind.TEXT, values=("IT", "HR")), Column(name="pay", kind=ColumnKind.NUMBER))


def test_a_value_that_is_a_word_too_is_known_by_its_capitals() -> None:
    [of_team] = data_tasks("median pay in IT", STAFF, Language.ENGLISH)
    assert of_team == TellStatistics(
        statistics=(Statistic.MEDIAN,), columns=(STAFF[1],), only=(Cell(column=STAFF[0], value="IT"),)
    )
    [of_all] = data_tasks("what is the median pay, show it", STAFF, Language.ENGLISH)
    assert of_all == TellStatistics(statistics=(Statistic.MEDIAN,), columns=(STAFF[1],))


@pytest.mark.parametrize("name", ['x"); import os; ("', "a'b", "ü$x", "a\nb", "{x}", "\\", "=1+1"])
def test_a_columns_name_stays_a_name_in_the_program(name: str) -> None:
    column, other = Column(name=name, kind=ColumnKind.NUMBER), Column(name="by", kind=ColumnKind.TEXT)
    tasks: list[DataTask] = [
        *(
            ShowChart(
                chart=chart,
                ys=(column,),
                x=column if chart is Chart.SCATTER else None,
                by=other if chart in {Chart.BARS, Chart.PIE} else None,
                trend=True,
            )
            for chart in Chart
        ),
        TellStatistics(statistics=(MEAN,), columns=(column,), by=other),
        TellCorrelation(first=column, second=column),
        Describe(columns=(column,)),
    ]
    tree = ast.parse(data_program(Table(file_name=f"{name}.csv"), tasks, Say(language=Language.GERMAN)))
    modules = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert modules == {"io", "json", "matplotlib.pyplot", "numpy", "pandas", "re"}
    assert any(isinstance(node, ast.Constant) and node.value == name for node in ast.walk(tree))
    ast.parse(look(Table(file_name=name), [name]))
    ast.parse(look(Table(pasted=f"{name}\t2\n1\t2\n"), []))


TOTAL_BY_REGION = TellStatistics(statistics=(Statistic.TOTAL,), columns=(SALES,), by=REGION)
TOP_3 = FindTop(column=SALES, count=3, is_lowest=False, by=REGION)


BARS_BY_REGION = ShowChart(chart=Chart.BARS, ys=(SALES,), by=REGION, statistic=Statistic.TOTAL)
FIRST_REGION = FindGroup(by=REGION, column=SALES, statistic=Statistic.TOTAL, is_lowest=False)
PRICE_OVER_DATE = ShowChart(chart=Chart.LINES, ys=(PRICE,), x=DATE)
RED = ChartLooks(colour="red")
MEAN_BY_REGION = ShowChart(chart=Chart.BARS, ys=(SALES,), by=REGION, statistic=MEAN)


@pytest.mark.parametrize(
    ("thread", "task"),
    [
        (("sum of total_sales", "and by region?"), TOTAL_BY_REGION),
        (("sum of total_sales", "by region please"), TOTAL_BY_REGION),
        (("Summe von total_sales", "und nach region?"), TOTAL_BY_REGION),
        (("sum of total_sales by region", "only the top 3"), TOP_3),
        (("sum of total_sales", "and by region?", "only the top 3"), TOP_3),
        (("sum of total_sales", "and by region?", "just the bottom 3"), replace(TOP_3, is_lowest=True)),
        (("sum of total_sales", "rhubarb", "and by region?"), TOTAL_BY_REGION),
        (("bar chart of total_sales by region", "only the top 3"), replace(BARS_BY_REGION, top=3)),
        (
            ("plot price over time", "and by region?"),
            ShowChart(chart=Chart.LINES, ys=(PRICE,), x=DATE, by=REGION),
        ),
        (("top 3 regions by total_sales", "make it a bar chart"), replace(BARS_BY_REGION, top=3)),
        (("mean of total_sales by region", "can you plot that?"), MEAN_BY_REGION),
        (("mean of total_sales by region", "as a bar chart", "make it red"), replace(MEAN_BY_REGION, looks=RED)),
        (("sum of total_sales by region", "as a pie chart please"), replace(BARS_BY_REGION, chart=Chart.PIE)),
        (("sum of total_sales by region", "and price?"), replace(TOTAL_BY_REGION, columns=(PRICE,))),
        (("correlation of a and b", "plot it"), ShowChart(chart=Chart.SCATTER, ys=(B,), x=A, trend=True)),
        (("plot price over date", "with a trend line"), replace(PRICE_OVER_DATE, trend=True)),
        (("plot price over date", "and by region?"), replace(PRICE_OVER_DATE, by=REGION)),
        (("sum of total_sales", "average?"), replace(TOTAL_BY_REGION, by=None, statistics=(MEAN,))),
        (("which region has the most?", "total_sales"), FIRST_REGION),
        (("which region has the most?", "what about total sales?"), FIRST_REGION),
        (("Summe von total_sales nach region", "als Kreisdiagramm"), replace(BARS_BY_REGION, chart=Chart.PIE)),
    ],
)
def test_a_follow_up_on_a_table_goes_on_with_the_question_before(thread: tuple[str, ...], task: DataTask) -> None:
    language = Language.GERMAN if "Summe" in thread[0] else Language.ENGLISH
    assert data_tasks_in_thread(thread, COLUMNS, language) == (task,)


@pytest.mark.parametrize(
    "thread",
    [
        ("only the top 3",),
        ("correlation between a and b", "and by region?"),
        ("sum of price", "only the top 3"),
        ("sum of price", "and by rhubarb?"),
        ("mean of price by region", "as a pie chart"),
        ("sum of price", "make it red"),
        ("How many rows are there?", "only the top 3"),
    ],
)
def test_a_follow_up_on_a_table_that_cannot_be_placed_is_refused(thread: tuple[str, ...]) -> None:
    with pytest.raises(Refusal):
        data_tasks_in_thread(thread, COLUMNS, Language.ENGLISH)


PAID = Column(name="Total ($)", kind=ColumnKind.NUMBER)
UNITS = Column(name="units", kind=ColumnKind.NUMBER)


@pytest.mark.parametrize(
    ("question", "task"),
    [
        ("plot total by region", ShowChart(chart=Chart.BARS, ys=(PAID,), by=REGION, statistic=Statistic.TOTAL)),
        ("mean total", TellStatistics(statistics=(MEAN,), columns=(PAID,))),
        ("total units by region", TellStatistics(statistics=(Statistic.TOTAL,), columns=(UNITS,), by=REGION)),
    ],
)
def test_a_column_is_called_by_its_name_without_the_unit_even_if_that_is_a_figure(
    question: str, task: DataTask
) -> None:
    assert data_tasks(question, (PAID, UNITS, REGION), Language.ENGLISH) == (task,)


DAYS = Column(name="date", kind=ColumnKind.DATE, low="2022-12-30", high="2025-03-05")
CITY = Column(name="city", kind=ColumnKind.TEXT, values=("Oslo", "Rome"))
YEAR, MONTH = (Column(name=name, kind=ColumnKind.NUMBER) for name in ("year", "month"))
BY_DATE, BY_YEAR = (DAYS, CITY, SALES, PRICE), (YEAR, MONTH, SALES)


def rows_of(question: str, columns: tuple[Column, ...], language: Language = Language.ENGLISH) -> tuple[object, ...]:
    """The conditions of the question's one task."""
    [task] = data_tasks(question, columns, language)
    assert isinstance(task, TellStatistics | ShowRows)
    return task.only


@pytest.mark.parametrize(
    ("question", "language"),
    [
        ("total sales in 2023 and 2024", Language.ENGLISH),
        ("total sales in 2023 or 2024", Language.ENGLISH),
        ("total sales in 2024 and in 2023", Language.ENGLISH),
        ("Summe von total_sales in 2023 und 2024", Language.GERMAN),
        ("som van total_sales in 2023 en 2024", Language.DUTCH),
    ],
)
def test_two_years_are_both_answered_by_dates_and_by_a_column_of_years(question: str, language: Language) -> None:
    assert rows_of(question, BY_DATE, language) == (Days(column=DAYS, start="2023-01-01", end="2025-01-01"),)
    assert rows_of(question, BY_YEAR, language) == (
        Bound(column=YEAR, comparison=Comparison.AT_LEAST, value="2023"),
        Bound(column=YEAR, comparison=Comparison.AT_MOST, value="2024"),
    )


def test_two_months_are_both_answered_by_a_column_of_months() -> None:
    assert rows_of("total sales in March and April", BY_YEAR) == (
        Bound(column=MONTH, comparison=Comparison.AT_LEAST, value="3"),
        Bound(column=MONTH, comparison=Comparison.AT_MOST, value="4"),
    )


def test_after_one_month_and_before_another_means_the_months_between() -> None:
    assert rows_of("total sales after March and before June", BY_DATE) == (
        Months(column=DAYS, months=tuple(range(4, 13))),
        Months(column=DAYS, months=tuple(range(1, 6))),
    )


@pytest.mark.parametrize("columns", [BY_DATE, BY_YEAR], ids=["dates", "years"])
@pytest.mark.parametrize(
    "question",
    [
        "total sales in 2023 and 2025",
        "total sales in March 2023 and 2024",
        "total sales in March 2023 and April 2024",
        "total sales in Q1 and Q2 2024",
        "total sales in January and March 2024",
        "total sales after December",
        "total sales before January",
        "total sales > 5 or price > 3",
        "total sales in Oslo or in March",
        "total sales or price above 3",
        "total sales above 5 or below 2",
        "mean of total sales above 5 in Oslo and below 3 in Rome",
        "total sales in 2024 for Oslo and in 2023 for Rome",
        "total sales for Oslo in 2024 and for Rome in 2023",
        "total sales until 2023 and 2024",
        "rows where total sales above ٣٣",
        "total_sales " + "1 + " * 2000,
    ],
)
def test_conditions_that_are_no_one_list_are_refused_and_never_half_answered(
    question: str, columns: tuple[Column, ...]
) -> None:
    with pytest.raises(Refusal):
        data_tasks(question, columns, Language.ENGLISH)


@pytest.mark.parametrize(
    ("question", "language", "number"),
    [
        ("mean of price / 1,000", Language.ENGLISH, "1000"),
        ("mean of price / 1'000", Language.ENGLISH, "1000"),
        ("mean of price / 1,000,000.5", Language.ENGLISH, "1000000.5"),
        ("mean of price / 1.5", Language.ENGLISH, "1.5"),
        ("mean of price / 007", Language.ENGLISH, "7"),
        ("Mittelwert von price / 1.000", Language.GERMAN, "1000"),
        ("Mittelwert von price / 1,5", Language.GERMAN, "1.5"),
    ],
)
def test_a_number_in_a_calculation_is_read_in_the_language_of_the_question(
    question: str, language: Language, number: str
) -> None:
    [task] = data_tasks(question, BY_DATE, language)
    assert isinstance(task, TellStatistics)
    assert task.columns[0].formula == (PRICE, "/", number)


@pytest.mark.parametrize(
    ("written", "language", "number"),
    [
        ("007", Language.ENGLISH, "7"),
        ("0,125", Language.ENGLISH, "0.125"),
        ("0.125", Language.GERMAN, "0.125"),
        ("1,000", Language.ENGLISH, "1000"),
    ],
)
def test_a_number_in_a_condition_is_written_as_python_reads_it(written: str, language: Language, number: str) -> None:
    above = "über" if language is Language.GERMAN else "above"
    [bound] = rows_of(f"price {above} {written}", BY_DATE, language)
    assert bound == Bound(column=PRICE, comparison=Comparison.ABOVE, value=number)
