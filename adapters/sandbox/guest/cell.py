"""Runs one piece of code the way a notebook does: shared variables, the value of a last expression, its traceback."""

from __future__ import annotations

import ast
import asyncio
import builtins
import contextlib
import gc
import importlib
import inspect
import io
import json
import linecache
import mmap
import os
import re
import shlex
import signal
import stat
import subprocess
import sys
import threading
import tokenize
import traceback
import warnings
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import BuiltinFunctionType, CodeType, ModuleType, TracebackType
from typing import Any, TextIO, cast

from adapters.sandbox.guest import display, magics, plot_style
from adapters.sandbox.guest.advice import advice_on
from adapters.sandbox.guest.after_import import after_import

OK, RAISED, INTERRUPTED = "ok", "raised", "interrupted"
READERS = dict.fromkeys(("ods", "xls", "xlsb"), "calamine") | dict.fromkeys(("xlsm", "xlsx"), "openpyxl")
HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
FOUNDATIONS = (builtins, ast, gc, io, json, linecache, mmap, os, os.path, signal, stat, tokenize, traceback)
TOOLS = (asyncio, contextlib, importlib, inspect, re, shlex, subprocess, threading, warnings)
MIN_RECURSION_LIMIT = 1_000
OWN_FOLDER = str(Path(__file__).parent)
RUNS_COROUTINES = str(Path(asyncio.__file__).parent)


class Attempt:
    """A block whose exceptions are printed as the user of a notebook would see them, and remembered in `status`.

    Only inside such a block does an interrupt reach the code; at any other moment it is ignored.
    """

    def __init__(self) -> None:
        self.status = OK

    def __enter__(self) -> None:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> bool:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        if kind is None or error is None:
            return True
        # An exception may be of the code's own class: its methods and properties run here, and may raise anything.
        try:
            told = "" if _is_quiet_exit(error) else _told(error) + advice_on(error)
        except BaseException:  # noqa: BLE001
            told = f"{object.__repr__(error)} was raised. It cannot be described: its own code raises an error.\n"
        if told:
            self.status = INTERRUPTED if issubclass(kind, KeyboardInterrupt) else RAISED
            say(told)
        return True


def say(text: str) -> None:
    """Print to standard error, also where the code has closed or replaced it."""
    try:
        print(text, end="", file=sys.stderr)  # noqa: T201
    except BaseException:  # noqa: BLE001 - the stream is the code's own
        with suppress(OSError):
            os.write(2, text.encode("utf-8", "backslashreplace"))


def _told(error: BaseException) -> str:
    """Return a traceback without the frames of the runner, wherever they stand in it."""
    tb = error.__traceback__
    while tb is not None and tb.tb_frame.f_code.co_filename.startswith((OWN_FOLDER, RUNS_COROUTINES)):
        tb = tb.tb_next
    told = traceback.TracebackException(type(error), error, tb)
    for part in _parts(told):
        if part.stack:
            part.stack = traceback.StackSummary.from_list(
                [frame for frame in part.stack if not frame.filename.startswith(OWN_FOLDER)]
            )
    return "".join(told.format())


def _parts(told: traceback.TracebackException) -> Iterator[traceback.TracebackException]:
    waiting: list[traceback.TracebackException | None] = [told]
    while waiting:
        part = waiting.pop()
        if part is not None:
            yield part
            waiting += [part.__cause__, part.__context__, *(getattr(part, "exceptions", None) or ())]


class Ground:
    """What every cell, and the runner, stands on.

    What one cell has put in its place, by purpose or by mistake, would give wrong answers to all others, or leave a
    session that fails at whatever is run in it (S18).
    """

    def __init__(self) -> None:
        self._contents: list[tuple[dict[str, Any], dict[str, Any]]]
        self._contents = [(vars(module), dict(vars(module))) for module in FOUNDATIONS]
        for module in TOOLS:  # their variables, such as the filters of warnings, are for code to set
            functions = {name: value for name, value in vars(module).items() if callable(value)}
            self._contents.append((vars(module), functions))
        of_sys: dict[str, object] = {
            name: value
            for name, value in vars(sys).items()
            if isinstance(value, BuiltinFunctionType) and not name.endswith("hook")
        }
        caches = {"modules": sys.modules, "path_importer_cache": sys.path_importer_cache}
        self._contents += [(vars(sys), of_sys | caches), (sys.modules, dict(sys.modules))]
        finders = [finder for finder in sys.meta_path if isinstance(finder, type)]  # Python's own
        self._places: dict[str, list[Any]]
        self._places = {"path": list(sys.path), "path_hooks": list(sys.path_hooks), "meta_path": finders}

    def restore(self) -> None:
        """Put back what is missing or replaced, and stop timers, which would end a later run.

        What code added to the lists of `sys` stays, also where it made them anew.
        """
        for namespace, content in self._contents:  # without a builtin, until these are back
            namespace.update(content)
        for name, needed in self._places.items():
            places = vars(sys).get(name)
            if type(places) is not list:
                places = vars(sys)[name] = []
            # By identity: the `==` of what code has put there may raise.
            places.extend([place for place in needed if not any(place is other for other in places)])
        sys.setrecursionlimit(max(sys.getrecursionlimit(), MIN_RECURSION_LIMIT))
        for timer in (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF):
            signal.setitimer(timer, 0)


