from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.sandbox.sandbox import is_safe_name
from bot.file_names import plain_name, unique_name


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("plot.png", "plot.png"),
        ("Übersicht 2024 (neu).xlsx", "Übersicht 2024 (neu).xlsx"),
        ("../../etc/passwd", "passwd"),
        ("C:\\temp\\x.txt", "x.txt"),
        (".env", "env"),
        ("हिन्दी रिपोर्ट.csv", "हिन्दी रिपोर्ट.csv"),
        ("รายงานปี.xlsx", "รายงานปี.xlsx"),
        ("תקציב.pdf", "תקציב.pdf"),
        ("evil\u202egpj.exe", "evil_gpj.exe"),
        ("\ud800.csv", "_.csv"),
        ("...", "file"),
        ("", "file"),
        ("a\nb\x1b[0m.txt", "a_b__0m.txt"),
        ("<img src=x onerror=1>.png", "_img src=x onerror=1_.png"),
        ("\u202egnp.exe", "_gnp.exe"),
        ("x" * 300 + ".parquet", "x" * 92 + ".parquet"),
        ("no-ending." + "y" * 300, ("no-ending." + "y" * 300)[:100]),
    ],
)
def test_a_name_is_made_harmless_and_stays_readable(name: str, clean: str) -> None:
    assert plain_name(name) == clean


@given(st.text())
def test_a_plain_name_is_safe_and_stays_as_it_is(name: str) -> None:
    clean = plain_name(name)
    assert is_safe_name(clean)
    assert plain_name(clean) == clean
    assert len(clean) <= 100


def test_a_name_that_is_taken_is_numbered() -> None:
    assert unique_name("a.png", {"b.png"}) == "a.png"
    assert unique_name("a.png", {"a.png", "a (2).png"}) == "a (3).png"
    assert unique_name("a", {"a"}) == "a (2)"
