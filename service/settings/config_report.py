"""The report of `teamsbot config`: every setting with its value and origin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path

from bot.profiles import Profile, Profiles
from service.settings.assistants_file import CODE_INTERPRETER, file_of, read_profiles
from service.settings.rules import check_together, warnings_together
from service.settings.sources import Advice, Mistake, Reading, read_settings
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
    warnings: tuple[Advice, ...] = ()
    profiles: Profiles | None = None  # all assistants, where a file describes them
    profiles_file: str = ""

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
        profiles, file = None, None
        if not mistakes:  # what is wrong with assistants depends on the settings
            file = file_of(reading, env_file)
            profiles, mistakes = read_profiles(reading, env_file)
        return cls(
            rows=rows,
            mistakes=mistakes,
            ignored=reading.ignored,
            warnings=warnings,
            profiles=profiles if file and not mistakes else None,
            profiles_file=str(file or ""),
        )

    def as_text(self) -> str:
        """A list to read, in sections."""
        width = max(len(row.name) for row in self.rows)
        lines: list[str] = []
        for section, rows in groupby(self.rows, key=lambda row: row.section):
            lines += ["", section, *(f"  {row.name:{width}}  {_shown(row)}" for row in rows)]
        if self.profiles is not None:
            lines += [
                "",
                f"Assistants ({self.profiles_file})",
                *(f"  {row}" for row in map(self._described, self.profiles.all)),
            ]
        if self.ignored:
            lines += ["", f"In the file, but not settings of this program: {', '.join(self.ignored)}"]
        lines += ["", *(f"Look at this: {warning}" for warning in self.warnings)] if self.warnings else []
        return "\n".join(lines[1:])

    def _described(self, profile: Profile) -> str:
        facts = [f"{key} {value}" for key, value in self._facts(profile).items() if value]
        return f"{profile.name}: {'; '.join(facts)}"

    def _facts(self, profile: Profile) -> dict[str, str]:
        """What tells one assistant from another, in words."""
        tools = [CODE_INTERPRETER] if profile.runs_code else []
        tools += ["all functions"] if profile.functions is None else profile.functions
        limits = (("users", profile.users), ("tenants", profile.tenants))
        return {
            "id": profile.service_id or "",
            "agent": profile.agent or "",
            "model": "" if profile.service_id or profile.agent else profile.model or "as MODEL says",
            "tools": "" if profile.service_id or profile.agent else ", ".join(tools) or "none",
            "files": ", ".join(path.name for path in profile.files),
            "for": ", ".join(f"{len(ids)} {kind}" for kind, ids in limits if ids is not None) or "everybody",
            "default": "yes" if self.profiles and profile is self.profiles.default else "",
        }

    def as_data(self) -> dict[str, object]:
        """The report as JSON."""
        return {
            "settings": [asdict(row) for row in self.rows],
            "mistakes": [asdict(mistake) for mistake in self.mistakes],
            "ignored": list(self.ignored),
            "warnings": list(map(str, self.warnings)),
            "assistants": [
                {"name": profile.name, **self._facts(profile)}
                for profile in (self.profiles.all if self.profiles else ())
            ],
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
