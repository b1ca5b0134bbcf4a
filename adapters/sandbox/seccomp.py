"""The system call filter: which calls are refused inside the sandbox, as the classic BPF program that seccomp loads.

Two kinds are refused: those that reach outside or far into the kernel, and those with which memory can be hidden from
the limits (memfd, System V memory, extended attributes). Everything else is allowed: a list of what scientific Python
needs would break with every release of it. The isolation of files, processes and network does not depend on this
filter; it makes the kernel behind them smaller.

Numbers are those of the kernel's own tables (asm/unistd_64.h and asm-generic/unistd.h) on x86-64 and on aarch64; None
where a call does not exist there. Layout of seccomp_data and return values: seccomp(2).
"""

from __future__ import annotations

import errno
import platform
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from adapters.sandbox.code_result import SandboxError

Numbers = tuple[int | None, int | None]

REFUSED: Final[dict[str, Numbers]] = {
    # Sockets of every family. A socketpair is allowed (see below): event loops need one.
    "socket": (41, 198),
    "bind": (49, 200),
    "connect": (42, 203),
    "listen": (50, 201),
    "accept": (43, 202),
    "accept4": (288, 242),
    # Other processes
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "process_mrelease": (448, 448),
    "kcmp": (312, 272),
    "pidfd_getfd": (438, 438),
    # Mounts and namespaces
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "move_mount": (429, 429),
    "open_tree": (428, 428),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "statmount": (457, 457),
    "listmount": (458, 458),
    "unshare": (272, 97),
    "setns": (308, 268),
    # Doors deep into the kernel
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "io_setup": (206, 0),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "vmsplice": (278, 75),
    "splice": (275, 76),
    "tee": (276, 77),
    "seccomp": (317, 277),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "fanotify_init": (300, 262),
    "fanotify_mark": (301, 263),
    "inotify_init": (253, None),
    "inotify_init1": (294, 26),
    "inotify_add_watch": (254, 27),
    "mbind": (237, 235),
    "set_mempolicy": (238, 237),
    "set_mempolicy_home_node": (450, 450),
    "migrate_pages": (256, 238),
    "move_pages": (279, 239),
    # The machine itself
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "acct": (163, 89),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "syslog": (103, 116),
    "iopl": (172, None),
    "ioperm": (173, None),
    "modify_ldt": (154, None),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "clock_adjtime": (305, 266),
    "adjtimex": (159, 171),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "nfsservctl": (180, 42),
    "vhangup": (153, 58),
    "lookup_dcookie": (212, 18),
    "uselib": (134, None),
    "ustat": (136, None),
    "sysfs": (139, None),
    "_sysctl": (156, None),
    # Memory that neither a resource limit nor the resident size would show
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "shmat": (30, 196),
    "shmctl": (31, 195),
    "semget": (64, 190),
    "semop": (65, 193),
    "semtimedop": (220, 192),
    "semctl": (66, 191),
    "msgget": (68, 186),
    "msgsnd": (69, 189),
    "msgrcv": (70, 188),
    "msgctl": (71, 187),
    "mq_open": (240, 180),
    "mq_unlink": (241, 181),
    "mq_timedsend": (242, 182),
    "mq_timedreceive": (243, 183),
    "mq_notify": (244, 184),
    "mq_getsetattr": (245, 185),
    "remap_file_pages": (216, 234),
    # A ruleset holds 4 MB of the kernel's memory for its 65,536 ports, and a process 256 rulesets.
    "landlock_create_ruleset": (444, 444),
    "landlock_add_rule": (445, 445),
    "landlock_restrict_self": (446, 446),
    "setsockopt": (54, 208),  # S9: SO_SNDBUF lets a socketpair hold megabytes that no limit counts
}

NOT_SUPPORTED: Final[dict[str, Numbers]] = {
    # "Operation not supported" is what copying tools such as shutil.copy2 expect and step over.
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
}

ABSENT: Final[dict[str, Numbers]] = {
    # The C library falls back to clone, whose flags a filter can read.
    "clone3": (435, 435),
}

NEWEST_KNOWN: Final = 462
"""mseal. What came later is unknown to this list and is answered as absent."""

