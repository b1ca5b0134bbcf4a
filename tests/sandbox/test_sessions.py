"""What code, good or bad, may expect of a session."""

from __future__ import annotations

import pytest

from adapters.sandbox.code_result import CodeStatus
from tests.sandbox.service import Host

SINE = """
import numpy as np
import matplotlib.pyplot as plt
x = np.linspace(-10, 10, 201)
plt.plot(x, x ** 2 + 3, label="y = x² + 3")
plt.title("y = x² + 3")
"""


def test_variables_and_files_persist_within_a_session(host: Host, session: str) -> None:
    host.run(session, "x = 3\nopen('kept.txt', 'w').write('kept')")
    assert host.run(session, "x ** 2 + 3").logs == "12\n"
    assert host.run(session, "open('/mnt/data/kept.txt').read()").logs == "'kept'\n"


def test_two_sessions_share_nothing(host: Host, session: str) -> None:
    host.run(session, "mine = 1\nopen('mine.txt', 'w').close()")
    other = f"{session}-other"
    result = host.run(other, "import os\nprint(os.listdir('/mnt/data'), 'mine' in globals())")
    host.forget(other)
    assert result.logs == "[] False\n"


def test_code_that_raises_shows_its_own_lines_and_only_those(host: Host, session: str) -> None:
    result = host.run(session, "def half(x):\n    return x / 0\n\nhalf(1)")
    assert result.status is CodeStatus.RAISED
    assert result.logs.splitlines()[0] == "Traceback (most recent call last):"
    assert "    return x / 0" in result.logs
    assert "ZeroDivisionError" in result.logs
    assert "adapters" not in result.logs


def test_code_that_is_no_python_is_told_where(host: Host, session: str) -> None:
    result = host.run(session, "x = = 1")
    assert result.status is CodeStatus.RAISED
    assert "SyntaxError" in result.logs
    assert "Traceback" not in result.logs


def test_output_and_errors_come_in_order_and_a_last_expression_is_shown(host: Host, session: str) -> None:
    result = host.run(session, "import sys\nprint('one')\nprint('two', file=sys.stderr)\nprint('three')\n'four'")
    assert result.logs == "one\ntwo\nthree\n'four'\n"


def test_output_is_cut_in_the_middle_and_made_printable(host: Host, session: str) -> None:
    result = host.run(session, "print('a' * 2_000_000)\nprint('\\x1b[31mred\\x00\\r\\nlast \\udc80')")
    assert result.logs.startswith("aaaa")
    assert "bytes left out" in result.logs
    assert result.logs.endswith("red�\nlast \\udc80\n")
    assert len(result.logs) < 1_100_000


def test_a_builtin_that_code_replaced_is_back_in_the_next_run(host: Host, session: str) -> None:  # S18
    assert host.run(session, "import builtins\nbuiltins.sum = lambda values: 42\nsum([1, 2])").logs == "42\n"
    assert host.run(session, "sum([1, 2])").logs == "3\n"


@pytest.mark.parametrize(
    "harm",
    [
        "import sys; sys.modules.clear()",
        "import sys; sys.path[:] = []; sys.meta_path.clear(); sys.path_hooks.clear()",
        "import sys; sys.path = []; sys.meta_path = []; sys.path_hooks = []; sys.path_importer_cache = None",
        "import sys; sys.path = sys.modules = None; del sys.meta_path",
        "import sys; sys.modules['json'] = sys.modules['os'] = None",
        "import sys\nclass Odd:\n    def __eq__(self, other): raise KeyError\nsys.path.insert(0, Odd())",
        "import sys; sys.getrecursionlimit = sys.setrecursionlimit = sys._getframe = None",
        "import threading, re; threading.current_thread = threading.main_thread = re.compile = None",
        "import builtins; builtins.vars = builtins.type = builtins.any = None",
        "import sys; sys.setrecursionlimit(60)",
        "import ast, traceback; ast.Expr = traceback.TracebackException = None",
        "import os; os.open = os.fstat = os.scandir = os.path.join = None",
        "import json; json.dumps = lambda *args: '{}'",
        "import os; os.umask(0o777); os.chmod('/mnt/data', 0)",
        "import signal; signal.setitimer(signal.ITIMER_REAL, 0.3)",
        "import asyncio\nawait asyncio.sleep(0)\nloop = asyncio.get_running_loop()",
    ],
)
def test_what_code_did_to_python_itself_does_not_fail_what_is_run_later(host: Host, session: str, harm: str) -> None:
    """S18."""
    assert host.run(session, "open('before.txt', 'w').close()").status is CodeStatus.OK
    assert not host.run(session, harm).session_lost
    host.run(session, "if 'loop' in globals(): loop.close()")
    assert host.put(session, "given.txt", b"given") is None
    code = "import asyncio, fractions, json, os, time\ntime.sleep(0.4)\nawait asyncio.sleep(0)\n"
    code += "open('made.txt', 'w').write('made')"
    result = host.run(session, code + "\nopen('given.txt').read(), open('made.txt').read()")
    assert (result.logs, [file.name for file in result.files]) == ("('given', 'made')\n", ["made.txt"])
    failed = host.run(session, "def divide(): 1 / 0\ndivide()")
    assert "in divide\n" in failed.logs


