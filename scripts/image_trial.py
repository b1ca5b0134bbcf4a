"""Builds the container image and starts it: `python -m scripts.image_trial`, as root, with buildah and debootstrap.

It needs neither a daemon nor a registry. The base is a Debian made by debootstrap, in place of the one that the
Dockerfile pins; the rest is the Dockerfile as it is. Where it cannot be tried it says why, and that is no failure.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.program import Command, run
from scripts.progress import ROOT, CannotGoOnError, run_story, step

PACKAGES = "python3,python3-venv,ca-certificates"
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
USER = 10001
START_DEADLINE_S, STOP_DEADLINE_S = 120, 60
APP = {  # a registration that nobody has: the bot starts with it, and answers nobody
    "MicrosoftAppId": "11111111-2222-3333-4444-555555555555",
    "MicrosoftAppTenantId": "11111111-2222-3333-4444-666666666666",
    "MicrosoftAppPassword": "of-no-registration",
    "PUBLIC_URL": "https://bot.example.com",
    "SANDBOX_AT_LEAST": "landlock",
}
NOT_PROVEN = (
    "that the base which the Dockerfile pins can be fetched and builds the same",
    "an engine's own isolation: its networks and names, cgroups (mem_limit, pids_limit), its seccomp profile",
    "the engine's own reading of compose.yaml: depends_on, restart, ports, and that the images of its stand-ins start",
    "another architecture than this machine's",
)


class Buildah:
    """buildah with storage of its own, which goes with the folder."""

    def __init__(self, folder: Path) -> None:
        self._command: Command = [
            *("buildah", "--storage-driver", "vfs"),
            *("--root", folder / "storage", "--runroot", folder / "run"),
        ]
        self._environment = os.environ | {"BUILDAH_ISOLATION": "chroot", "XDG_RUNTIME_DIR": str(folder)}

    def __call__(self, what: str, *arguments: str | Path) -> str:
        """Run it to its end. Raises CannotGoOnError."""
        return run(what, [*self._command, *arguments], env=self._environment).strip()

    def start(self, container: str, environment: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
        """Start the image's program, as the image's user, with the image's environment and this one."""
        options = [word for name, value in environment.items() for word in ("--env", f"{name}={value}")]
        inside = ["run", *options, container, "--", "teamsbot", "serve"]
        with log.open("wb") as output:
            return subprocess.Popen(
                [*self._command, *inside], env=self._environment, stdout=output, stderr=subprocess.STDOUT
            )


def _why_not() -> str:
    if sys.platform != "linux" or os.geteuid() != 0:
        return "only root on Linux can make the base and build without an engine"
    missing = [name for name in ("buildah", "debootstrap") if shutil.which(name) is None]
    return f"{' and '.join(missing)} not installed (apt-get install buildah debootstrap)" if missing else ""


def _story() -> None:
    if reason := _why_not():
        print(f"skipped: the image was not built, because {reason}")
        return
    with tempfile.TemporaryDirectory(prefix="teamsbot-image-", dir="/var/tmp") as name:  # 3 GB, not in memory
        folder = Path(name)
        buildah = Buildah(folder)
        try:
            with step("Making a base image"):
                _make_base(buildah, folder)
        except CannotGoOnError as error:  # the mirrors of Debian are not ours to promise
            print(f"skipped: the image was not built, because no base could be made: {error}")
            return
        with step("Building the Dockerfile"):
            container = _build(buildah, folder)
        _check_what_is_inside(buildah, container)
        with step("Drawing a plot inside, as its user"):
            said = buildah("drawing a plot in the image", "run", container, "--", *PLOT)
            if "[picture] /data/teamsbot/" not in said:
                raise CannotGoOnError(f"the image drew no plot: {said[-300:]}")
        with step("Starting it as its user, and asking /readyz"):
            ready = _ask_ready(buildah, container, folder / "serve.log")
        print(f"  /readyz: {ready}")
        with step("Running what compose.yaml describes, beside PostgreSQL and Azurite from their packages"):
            told = _run_compose(buildah, container, folder)
        print(told)
        with step("Looking for files outside of /data and /tmp"):
            _check_what_was_written(buildah, container)
    print("Not proven by this, for it ran in a changed root folder and no engine:")
    for point in NOT_PROVEN:
        print(f"  - {point}")


PLOT = ("env", "HOST=127.0.0.1", "teamsbot", "chat", "Plot x^2 + 3.")


def _make_base(buildah: Buildah, folder: Path) -> None:
    root = folder / "base"
    options = ["--variant=minbase", f"--include={PACKAGES}", "bookworm"]
    run("making a Debian", ["debootstrap", *options, root], env=os.environ)
    if CERTIFICATES.exists():  # those of a company's package index, too
        shutil.copyfile(CERTIFICATES, root / CERTIFICATES.relative_to("/"))
    container = buildah("making a container", "from", "scratch")
    buildah("filling the base", "add", "--quiet", container, root, "/")
    buildah("keeping the base", "commit", "--quiet", container, "localhost/teamsbot-base")
    buildah("removing a container", "rm", container)
    shutil.rmtree(root)


