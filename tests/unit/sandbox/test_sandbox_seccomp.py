"""The filter, run by a small interpreter of classic BPF for both machines, whichever the tests run on."""

from __future__ import annotations

import errno
import re
import struct
from pathlib import Path

import pytest

from adapters.sandbox import seccomp
from adapters.sandbox.code_result import SandboxError
from adapters.sandbox.seccomp import ALLOW, KILL, MACHINES, REFUSE, build_filter

X86, ARM = "x86_64", "aarch64"
READ = {X86: 0, ARM: 63}
EPERM, ENOSYS, ENOTSUP = (REFUSE | number for number in (errno.EPERM, errno.ENOSYS, errno.ENOTSUP))


def judge(machine: str, number: int, *arguments: int, arch: int | None = None, landlock: int | None = None) -> int:
    """Run the filter as the kernel does (net/core/filter.c), on a little-endian seccomp_data."""
    padded = (*arguments, 0, 0, 0, 0, 0, 0)[:6]
    data = struct.pack("<iIQ6Q", number, MACHINES[machine].audit_arch if arch is None else arch, 0, *padded)
    program = list(struct.iter_unpack("=HBBI", build_filter(machine, landlock_version=landlock)))
    at = accumulator = 0
    while True:
        code, if_true, if_false, value = program[at]
        at += 1
        match code:
            case 0x20:
                (accumulator,) = struct.unpack_from("<I", data, value)
            case 0x54:
                accumulator &= value
            case 0x06:
                return int(value)
            case 0x15 | 0x25 | 0x45:
                holds = {0x15: accumulator == value, 0x25: accumulator > value, 0x45: accumulator & value}[code]
                at += if_true if holds else if_false
            case _:
                raise AssertionError(code)


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("name", seccomp.REFUSED)
def test_every_refused_call_is_refused(machine: str, name: str) -> None:
    number = seccomp.REFUSED[name][MACHINES[machine].column]
    if number is not None:
        assert judge(machine, number) == EPERM


@pytest.mark.parametrize("machine", MACHINES)
def test_everything_else_known_is_allowed(machine: str) -> None:
    column = MACHINES[machine].column
    ruled = {
        numbers[column]
        for table in (seccomp.REFUSED, seccomp.NOT_SUPPORTED, seccomp.ABSENT)
        for numbers in table.values()
    } | {numbers[column] for numbers in (seccomp.SOCKETPAIR, seccomp.PRLIMIT64)}
    for number in range(seccomp.NEWEST_KNOWN + 1):
        if number not in ruled:
            assert judge(machine, number) == ALLOW, number


@pytest.mark.parametrize("machine", MACHINES)
def test_calls_of_the_future_are_answered_as_absent(machine: str) -> None:
    assert judge(machine, seccomp.NEWEST_KNOWN + 1) == ENOSYS
    assert judge(machine, 435) == ENOSYS  # clone3
    assert judge(machine, seccomp.NOT_SUPPORTED["setxattr"][MACHINES[machine].column] or 0) == ENOTSUP


def test_other_tables_of_calls_kill() -> None:
    i386, arm32 = 0x40000003, 0x40000028
    assert judge(X86, READ[X86], arch=i386) == KILL
    assert judge(ARM, READ[ARM], arch=arm32) == KILL
    assert judge(X86, 0x40000000 | READ[X86]) == KILL
    assert judge(X86, -1) == KILL


@pytest.mark.parametrize("machine", MACHINES)
def test_some_calls_are_judged_by_their_arguments(machine: str) -> None:
    def number(numbers: seccomp.Numbers) -> int:
        return numbers[MACHINES[machine].column] or 0

    fork, thread, user_namespace = 0x11, 0x3D0F00, 0x10000000
    assert judge(machine, number(seccomp.CLONE), fork) == ALLOW
    assert judge(machine, number(seccomp.CLONE), thread) == ALLOW
    for flag in (user_namespace, 0x20000, 0x2000000, 0x4000000, 0x8000000, 0x20000000, 0x40000000, 0x80):
        assert judge(machine, number(seccomp.CLONE), flag | fork) == EPERM
    assert judge(machine, number(seccomp.PRLIMIT64), 0) == ALLOW
    assert judge(machine, number(seccomp.PRLIMIT64), 1) == EPERM
    stream, datagram, close_on_exec = 1, 2, 0o2000000
    assert judge(machine, number(seccomp.SOCKETPAIR), 1, stream | close_on_exec) == ALLOW
    assert judge(machine, number(seccomp.SOCKETPAIR), 1, datagram) == EPERM
    assert judge(machine, number(seccomp.SOCKETPAIR), 2, stream) == EPERM
    assert judge(machine, number(seccomp.IOCTL), 0, 0x5401) == ALLOW
    for request in (0x5412, 0x541C, 0x5423):
        assert judge(machine, number(seccomp.IOCTL), 0, request) == EPERM
    assert judge(machine, number(seccomp.FCNTL), 0, 10) == EPERM
    assert judge(machine, number(seccomp.FCNTL), 0, 3) == ALLOW
    assert judge(machine, number(seccomp.IOCTL), 0, 1 << 32 | 0x5412) == EPERM  # the kernel looks at 32 bits too
    assert judge(machine, number(seccomp.PERSONALITY), 0xFFFFFFFF) == ALLOW
    assert judge(machine, number(seccomp.PERSONALITY), 0x0040000) == EPERM