CLONE: Final[Numbers] = (56, 220)
PRLIMIT64: Final[Numbers] = (302, 261)
SOCKETPAIR: Final[Numbers] = (53, 199)
IOCTL: Final[Numbers] = (16, 29)
PERSONALITY: Final[Numbers] = (135, 92)
MMAP: Final[Numbers] = (9, 222)
FCNTL: Final[Numbers] = (72, 25)

SIGNAL_SENDERS: Final[tuple[tuple[Numbers, int], ...]] = (
    ((62, 129), 1),  # kill
    ((200, 130), 1),  # tkill
    ((234, 131), 2),  # tgkill
    ((129, 138), 1),  # rt_sigqueueinfo
    ((297, 240), 2),  # rt_tgsigqueueinfo
    ((424, 424), 1),  # pidfd_send_signal
)
"""Calls that send a signal, each with the index of the argument that is its number."""

# What follows is for Landlock alone: bubblewrap's namespaces hide what these calls would reach.

PRETENDED: Final[dict[str, Numbers]] = {
    # Landlock does not keep code from changing modes and times of other files of its user. These succeed without
    # doing anything, for tools such as shutil.copy2 and zipfile take an error as their own.
    "chmod": (90, None),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "chown": (92, None),
    "fchown": (93, 55),
    "lchown": (94, None),
    "fchownat": (260, 54),
    "utime": (132, None),
    "utimes": (235, None),
    "futimesat": (261, None),
    "utimensat": (280, 88),
}

REFUSED_WITHOUT_NAMESPACES: Final[dict[str, Numbers]] = {
    "ioprio_set": (251, 30),  # of other processes
    "pidfd_open": (434, 434),
    "sendmsg": (
        46,
        211,
    ),  # a descriptor on its way through a socket is a file or socket that no count of open files shows
    "sendmmsg": (307, 269),
}

REFUSED_BEFORE: Final[dict[int, dict[str, Numbers]]] = {
    # What Landlock itself refuses only from that version on.
    3: {"truncate": (76, 45)},
    6: {
        "kill": (62, 129),
        "tkill": (200, 130),
        "tgkill": (234, 131),
        "rt_sigqueueinfo": (129, 138),
        "rt_tgsigqueueinfo": (297, 240),
        "pidfd_send_signal": (424, 424),
    },
}

OF_PROCESSES: Final[tuple[Numbers, ...]] = (
    (203, 122),  # sched_setaffinity
    (144, 119),  # sched_setscheduler
    (142, 118),  # sched_setparam
    (314, 274),  # sched_setattr
)
"""Calls whose first argument is a process, 0 being the caller itself."""

SETPRIORITY: Final[Numbers] = (141, 140)
PRCTL: Final[Numbers] = (157, 167)

SOCKET_MESSAGES: Final[tuple[tuple[Numbers, int], ...]] = (
    ((44, 206), 3),  # sendto
    ((46, 211), 2),  # sendmsg
    ((307, 269), 3),  # sendmmsg
    ((45, 207), 3),  # recvfrom
    ((47, 212), 2),  # recvmsg
    ((299, 243), 3),  # recvmmsg
)
"""Calls that send or receive on a socket, each with the index of its flags."""


LOAD, JUMP_EQUAL, JUMP_GREATER, JUMP_ANY_BIT, AND, RETURN = 0x20, 0x15, 0x25, 0x45, 0x54, 0x06
NUMBER_AT, ARCH_AT, ARGUMENTS_AT = 0, 4, 16

ALLOW, REFUSE, KILL = 0x7FFF0000, 0x00050000, 0x80000000
X32_BIT = 0x40000000