def test_what_code_added_to_the_path_stays_also_where_it_made_the_list_anew(host: Host, session: str) -> None:
    code = "import os, sys\nos.mkdir('own')\nopen('own/mine.py', 'w').write('x = 5')\nsys.path = ['own', *sys.path[:1]]"
    assert host.run(session, code).status is CodeStatus.OK
    assert host.run(session, "import mine, fractions\nmine.x, sys.path.count(sys.path[1])").logs == "(5, 1)\n"


def test_annotations_mean_what_they_mean_everywhere(host: Host, session: str) -> None:
    assert host.run(session, "def f(x: int): pass\nf.__annotations__").logs == "{'x': <class 'int'>}\n"


def test_leaving_by_sys_exit_is_an_end_like_any_other(host: Host, session: str) -> None:
    assert host.run(session, "x = 1\nimport sys\nsys.exit()").status is CodeStatus.OK
    assert host.run(session, "sys.exit('bad')").status is CodeStatus.RAISED
    assert host.run(session, "x").logs == "1\n"


def test_an_interrupted_run_keeps_variables_files_and_figures(host: Host, session: str) -> None:
    host.run(session, SINE)
    result = host.run(session, f"{SINE}\nplt.show()\nopen('half.txt', 'w').write('half')\nwhile True: pass", 15.0)
    assert result.status is CodeStatus.TIMED_OUT
    assert not result.session_lost
    assert result.reason == "The code ran longer than 15 s and was interrupted."
    assert [image.alt_text for image in result.images] != []
    assert [file.name for file in result.files] == ["half.txt"]
    assert host.run(session, "len(x)").logs == "201\n"


HOSTILE = {
    "str": "class Bad(Exception):\n    def __str__(self): raise RuntimeError('no words')\nraise Bad",
    "str that exits": "class Bad(Exception):\n    def __str__(self): raise SystemExit\nraise Bad",
    "cause": "class Bad(Exception):\n    __cause__ = property(lambda self: 1 / 0)\nraise Bad",
    "traceback": "class Bad(Exception):\n    __traceback__ = property(lambda self: 1 / 0)\nraise Bad",
    "class": "class Bad(Exception):\n    __class__ = property(lambda self: 1 / 0)\nraise Bad",
    "notes": "class Bad(Exception):\n    __notes__ = property(lambda self: 1 / 0)\nraise Bad",
    "filename": "class Bad(FileNotFoundError):\n    filename = property(lambda self: 1 / 0)\nraise Bad",
    "command": "import pathlib, subprocess\nsubprocess.run(pathlib.Path('/bin/false'), check=True)  # Bad",
    "exit code": "class Bad:\n    def __eq__(self, other): raise RuntimeError\nraise SystemExit(Bad())",
    "stream": "import sys\nclass Bad(Exception): pass\nsys.stderr.close()\nraise Bad",
    "stream that raises": "import sys\nclass Bad:\n    def write(self, text): raise KeyError\n"
    "    def flush(self): raise KeyError\nsys.stdout = sys.stderr = Bad()\nraise Exception('Bad')",
    "builtins": "import builtins\nbuiltins.print = builtins.isinstance = builtins.len = None\nraise Exception('Bad')",
}