@pytest.mark.parametrize("machine", MACHINES)
def test_shared_memory_without_a_file_is_refused_and_other_maps_are_not(machine: str) -> None:  # S1
    mmap = seccomp.MMAP[MACHINES[machine].column] or 0
    private, shared, shared_validate, anonymous = 2, 1, 3, 0x20
    assert judge(machine, mmap, 0, 4096, 3, shared | anonymous) == EPERM
    assert judge(machine, mmap, 0, 4096, 3, shared_validate | anonymous) == EPERM
    assert judge(machine, mmap, 0, 4096, 3, private | anonymous) == ALLOW
    assert judge(machine, mmap, 0, 4096, 1, private | anonymous | 0x40000) == EPERM  # huge pages
    assert judge(machine, mmap, 0, 4096, 3, shared) == ALLOW


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("call", seccomp.SIGNAL_SENDERS)
def test_no_process_may_wake_another(machine: str, call: tuple[seccomp.Numbers, int]) -> None:  # S2
    numbers, index = call
    number = numbers[MACHINES[machine].column] or 0
    for sent, verdict in ((18, EPERM), (15, ALLOW), (9, ALLOW), (0, ALLOW)):
        assert judge(machine, number, *[1] * index, sent) == verdict


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("call", seccomp.SOCKET_MESSAGES)
def test_out_of_band_data_is_refused(machine: str, call: tuple[seccomp.Numbers, int]) -> None:
    numbers, index = call
    number = numbers[MACHINES[machine].column] or 0
    assert judge(machine, number, *[0] * index, 0x4001) == EPERM
    assert judge(machine, number, *[1] * index, 0x4000) == ALLOW


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("name", seccomp.PRETENDED)
def test_without_namespaces_changes_of_modes_and_times_are_pretended(machine: str, name: str) -> None:
    number = seccomp.PRETENDED[name][MACHINES[machine].column]
    if number is not None:
        assert judge(machine, number, landlock=7) == REFUSE  # with error 0, which is success
        assert judge(machine, number) == ALLOW


@pytest.mark.parametrize("machine", MACHINES)
def test_without_namespaces_other_processes_are_out_of_reach(machine: str) -> None:  # trap 18
    def verdict(numbers: seccomp.Numbers, *arguments: int, version: int = 7) -> int:
        return judge(machine, numbers[MACHINES[machine].column] or 0, *arguments, landlock=version)

    for numbers in seccomp.REFUSED_WITHOUT_NAMESPACES.values():
        assert verdict(numbers) == EPERM
    for numbers in seccomp.OF_PROCESSES:
        assert (verdict(numbers, 0), verdict(numbers, 4711)) == (ALLOW, EPERM)
    assert [verdict(seccomp.SETPRIORITY, 0, pid) for pid in (0, 4711)] == [ALLOW, EPERM]
    assert verdict(seccomp.SETPRIORITY, 1, 0) == EPERM  # of a whole group
    dumpable, name = 4, 15
    assert [verdict(seccomp.PRCTL, option) for option in (dumpable, name)] == [EPERM, ALLOW]
    for request in (8, 15):  # F_SETOWN and F_SETOWN_EX
        assert verdict(seccomp.FCNTL, 3, request) == EPERM
    assert [verdict(seccomp.FCNTL, 3, request) for request in (3, 10)] == [ALLOW, EPERM]
    assert [verdict(seccomp.IOCTL, 3, request) for request in (0x8901, 0x5412, 0x5401)] == [EPERM, EPERM, ALLOW]


@pytest.mark.parametrize("machine", MACHINES)
def test_what_an_old_landlock_does_not_cover_is_refused(machine: str) -> None:
    for since, table in seccomp.REFUSED_BEFORE.items():
        for numbers in table.values():
            number = numbers[MACHINES[machine].column] or 0
            assert judge(machine, number, landlock=since - 1) == EPERM
            assert judge(machine, number, landlock=since) == ALLOW


def test_an_unknown_machine_has_no_filter() -> None:
    with pytest.raises(SandboxError, match="riscv64"):
        build_filter("riscv64")


HEADERS = {
    0: Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    1: Path("/usr/include/asm-generic/unistd.h"),
}


@pytest.mark.parametrize("column", HEADERS)
def test_the_numbers_are_those_of_the_kernel_s_headers(column: int) -> None:
    if not HEADERS[column].exists():
        pytest.skip("the kernel's headers are not installed; runs where linux-libc-dev is")
    found = re.findall(r"#define __NR(?:3264)?_(\w+) (\d+)", HEADERS[column].read_text())
    official = {name: int(number) for name, number in found}
    ours = seccomp.REFUSED | seccomp.NOT_SUPPORTED | seccomp.ABSENT | seccomp.PRETENDED
    ours |= seccomp.REFUSED_WITHOUT_NAMESPACES
    for table in seccomp.REFUSED_BEFORE.values():
        ours |= table
    named = {name: numbers[column] for name, numbers in ours.items() if name in official}
    assert named == {name: official[name] for name in named}
    assert len(named) > 80
