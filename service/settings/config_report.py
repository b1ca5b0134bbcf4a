"""The report of `teamsbot config`: every setting with its value and origin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path

from service.settings.rules import check_together, warnings_together
from service.settings.sources import Mistake, Reading, read_settings
from service.settings.table import SECTIONS, Setting

_MAX_SHOWN = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One setting as it may be shown: `value` is None if it is secret, invalid or absent, and `note` says which."""

    name: str
    section: str
    is_set: bool
    is_secret: bool
    value: str | None
    note: str
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All settings, all mistakes, and the names in the file that belong to other programs."""

    rows: tuple[Row, ...]
    mistakes: tuple[Mistake, ...]
    ignored: tuple[str, ...]
    warnings: tuple[str, ...] = ()

    @classmethod
    def read(cls, environ: Mapping[str, str], env_file: Path) -> Report:
        """Read the settings, valid or not."""
        reading = read_settings(environ, env_file)
        mistakes = (*reading.mistakes, *check_together(reading))
        invalid = {mistake.name for mistake in mistakes}
        rows = tuple(
            _row(section, setting, reading, is_invalid=setting.name in invalid)
            for section, settings in SECTIONS.items()
            for setting in settings
        )
        warnings = tuple(warnings_together(reading))
        return cls(rows=rows, mistakes=mistakes, ignored=reading.ignored, warnings=warnings)

    def as_text(self) -> str:
        """A list to read, in sections."""
        width = max(len(row.name) for row in self.rows)
        lines: list[str] = []
        for section, rows in groupby(self.rows, key=lambda row: row.section):
            lines += ["", section, *(f"  {row.name:{width}}  {_shown(row)}" for row in rows)]
        if self.ignored:
            lines += ["", f"In the file, but not settings of this program: {', '.join(self.ignored)}"]
        lines += ["", *(f"Look at this: {warning}" for warning in self.warnings)] if self.warnings else []
        return "\n".join(lines[1:])

    def as_data(self) -> dict[str, object]:
        """The report as JSON."""
        return {
            "settings": [asdict(row) for row in self.rows],
            "mistakes": [asdict(mistake) for mistake in self.mistakes],
            "ignored": list(self.ignored),
            "warnings": list(self.warnings),
        }


def _row(section: str, setting: Setting[object], reading: Reading, *, is_invalid: bool) -> Row:
    found = reading.found.get(setting.name)
    value: str | None = None
    # An invalid value is not shown: it may be a key in the wrong place.
    if not (setting.secret or is_invalid):
        parsed = reading.optional(setting)
        # A relative path is shown as the absolute one that it leads to.
        value = str(parsed) if isinstance(parsed, Path) else found.text if found else setting.default
    if value is not None:
        note = ""
    elif is_invalid:
        note = "wrong" if found else "missing"
    else:
        note = "set" if found else setting.default_doc or "not set"
    if found is not None:
        origin = found.origin if found.name == setting.name else str(found)
    else:
        origin = "default" if setting.default or setting.default_doc else ""
    return Row(
        name=setting.name,
        section=section,
        is_set=found is not None,
        is_secret=setting.secret,
        value=value,
        note=note,
        origin=origin,
    )


def _shown(row: Row) -> str:
    text = f"({row.note})" if row.value is None else " ".join(row.value.split())
    if len(text) > _MAX_SHOWN:
        text = f"{text[: _MAX_SHOWN - 3]}..."
    return f"{text}  [{row.origin}]" if row.origin else text