@pytest.mark.parametrize("code", HOSTILE.values(), ids=HOSTILE.keys())
def test_an_error_that_cannot_be_described_is_reported_and_the_session_goes_on(
    host: Host, session: str, code: str
) -> None:
    host.run(session, "kept = 7")
    result = host.run(session, code)
    assert (result.status, result.session_lost) == (CodeStatus.RAISED, False), result.reason
    assert "Bad" in result.logs
    assert host.run(session, "kept").logs == "7\n"


def test_what_is_said_about_results_survives_a_closed_standard_output(host: Host, session: str) -> None:
    host.run(session, "kept = 7")
    code = "import sys, matplotlib.pyplot as plt\nplt.figure()\nplt.savefig('empty.png')\nsys.stdout.close()"
    result = host.run(session, f"{code}\nsys.stderr.close()")
    assert (result.status, result.session_lost) == (CodeStatus.OK, False), result.reason
    assert "empty.png is blank" in result.logs
    assert host.run(session, "kept").logs == "7\n"


def test_a_forked_child_does_not_go_on_as_a_second_runner(host: Host, session: str) -> None:
    result = host.run(session, "import os\nif os.fork():\n    os.wait()\n    print('parent')")
    assert (result.status, result.logs) == (CodeStatus.OK, "parent\n")
    assert host.run(session, "1 + 1").logs == "2\n"


def test_threads_between_runs_stand_still(host: Host, session: str) -> None:
    note = "import threading, time\ntimes = []\n"
    note += "def note():\n    while True: times.append(time.monotonic()); time.sleep(0.001)\n"
    host.run(session, f"{note}threading.Thread(target=note, daemon=True).start()\ntime.sleep(0.05)")
    pause = host.run("pause", "import time\nprint(time.monotonic()); time.sleep(0.5); print(time.monotonic())")
    began_s, ended_s = pause.logs.split()
    noted = host.run(session, f"print(len(times) > 0, [at for at in times if {began_s} < at < {ended_s}])")
    host.forget("pause")
    assert noted.logs == "True []\n"


POOL = """
with multiprocessing.get_context("fork").Pool(2) as pool:
    squares = pool.map(abs, [-1, -2])
"""


def test_common_tools_of_analysis_work(host: Host, session: str) -> None:
    code = """
import asyncio, concurrent.futures, multiprocessing, shutil, sqlite3, subprocess, tempfile, zipfile
import numpy, openpyxl, pandas, PIL.Image, scipy.stats, seaborn, sympy
frame = pandas.DataFrame({"a": [1, 2]})
frame.to_excel("table.xlsx")
frame.to_csv("table.csv")
shutil.copy2("table.csv", "copy.csv")
zipfile.ZipFile("all.zip", "w").write("table.csv")
sqlite3.connect("some.db").execute("create table t (x)")
async def three(): return 3
POOL
with concurrent.futures.ThreadPoolExecutor(2) as pool:
    list(pool.map(abs, [-1]))
print(asyncio.run(three()), squares, subprocess.check_output(["echo", "hello"]).decode().strip())
print(subprocess.run([__import__("sys").executable, "-c", "import numpy; print(numpy.arange(3).sum())"],
                     capture_output=True, text=True).stdout)
print(pandas.read_excel("table.xlsx").a.sum(), sympy.integrate("2*x", ("x", 0, 3)), numpy.linalg.inv([[2.0]]))
"""
    # Without namespaces there is no /dev/shm, in which multiprocessing keeps its semaphores.
    pool = "squares = [1, 2]" if host.in_container else POOL
    result = host.run(session, code.replace("POOL", pool))
    assert result.logs == "3 [1, 2] hello\n3\n\n3 9 [[0.5]]\n"
    assert {file.name for file in result.files} == {"table.xlsx", "table.csv", "copy.csv", "all.zip", "some.db"}


@pytest.mark.parametrize("name", ["report.csv", "ünï cödé.txt", "a&b <c>.csv"])
def test_a_file_that_is_handed_in_can_be_read_and_is_not_handed_out_again(host: Host, session: str, name: str) -> None:
    data = bytes(range(256)) * 4096
    assert host.put(session, name, data) is None
    result = host.run(session, f"import hashlib; hashlib.md5(open({name!r}, 'rb').read()).hexdigest()")
    assert result.logs == f"'{_md5(data)}'\n"
    assert result.files == ()
    changed = host.run(session, f"open({name!r}, 'ab').write(b'more')")
    assert len(changed.files) == 1
    assert changed.files[0].data == data + b"more"


