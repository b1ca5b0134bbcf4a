"""What hostile code tries, each attempt by its name.

The code of an attempt runs inside with `target` at hand, which says what there is to steal or to break. Whatever it
manages to do it tells with `leaked(...)`; `attempt(...)` calls and shrugs at the errors that a wall gives.
"""

from __future__ import annotations

from dataclasses import dataclass

PREAMBLE = """
import ctypes, json, os, signal, socket, stat, subprocess, sys, threading, time
libc = ctypes.CDLL(None, use_errno=True)
target = json.loads(TARGET)
def leaked(what):
    print("LEAKED", what)
def attempt(call, *args):
    try:
        result = call(*args)
    except (OSError, MemoryError, subprocess.SubprocessError, RuntimeError) as error:
        return error
    leaked(f"{call.__name__} {args} {result}"[:300])
def syscall(number, *args):
    if libc.syscall(number, *args) < 0:
        raise OSError(ctypes.get_errno(), "refused")
    return number
def read(path):
    with open(path, "rb") as file:
        return file.read(200)
def write(path, text="x"):
    with open(path, "a") as file:
        return file.write(text)
MB = 1024 * 1024
"""
DONE = "\nprint('ATTEMPTED')\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """An attempt that fails while the session lives on."""

    code: str
    deadline_s: float = 15.0
    times_out: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Killed:
    """An attempt that costs the session its life; `because` is part of what the user is told."""

    code: str
    because: str
    deadline_s: float = 15.0


FILES: dict[str, Stopped | Killed] = {
    "reads /etc/shadow": Stopped(code="attempt(read, '/etc/shadow')"),
    "reads /etc/passwd": Stopped(code="attempt(read, '/etc/passwd')"),
    "lists the processes of the machine": Stopped(code="""
attempt(os.listdir, "/proc")
attempt(subprocess.check_output, ["ps", "ax"])
"""),
    "reads the environment of the service": Stopped(code="""
attempt(read, f"/proc/{target['pid']}/environ")
for pid in range(1, 20):
    attempt(read, f"/proc/{pid}/environ")
if target["secret"] in str(os.environ):
    leaked("own environment")
"""),
    "reads the service's .env": Stopped(code="attempt(read, target['folder'] + '/.env')"),
    "reads the service's SQLite": Stopped(code="""
import sqlite3
def steal():
    database = sqlite3.connect("file:" + target["folder"] + "/ledger.sqlite?mode=ro", uri=True)
    return database.execute("select * from secrets")
try:
    steal(); leaked("rows")
except sqlite3.OperationalError:
    pass
"""),
    "asks for the size of the service's .env": Stopped(code="attempt(os.stat, target['folder'] + '/.env')"),
    "lists the folder of the project": Stopped(code="""
for folder in (target["folder"], target["project"], "/home", "/var", "/run", "/srv", "/boot", "/sys"):
    if os.path.isdir(folder) and set(os.listdir(folder)) - {".sandbox"}:
        leaked(os.listdir(folder))
"""),
    "changes mode, times or attributes of the service's files": Stopped(code="""
path = target["folder"] + "/.env"
attempt(os.chmod, path, 0o666)
attempt(os.chown, path, 0, 0)
attempt(os.utime, path)
attempt(os.setxattr, path, "user.x", b"1")
"""),
    "watches the service's files by inotify": Stopped(code="""
attempt(syscall, 294, 0)
attempt(syscall, 254, 0, target["folder"].encode(), 0xfff)
"""),
    "reads another session's files": Stopped(code="""
for folder in ("/mnt/data", "/tmp", "/dev/shm"):
    for path, _, names in os.walk(folder):
        for name in names:
            if "neighbour" in name:
                leaked(path + "/" + name)
"""),
    "writes outside its own folders": Stopped(code="""
for folder in ("/", "/usr", "/usr/lib", "/usr/local/lib", "/etc", "/opt/sandbox", "/dev", "/bin", "/mnt"):
    attempt(write, folder + "/written")
