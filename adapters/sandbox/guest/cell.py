"""Runs one piece of code the way a notebook does: shared variables, the value of a last expression, its traceback."""

from __future__ import annotations

import ast
import builtins
import linecache
import os
import signal
import sys
import traceback
from types import CodeType, ModuleType, TracebackType
from typing import cast

OK, RAISED, INTERRUPTED = "ok", "raised", "interrupted"


class Attempt:
    """A block whose exceptions are printed as the user of a notebook would see them, and remembered in `status`.

    Only inside such a block does an interrupt reach the code; at any other moment it is ignored.
    """

    def __init__(self, own_folder: str) -> None:
        self.status = OK
        self._own_folder = own_folder

    def __enter__(self) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> bool:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        if error is not None and not _is_quiet_exit(error):
            self.status = INTERRUPTED if isinstance(error, KeyboardInterrupt) else RAISED
            self._print(error)
        return True

    def _print(self, error: BaseException) -> None:
        tb = error.__traceback__
        while tb is not None and tb.tb_frame.f_code.co_filename.startswith(self._own_folder):
            tb = tb.tb_next
        traceback.print_exception(type(error), error, tb)


class Notebook:
    """The variables of a session, living in a module named `__main__` as code expects."""

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._count = 0
        self._module = ModuleType("__main__")
        self._module.__dict__["__builtins__"] = builtins
        sys.modules["__main__"] = self._module

    def execute(self, source: str) -> None:
        """Run the code and print the value of a last bare expression. Raises whatever the code raises."""
        self._count += 1
        filename = f"<cell {self._count}>"
        linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
        body, last = _split(source, filename)
        try:
            exec(body, self._module.__dict__)  # noqa: S102
            if last is not None:
                self._show(eval(last, self._module.__dict__))  # noqa: S307
        finally:
            if os.getpid() != self._pid:  # a child that the code forked must not go on as a second runner
                os._exit(0)

    def _show(self, value: object) -> None:
        if value is not None:
            self._module.__dict__["_"] = value
            print(repr(value))  # noqa: T201


def _split(source: str, filename: str) -> tuple[CodeType, CodeType | None]:
    """Compile, without this module's own __future__ imports; and not by ast.parse, which would show in a traceback."""
    tree = cast("ast.Module", compile(source, filename, "exec", ast.PyCF_ONLY_AST, dont_inherit=True))
    last = tree.body[-1] if tree.body else None
    if not isinstance(last, ast.Expr):
        return compile(tree, filename, "exec", dont_inherit=True), None
    del tree.body[-1]
    expression = compile(ast.Expression(last.value), filename, "eval", dont_inherit=True)
    return compile(tree, filename, "exec", dont_inherit=True), expression


def _is_quiet_exit(error: BaseException) -> bool:
    return isinstance(error, SystemExit) and error.code in (None, 0)