def _build(buildah: Buildah, folder: Path) -> str:
    told = run("asking pip", [sys.executable, "-m", "pip", "config", "list"], env=os.environ)
    found = dict(line.partition("=")[::2] for line in told.splitlines())
    kept = {key.rpartition(".")[2]: value.strip("'") for key, value in found.items()}
    pip = [f"{name} = {kept[name]}" for name in ("index-url", "timeout") if name in kept]
    (folder / "pip.conf").write_text("\n".join(["[global]", f"cert = {CERTIFICATES}", *pip, ""]))
    options = ["--format", "docker", "--isolation", "chroot", "--secret", f"id=pip.conf,src={folder / 'pip.conf'}"]
    arguments = ["--build-arg", "BASE=localhost/teamsbot-base", "--tag", "teamsbot"]
    buildah("building the image", "bud", *options, *arguments, ROOT)
    return buildah("making a container", "from", "localhost/teamsbot")


def _check_what_is_inside(buildah: Buildah, container: str) -> None:
    """Check the image's settings, and that nothing came in that does not belong there. Raises CannotGoOnError."""
    settings = json.loads(buildah("inspecting the image", "inspect", "--type", "container", container))
    config = settings["Docker"]["config"]
    wrong = [name for name, ok in (
        ("user", config["User"] == f"{USER}:{USER}"),
        ("health check", "/healthz" in str(config.get("Healthcheck"))),
        ("entry point", config["Entrypoint"] == ["teamsbot"]),
    ) if not ok]  # fmt: skip
    unwanted = r"\( -name .env -o -name pip.conf -o -name .git -o -name uv \)"
    look = f"id -u; ls -A /opt/teamsbot; find / -xdev {unwanted} 2>/dev/null || true"
    shown = buildah("looking inside the image", "run", container, "--", "sh", "-c", look)
    if shown.split() != [str(USER), ".sandbox", ".venv"]:
        wrong.append(f"what lies inside: {shown}")
    if wrong:
        raise CannotGoOnError(f"the image is not as the Dockerfile says: {', '.join(wrong)}")


def _ask_ready(buildah: Buildah, container: str, log: Path) -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with _started(buildah, container, port, log) as process:
        deadline_s = time.monotonic() + START_DEADLINE_S
        while process.poll() is None and time.monotonic() < deadline_s:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
                    told = json.loads(answer.read())
            except OSError:
                time.sleep(0.5)
                continue
            if told["status"] != "ready" or told["sandbox"] not in ("landlock", "bubblewrap"):
                raise CannotGoOnError(f"the image started, but /readyz answers {told}")
            return json.dumps(told)
    raise CannotGoOnError(f"the image does not start: {log.read_text()[-500:]}")


@contextmanager
def _started(buildah: Buildah, container: str, port: int, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = buildah.start(container, APP | {"PORT": str(port)}, log)
    try:
        yield process
    finally:
        # buildah passes no signal on: the program that listens is asked itself, and everything ends with it.
        for pid in _pids_of(port):
            os.kill(pid, 15)
        try:
            process.wait(STOP_DEADLINE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _pids_of(port: int) -> list[int]:
    """The processes of the image's user whose program is the bot on this port."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
            told = (folder / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if words[-2:] == [b"serve", b""] and words[0].endswith(b"python") and f"PORT={port}".encode() in told:
            found.append(int(folder.name))
    return found


def _run_compose(buildah: Buildah, container: str, folder: Path) -> str:
    """Run both ways of compose.yaml; what there was to say. Raises CannotGoOnError."""
    if subprocess.run(["unshare", "--net", "--mount", "true"], check=False, stderr=subprocess.DEVNULL).returncode:
        return "  skipped: compose.yaml was not run, because this machine lets root make no namespaces"
    settings = json.loads(buildah("inspecting the image", "inspect", "--type", "container", container))
    config = folder / "image.json"
    config.write_text(json.dumps(settings["Docker"]["config"]))
    root = buildah("mounting the image", "mount", container)
    try:
        alone = ("unshare", "--net", "--mount", sys.executable, "-m", "scripts.compose_trial")
        return run("running compose.yaml", [*alone, root, config], env=os.environ).strip("\n")
    finally:
        buildah("unmounting the image", "umount", container)


def _check_what_was_written(buildah: Buildah, container: str) -> None:
    """Check that it would run with a root folder that cannot be written. Raises CannotGoOnError."""
    elsewhere = "-not -path '/proc/*' -not -path '/tmp*' -not -path '/data*'"
    look = f"find / -xdev -newer /opt/teamsbot/.venv -user {USER} {elsewhere} 2>/dev/null || true"
    shown = buildah("looking for written files", "run", container, "--", "sh", "-c", look)
    if shown:
        raise CannotGoOnError(f"the image wrote outside of /data and /tmp: {shown[:300]}")


if __name__ == "__main__":
    sys.exit(run_story(_story))