NEW_NAMESPACE_FLAGS = 0x7E020080  # CLONE_NEW{NS,CGROUP,UTS,IPC,USER,PID,NET,TIME}
AF_UNIX, SOCK_STREAM, SOCK_TYPE_MASK = 1, 1, 0xF
TIOCSTI, TIOCLINUX, TIOCSETD = 0x5412, 0x541C, 0x5423
MAP_SHARED_ANONYMOUS, MAP_HUGETLB, MSG_OOB, SIGCONT, F_SETSIG = 0x21, 0x40000, 0x1, 18, 10
F_SETOWN, F_SETOWN_EX, FIOSETOWN, SIOCSPGRP = 8, 15, 0x8901, 0x8902
PR_SET_DUMPABLE = 4
PERSONALITY_DEFAULT, PERSONALITY_QUERY = 0, 0xFFFFFFFF


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A processor architecture: the kernel's audit name for it, and its column in the tables of numbers."""

    audit_arch: int
    column: int


MACHINES = {
    "x86_64": Machine(audit_arch=0xC000003E, column=0),
    "aarch64": Machine(audit_arch=0xC00000B7, column=1),
}


def build_filter(machine_name: str | None = None, *, landlock_version: int | None = None) -> bytes:
    """Return the filter for this machine, or for the named one. Raises SandboxError for an unknown machine.

    With a version of Landlock it also refuses what namespaces would hide and that Landlock does not cover.
    """
    name = machine_name or platform.machine()
    machine = MACHINES.get(name)
    if machine is None:
        raise SandboxError(f"There is no system call filter for {name}; x86_64 and aarch64 have one.")
    return b"".join(_program(machine, landlock_version))


def _program(machine: Machine, landlock_version: int | None) -> Iterator[bytes]:
    yield _op(LOAD, ARCH_AT)
    yield _op(JUMP_EQUAL, machine.audit_arch, if_true=1)
    yield _op(RETURN, KILL)
    yield _op(LOAD, NUMBER_AT)
    yield from _return_if(JUMP_GREATER, X32_BIT - 1, KILL)
    yield from _return_if(JUMP_GREATER, NEWEST_KNOWN, REFUSE | errno.ENOSYS)
    for table, error in (
        (REFUSED, errno.EPERM),
        (NOT_SUPPORTED, errno.ENOTSUP),
        (ABSENT, errno.ENOSYS),
    ):
        for numbers in table.values():
            yield from _refuse(numbers[machine.column], error)
    if landlock_version is not None:
        yield from _instead_of_namespaces(machine, landlock_version)
    yield from _argument_rules(machine)
    yield _op(RETURN, ALLOW)


def _instead_of_namespaces(machine: Machine, landlock_version: int) -> Iterator[bytes]:
    """Refuse what reaches other processes and files of the same user past Landlock."""
    permit, refuse = _op(RETURN, ALLOW), _op(RETURN, REFUSE | errno.EPERM)
    for numbers in PRETENDED.values():
        yield from _refuse(numbers[machine.column], 0)
    for numbers in REFUSED_WITHOUT_NAMESPACES.values():
        yield from _refuse(numbers[machine.column], errno.EPERM)
    for version, table in REFUSED_BEFORE.items():
        if landlock_version < version:
            for numbers in table.values():
                yield from _refuse(numbers[machine.column], errno.EPERM)
    for numbers in OF_PROCESSES:
        yield from _when(numbers, machine, [_argument(0), _op(JUMP_EQUAL, 0, if_false=1), permit, refuse])
    only_own_priority = [
        _argument(0),
        _op(JUMP_EQUAL, 0, if_false=3),
        _argument(1),
        _op(JUMP_EQUAL, 0, if_false=1),
        permit,
        refuse,
    ]
    yield from _when(SETPRIORITY, machine, only_own_priority)
    # The service counts what a session's processes have open, and a process that is not dumpable would hide it.
    yield from _when(PRCTL, machine, [_argument(0), _op(JUMP_EQUAL, PR_SET_DUMPABLE, if_false=1), refuse, permit])
    # The owner of a pipe or socket is sent SIGIO, which ends a process that does not expect it.
    for numbers, requests in ((FCNTL, (F_SETOWN, F_SETOWN_EX)), (IOCTL, (FIOSETOWN, SIOCSPGRP))):
        first, second = requests
        rule = [
            _argument(1),
            _op(JUMP_EQUAL, first, if_true=1),
            _op(JUMP_EQUAL, second, if_false=1),
            refuse,
            _op(LOAD, NUMBER_AT),  # for the rules that follow
        ]
        yield from _when(numbers, machine, rule)


