"""Every setting with its value and where it came from, for `teamsbot config`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path

from service.setting_spec import SettingSpec
from service.setting_specs import SPECS
from service.settings_reading import Found, Mistake, Reading, read_settings
from service.settings_rules import judge_together

_MAX_SHOWN = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One setting as it may be shown: `value` is None for secrets and mistakes, and where there is none."""

    name: str
    section: str
    is_set: bool
    is_secret: bool
    value: str | None
    note: str
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All settings, what is wrong with them, and the names in the file that are left to other programs."""

    rows: tuple[Row, ...]
    mistakes: tuple[Mistake, ...]
    ignored: tuple[str, ...]

    @classmethod
    def of(cls, environ: Mapping[str, str], env_file: Path) -> Report:
        """Look at the settings, right or wrong."""
        reading = read_settings(environ, env_file)
        mistakes = (*reading.mistakes, *judge_together(reading))
        wrong = {mistake.name for mistake in mistakes}
        rows = tuple(_row(spec, reading, is_wrong=spec.name in wrong) for spec in SPECS)
        return cls(rows=rows, mistakes=mistakes, ignored=reading.ignored)

    def as_text(self) -> str:
        """A list to read, in sections."""
        width = max(len(row.name) for row in self.rows)
        lines: list[str] = []
        for section, rows in groupby(self.rows, key=lambda row: row.section):
            lines += ["", section, *(f"  {row.name:{width}}  {_shown(row)}" for row in rows)]
        if self.ignored:
            lines += ["", f"In the file, and no settings of this program: {', '.join(self.ignored)}"]
        return "\n".join(lines[1:])

    def as_data(self) -> dict[str, object]:
        """The same for programs."""
        return {
            "settings": [asdict(row) for row in self.rows],
            "mistakes": [asdict(mistake) for mistake in self.mistakes],
            "ignored": list(self.ignored),
        }


def _row(spec: SettingSpec[object], reading: Reading, *, is_wrong: bool) -> Row:
    found = reading.found.get(spec.name)
    # A value that is wrong is not shown: it may be a key in the wrong place.
    value = None if spec.secret or is_wrong else _value(spec, reading)
    return Row(
        name=spec.name,
        section=spec.section,
        is_set=found is not None,
        is_secret=spec.secret,
        value=value,
        note="" if value is not None else _note(spec, is_set=found is not None, is_wrong=is_wrong),
        origin=_origin(spec, found),
    )


def _value(spec: SettingSpec[object], reading: Reading) -> str | None:
    value = reading.optional(spec)
    if isinstance(value, Path):
        return str(value)  # where a relative path leads is what people want to know
    found = reading.found.get(spec.name)
    return found.text.strip() if found else spec.default


def _origin(spec: SettingSpec[object], found: Found | None) -> str:
    if found is not None:
        return found.origin if found.name == spec.name else str(found)
    return "default" if spec.default or spec.default_doc else ""


def _note(spec: SettingSpec[object], *, is_set: bool, is_wrong: bool) -> str:
    """What stands in the place of a value."""
    if is_wrong:
        return "wrong" if is_set else "missing"
    return "set" if is_set else spec.default_doc or "not set"


def _shown(row: Row) -> str:
    text = f"({row.note})" if row.value is None else " ".join(row.value.split())
    if len(text) > _MAX_SHOWN:
        text = f"{text[: _MAX_SHOWN - 3]}..."
    return f"{text}  [{row.origin}]" if row.origin else text
