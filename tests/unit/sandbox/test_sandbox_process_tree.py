"""What counts as running between two commands, and which memory counts."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from adapters.sandbox.process_tree import (
    ALLOWED_TICKS,
    available_bytes,
    proportional_bytes,
    ran_since,
    resident_bytes,
)

MB = 1024 * 1024

FROZEN = {10: 40, 11: 0}


def test_a_tree_that_used_no_time_did_not_run() -> None:
    assert not ran_since(FROZEN, dict(FROZEN))


def test_time_that_the_kernel_charges_after_the_freeze_is_no_run() -> None:
    assert not ran_since(FROZEN, {10: 40 + ALLOWED_TICKS, 11: 1})


def test_a_dead_process_that_is_cleared_away_is_no_run() -> None:
    assert not ran_since(FROZEN, {10: 40})


def test_more_time_than_the_kernel_may_charge_late_is_a_run() -> None:
    assert ran_since(FROZEN, {10: 41 + ALLOWED_TICKS, 11: 0})


def test_a_new_process_is_a_run() -> None:
    assert ran_since(FROZEN, FROZEN | {12: 0})


def test_a_process_that_is_not_stopped_is_a_run() -> None:
    assert ran_since(FROZEN, None)


@contextmanager
def _process(code: str) -> Iterator[int]:
    """Run code that prints a line once it holds what it is to hold."""
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-c", f"{code}\nprint(1, flush=True)\ninput()"], stdin=pipe, stdout=pipe
    ) as one:
        assert one.stdout is not None
        assert one.stdout.readline() == b"1\n"
        yield one.pid
        one.kill()


def test_page_tables_count_where_there_are_no_pages() -> None:
    sparse = "import mmap\nm = mmap.mmap(-1, 16 << 30, flags=mmap.MAP_PRIVATE | 0x4000, prot=mmap.PROT_READ)\n"
    with _process("pass") as plain, _process(f"{sparse}for at in range(0, 16 << 30, 2 << 20): m[at]") as hiding:
        for count in (resident_bytes, proportional_bytes):
            assert count(hiding) - count(plain) > 24 * MB


SHARING = """
import os, time
parent = os.getpid()
hoard = b'x' * (64 << 20)
if os.fork() == 0:
    while os.getppid() == parent: time.sleep(0.05)
    os._exit(0)
"""


def test_pages_that_several_share_are_divided_among_them() -> None:
    with _process(SHARING) as pid:
        assert resident_bytes(pid) > 64 * MB
        assert 32 * MB < proportional_bytes(pid) < 56 * MB


def test_a_process_that_is_gone_holds_nothing() -> None:
    with _process("pass") as pid:
        pass
    assert (resident_bytes(pid), proportional_bytes(pid)) == (0, 0)


def test_the_machines_free_memory_is_known(tmp_path: Path) -> None:
    assert available_bytes(tmp_path) > 10 * MB
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text("0\n")
    (tmp_path / "memory.stat").write_text("anon 0\ninactive_file 0\n")
    assert available_bytes(tmp_path) > 10 * MB


def test_in_a_container_its_own_limit_counts_and_pages_of_files_do_not(tmp_path: Path) -> None:
    for folder, limit, used in (
        (tmp_path / "2", "memory.max", "memory.current"),
        (tmp_path / "1" / "memory", "memory.limit_in_bytes", "memory.usage_in_bytes"),
    ):
        folder.mkdir(parents=True)
        (folder / limit).write_text(f"{9 * MB}\n")
        (folder / used).write_text(f"{8 * MB}\n")
        (folder / "memory.stat").write_text(f"cache 1\ninactive_file {2 * MB}\n")
    assert available_bytes(tmp_path / "2") == available_bytes(tmp_path / "1") == 3 * MB
