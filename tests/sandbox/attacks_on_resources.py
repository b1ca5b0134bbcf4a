"""Attempts to take more than is given, and ways to die."""

from __future__ import annotations

from tests.sandbox.attempt import Killed, Stopped

EXHAUSTION: dict[str, Stopped | Killed] = {
    "fork bomb": Stopped(
        code="""
children = 0
try:
    while children < 1000:
        pid = os.fork()
        if pid == 0:
            time.sleep(30)
            os._exit(0)
        children += 1
except OSError:
    pass
if children > 64:
    leaked(children)
for _ in range(3):
    try:
        os.kill(-1, signal.SIGKILL)
    except OSError:
        pass
try:
    while True:
        os.waitpid(-1, 0)
except ChildProcessError:
    pass
"""
    ),
    "thread bomb": Stopped(
        code="""
stop = threading.Event()
threads = []
try:
    while len(threads) < 1000:
        thread = threading.Thread(target=stop.wait, daemon=True)
        thread.start()
        threads.append(thread)
except RuntimeError:
    pass
if len(threads) > 64:
    leaked(len(threads))
stop.set()
for thread in threads:
    thread.join()
"""
    ),
    "8 GB of memory in one process": Stopped(
        code="""
attempt(lambda: len(bytearray(8 * 1024 * MB)))
hoard = []
def grow():
    while True:
        hoard.append(bytearray(32 * MB))
attempt(grow)
if len(hoard) * 32 > 400:
    leaked(len(hoard))
hoard.clear()
"""
    ),
    "memory in 12 children": Killed(
        code="""
for _ in range(12):
    if os.fork() == 0:
        data = bytearray(80 * MB)
        for at in range(0, len(data), 4096):
            data[at] = 1
        time.sleep(30)
        os._exit(0)
time.sleep(10)
""",
        because="more than 400 MB of memory",
    ),
    "memory in shared pages": Stopped(
        code="""
import mmap
attempt(mmap.mmap, -1, 4096 * MB)
"""
    ),
    "S1: memory in shared pages that nobody has mapped": Stopped(
        code="""
import mmap
hoard = []
def hide():
    pages = mmap.mmap(-1, 64 * MB)
    for at in range(0, len(pages), 4096):
        pages[at] = 1
    pages.madvise(mmap.MADV_DONTNEED)
    hoard.append(pages)
for _ in range(8):
    attempt(hide)
attempt(os.open, "/dev/zero", os.O_RDWR)
attempt(os.open, "/dev/ptmx", os.O_RDWR)
attempt(syscall, 216, 0, 4096, 0, 0, 0)
"""
    ),
    "S2: processes that wake one another": Stopped(
        code="""
attempt(os.kill, -1, signal.SIGCONT)
attempt(os.kill, os.getpid(), signal.SIGCONT)
attempt(syscall, 200, os.getpid(), 18)
attempt(syscall, 234, os.getpid(), os.getpid(), 18)
attempt(lambda: signal.pidfd_send_signal(os.pidfd_open(os.getpid()), signal.SIGCONT))
"""
    ),
    "S3: memory behind a first thread that has ended": Killed(
        code="""
for _ in range(3):
    if os.fork() == 0:
        def hoard():
            time.sleep(0.1)
            pages = b"x" * (200 * MB)
            time.sleep(30)
        threading.Thread(target=hoard).start()
        libc.syscall(60, 0)
time.sleep(10)
""",
        because="more than 400 MB of memory",
    ),
    "S9: memory in socket buffers that were made large": Stopped(
        code="""
one, two = socket.socketpair()
attempt(one.setsockopt, socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * MB)
attempt(one.send, b"x", socket.MSG_OOB)
"""
    ),
    "memory in page tables": Killed(
        code="""
import mmap
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
size = 1 << 40
address = libc.mmap(None, size, 1, 0x4022, -1, 0)
total = 0
for at in range(0, size, 2 * MB):
    total += ctypes.c_char.from_address(address + at).value[0]
leaked("page tables")
""",
        because="more than 400 MB of memory",
    ),
    "memory in Landlock's rules": Stopped(
        code="""
import struct
ports = struct.pack("=QQ", 0, 3)
attempt(syscall, 444, ports, len(ports), 0)
attempt(syscall, 445, 3, 2, ports, 0)
"""
    ),
    "memory in huge pages that are only read": Stopped(
        code="""
import mmap
attempt(mmap.mmap, -1, 64 * MB, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x40000, mmap.PROT_READ)
"""
    ),
    "memory in a map that grows like a stack": Killed(
        code="""
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
size = 500 * MB
ctypes.memset(libc.mmap(None, size, 3, 0x122, -1, 0), 1, size)
time.sleep(10)
""",
        because="more than 400 MB of memory",
    ),
    "memory in copies of a file's pages": Killed(
        code="""
import mmap
with open("/mnt/data/file", "wb") as file:
    file.write(bytes(40 * MB))
for _ in range(14):
    if os.fork() == 0:
        with open("/mnt/data/file", "rb") as file:
            copy = mmap.mmap(file.fileno(), 0, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_WRITE)
        for at in range(0, len(copy), 4096):
            copy[at] = 1
        time.sleep(30)
time.sleep(10)
""",
        because="more than 400 MB of memory",
    ),
    "memory in memfd": Stopped(code="attempt(os.memfd_create, 'hidden')"),
    "memory in System V and POSIX queues": Stopped(
        code="""
attempt(syscall, 29, 0, 512 * MB, 0o1600)
attempt(syscall, 68, 0, 0o1600)
attempt(syscall, 64, 0, 250, 0o1600)
attempt(syscall, 240, b"/queue", os.O_CREAT | os.O_RDWR, 0o600, None)
"""
    ),
    "memory in file systems": Stopped(
        code="""
total = 0
for folder in ("/tmp", "/dev/shm", "/mnt/data", "/dev", "/", "/mnt"):
    for number in range(2):
        try:
            with open(f"{folder}/big-{number}", "wb") as file:
                while True:
                    total += file.write(bytes(MB))
        except OSError:
            pass
if total > 100 * MB:
    leaked(total)
hold()
for folder in ("/tmp", "/dev/shm", "/mnt/data"):
    for number in range(2):
        os.unlink(f"{folder}/big-{number}")
"""
    ),
    "memory in extended attributes": Stopped(
        code="""
write("/mnt/data/file")
attempt(os.setxattr, "/mnt/data/file", "user.x", b"x" * 60000)
"""
    ),
    "memory in socket buffers": Killed(
        code="""
kept = []
def hoard():
    while True:
        one, two = socket.socketpair()
        kept.append((one, two))
for _ in range(8):
    if os.fork() == 0:
        try:
            hoard()
        except OSError:
            time.sleep(10)
time.sleep(10)
""",
        because="more than 256 sockets",
    ),
    "fills the disk": Stopped(
        code="""
def fill(path):
    with open(path, "wb") as file:
        while True:
            file.write(bytes(MB))
paths = [f"/mnt/data/full-{number}" for number in range(4)]
for path in paths:
    attempt(fill, path)
if sum(map(os.path.getsize, paths)) > 64 * MB:
    leaked(sum(map(os.path.getsize, paths)))
hold()
for path in paths:
    os.unlink(path)
"""
    ),
    "makes 200 000 files": Killed(
        code="""
for number in range(200_000):
    open(f"/mnt/data/{number}", "w").close()
""",
        because="more than 2000 files",
    ),
    "infinite loop": Stopped(code="while True: pass", deadline_s=1.0, times_out=True),
    "loop that swallows the interrupt": Killed(
        code="""
while True:
    try:
        time.sleep(1000)
    except BaseException: pass
""",
        because="ran longer than 1 s",
        deadline_s=1.0,
    ),
    "loop that ignores the interrupt": Killed(
        code="""
signal.signal(signal.SIGINT, signal.SIG_IGN)
while True: pass
""",
        because="ran longer than 1 s",
        deadline_s=1.0,
    ),
    "long loop in C": Stopped(code="10 ** 10 ** 9", deadline_s=1.0, times_out=True),
    "sleeps forever": Stopped(code="time.sleep(10 ** 6)", deadline_s=0.5, times_out=True),
    "asks for input": Stopped(
        code="""
try:
    input(); leaked("input")
except EOFError:
    pass
"""
    ),
    "endless output": Killed(
        code="""
while True: print("flood " * 1000)
""",
        because="printed more than 16 MB",
    ),
    "300 MB on one line": Killed(
        code="""
for _ in range(300): sys.stdout.write("x" * MB)
""",
        because="printed more than 16 MB",
    ),
}

CRASHES: dict[str, Stopped | Killed] = {
    "segfault": Killed(code="ctypes.string_at(0)", because="Segmentation fault"),
    "os._exit": Killed(code="os._exit(3)", because="exit code 3"),
    "kills itself": Killed(code="os.kill(os.getpid(), signal.SIGKILL)", because="killed"),
    "aborts": Killed(code="os.abort()", because="Aborted"),
    "recurses forever": Stopped(
        code="""
def deeper(): return deeper()
attempt(deeper)
"""
    ),
    "closes every descriptor": Killed(code="os.closerange(0, 256)\ntime.sleep(5)", because="interfered"),
}
