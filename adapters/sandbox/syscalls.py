"""Which system calls are refused inside the sandbox, by their numbers on x86-64 and on aarch64.

Numbers are those of the kernel's own tables (asm/unistd_64.h and asm-generic/unistd.h); None where a call does not
exist there. Two kinds are refused: those that reach outside or far into the kernel, and those with which
memory can be hidden from the limits (memfd, System V memory, extended attributes).
"""

from __future__ import annotations

from typing import Final

Numbers = tuple[int | None, int | None]

REFUSED: Final[dict[str, Numbers]] = {
    # Sockets of every family. A socketpair is allowed (see seccomp.py): event loops need one.
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
