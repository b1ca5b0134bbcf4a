"""Files that people give, through the whole bot: into the sandbox, and back as plots and figures."""

from __future__ import annotations

import base64
import io
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import pytest

from tests.scenario.conftest import Person, Rig
from tests.scenario.test_story import fetch_picture
from tests.support.connector_double import Posted
from tests.support.scripted_model import RunCode, ScriptedModel

QUESTION = "Plot b against a"
CSV = b"a,b\n1,2\n2,4\n3,6\n4,8\n"
WORKBOOKS = Path(__file__).parents[1] / "sandbox" / "workbooks"


def png(width_px: int, height_px: int, *, said_to_be: tuple[int, int] | None = None) -> bytes:
    """A red picture; `said_to_be` is what its header claims."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    size = said_to_be or (width_px, height_px)
    rows = b"".join(b"\0" + b"\xff\0\0" * width_px for _ in range(height_px))
    head = struct.pack(">IIBBBBB", *size, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def given(*files: tuple[str, bytes]) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "contentType": "text/csv",
            "contentUrl": f"data:text/csv;base64,{base64.b64encode(data).decode()}",
        }
        for name, data in files
    ]


async def ask(person: Person, text: str, *files: tuple[str, bytes], parts: int = 1) -> list[Posted]:
    before = len(person.connector.messages)
    response = await person.say(text, attachments=given(*files))
    assert response.status == 202
    return (await person.connector.wait_for_messages(before + parts, deadline_s=60))[before:]


def workbook() -> bytes:
    """The least that a spreadsheet program takes for a workbook (ECMA-376)."""
    root = "http://schemas.openxmlformats.org"
    kind, sheets = f"{root}/officeDocument/2006/relationships", f"{root}/spreadsheetml/2006/main"
    rows = [("a", "b"), (1, 2), (2, 4), (3, 6), (4, 8)]
    cells = [
        "".join(f"<c><v>{cell}</v></c>" if number else f'<c t="inlineStr"><is><t>{cell}</t></is></c>' for cell in row)
        for number, row in enumerate(rows)
    ]
    types = f'<Types xmlns="{root}/package/2006/content-types"><Default Extension="xml" ContentType="application/xml"/>'
    types += '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    for part, name in (("/xl/workbook.xml", "sheet.main"), ("/xl/worksheets/sheet1.xml", "worksheet")):
        content_type = f"application/vnd.openxmlformats-officedocument.spreadsheetml.{name}+xml"
        types += f'<Override PartName="{part}" ContentType="{content_type}"/>'

    def leads_to(what: str, target: str) -> str:
        link = f'<Relationship Id="r1" Type="{kind}/{what}" Target="{target}"/>'
        return f'<Relationships xmlns="{root}/package/2006/relationships">{link}</Relationships>'

    parts = {
        "[Content_Types].xml": f"{types}</Types>",
        "_rels/.rels": leads_to("officeDocument", "xl/workbook.xml"),
        "xl/workbook.xml": f'<workbook xmlns="{sheets}" xmlns:r="{kind}"><sheets>'
        '<sheet name="s" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": leads_to("worksheet", "worksheets/sheet1.xml"),
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{sheets}"><sheetData>'
        + "".join(f"<row>{row}</row>" for row in cells)
        + "</sheetData></worksheet>",
    }
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("data.csv", CSV),
        ("data.tsv", CSV.replace(b",", b"\t")),
        ("data.csv", CSV.decode().encode("utf-16")),
        ("data.csv", b"a;b\n1,0;2,0\n2,0;4,0\n3,0;6,0\n4,0;8,0\n"),
        ("data.xlsx", workbook()),
        ("data.xls", (WORKBOOKS / "points.xls").read_bytes()),
        ("data.xlsx", (WORKBOOKS / "points.xls").read_bytes()),
        ("data.ods", (WORKBOOKS / "points.ods").read_bytes()),
        ("../../Größe (1).csv", CSV),
    ],
    ids=["csv", "tsv", "utf-16", "semicolons", "xlsx", "xls", "xls by another name", "ods", "a hostile name"],
)
async def test_the_tutor_plots_the_columns_of_a_table(tutor_rig: Rig, name: str, data: bytes) -> None:
    async with tutor_rig.started() as person:
        text, plot = await ask(person, QUESTION, (name, data), parts=2)
        assert "4 points" in text.text
        alt_text = plot.cards[0]["body"][0]["altText"]
        assert "from 1 to 4" in alt_text
        assert "from 2 to 8" in alt_text
        assert len(await fetch_picture(person, plot.cards[0])) > 5_000


async def test_a_file_without_a_word_is_asked_about_and_there_for_the_next_question(tutor_rig: Rig) -> None:
    async with tutor_rig.started() as person:
        [asked] = await ask(person, "", ("data.csv", CSV))
        assert "data.csv" in asked.text
        assert "?" in asked.text
    async with tutor_rig.started() as person:
        text, plot = await ask(person, QUESTION, parts=2)
        assert "4 points" in text.text
        assert plot.cards


async def test_a_cell_that_looks_like_a_command_is_a_cell(tutor_rig: Rig) -> None:
    rows = b"a,b,c\n1,2,=cmd|' /C calc'!A0\n2,4,@SUM(1+1)\n3,6,+1\n"
    async with tutor_rig.started() as person:
        text, _ = await ask(person, QUESTION, ("data.csv", rows), parts=2)
        assert "3 points" in text.text


async def test_a_million_rows_are_read(tutor_rig: Rig) -> None:
    rows = b"a,b\n" + b"".join(b"%d,%d\n" % (n, 2 * n) for n in range(1_000_000))
    async with tutor_rig.started() as person:
        person.connector.files["million.csv"] = rows
        url = person.connector.file_url("million.csv")
        attachment = {"name": "million.csv", "contentType": "text/csv", "contentUrl": url}
        await person.say("What is the mean of b?", attachments=[attachment])
        [answer] = await person.connector.wait_for_messages(1, deadline_s=90)
        assert "999,999" in answer.text or "999999" in answer.text


async def test_a_model_reads_the_files_under_their_names(rig: Rig, model: ScriptedModel) -> None:
    code = "import pandas as pd\nprint(pd.read_csv('/mnt/data/data.csv').b.sum(), open('/mnt/data/notes.md').read())"
    model.script.append(RunCode(code=code, then=lambda output: f"The output is {output}"))
    async with rig.started() as person:
        [answer] = await ask(person, "Sum b", ("data.csv", CSV), ("notes.md", b"twenty"))
        assert "20 twenty" in answer.text


async def test_a_model_that_sees_is_shown_a_picture(rig: Rig, model: ScriptedModel) -> None:
    async with rig.started() as person:
        await ask(person, "What is this?", ("red.png", png(20, 10)))
    content = model.requests[-1]["messages"][-1]["content"]
    assert [part["type"] for part in content if part["type"] != "text"] == ["image_url"]


async def test_a_picture_bomb_is_not_opened_and_the_question_answered(rig: Rig, model: ScriptedModel) -> None:
    async with rig.started() as person:
        [answer] = await ask(person, "What is this?", ("bomb.png", png(10, 10, said_to_be=(60_000, 60_000))))
    assert "You said" in answer.text
    assert "image_url" not in str(model.requests[-1]["messages"])


@pytest.mark.parametrize("name", ["a.exe", "a.svg", "a.html", "a.parquet", "a.csv.rar"])
async def test_the_tutor_refuses_other_kinds_with_a_sentence_and_answers_the_words(tutor_rig: Rig, name: str) -> None:
    async with tutor_rig.started() as person:
        [answer] = await ask(person, "What is 2 + 3?", (name, CSV))
        assert "I take tables (csv, tsv, xlsx), documents (docx, pptx, pdf), text" in answer.text
        assert "5" in answer.text.partition("webp")[2]


async def test_the_tutor_reads_the_one_table_of_a_zip_file_and_json_by_lines(tutor_rig: Rig) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("sales/inside.csv", "a,b\n1,2\n3,4\n")
    async with tutor_rig.started() as person:
        [answer] = await ask(person, "total b", ("sales.zip", archive.getvalue()))
        assert "**6**" in answer.text
        [answer] = await ask(person, "total c", ("log.jsonl", b'{"c": 3}\n{"c": 5}\n'))
        assert "**8**" in answer.text


async def test_a_model_s_code_opens_files_of_every_kind_but_programs(rig: Rig, model: ScriptedModel) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("inside.csv", CSV)
    code = "import os, zipfile\nprint(*sorted(os.listdir('/mnt/data')), *zipfile.ZipFile('reports.zip').namelist())"
    model.script.append(RunCode(code=code, then=lambda output: f"The output is {output}"))
    others = [
        ("a.svg", b"<svg/>"),
        ("a.csv.html", b"<p>x</p>"),
        ("mail.eml", b"Subject: x\n\ny"),
        ("Отчёт.parquet", b"PAR1"),
    ]
    async with rig.started() as person:
        [answer] = await ask(person, "List them", ("reports.zip", archive.getvalue()), *others, ("a.exe", b"MZ"))
        assert answer.text.startswith("I cannot read a.exe.")
        assert "a.csv.html a.svg mail.eml reports.zip Отчёт.parquet inside.csv" in answer.text


async def test_a_file_without_an_ending_is_known_by_its_content(rig: Rig, model: ScriptedModel) -> None:
    code = "print(open('/mnt/data/data.csv').read(), open('/mnt/data/notes.txt').read())"
    model.script.append(RunCode(code=code, then=lambda output: f"The output is {output}"))
    async with rig.started() as person:
        [answer] = await ask(person, "Read them", ("data", CSV), ("notes.txt", b"twenty"), ("bad.exe", b"PK"))
        assert "3,6" in answer.text
        assert "twenty" in answer.text
        assert answer.text.startswith("I cannot read bad.exe.")


async def test_an_address_elsewhere_is_not_asked(rig: Rig) -> None:
    async with rig.started() as person:
        before = len(person.connector.messages)
        attachment = {"name": "a.csv", "contentType": "text/csv", "contentUrl": "http://169.254.169.254/latest"}
        await person.say("Read it", attachments=[attachment])
        [answer] = (await person.connector.wait_for_messages(before + 1))[before:]
        assert "may not fetch a.csv" in answer.words