class Notebook:
    """The variables of a session, living in a module named `__main__` as code expects."""

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._count = 0
        self._coroutines: asyncio.Runner | None = None
        self._module = ModuleType("__main__")
        self._module.__dict__["__builtins__"] = builtins
        shell = magics.Shell(self._run)
        # Not among the builtins, where libraries look for it and then expect all of IPython.
        self._module.__dict__["get_ipython"] = lambda: shell
        sys.modules["__main__"] = self._module
        for room in (display, magics, plot_style):
            room.install()
        warnings.showwarning = _show_warning
        after_import("pandas", _read_every_workbook)
        after_import("PIL.Image", _read_photographs)
        self._ground = Ground()

    def execute(self, source: str) -> None:
        """Run the code and show the value of a last bare expression. Raises whatever the code raises."""
        try:
            self._run(source)
        finally:
            self._ground.restore()
            if os.getpid() != self._pid:  # a child that the code forked must not go on as a second runner
                os._exit(0)

    def _run(self, source: str) -> None:
        self._count += 1
        filename = f"<cell {self._count}>"
        source = magics.as_python(source)
        linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
        body, last = _split(source, filename)
        self._evaluate(body)
        if last is not None:
            self._show(self._evaluate(last))

    def _evaluate(self, code: CodeType) -> object:
        value: Any = eval(code, self._module.__dict__)  # noqa: S307
        if not code.co_flags & inspect.CO_COROUTINE:
            return value
        # One event loop for the whole session, so that what one cell has opened can be awaited in the next.
        if self._coroutines is None or self._coroutines.get_loop().is_closed():
            self._coroutines = asyncio.Runner()
        result: object = self._coroutines.run(value)
        return result

    def _show(self, value: object) -> None:
        if value is None:
            return
        self._module.__dict__["_"] = value
        if not display.show_picture(value):
            print(display.echo(value))  # noqa: T201


def _read_every_workbook(pandas: ModuleType) -> None:
    """Have `read_excel` read every kind of workbook with what is here, and without a warning about the choice."""
    for kind, reader in READERS.items():
        pandas.set_option(f"io.excel.{kind}.reader", reader)


def _read_photographs(image: ModuleType) -> None:
    """Have Pillow open the photographs of telephones (ISO/IEC 23008-12), whose decoder nobody imports otherwise."""

    def accepts(start: bytes) -> bool:
        return start[4:8] == b"ftyp" and start[8:12] in HEIF_BRANDS

    def opened(file: Any, filename: str | bytes) -> Any:
        importlib.import_module("pi_heif").register_heif_opener()  # in the place of this one
        return image.OPEN["HEIF"][0](file, filename)

    image.register_open("HEIF", opened, accepts)


def _split(source: str, filename: str) -> tuple[CodeType, CodeType | None]:
    """Compile, without this module's own __future__ imports; and not by ast.parse, which would show in a traceback.

    The second part is the last expression, where its value is to be shown.
    """
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    tree = cast("ast.Module", compile(source, filename, "exec", ast.PyCF_ONLY_AST | flags, dont_inherit=True))
    last = tree.body[-1] if tree.body else None
    if not isinstance(last, ast.Expr) or _ends_in_semicolon(source):
        return compile(tree, filename, "exec", flags, dont_inherit=True), None
    del tree.body[-1]
    expression = compile(ast.Expression(last.value), filename, "eval", flags, dont_inherit=True)
    return compile(tree, filename, "exec", flags, dont_inherit=True), expression


def _ends_in_semicolon(source: str) -> bool:
    if not source.rstrip().endswith(";") and "#" not in source.rpartition(";")[2]:
        return False
    blank = (tokenize.COMMENT, tokenize.NEWLINE, tokenize.NL, tokenize.ENDMARKER)
    tokens = [token for token in tokenize.generate_tokens(io.StringIO(source).readline) if token.type not in blank]
    return bool(tokens) and tokens[-1].string == ";"


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Print a warning; of the places that it may name, only the code's own lines tell the reader something."""
    del line
    place = f"{filename}:{lineno}: " if filename.startswith("<cell ") else ""
    print(f"{place}{category.__name__}: {message}", file=file or sys.stderr)


def _is_quiet_exit(error: BaseException) -> bool:
    return isinstance(error, SystemExit) and (error.code is None or (isinstance(error.code, int) and error.code == 0))