def _argument_rules(machine: Machine) -> Iterator[bytes]:
    """Refuse some calls by their arguments; each rule ends in a return, for the number is then overwritten."""
    permit, refuse = _op(RETURN, ALLOW), _op(RETURN, REFUSE | errno.EPERM)
    no_new_namespace = [_argument(0), _op(JUMP_ANY_BIT, NEW_NAMESPACE_FLAGS, if_false=1), refuse, permit]
    yield from _when(CLONE, machine, no_new_namespace)
    no_limits_of_others = [_argument(0), _op(JUMP_EQUAL, 0, if_false=1), permit, refuse]  # pid 0 is the caller itself
    yield from _when(PRLIMIT64, machine, no_limits_of_others)
    stream_sockets_only = [  # a datagram socket could still send to a named one
        _argument(0),
        _op(JUMP_EQUAL, AF_UNIX, if_false=4),
        _argument(1),
        _op(AND, SOCK_TYPE_MASK),
        _op(JUMP_EQUAL, SOCK_STREAM, if_false=1),
        permit,
        refuse,
    ]
    yield from _when(SOCKETPAIR, machine, stream_sockets_only)
    no_typing_into_terminals = [
        _argument(1),
        _op(JUMP_EQUAL, TIOCSTI, if_true=3),
        _op(JUMP_EQUAL, TIOCLINUX, if_true=2),
        _op(JUMP_EQUAL, TIOCSETD, if_true=1),
        permit,
        refuse,
    ]
    yield from _when(IOCTL, machine, no_typing_into_terminals)
    plain_personality = [
        _argument(0),
        _op(JUMP_EQUAL, PERSONALITY_DEFAULT, if_true=1),
        _op(JUMP_EQUAL, PERSONALITY_QUERY, if_false=1),
        permit,
        refuse,
    ]
    yield from _when(PERSONALITY, machine, plain_personality)
    # S1: once unmapped, pages of shared anonymous memory belong to no process, yet they stay: no limit counts them.
    # Huge pages are missing in the resident size, and RLIMIT_DATA leaves those out that can only be read.
    no_uncounted_memory = [
        _argument(3),
        _op(JUMP_ANY_BIT, MAP_HUGETLB, if_true=2),
        _op(AND, MAP_SHARED_ANONYMOUS),
        _op(JUMP_EQUAL, MAP_SHARED_ANONYMOUS, if_false=1),
        refuse,
        permit,
    ]
    yield from _when(MMAP, machine, no_uncounted_memory)
    # S2: only the service may let a session go on that it has stopped. F_SETSIG would make I/O send SIGCONT.
    for numbers, index in SIGNAL_SENDERS:
        no_waking = [_argument(index), _op(JUMP_EQUAL, SIGCONT, if_false=1), refuse, permit]
        yield from _when(numbers, machine, no_waking)
    yield from _when(FCNTL, machine, [_argument(1), _op(JUMP_EQUAL, F_SETSIG, if_false=1), refuse, permit])
    # Out-of-band data on unix sockets was a way out of past kernels; nothing uses it.
    for numbers, index in SOCKET_MESSAGES:
        no_out_of_band_data = [_argument(index), _op(JUMP_ANY_BIT, MSG_OOB, if_false=1), refuse, permit]
        yield from _when(numbers, machine, no_out_of_band_data)


def _op(code: int, value: int, *, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)


def _argument(index: int) -> bytes:
    return _op(LOAD, ARGUMENTS_AT + 8 * index)  # its low half: both machines are little-endian


def _return_if(jump: int, value: int, result: int) -> list[bytes]:
    return [_op(jump, value, if_false=1), _op(RETURN, result)]


def _refuse(number: int | None, error: int) -> list[bytes]:
    return [] if number is None else _return_if(JUMP_EQUAL, number, REFUSE | error)


def _when(numbers: Numbers, machine: Machine, rule: list[bytes]) -> list[bytes]:
    number = numbers[machine.column]
    return [] if number is None else [_op(JUMP_EQUAL, number, if_false=len(rule)), *rule]