attempt(write, sys.prefix + "/lib/written")
attempt(write, os.path.dirname(os.__file__) + "/os.py")
attempt(write, sys.modules["adapters.sandbox.guest.runner"].__file__ if "adapters.sandbox.guest.runner" in sys.modules
        else "/opt/sandbox/adapters/sandbox/guest/runner.py")
"""),
    "reaches the machine's /tmp": Stopped(code="""
write("/tmp/teamsbot-escaped-" + target["secret"])
if target["folder"].startswith("/tmp") and os.path.exists(target["folder"]):
    leaked("the machine's /tmp")
"""),
    "writes to core_pattern, sysrq and drop_caches": Stopped(code="""
for path in ("/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/proc/sys/vm/drop_caches"):
    attempt(write, path, "")
"""),
    "opens devices": Stopped(code="""
for path in ("/dev/mem", "/dev/kmsg", "/dev/vda", "/dev/sda", "/dev/fuse", "/dev/kvm", "/dev/net/tun"):
    attempt(read, path)
attempt(os.mknod, "/mnt/data/device", stat.S_IFBLK | 0o600, os.makedev(254, 0))
"""),
    "follows descriptors left open by the service": Stopped(code="""
for fd in range(3, 256):
    try:
        kind = stat.S_IFMT(os.fstat(fd).st_mode)
    except OSError:
        continue
    if kind not in (stat.S_IFIFO,):
        leaked((fd, oct(kind)))
"""),
}

NETWORK: dict[str, Stopped | Killed] = {
    "connects to a port of the service": Stopped(code="""
def tcp(): socket.create_connection(("127.0.0.1", target["tcp_port"]), timeout=2)
def udp(): socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", target["udp_port"]))
attempt(tcp)
attempt(udp)
"""),
    "connects to the outside": Stopped(code="""
attempt(lambda: socket.create_connection(("198.51.100.1", 80), timeout=2))
attempt(lambda: socket.getaddrinfo("example.com", 80))
attempt(lambda: subprocess.check_output(["bash", "-c", "echo > /dev/tcp/198.51.100.1/80"], stderr=subprocess.DEVNULL))
"""),
    "makes a socket of any family": Stopped(code="""
for family in range(46):
    for kind in (1, 2, 3, 5):
        attempt(lambda: socket.socket(family, kind).close())
"""),
    "connects to a unix socket: abstract, open to all, of the service": Stopped(code="""
attempt(lambda: socket.socket(socket.AF_UNIX).connect(target["folder"] + "/socket"))
attempt(lambda: socket.socket(socket.AF_UNIX).connect("\\0" + target["abstract"]))
attempt(lambda: socket.socket(socket.AF_UNIX).connect("/var/run/docker.sock"))
def datagram_pair():
    one, _ = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    one.sendto(b"x", "\\0" + target["abstract"])
attempt(datagram_pair)
def stream_pair():
    one, _ = socket.socketpair()
    one.connect("\\0" + target["abstract"])
attempt(stream_pair)
"""),
    "listens": Stopped(code="""
def listen():
    one, _ = socket.socketpair()
    one.bind("\\0mine")
attempt(listen)
"""),
}

PROCESSES: dict[str, Stopped | Killed] = {
    "signals the service": Stopped(code="""
if target["pid"] > 99:
    attempt(os.kill, target["pid"], 0)
    attempt(os.pidfd_open, target["pid"])
"""),
    "sets limits or priority of the service": Stopped(code="""
import resource
attempt(resource.prlimit, target["pid"], resource.RLIMIT_NOFILE, (10, 10))
if target["pid"] > 99:
    attempt(os.setpriority, os.PRIO_PROCESS, target["pid"], 19)
    attempt(os.sched_setaffinity, target["pid"], [0])
"""),
    "kills its parent and everything": Stopped(code="""
signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.kill(os.getppid(), signal.SIGKILL)
try:
    os.kill(-1, signal.SIGKILL)
except OSError:
    pass
"""),
    "traces or reads the memory of others": Stopped(code="""
attempt(syscall, 101, 16, os.getppid(), 0, 0)
attempt(syscall, 101, 0, 0, 0, 0)
attempt(syscall, 310, os.getppid(), 0, 0, 0, 0, 0)
attempt(syscall, 311, os.getppid(), 0, 0, 0, 0, 0)
attempt(read, f"/proc/{os.getppid()}/mem")
attempt(syscall, 438, 3, 0, 0)
"""),
    "makes namespaces, mounts, changes root": Stopped(code="""
for flag in (0x10000000, 0x00020000, 0x40000000, 0x20000000, 0x08000000, 0x04000000, 0x02000000, 0x80):
    attempt(syscall, 272, flag)
    attempt(syscall, 56, flag | signal.SIGCHLD, 0, 0, 0, 0)
attempt(syscall, 435, 0, 0)
attempt(syscall, 165, b"none", b"/tmp", b"tmpfs", 0, None)
attempt(syscall, 166, b"/mnt/data", 2)
attempt(syscall, 428, -100, b"/", 1)
attempt(os.chroot, "/mnt/data")
attempt(syscall, 155, b"/mnt/data", b"/mnt/data")
attempt(syscall, 308, 0, 0)
"""),
    "becomes root": Stopped(code="""
attempt(os.setuid, 0)
attempt(os.setresuid, 0, 0, 0)
attempt(os.setgroups, [0])
if subprocess.run(["su", "-c", "id"], capture_output=True, stdin=subprocess.DEVNULL).returncode == 0:
    leaked("su")
if libc.prctl(39, 0, 0, 0, 0) != 1:
    leaked("new privileges are possible")
class Header(ctypes.Structure): _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]
caps = (ctypes.c_uint32 * 6)()
libc.capget(ctypes.byref(Header(0x20080522, 0)), caps)
if any(caps):
    leaked(list(caps))
"""),
    "reaches deep into the kernel": Stopped(code="""
for number in (321, 298, 323, 425, 426, 427, 206, 248, 249, 250, 278, 275, 276, 303, 304, 300, 317, 246, 175, 313, 176,
               169, 167, 163, 103, 172, 173, 154, 164, 227, 170, 171, 279, 256):
    attempt(syscall, number, 0, 0, 0, 0, 0)
attempt(syscall, 135, 0x0040000)
"""),
    "calls through a foreign table of system calls": Killed(code="""
code = bytes.fromhex("b81a010000cd80c3")       # mov eax, 282; int 0x80; ret: the 32-bit table
import mmap
page = mmap.mmap(-1, 4096, prot=7)
page.write(code)
ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()
leaked("the 32-bit table")
""", because="crashed Python"),
    "types into a terminal": Stopped(code="""
import fcntl
attempt(os.open, "/dev/tty", os.O_RDWR)
leader, follower = os.openpty()
attempt(fcntl.ioctl, follower, 0x5412, b"x")
"""),
}

EXHAUSTION: dict[str, Stopped | Killed] = {
    "fork bomb": Stopped(code="""
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
"""),
    "thread bomb": Stopped(code="""
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
"""),
    "8 GB of memory in one process": Stopped(code="""
attempt(lambda: len(bytearray(8 * 1024 * MB)))
hoard = []
def grow():
    while True:
        hoard.append(bytearray(32 * MB))
attempt(grow)
if len(hoard) * 32 > 400:
    leaked(len(hoard))
hoard.clear()
"""),
    "memory in 12 children": Killed(code="""
for _ in range(12):
    if os.fork() == 0:
        data = bytearray(80 * MB)
        for at in range(0, len(data), 4096):
            data[at] = 1
        time.sleep(30)
        os._exit(0)
time.sleep(10)
""", because="more than 400 MB of memory"),
    "memory in shared pages": Killed(code="""