BAD_NAMES = ["", ".", "..", ".env", "a/b", "../up", "/etc/x", "line\nbreak", "nul\0", "x" * 300, "\u202ex"]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_bad_name_for_a_file_is_refused(host: Host, session: str, name: str) -> None:
    assert "name" in (host.put(session, name, b"data") or "")


def test_a_file_that_does_not_fit_is_refused_and_the_session_lives_on(host: Host, session: str) -> None:
    host.run(session, "x = 1")
    assert host.put(session, "first", bytes(40 * 1024 * 1024)) is None
    refusal = host.put(session, "big", bytes(40 * 1024 * 1024))
    assert refusal == "The file big could not be written: No space left on device."
    assert host.run(session, "x").logs == "1\n"


def test_a_run_says_that_its_session_is_lost_and_the_next_one_starts_anew(host: Host, session: str) -> None:
    host.run(session, "x = 1")
    assert host.run(session, "import os; os._exit(7)").session_lost
    assert "NameError" in host.run(session, "x").logs


def test_code_that_leaves_too_many_files_open_ends_its_session_and_the_next_run_works(
    host: Host, session: str
) -> None:  # S18
    code = "import os\nkept = []\ntry:\n    while True: kept.append(os.dup(1))\nexcept OSError: pass"
    result = host.run(session, code)
    assert (result.status, result.session_lost) == (CodeStatus.KILLED, True)
    assert result.reason == "The code left too many files open; its session was ended."
    assert host.run(session, "open('x.txt', 'w').write('x')").logs == "1\n"
    assert host.put(session, "y.txt", b"y") is None


def test_code_that_leaves_no_memory_ends_its_session_and_the_next_run_works(host: Host, session: str) -> None:  # S18
    # The watch looks several times while the memory is full: it is the code's own MemoryError that counts.
    fill = "import time\nkept = []\ntry:\n    while True: kept.append(bytearray(1 << 20))\nexcept MemoryError:\n"
    code = f"{fill}    time.sleep(0.5)\n    print('full')"
    result = host.run(session, code)
    assert (result.status, result.session_lost, result.logs) == (CodeStatus.KILLED, True, "full\n")
    assert result.reason == "The code left hardly any memory free; its session was ended."
    assert host.run(session, "1 + 1").logs == "2\n"


def test_memory_that_no_name_holds_any_more_costs_no_session(host: Host, session: str) -> None:  # S18
    code = "import gc\ngc.disable()\nclass Ring: pass\ntry:\n    while True:\n        ring = Ring(); ring.self = ring\n"
    result = host.run(session, f"{code}        ring.data = bytearray(1 << 20)\nexcept MemoryError: del ring")
    assert (result.status, result.reason) == (CodeStatus.OK, "")


@pytest.mark.parametrize(
    "loses_it",
    [
        "import sys; sys.stdout = sys.stderr = None",
        "import io, sys; sys.stdout = io.StringIO()",
        "import sys; sys.stdout.close(); sys.stderr.close()",
        "import os; os.close(1); os.close(2)",
        "import os; os.dup2(os.open('/dev/null', os.O_WRONLY), 1)",
    ],
)
def test_output_that_code_led_elsewhere_comes_again_in_the_next_run(host: Host, session: str, loses_it: str) -> None:
    # S18
    assert host.run(session, loses_it).status is CodeStatus.OK
    assert host.run(session, "import sys; print('out'); print('error', file=sys.stderr); 7").logs == "out\nerror\n7\n"


def test_a_keyboard_interrupt_of_the_code_s_own_is_an_exception_and_no_deadline(host: Host, session: str) -> None:
    result = host.run(session, "raise KeyboardInterrupt")
    assert (result.status, result.reason) == (CodeStatus.RAISED, "The code raised an exception.")


def _md5(data: bytes) -> str:
    import hashlib

    return hashlib.md5(data).hexdigest()  # noqa: S324
