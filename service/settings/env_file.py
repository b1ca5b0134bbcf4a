"""The lines of a .env file, and where each stands."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from dotenv.parser import Binding, parse_stream

_LOOKS_LIKE = 'A line looks like NAME=value or NAME="some words"'


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvLine:
    """One `NAME=value` of the file; `origin` is its place in words, such as ".env line 3"."""

    name: str
    value: str
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvFile:
    """The lines that can be read, and a sentence for each that cannot; none quotes a line, which may hold a key."""

    lines: tuple[EnvLine, ...] = ()
    faults: tuple[str, ...] = ()


def read_env_file(path: Path) -> EnvFile:
    """Read the file; one that is not there has no lines and no faults.

    Values stand as they are written: ${NAME} is not replaced, so a password may hold it.
    """
    try:
        with path.open(encoding="utf-8-sig") as file:
            if (distrust := _distrust(path, os.fstat(file.fileno()))) is not None:
                return EnvFile(faults=(distrust,))
            text = file.read()
    except FileNotFoundError:
        return EnvFile()
    except OSError as error:
        return EnvFile(faults=(f"{path} cannot be read ({error.strerror})",))
    except UnicodeDecodeError:
        return EnvFile(faults=(f"{path} must be UTF-8 text",))
    bindings = tuple(parse_stream(StringIO(text)))
    return EnvFile(
        lines=tuple(
            EnvLine(name=binding.key, value=binding.value, origin=f"{path.name} line {_line_number(binding)}")
            for binding in bindings
            if binding.key is not None and binding.value is not None
        ),
        faults=tuple(
            f"{path.name} line {_line_number(binding)} cannot be read. {_LOOKS_LIKE}"
            for binding in bindings
            if binding.error or (binding.key is not None and binding.value is None)
        ),
    )


def _distrust(path: Path, status: os.stat_result) -> str | None:
    # The file decides who is sent keys and questions, and it is read from whatever folder the program is started in.
    if status.st_uid not in (os.geteuid(), 0):
        return f"{path} belongs to another user and is therefore not read. Copy it, or run: chown $(id -u) {path}"
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return f"{path} can be changed by other users and is therefore not read. Run: chmod go-w {path}"
    return None


def _line_number(binding: Binding) -> int:
    # What the parser calls a line begins with the blank ones before it.
    written = binding.original.string
    return binding.original.line + written[: len(written) - len(written.lstrip())].count("\n")
