"""The system call filter, as the classic BPF program that seccomp loads.

Everything is allowed that `syscalls.py` does not refuse: a list of what scientific Python needs would break with
every release of it. The isolation of files, processes and network does not depend on this filter; it makes the kernel
behind them smaller. Layout of seccomp_data and return values: seccomp(2).
"""

from __future__ import annotations

import errno
import platform
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from adapters.sandbox import syscalls
from adapters.sandbox.code_result import SandboxError

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
    yield from _return_if(JUMP_GREATER, syscalls.NEWEST_KNOWN, REFUSE | errno.ENOSYS)
    for table, error in (
        (syscalls.REFUSED, errno.EPERM),
        (syscalls.NOT_SUPPORTED, errno.ENOTSUP),
        (syscalls.ABSENT, errno.ENOSYS),
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
    for numbers in syscalls.PRETENDED.values():
        yield from _refuse(numbers[machine.column], 0)
    for numbers in syscalls.REFUSED_WITHOUT_NAMESPACES.values():
        yield from _refuse(numbers[machine.column], errno.EPERM)
    for version, table in syscalls.REFUSED_BEFORE.items():
        if landlock_version < version:
            for numbers in table.values():
                yield from _refuse(numbers[machine.column], errno.EPERM)
    for numbers in syscalls.OF_PROCESSES:
        yield from _when(numbers, machine, [_argument(0), _op(JUMP_EQUAL, 0, if_false=1), permit, refuse])
    only_own_priority = [
        _argument(0),
        _op(JUMP_EQUAL, 0, if_false=3),
        _argument(1),
        _op(JUMP_EQUAL, 0, if_false=1),
        permit,
        refuse,
    ]
    yield from _when(syscalls.SETPRIORITY, machine, only_own_priority)
    # The service counts what a session's processes have open, and a process that is not dumpable would hide it.
    yield from _when(
        syscalls.PRCTL, machine, [_argument(0), _op(JUMP_EQUAL, PR_SET_DUMPABLE, if_false=1), refuse, permit]
    )
    # The owner of a pipe or socket is sent SIGIO, which ends a process that does not expect it.
    for numbers, requests in ((syscalls.FCNTL, (F_SETOWN, F_SETOWN_EX)), (syscalls.IOCTL, (FIOSETOWN, SIOCSPGRP))):
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
    yield from _when(syscalls.CLONE, machine, no_new_namespace)
    no_limits_of_others = [_argument(0), _op(JUMP_EQUAL, 0, if_false=1), permit, refuse]  # pid 0 is the caller itself
    yield from _when(syscalls.PRLIMIT64, machine, no_limits_of_others)
    stream_sockets_only = [  # a datagram socket could still send to a named one
        _argument(0),
        _op(JUMP_EQUAL, AF_UNIX, if_false=4),
        _argument(1),
        _op(AND, SOCK_TYPE_MASK),
        _op(JUMP_EQUAL, SOCK_STREAM, if_false=1),
        permit,
        refuse,
    ]
    yield from _when(syscalls.SOCKETPAIR, machine, stream_sockets_only)
    no_typing_into_terminals = [
        _argument(1),
        _op(JUMP_EQUAL, TIOCSTI, if_true=3),
        _op(JUMP_EQUAL, TIOCLINUX, if_true=2),
        _op(JUMP_EQUAL, TIOCSETD, if_true=1),
        permit,
        refuse,
    ]
    yield from _when(syscalls.IOCTL, machine, no_typing_into_terminals)
    plain_personality = [
        _argument(0),
        _op(JUMP_EQUAL, PERSONALITY_DEFAULT, if_true=1),
        _op(JUMP_EQUAL, PERSONALITY_QUERY, if_false=1),
        permit,
        refuse,
    ]
    yield from _when(syscalls.PERSONALITY, machine, plain_personality)
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
    yield from _when(syscalls.MMAP, machine, no_uncounted_memory)
    # S2: only the service may let a session go on that it has stopped. F_SETSIG would make I/O send SIGCONT.
    for numbers, index in syscalls.SIGNAL_SENDERS:
        no_waking = [_argument(index), _op(JUMP_EQUAL, SIGCONT, if_false=1), refuse, permit]
        yield from _when(numbers, machine, no_waking)
    yield from _when(syscalls.FCNTL, machine, [_argument(1), _op(JUMP_EQUAL, F_SETSIG, if_false=1), refuse, permit])
    # Out-of-band data on unix sockets was a way out of past kernels; nothing uses it.
    for numbers, index in syscalls.SOCKET_MESSAGES:
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


def _when(numbers: syscalls.Numbers, machine: Machine, rule: list[bytes]) -> list[bytes]:
    number = numbers[machine.column]
    return [] if number is None else [_op(JUMP_EQUAL, number, if_false=len(rule)), *rule]
