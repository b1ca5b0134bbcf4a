"""Numbered SQL scripts, one folder for each kind of database. What a database has reached, it keeps itself."""

from __future__ import annotations

import re
from importlib import resources


def scripts(kind: str) -> list[str]:
    """The scripts of `sqlite` or `postgres`; number n, counted from 1, brings a database to version n."""
    folder = resources.files(__name__).joinpath(kind)
    files = sorted((file.name, file) for file in folder.iterdir() if re.fullmatch(r"\d{4}_\w+\.sql", file.name))
    return [file.read_text("utf-8") for _, file in files]
