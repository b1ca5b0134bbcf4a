"""Attempts to reach what is outside: files, network, other processes, the kernel."""

from __future__ import annotations

from tests.sandbox.attempt import Killed, Stopped

FILES: dict[str, Stopped | Killed] = {
    "reads /etc/shadow": Stopped(code="attempt(read, '/etc/shadow')"),
    "reads /etc/passwd": Stopped(code="attempt(read, '/etc/passwd')"),
    "lists the processes of the machine": Stopped(
        code="""
attempt(os.listdir, "/proc")
attempt(subprocess.check_output, ["ps", "ax"])
"""
    ),
    "reads the environment of the service": Stopped(
        code="""
attempt(read, f"/proc/{target['pid']}/environ")
for pid in range(1, 20):
    attempt(read, f"/proc/{pid}/environ")
if target["secret"] in str(os.environ):
    leaked("own environment")
"""
    ),
    "reads the service's .env": Stopped(code="attempt(read, target['folder'] + '/.env')"),
    "reads the service's SQLite": Stopped(
        code="""
import sqlite3
def steal():
    database = sqlite3.connect("file:" + target["folder"] + "/ledger.sqlite?mode=ro", uri=True)
    return database.execute("select * from secrets")
try:
    steal(); leaked("rows")
except sqlite3.OperationalError:
    pass
"""
    ),
    "asks for the size of the service's .env": Stopped(code="attempt(os.stat, target['folder'] + '/.env')"),
    "lists the folder of the project": Stopped(
        code="""
pythons = [place for path in (sys.executable, sys.prefix, sys.base_prefix) for place in (path, os.path.realpath(path))]
for folder in (target["folder"], target["project"], "/home", "/var", "/run", "/srv", "/boot", "/sys"):
    try:
        names = set(os.listdir(folder))
    except OSError:
        continue
    names -= {place.removeprefix(folder + "/").split("/")[0] for place in pythons}  # the way to Python is no secret
    if names:
        leaked(names)
"""
    ),
    "changes mode, times or attributes of the service's files": Stopped(
        code="""
path = target["folder"] + "/.env"
def state():
    try:
        return tuple(os.stat(path))
    except OSError:
        return None
before = state()
for change in (lambda: os.chmod(path, 0o666), lambda: os.chown(path, 0, 0), lambda: os.utime(path, (1, 1)),
               lambda: os.utime(path)):
    try:
        change()
    except OSError:
        pass
    if state() != before:
        leaked("change")
attempt(os.setxattr, path, "user.x", b"1")
"""
    ),
    "watches the service's files by inotify": Stopped(
        code="""
attempt(syscall, 294, 0)
attempt(syscall, 254, 0, target["folder"].encode(), 0xfff)
"""
    ),
    "reads another session's files": Stopped(
        code="""
for folder in ("/mnt/data", "/tmp", "/dev/shm"):
    for path, _, names in os.walk(folder):
        for name in names:
            if "neighbour" in name:
                leaked(path + "/" + name)
"""
    ),
    "writes outside its own folders": Stopped(
        code="""
for folder in ("/", "/usr", "/usr/lib", "/usr/local/lib", "/etc", "/opt/sandbox", "/dev", "/bin", "/mnt"):
    attempt(write, folder + "/written")
attempt(write, sys.prefix + "/lib/written")
attempt(write, os.path.dirname(os.__file__) + "/os.py")
attempt(write, sys.modules["adapters.sandbox.guest.runner"].__file__ if "adapters.sandbox.guest.runner" in sys.modules
        else "/opt/sandbox/adapters/sandbox/guest/runner.py")
"""
    ),
    "reaches the machine's /tmp": Stopped(
        code="""
try:
    write("/tmp/teamsbot-escaped-" + target["secret"])
except PermissionError:
    pass
if target["folder"].startswith("/tmp"):
    attempt(os.listdir, target["folder"])
"""
    ),
    "writes to core_pattern, sysrq and drop_caches": Stopped(
        code="""
for path in ("/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/proc/sys/vm/drop_caches"):
    attempt(write, path, "")
"""
    ),
    "opens devices": Stopped(
        code="""
for path in ("/dev/mem", "/dev/kmsg", "/dev/vda", "/dev/sda", "/dev/fuse", "/dev/kvm", "/dev/net/tun"):
    attempt(read, path)
attempt(os.mknod, "/mnt/data/device", stat.S_IFBLK | 0o600, os.makedev(254, 0))
"""
    ),
    "follows descriptors left open by the service": Stopped(
        code="""
for fd in range(3, 256):
    try:
        kind = stat.S_IFMT(os.fstat(fd).st_mode)
    except OSError:
        continue
    if kind not in (stat.S_IFIFO,):
        leaked((fd, oct(kind)))
"""
    ),
}

