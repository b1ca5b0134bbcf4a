"""The operator's folder of functions: checked and described at the start, and each call made in a process of its own.

Foreign code runs in that process alone, also when it is imported: nothing in it can block or end the bot.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import stat
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from typing_extensions import override

from bot.errors import FunctionsError
from bot.functions import NOTHING_CALLED, Caller, FunctionDefinition, no_such_function
from bot.ports import Functions

log = logging.getLogger(__name__)

MAX_OUTPUT_CHARS: Final = 50_000
MAX_ARGUMENTS_CHARS: Final = 200_000
MAX_FUNCTIONS: Final = 127  # an assistant has at most 128 tools, and one of them is Code Interpreter
MAX_AT_ONCE: Final = 16  # calls that run; further ones wait
IMPORT_DEADLINE_S: Final = 60.0  # of all files, at the start

_RUNNER: Final = "adapters.functions.function_runner"
_SWEEP_DEADLINE_S: Final = 3.0
_CALL_LIMIT_BYTES: Final = 12 * MAX_OUTPUT_CHARS + 65_536  # a character is up to twelve in JSON
_DESCRIPTION_LIMIT_BYTES: Final = 8 * 1024 * 1024
_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH
_TIMED_OUT: Final = "timed out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a process said, and how it ended: `done`, `signal N`, `exit code N` or `timed out`."""

    lines: tuple[Mapping[str, Any], ...]
    end: str

    def said(self, key: str) -> Any:
        """The last value under this key; None if there is none."""
        return next((line[key] for line in reversed(self.lines) if key in line), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Function:
    file: str
    definition: FunctionDefinition
    repeatable: bool


class FunctionFolder(Functions):
    """The functions of one folder, as its files were at the start."""

    def __init__(self, folder: Path, *, deadline_s: float, environment: Mapping[str, str], shows_output: bool) -> None:
        """For `open`."""
        self._folder = folder
        self._deadline_s = deadline_s
        self._environment = environment
        self._shows_output = shows_output
        self._functions: dict[str, _Function] = {}
        self._places = asyncio.Semaphore(MAX_AT_ONCE)

    @classmethod
    async def open(
        cls,
        folder: Path,
        *,
        deadline_s: float,
        environment: Mapping[str, str],
        import_deadline_s: float = IMPORT_DEADLINE_S,
        shows_output: bool = False,
    ) -> FunctionFolder:
        """Import every file once and read its functions. Raises FunctionsError, which lists all that is wrong.

        `deadline_s` is for one call, with its import; `environment` is all that the processes see of the bot's own.
        With `shows_output` what functions print goes to standard error.
        """
        functions = cls(folder, deadline_s=deadline_s, environment=environment, shows_output=shows_output)
        files = await asyncio.to_thread(_check_folder, folder)
        request = {"do": "describe", "folder": str(folder), "files": files, "limit_bytes": _DESCRIPTION_LIMIT_BYTES}
        work = await run_apart(request, environment=environment, deadline_s=import_deadline_s)
        found, faults = work.said("functions") or [], list(work.said("faults") or [])
        if work.said("functions") is None:
            file, how = work.said("importing") or folder.name, _ends(work.end, import_deadline_s)
            faults.append(f"{file}: its import {how}. Move what takes long, or may fail, into the functions.")
        faults += _clashes(found)
        if len(found) > MAX_FUNCTIONS:
            faults.append(f"There are {len(found)} functions. A service takes {MAX_FUNCTIONS}; move some elsewhere.")
        if faults:
            raise FunctionsError(
                "\n".join([f"the functions in {folder} cannot be used:", *(f"- {it}" for it in faults)])
            )
        for row in found:
            definition = FunctionDefinition(
                name=row["name"], description=row["description"], parameters=row["parameters"]
            )
            functions._functions[row["name"]] = _Function(
                file=row["file"], definition=definition, repeatable=row["repeatable"]
            )
        return functions

    @property
    @override
    def definitions(self) -> tuple[FunctionDefinition, ...]:
        return tuple(function.definition for function in self._functions.values())

    def file_of(self, name: str) -> str:
        """The file that defines a function."""
        return self._functions[name].file

    @override
    def may_repeat(self, name: str) -> bool:
        return name not in self._functions or self._functions[name].repeatable

    @override
    async def call(self, name: str, arguments: str, caller: Caller) -> str:
        if name not in self._functions:
            log.warning("the model called a function that does not exist", extra={"call": caller.call})
            return no_such_function(self.definitions)
        if len(arguments) > MAX_ARGUMENTS_CHARS:
            return f"{NOTHING_CALLED}the arguments have more than {MAX_ARGUMENTS_CHARS:,} characters."
        try:
            async with asyncio.timeout(self._deadline_s):
                await self._places.acquire()
        except TimeoutError:
            log.warning("a call found no free process", extra={"function": name, "call": caller.call})
            return f"{NOTHING_CALLED}too many other calls are being made. Try again later."
        try:
            return await self._call(name, arguments, caller)
        finally:
            self._places.release()

    async def _call(self, name: str, arguments: str, caller: Caller) -> str:
        request = {
            "do": "call",
            "folder": str(self._folder),
            "file": self._functions[name].file,
            "name": name,
            "arguments": arguments,
            "caller": asdict(caller),
            "max_output_chars": MAX_OUTPUT_CHARS,
            "limit_bytes": _CALL_LIMIT_BYTES,
        }
        began_s = time.monotonic()
        try:
            work = await run_apart(
                request,
                environment=self._environment,
                deadline_s=self._deadline_s,
                shows_output=self._shows_output,
            )
        except OSError as error:
            log.warning("no process for a call", extra={"function": name, "call": caller.call, "why": error.strerror})
            return f"{NOTHING_CALLED}the bot cannot start another process now. Try again later."
        result = work.said("result")
        facts = {
            "function": name,
            "call": caller.call,
            "result": result or work.end,
            "took_s": round(time.monotonic() - began_s, 3),
        }
        if result in ("returned", "refused"):
            log.info("function called", extra=facts)
        else:  # never what the error says, which may quote a person
            log.warning("function failed", extra={**facts, "error": work.said("kind"), "why": work.said("where")})
        return self._output(work)

    def _output(self, work: Work) -> str:
        """What the model reads of a call."""
        output: str = work.said("output") or ""
        match work.said("result"):
            case "returned":
                return output
            case "refused":
                return f"{NOTHING_CALLED}the arguments do not fit.\n{output}"
            case "raised":
                return f"The function failed: {output or work.said('kind')}."
            case "unloadable":
                return f"{NOTHING_CALLED}the function cannot be loaded. The operator of this bot has to look at it."
            case _ if work.said("calling") is None:
                return f"{NOTHING_CALLED}the import of the function {_ends(work.end, self._deadline_s)}."
            case _:
                how = _ends(work.end, self._deadline_s)
                return f"The function {how}. Whether it did a part of its work is not known."


async def run_apart(
    request: Mapping[str, Any], *, environment: Mapping[str, str], deadline_s: float, shows_output: bool = False
) -> Work:
    """Have a request done in a process of its own, which is over when this returns, however it returns.

    Raises OSError if there is no process to be had. With `shows_output` what the code prints goes to standard error.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-X", "utf8", "-m", _RUNNER),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=None if shows_output else asyncio.subprocess.DEVNULL,
        env=environment,
        cwd="/",
        start_new_session=True,
    )
    if process.stdin is None or process.stdout is None:
        raise AssertionError("both are pipes")
    reading = asyncio.create_task(process.stdout.read())  # the runner says no more than `limit_bytes`
    try:
        process.stdin.write(json.dumps({**request, "shows_output": shows_output}).encode() + b"\n")
        await asyncio.wait({reading}, timeout=deadline_s)
        timed_out = not reading.done()
    finally:
        await _end(process, reading)
    lines = tuple(_lines(reading.result() if not reading.cancelled() else b""))
    end = next((line["end"] for line in reversed(lines) if "end" in line), "signal 9")
    return Work(lines=lines, end=_TIMED_OUT if timed_out else end)


async def _end(process: asyncio.subprocess.Process, reading: asyncio.Task[bytes]) -> None:
    """Close the runner's input, which makes it end whatever it started; kill it if it does not."""
    if process.stdin is not None and not process.stdin.is_closing():
        process.stdin.transport.abort()
    await asyncio.wait({reading}, timeout=_SWEEP_DEADLINE_S)
    if not reading.done():
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        reading.cancel()
    await process.wait()


def _lines(data: bytes) -> Iterator[Mapping[str, Any]]:
    for line in data.splitlines():
        with contextlib.suppress(ValueError):
            said = json.loads(line)
            if isinstance(said, dict):
                yield said


def _ends(end: str, deadline_s: float) -> str:
    """How a process ended, as the rest of a sentence."""
    if end == _TIMED_OUT:
        return f"took longer than {deadline_s:g} seconds and was ended"
    return f"ended its process ({end})"


def _check_folder(folder: Path) -> list[str]:
    """The names of the files with functions. Raises FunctionsError if others could change what is run."""
    if not folder.is_dir():
        raise FunctionsError(f"FUNCTIONS_DIR must be a folder that exists: {folder}")
    try:
        files = sorted(path.name for path in folder.glob("*.py") if not path.name.startswith(("_", ".")))
        if not os.statvfs(folder).f_flag & os.ST_RDONLY:  # a mounted volume often has all rights, and no way to write
            _refuse_writable([folder, *folder.rglob("*.py"), *(path for path in folder.rglob("*") if path.is_dir())])
    except OSError as error:
        raise FunctionsError(f"FUNCTIONS_DIR cannot be read: {folder}: {error.strerror}") from error
    if not files:
        raise FunctionsError(f"FUNCTIONS_DIR holds no Python file with functions: {folder}")
    return files


def _refuse_writable(paths: Sequence[Path]) -> None:
    for path in paths:
        if path.stat().st_mode & _OTHERS_WRITE:
            raise FunctionsError(
                f"other users may change {path}, and the bot would run what they write. Run: chmod go-w '{path}'"
            )


def _clashes(found: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    first: dict[str, Mapping[str, Any]] = {}
    for row in found:
        other = first.setdefault(row["name"], row)
        if other is not row:
            yield (
                f"{row['file']}, line {row['line']}: {row['name']} is the name of a function in {other['file']}, "
                f"line {other['line']}, too. Rename one of them."
            )
