"""Reads code as notebooks take it: uniformly indented, with `%` and `!` lines, or with `?` behind a name.

Also as it is copied: behind the prompts of a Python console, or with blanks that only look like blanks.

Only code that is no Python as it stands is touched, so an operator or a string that looks like a magic stays what it
is. Each such line becomes a call of a function below; line numbers stay as they are.
"""

from __future__ import annotations

import ast
import builtins
import os
import re
import shlex
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from adapters.sandbox.guest.advice import INSTALLERS, nothing_can_be_installed

MAX_MAGIC_LINES = 200
SHELL = "/bin/sh"

LINE = re.compile(
    r"(?P<indent>\s*)(?:(?P<target>[A-Za-z_][\w.,\[\] ]*?)\s*=\s*)?(?P<sign>%|!!?)\s*(?P<rest>\S.*)", re.DOTALL
)
HELP = re.compile(r"(?P<indent>\s*)\?{0,2}(?P<name>[A-Za-z_][\w.]*)\?{0,2}\s*")
CELL = re.compile(r"(?:[ \t]*(?:#[^\n]*)?\n)*\s*%%(?P<name>\w+)[ \t]*(?P<rest>[^\n]*)\n?(?P<body>.*)", re.DOTALL)
TIMED = re.compile(r"(?:time|timeit|prun)(?:\s+-\S+(?:\s+\d+)?)*\s+(?P<statement>.*)", re.DOTALL)

BODY_MAGICS = frozenset({"time", "timeit", "capture", "prun", "python", "python3", "py"})
STRANGE_BLANKS = "\u00a0\u2007\u202f\u3000\u200b\u200c\u200d\u2060\ufeff"  # as in code copied from a web page
PROMPT = re.compile(r"(?:>>>|\.\.\.)(?: |$)")
SHELL_MAGICS = frozenset({"bash", "sh", "shell", "script", "system", "sx"})
NEEDLESS = frozenset({"matplotlib", "config", "load_ext", "reload_ext", "autoreload", "pylab", "precision", "xmode"})
SHELL_COMMANDS = frozenset({"ls", "ll", "cat", "mkdir", "rmdir", "rm", "cp", "mv", "head", "tail", "man", "more"})


def install() -> None:
    """Make the functions that stand in for magics known to all code."""
    vars(builtins).update(_run_magic=run_magic, _run_shell=run_shell, _timed=timed, _write_file=write_file)


def as_python(source: str) -> str:
    """Return the source as Python. Raises SyntaxError, that of the source as it was, where no reading helps."""
    if _error_in(source) is None:
        return source
    read = _cell_magic(_without_prompts(_dedented(source)))
    for _ in range(MAX_MAGIC_LINES):
        error = _error_in(read)
        if error is None:
            return read
        changed = _without_magic(read, error.lineno or 0) or _without_strange_blanks(read, error)
        if changed is None:
            break
        read = changed
    return source


def _error_in(source: str) -> SyntaxError | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(source, "<cell>", "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    except SyntaxError as error:
        return error
    return None


def _dedented(source: str) -> str:
    """Take the first line's indentation away from every line that has it."""
    lines = source.splitlines(keepends=True)
    first = next((line for line in lines if line.strip()), "")
    indent = first[: len(first) - len(first.lstrip())]
    return "".join(line.removeprefix(indent) for line in lines) if indent else source


def _without_prompts(source: str) -> str:
    """Take away the prompts of a Python console, and the lines between them, which are its output."""
    if not source.lstrip().startswith(">>>"):
        return source
    lines = source.split("\n")
    return "\n".join(line[4:] if PROMPT.match(line) else "" for line in lines)


def _without_strange_blanks(source: str, error: SyntaxError) -> str | None:
    """Make the characters at which Python stopped blanks, or nothing, if nobody can see them; else return None."""
    lines, number = source.split("\n"), (error.lineno or 0) - 1
    if not 0 <= number < len(lines):
        return None
    line, at = lines[number], (error.offset or 0) - 1
    behind = line[max(at, 0) :]
    strange = len(behind) - len(behind.lstrip(STRANGE_BLANKS))
    if at < 0 or not strange:
        return None
    blanks = "".join(" " if sign.isspace() else "" for sign in behind[:strange])
    return "\n".join([*lines[:number], line[:at] + blanks + behind[strange:], *lines[number + 1 :]])


def _cell_magic(source: str) -> str:
    found = CELL.fullmatch(source)
    if found is None:
        return source
    name, rest, body = found["name"], found["rest"].strip(), found["body"]
    blank_lines = "\n" * source[: found.start("body")].count("\n")
    if name in BODY_MAGICS:
        return blank_lines + body
    if name in SHELL_MAGICS:
        return f"_run_shell({body!r})"
    if name in ("writefile", "file"):
        return f"_write_file({rest!r}, {body!r})"
    return f"_run_magic({'%%' + name!r}, {rest!r})"


def _without_magic(source: str, number: int) -> str | None:
    """Replace the magic on this line by a call; None when there is none."""
    lines = source.split("\n")
    if not 0 < number <= len(lines):
        return None
    last = number - 1
    while lines[last].endswith("\\") and last + 1 < len(lines):  # a command goes on behind a backslash
        last += 1
    line = " ".join(part.removesuffix("\\") for part in lines[number - 1 : last + 1])
    if found := LINE.fullmatch(line):
        target = f"{found['target']} = " if found["target"] else ""
        call = found["indent"] + target + _call(found["sign"], found["rest"].rstrip(), captured=bool(target))
    elif "?" in line and (asked := HELP.fullmatch(line)):
        call = f"{asked['indent']}help({asked['name']})"
    else:
        return None
    return "\n".join([*lines[: number - 1], call, *[""] * (last - number + 1), *lines[last + 1 :]])


def _call(sign: str, rest: str, *, captured: bool) -> str:
    if sign != "%":
        return f"_run_shell({rest!r}, captured={captured})"
    if not captured and (found := TIMED.fullmatch(rest)):
        return f"with _timed(): {found['statement']}"
    name, _, arguments = rest.partition(" ")
    return f"_run_magic({name!r}, {arguments.strip()!r})"


def run_magic(name: str, rest: str) -> object:
    """Do what a `%` line asks for, or say that it was left out."""
    if name in NEEDLESS:
        return None
    if name in SHELL_COMMANDS or INSTALLERS.match(name):
        return run_shell(f"{name} {rest}")
    if name in OWN_MAGICS:
        return OWN_MAGICS[name](rest)
    if name.startswith("%"):
        print(f"[{name} cells do not exist here; nothing of this cell was run]")  # noqa: T201
    else:
        print(f"[%{name} does not exist here; the line was left out]")  # noqa: T201
    return None


def _change_folder(rest: str) -> None:
    os.chdir(Path(rest.strip("'\"") or "/mnt/data").expanduser())


def _variable(rest: str) -> str | None:
    """Read a variable of the environment by its name, or write it: `NAME=value` or `NAME value`."""
    name, _, value = rest.replace("=", " ", 1).partition(" ")
    if value:
        os.environ[name] = value.strip()
        return None
    return os.environ.get(name)


def _run_file(rest: str) -> None:
    path = Path(next((word for word in shlex.split(rest) if not word.startswith("-")), ""))
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), vars(sys.modules["__main__"]))  # noqa: S102


