"""Questions about some rows of a table, and about columns made of others, asked and answered with the real programs."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from service.settings.table import default_sandbox_python
from tests.tutor.driver import Chat, worker
from tests.tutor.judging import said

pytestmark = pytest.mark.skipif(
    not default_sandbox_python().exists(),
    reason="needs the sandbox's own Python environment, which `make` installs",
)

ORDERS = """date,city,units,price,sales,cost
2023-12-30,Oslo,2,4,8,5
2024-03-02,Oslo,10,12,120,100
2024-03-09,Rome,4,12,48,20
2024-03-20,Bern,50,2.5,125,60
2024-04-01,Rome,30,4,120,90
2025-03-05,Oslo,1,200,200,150
"""
ASKED = (
    (("sales above 100 in March",), "**3 rows** (50 % of all 6)"),
    (("rows where price < 5",), "**3 rows**"),
    (("which rows have a price of at most 4 and units above 2?",), "**2 rows**"),
    (("how many sales above 100 in March?",), "**3 rows**"),
    (("total sales in 2024",), "**413**"),
    (("sales after 2024-03-09",), "**445**"),
    (("sales since 9 March 2024",), "**493**"),
    (("sales before March 2024",), "**8**"),
    (("sales from January to March",), "**493**"),
    (("average price in Q1 2024",), "**8.83333**"),
    (("total sales in Oslo and Bern in March",), "Bern: sum sales **125**"),
    (("total sales without Oslo",), "**293**"),
    (("mean cost where sales > 100 and price < 5",), "**75**"),
    (("total sales in May 2024",), "no such row"),
    (("price > 3 and < 5",), "**2 rows**"),
    (("profit = sales - cost",), "**196**"),
    (("profit = sales - cost", "profit by city"), "Oslo: sum profit **73**"),
    (("profit = sales - cost", "margin = profit / sales", "margin in Rome"), "**0.345238**"),  # 58 / 168
    (("sales per unit",), "**6.40206**"),  # 621 / 97, and not the mean of six ratios
    (("sales per unit by city",), "Oslo: overall value sales / units **25.2308**"),
    (("which city has the highest sales per unit?",), "highest for **Oslo**: **25.2308**"),
    (("which city has the second highest sales?",), "**Rome**: 168"),
    (("sales and cost above 100",), "not how they belong together"),
    (("rows in April", "and in March?"), "**4 rows**"),
    (("total sales in March and April",), "**613**"),
    (("total sales on 2024-03-02 and 2024-04-01",), "not how they belong together"),
    (("total sales in 2023 and 2024",), "**421**"),
    (("total sales in 2023 and 2025",), "not how they belong together"),
    (("sales > 100 or cost > 50",), "not how they belong together"),
    (("total of sales / 1,000",), "**0.621**"),
    (("average sales in Rome", "and in Bern?"), "**125**"),
    (("Umsatz = price * units", "Umsatz im März"), "**493**"),
    (("Zeilen mit price unter 5",), "**3 Zeilen**"),
    (("Summe von sales zwischen dem 01.03.2024 und dem 31.03.2024",), "**293**"),
    (("som van sales vanaf april 2024",), "**320**"),
    (("rijen met sales groter dan 120",), "**2 rijen**"),
)


async def test_conditions_and_columns_made_of_others_give_the_figures_of_those_rows(tmp_path: Path) -> None:
    # ux 2
    async with worker(tmp_path) as sandbox:
        await sandbox.ask({"files": {"given.csv": ORDERS}})
        missed: list[str] = []
        for messages, expected in ASKED:
            chat = Chat(sandbox)
            for message in messages:
                answered = await chat.ask(message, file_names=("given.csv",))
            if expected not in said(answered):
                missed.append(f"{messages}: {expected} -> {answered.text[:300]}")
    assert not missed, "\n".join(missed)


async def test_a_column_of_a_table_with_2000_of_them_is_found_by_its_name(tmp_path: Path) -> None:
    header = ",".join(f"measured_{number}" for number in range(2000))
    rows = "\n".join(",".join(str(number + row) for number in range(2000)) for row in range(3))
    async with worker(tmp_path) as sandbox:
        await sandbox.ask({"files": {"given.csv": f"{header}\n{rows}\n"}})
        mean = await Chat(sandbox).ask("mean of measured_1700", file_names=("given.csv",))
        overview = await Chat(sandbox).ask("what is in this file?", file_names=("given.csv",))
    assert "**1701**" in said(mean)
    assert "**2000 columns**" in said(overview)
    assert all(len(output) < 20_000 for output in (*mean.outputs, *overview.outputs))  # no more comes back to the tutor


async def test_records_in_json_are_a_table(tmp_path: Path) -> None:
    records = '{"made": "2024-05-01", "items": [{"name": "a", "size": {"mm": 3}}, {"name": "b", "size": {"mm": 8}}]}'
    async with worker(tmp_path) as sandbox:
        await sandbox.ask({"files": {"given.json": records}})
        answered = await Chat(sandbox).ask("rows where size.mm > 5", file_names=("given.json",))
    assert "**1 row**" in said(answered)
    assert "| b |" in answered.text


FILES = {
    "excel.csv": "sep=;\nProduct;Units\nTea;3\nCake;5\n",
    "titled.csv": "Report, created 2024\n\nProduct;Units\nTea;3\nCake;5\n",
    "blanks.txt": "Product   Units\nTea          3\nCake         5\n",
    "trailing.csv": "Product,Units\nTea,3,\nCake,5,\n",
    "totals.csv": "Product,Units\nTea,3\nCake,5\nTotal,8\n",
    "signs.csv": 'Product,Units\nTea,"1,003"\nCake,(1000)\nMilk,5\n',
    "sap.csv": "Product\tUnits\nTea\t1.003,00\nCake\t1.000,00-\nMilk\t5,00\n",
    "decimals.csv": "Units\n3,5\n4,5\n",
}
SHEET = (
    '<d xmlns:o="urn:o" xmlns:table="urn:t"><table:table><table:table-row><table:table-cell><p>Product</p>'
    "</table:table-cell><table:table-cell><p>Units</p></table:table-cell></table:table-row>"
    "{rows}</table:table></d>"
)
ROW = (
    "<table:table-row><table:table-cell><p>{name}</p></table:table-cell>"
    '<table:table-cell o:value="{units}"><p>{units}</p></table:table-cell></table:table-row>'
)


async def test_a_table_is_read_as_the_programs_of_offices_write_it(tmp_path: Path) -> None:
    for name, text in FILES.items():
        (tmp_path / f"given_{name}").write_text(text, "utf-8")
    (tmp_path / "given_euro.csv").write_bytes("Produkt;Units (€)\nTee;3\nÖl;5\n".encode("cp1252"))
    with zipfile.ZipFile(tmp_path / "one.zip", "w") as archive:
        archive.writestr("folder/sales.csv", FILES["titled.csv"])
        archive.writestr("__MACOSX/._sales.csv", "")
    with zipfile.ZipFile(tmp_path / "sheet.ods", "w") as archive:
        rows = "".join(ROW.format(name=name, units=units) for name, units in (("Tea", 3), ("Cake", 5)))
        archive.writestr("content.xml", SHEET.format(rows=rows))
    names = [*(f"given_{name}" for name in FILES), "given_euro.csv", "one.zip", "sheet.ods"]
    async with worker(tmp_path) as sandbox:
        for name in names:
            answered = await Chat(sandbox).ask("total units", file_names=(name,))
            assert "is **8**" in answered.text, (name, answered.text)
            assert ("adds up the others" in answered.text) is (name == "given_totals.csv")


async def test_a_file_without_a_table_to_read_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "given_empty.csv").write_text("")
    (tmp_path / "given_words.csv").write_text("name,town\nAnn,Rome\nBob,Oslo\n")
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        archive.writestr("a.csv", "x,y\n1,2\n")
        archive.writestr("b.csv", "x,y\n1,2\n")
    async with worker(tmp_path) as sandbox:
        for name, said in (
            ("given_empty.csv", "The file is empty. Please attach it again"),
            ("two.zip", "this one holds 2. Please attach the table itself"),
            ("given_words.csv", "No column of this table holds numbers."),
        ):
            answered = await Chat(sandbox).ask(
                "total units" if name != "given_words.csv" else "total", file_names=(name,)
            )
            assert said in answered.text
        left = await Chat(sandbox).ask("how many have left?", file_names=("given_words.csv",))
    assert "rows**" not in left.text  # a word that says nothing in a table is not passed over


async def test_a_last_row_is_left_out_as_a_total_only_where_it_adds_up_the_others(tmp_path: Path) -> None:
    asked = (  # review 6
        ("company,sales,loss\nShell,100,0\nBP,200,0\nTotal,50,0\n", "**350**"),
        ("company,sales,staff\nShell,100,4\nBP,200,8\nTotal,50,12\n", "**350**"),
        ("company,sales,price\nShell,100,2\nBP,200,3\nTotal,300,2.67\n", "**300**"),
        ("company,sales,share\nShell,100,33.3\nBP,200,66.6\nTotal,300,100\n", "**300**"),
    )
    async with worker(tmp_path) as sandbox:
        for at, (content, told) in enumerate(asked):
            await sandbox.ask({"files": {f"given_{at}.csv": content}})
            answered = await Chat(sandbox).ask("sum of sales", file_names=(f"given_{at}.csv",))
            assert told in said(answered), content


async def test_a_heading_of_counted_numbers_is_no_row_and_rows_that_count_on_are(tmp_path: Path) -> None:
    asked = (  # review 12
        ("0,1\n5,6\n7,8\n", "**2 rows**"),
        ("1,2,3,4\n40,55,66,3\n", "**1 rows**"),
        ("1,2,3\n4,5,6\n7,8,9\n", "**3 rows**"),
        ("0,1\n1,3\n2,5\n", "**3 rows**"),
        ("1,2\n8,4\n", "**2 rows**"),
    )
    async with worker(tmp_path) as sandbox:
        for at, (content, told) in enumerate(asked):
            await sandbox.ask({"files": {f"given_{at}.csv": content}})
            answered = await Chat(sandbox).ask("how many rows are there?", file_names=(f"given_{at}.csv",))
            assert told in said(answered), content


async def test_a_table_of_a_zip_file_that_is_too_large_is_refused_and_not_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tutor.data.programs._MAX_UNZIPPED_BYTES", 20)
    with zipfile.ZipFile(tmp_path / "given.zip", "w") as archive:
        archive.writestr("sales.csv", "a,b\n" + "1,2\n" * 10)
    async with worker(tmp_path) as sandbox:
        answered = await Chat(sandbox).ask("sum of b", file_names=("given.zip",))
    assert "larger than 20 bytes" in answered.text
    assert "sum of b is" not in answered.text
