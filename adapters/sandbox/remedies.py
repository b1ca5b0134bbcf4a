"""What a person can do where no wall could be raised, by what bubblewrap or the kernel said."""

from __future__ import annotations

REMEDIES = (
    (
        "not installed",
        "Install bubblewrap (`apt-get install bubblewrap`), or this project's requirements, which bring a copy of it.",
    ),
    (
        "setting up uid map",
        "On Ubuntu, install its own bubblewrap package, whose AppArmor profile permits this,"
        " or set kernel.apparmor_restrict_unprivileged_userns=0.",
    ),
    (
        "become uid",
        "Root may not become another user here: run the service as an ordinary user.",
    ),
    (
        "namespace",
        "The kernel or the container forbids new namespaces: run the service outside of the container, or allow"
        " unprivileged user namespaces there (sysctl user.max_user_namespaces; in Docker a seccomp profile"
        " that permits unshare, clone and mount).",
    ),
    (
        "unshare",
        "Root has no CAP_SYS_ADMIN here: run the service as an ordinary user,"
        " with the sandbox's Python in a folder that this user can read.",
    ),
    (
        "Operation not permitted",
        "The container forbids what bubblewrap needs: run the service outside of it, or with a seccomp profile"
        " that permits unshare, clone and mount.",
    ),
    (
        "Permission denied",
        "The folders of the sandbox's Python must be readable by other users when the service runs as root;"
        " run the service as an ordinary user, or install with umask 022 outside of /root.",
    ),
)
ELSEWHERE = "On Windows run the service under WSL2, elsewhere in a Linux virtual machine."
OTHERWISE = "`make run` installs what the sandbox needs; `docs/sandbox.md` lists what it expects of the machine."


def remedy_for(found: str) -> str:
    """Return a sentence with the most likely remedy; the more telling signs stand first."""
    return next((remedy for sign, remedy in REMEDIES if sign in found), OTHERWISE)