OWN_MAGICS: dict[str, Callable[[str], object]] = {
    "cd": _change_folder,
    "pwd": lambda _: str(Path.cwd()),
    "env": _variable,
    "set_env": _variable,
    "run": _run_file,
}


def run_shell(command: str, *, captured: bool = False) -> list[str] | None:
    """Run a `!` line inside the sandbox; its output is printed, or returned by lines."""
    sys.stdout.flush()
    if INSTALLERS.match(command):
        said = f"[{nothing_can_be_installed()}]"
        if not captured:
            print(said)  # noqa: T201
        return [said] if captured else None
    pipe = subprocess.PIPE if captured else None
    done = subprocess.run([SHELL, "-c", command], stdin=subprocess.DEVNULL, stdout=pipe, check=False)  # noqa: S603
    if captured:
        return done.stdout.decode("utf-8", "replace").splitlines()
    if done.returncode:
        print(f"[the command ended with exit code {done.returncode}]")  # noqa: T201
    return None


class Shell:
    """What `get_ipython()` returns to code that was exported from a notebook, with the magics written as calls.

    `run` runs a piece of code as a cell, and raises what it raises.
    """

    def __init__(self, run: Callable[[str], None]) -> None:
        self._run = run
        self.config: dict[str, object] = {}

    def __getattr__(self, name: str) -> object:
        known = ", ".join(known for known in dir(self) if not known.startswith("_"))
        raise AttributeError(f"get_ipython().{name} does not exist here; there are: {known}", name=name, obj=self)

    @property
    def user_ns(self) -> dict[str, object]:
        """The variables of the session."""
        return vars(sys.modules["__main__"])

    def run_cell(self, raw_cell: str, *_: object, **__: object) -> None:
        """Do what a cell with this code does."""
        self._run(raw_cell)

    def run_line_magic(self, name: str, line: str = "", *_: object) -> object:
        """Do what `%name line` does."""
        magic = f"{name} {line}"
        if TIMED.fullmatch(magic):
            self._run(_call("%", magic, captured=False))
            return None
        return run_magic(name, line.strip())

    def run_cell_magic(self, name: str, line: str, cell: str) -> None:
        """Do what a cell below `%%name line` does."""
        self._run(f"%%{name} {line}\n{cell}")

    def magic(self, line: str) -> object:
        """Do what `%line` does."""
        name, _, rest = line.strip().removeprefix("%").partition(" ")
        return self.run_line_magic(name, rest)

    def system(self, command: str) -> None:
        """Do what `!command` does."""
        run_shell(command)

    def getoutput(self, command: str) -> list[str] | None:
        """Do what `name = !command` does."""
        return run_shell(command, captured=True)


@contextmanager
def timed() -> Iterator[None]:
    """Print how long the block took."""
    began_s = time.perf_counter()
    yield
    print(f"[took {time.perf_counter() - began_s:.3g} s]")  # noqa: T201


def write_file(path: str, body: str) -> None:
    """Write the cell of a `%%writefile`, at the end of the file with `-a`."""
    append = path.startswith("-a ")
    name = path.removeprefix("-a ").strip().strip("'\"")
    with Path(name).open("a" if append else "w", encoding="utf-8") as file:
        file.write(body)
    print(f"[wrote {name}]")  # noqa: T201
