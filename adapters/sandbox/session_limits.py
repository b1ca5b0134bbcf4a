"""How much one session may use."""

from __future__ import annotations

from dataclasses import dataclass

MB = 1024 * 1024
GB = 1024 * MB


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits of one session, and of one run where the name says so."""

    run_s: float = 60.0  # wall time of one run, unless the caller gives another deadline
    interrupt_grace_s: float = 2.0  # between the interrupt at the deadline and the kill
    start_s: float = 20.0  # from the start of the process to its first word

    memory_bytes: int = 1 * GB  # of each process (RLIMIT_DATA), and of the whole session (polled)
    reserve_bytes: int = 256 * MB  # of the machine's memory that is kept for others
    processes: int = 64  # processes and threads together
    open_files: int = 256  # of each process
    sockets: int = 256  # socketpairs; every other socket is refused

    data_bytes: int = 256 * MB  # size of /mnt/data
    scratch_bytes: int = 64 * MB  # size of /tmp, and of /dev/shm
    file_count: int = 5_000  # in each of the three

    code_bytes: int = 1 * MB  # of one piece of code
    put_bytes: int = 128 * MB  # of one file handed in
    log_bytes: int = 1 * MB  # output kept of one run: its beginning and its end
    output_bytes: int = 64 * MB  # output of one run after which the session is killed
    image_count: int = 20  # figures of one run
    image_total_bytes: int = 40 * MB
    points_bytes: int = 1 * MB  # of what is drawn in one picture, as csv; without it beyond that
    result_file_count: int = 20  # new or changed files of one run that are handed out
    result_file_total_bytes: int = 64 * MB


def in_words(size_bytes: int) -> str:
    """Return a size as a person would say it: "64 MB", "1 GB"."""
    return f"{size_bytes / GB:g} GB" if size_bytes >= GB else f"{size_bytes / MB:g} MB"