NETWORK: dict[str, Stopped | Killed] = {
    "connects to a port of the service": Stopped(
        code="""
def tcp(): socket.create_connection(("127.0.0.1", target["tcp_port"]), timeout=2)
def udp(): socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", target["udp_port"]))
attempt(tcp)
attempt(udp)
"""
    ),
    "connects to the outside": Stopped(
        code="""
attempt(lambda: socket.create_connection(("198.51.100.1", 80), timeout=2))
attempt(lambda: socket.getaddrinfo("example.com", 80))
attempt(lambda: subprocess.check_output(["bash", "-c", "echo > /dev/tcp/198.51.100.1/80"], stderr=subprocess.DEVNULL))
"""
    ),
    "makes a socket of any family": Stopped(
        code="""
for family in range(46):
    for kind in (1, 2, 3, 5):
        attempt(lambda: socket.socket(family, kind).close())
"""
    ),
    "connects to a unix socket: abstract, open to all, of the service": Stopped(
        code="""
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
"""
    ),
    "listens": Stopped(
        code="""
def listen():
    one, _ = socket.socketpair()
    one.bind("\\0mine")
attempt(listen)
"""
    ),
}

PROCESSES: dict[str, Stopped | Killed] = {
    "signals the service": Stopped(
        code="""
if target["pid"] > 99:
    attempt(os.kill, target["pid"], 0)
    attempt(os.pidfd_open, target["pid"])
"""
    ),
    "sets limits or priority of the service": Stopped(
        code="""
import resource
attempt(resource.prlimit, target["pid"], resource.RLIMIT_NOFILE, (10, 10))
if target["pid"] > 99:
    attempt(os.setpriority, os.PRIO_PROCESS, target["pid"], 19)
    attempt(os.sched_setaffinity, target["pid"], [0])
"""
    ),
    "kills its parent and everything": Stopped(
        code="""
signal.signal(signal.SIGTERM, signal.SIG_IGN)
for pid in (os.getppid(), -1):
    try:
        os.kill(pid, signal.SIGKILL)
    except OSError:
        pass
"""
    ),
    "traces or reads the memory of others": Stopped(
        code="""
attempt(syscall, 101, 16, os.getppid(), 0, 0)
attempt(syscall, 101, 0, 0, 0, 0)
attempt(syscall, 310, os.getppid(), 0, 0, 0, 0, 0)
attempt(syscall, 311, os.getppid(), 0, 0, 0, 0, 0)
attempt(read, f"/proc/{os.getppid()}/mem")
attempt(syscall, 438, 3, 0, 0)
"""
    ),
    "makes namespaces, mounts, changes root": Stopped(
        code="""
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
"""
    ),
    "becomes root": Stopped(
        code="""
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
"""
    ),
    "reaches deep into the kernel": Stopped(
        code="""
for number in (321, 298, 323, 425, 426, 427, 206, 248, 249, 250, 278, 275, 276, 303, 304, 300, 317, 246, 175, 313, 176,
               169, 167, 163, 103, 172, 173, 154, 164, 227, 170, 171, 279, 256):
    attempt(syscall, number, 0, 0, 0, 0, 0)
attempt(syscall, 135, 0x0040000)
"""
    ),
    "calls through a foreign table of system calls": Killed(
        code="""
code = bytes.fromhex("b81a010000cd80c3")       # mov eax, 282; int 0x80; ret: the 32-bit table
import mmap
page = mmap.mmap(-1, 4096, flags=mmap.MAP_PRIVATE, prot=7)
page.write(code)
ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()
leaked("the 32-bit table")
""",
        because="crashed Python",
    ),
    "types into a terminal": Stopped(
        code="""
import fcntl
attempt(os.open, "/dev/tty", os.O_RDWR)
attempt(os.openpty)
for request in (0x5412, 0x541C, 0x5423):
    attempt(fcntl.ioctl, 0, request, b"x")
"""
    ),
}
