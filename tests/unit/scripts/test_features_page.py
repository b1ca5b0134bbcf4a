"""`docs/features.md` promises nothing that no test holds."""

from __future__ import annotations

import re
from pathlib import Path

_ROOT = Path(__file__).parents[3]


def test_each_test_that_the_page_of_features_names_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", (_ROOT / "docs" / "features.md").read_text("utf-8")))
    written = {
        name
        for file in (_ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^(?:async )?def (test_\w+)\(", file.read_text("utf-8"), re.MULTILINE)
    }
    assert named
    assert named <= written, sorted(named - written)


def test_each_row_of_the_page_of_features_names_a_test() -> None:
    rows = [
        line
        for line in (_ROOT / "docs" / "features.md").read_text("utf-8").splitlines()
        if line.startswith("| ") and not line.startswith("| behaviour")
    ]
    assert rows
    assert [row for row in rows if "`test_" not in row] == []
