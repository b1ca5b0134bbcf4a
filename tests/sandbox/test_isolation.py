"""A isolation with a hole is found out before it is relied upon."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.sandbox import seccomp
from adapters.sandbox.bubblewrap import Bubblewrap, inspect_interpreter
from adapters.sandbox.code_result import SandboxError
from adapters.sandbox.isolation import candidates, probe
from adapters.sandbox.session_limits import Limits
from tests.sandbox.service import SANDBOX_PYTHON

pytestmark = pytest.mark.skipif(
    not SANDBOX_PYTHON.exists(), reason="the sandbox's own environment is not here; `make test` builds it"
)

HOLES = {
    "reads a file of the service": ("", "--ro-bind /var/tmp /var/tmp"),
    "reads its own first process": ("", "--proc /proc"),
    "connects to a port of the service": ("--unshare-net", ""),
    "opens a socket": ("", ""),
    "makes a namespace": ("", ""),
    "writes to the root folder": ("--remount-ro /", ""),
}


class Holed(Bubblewrap):
    """A real isolation that was told too little, or too much."""

    left_out = ""
    added = ""

    def options(self, limits: Limits, source: Callable[[Path], str]) -> list[str]:
        whole = "".join(f"{word}\n" for word in super().options(limits, source))
        left_out = "".join(f"{word}\n" for word in self.left_out.split())
        assert left_out in whole
        return [*self.added.split(), *whole.replace(left_out, "").split("\n")[:-1]]


@pytest.mark.parametrize("leak", HOLES)
async def test_a_wall_with_a_hole_is_not_relied_upon(leak: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the filter of system calls too, which would hide most holes of the other walls."""
    left_out, added = HOLES[leak]
    monkeypatch.setattr(tempfile, "tempdir", "/var/tmp")  # noqa: S108 - as root, /tmp is never the machine's own
    monkeypatch.setattr(Holed, "left_out", left_out)
    monkeypatch.setattr(Holed, "added", added)
    monkeypatch.setattr(seccomp, "_program", lambda *_: [seccomp._op(seccomp.RETURN, seccomp.ALLOW)])
    whole = next(candidates(await inspect_interpreter(SANDBOX_PYTHON), None, "teamsbot-test"))
    holed = Holed(
        path=whole.path,
        home=whole.home,
        interpreter=whole.interpreter,
        mark=whole.mark,
        spare_uid=whole.spare_uid,
        staged=whole.staged,
    )
    with pytest.raises(SandboxError, match=f"does not hold: code inside .*{leak}"):
        await probe(holed, Limits())


async def test_the_whole_wall_holds() -> None:
    await probe(next(candidates(await inspect_interpreter(SANDBOX_PYTHON), None, "teamsbot-test")), Limits())