import mmap
pages = mmap.mmap(-1, 4096 * MB)
for at in range(0, len(pages), 4096):
    pages[at] = 1
""", because="more than 400 MB of memory"),
    "memory in page tables": Killed(code="""
import mmap
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
size = 1 << 40
address = libc.mmap(None, size, 1, 0x4022, -1, 0)
total = 0
for at in range(0, size, 2 * MB):
    total += ctypes.c_char.from_address(address + at).value[0]
leaked("page tables")
""", because="more than 400 MB of memory"),
    "memory in memfd": Stopped(code="attempt(os.memfd_create, 'hidden')"),
    "memory in System V and POSIX queues": Stopped(code="""
attempt(syscall, 29, 0, 512 * MB, 0o1600)
attempt(syscall, 68, 0, 0o1600)
attempt(syscall, 64, 0, 250, 0o1600)
attempt(syscall, 240, b"/queue", os.O_CREAT | os.O_RDWR, 0o600, None)
"""),
    "memory in file systems": Stopped(code="""
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
for folder in ("/tmp", "/dev/shm", "/mnt/data"):
    for number in range(2):
        os.unlink(f"{folder}/big-{number}")
"""),
    "memory in extended attributes": Stopped(code="""
write("/mnt/data/file")
attempt(os.setxattr, "/mnt/data/file", "user.x", b"x" * 60000)
"""),
    "memory in socket buffers": Killed(code="""
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
""", because="more than 256 sockets"),
    "fills the disk": Stopped(code="""
def fill(path):
    with open(path, "wb") as file:
        while True:
            file.write(bytes(MB))
paths = [f"/mnt/data/full-{number}" for number in range(4)]
for path in paths:
    attempt(fill, path)
if sum(map(os.path.getsize, paths)) > 64 * MB:
    leaked(sum(map(os.path.getsize, paths)))
for path in paths:
    os.unlink(path)
"""),
    "makes 200 000 files": Killed(code="""
for number in range(200_000):
    open(f"/mnt/data/{number}", "w").close()
""", because="more than 2000 files"),
    "infinite loop": Stopped(code="while True: pass", deadline_s=1.0, times_out=True),
    "loop that swallows the interrupt": Killed(code="""
while True:
    try:
        time.sleep(1000)
    except BaseException: pass
""", because="ran longer than 1 s", deadline_s=1.0),
    "loop that ignores the interrupt": Killed(code="""
signal.signal(signal.SIGINT, signal.SIG_IGN)
while True: pass
""", because="ran longer than 1 s", deadline_s=1.0),
    "long loop in C": Stopped(code="10 ** 10 ** 9", deadline_s=1.0, times_out=True),
    "sleeps forever": Stopped(code="time.sleep(10 ** 6)", deadline_s=0.5, times_out=True),
    "asks for input": Stopped(code="""
try:
    input(); leaked("input")
except EOFError:
    pass
"""),
    "endless output": Killed(code="""
while True: print("flood " * 1000)
""", because="printed more than 16 MB"),
    "300 MB on one line": Killed(code="""
for _ in range(300): sys.stdout.write("x" * MB)
""", because="printed more than 16 MB"),
}

CRASHES: dict[str, Stopped | Killed] = {
    "segfault": Killed(code="ctypes.string_at(0)", because="Segmentation fault"),
    "os._exit": Killed(code="os._exit(3)", because="exit code 3"),
    "kills itself": Killed(code="os.kill(os.getpid(), signal.SIGKILL)", because="killed"),
    "aborts": Killed(code="os.abort()", because="Aborted"),
    "recurses forever": Stopped(code="""
def deeper(): return deeper()
attempt(deeper)
"""),
    "closes every descriptor": Killed(code="os.closerange(0, 256)\ntime.sleep(5)", because="interfered"),
}

ATTACKS = FILES | NETWORK | PROCESSES | EXHAUSTION | CRASHES
