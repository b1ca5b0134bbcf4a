"""What the check of one link of the chain says: `teamsbot doctor` asks each adapter and store for one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Self


class Status(StrEnum):
    """`warn` works today; `skip` was not tried, and says why."""

    PASS = "pass"  # noqa: S105 - a status, no password
    WARN = "warn"
    FAIL = "fail"
    SKIP = "skip"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One cause, and one fix if there is something to do. Neither holds a secret or anybody's words."""

    status: Status
    cause: str
    fix: str = ""

    @classmethod
    def passed(cls, cause: str) -> Self:
        """It works; the cause says what was seen."""
        return cls(status=Status.PASS, cause=cause)

    @classmethod
    def warned(cls, cause: str, fix: str) -> Self:
        """It works, and will not for long or not for everybody."""
        return cls(status=Status.WARN, cause=cause, fix=fix)

    @classmethod
    def failed(cls, cause: str, fix: str) -> Self:
        """People get no answer, or not all of it."""
        return cls(status=Status.FAIL, cause=cause, fix=fix)

    @classmethod
    def skipped(cls, cause: str) -> Self:
        """It was not tried."""
        return cls(status=Status.SKIP, cause=cause)
