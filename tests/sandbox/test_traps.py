"""What hostile code lays out for the service to step into: links, pipes, names, forged messages."""

from __future__ import annotations

import time

import pytest

from adapters.sandbox.code_result import CodeStatus
from tests.sandbox.service import Host

FORGE = """
import json, os, sys
fds = []
for fd in range(3, 256):
    try:
        os.fstat(fd)
    except OSError:
        continue
    import fcntl
    if fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE == os.O_WRONLY and not os.path.sameopenfile(fd, 1):
        fds.append(fd)
event_fd, = fds
def say(raw):
    if isinstance(raw, dict):
        raw = json.dumps(raw).encode() + b"\\n"
    while raw:
        raw = raw[os.write(event_fd, raw):]
def number():
    frame = sys._getframe()
    while "command" not in frame.f_locals:
        frame = frame.f_back
    return frame.f_locals["command"].number
PNG = b"\\x89PNG\\r\\n\\x1a\\n"
"""

FORGERIES = {
    "garbage": "say(b'\\xff\\x00garbage\\n')",
    "a list instead of an object": "say(b'[1, 2]\\n')",
    "deep JSON": "say(b'[' * 10_000 + b'\\n')",
    "a line of 200 MB": "say(b'x' * 200_000_000)",
    "a huge number": "say(b'{\"event\":\"file\",\"size_bytes\":' + b'9' * 5000 + b'}\\n')",
    "a size that is negative": "say({'event': 'file', 'name': 'x', 'size_bytes': -1})",
    "a size that is true": "say({'event': 'file', 'name': 'x', 'size_bytes': True})",
    "a size beyond every limit": "say({'event': 'file', 'name': 'x', 'size_bytes': 10 ** 12})",
    "an image that is no PNG": "say({'event': 'image', 'alt_text': 'x', 'size_bytes': 4}); say(b'GIF8')",
    "a flood of images": """
for _ in range(30):
    say({'event': 'image', 'size_bytes': 8}); say(PNG)
""",
    "a flood of files": "[say({'event': 'file', 'name': 'x', 'size_bytes': 0}) for _ in range(100)]",
    "too many bytes of images": """
for _ in range(9):
    say({'event': 'image', 'size_bytes': 5_000_000}); say(PNG + bytes(4_999_992))
""",
    "the end of another command": "say({'event': 'done', 'number': 999, 'ending': 'ok', 'size_bytes': 0})",
    "an unknown ending": "say({'event': 'done', 'number': number(), 'ending': 'triumph', 'size_bytes': 0})",
    "a name that is a number": "say({'event': 'file', 'name': 7, 'size_bytes': 0})",
    "an unknown event": "say({'event': 'launch', 'size_bytes': 0})",
    "readiness again": "say({'event': 'ready', 'size_bytes': 0})",
}


@pytest.fixture(scope="session")
def host(service_of_a_plain_user: Host) -> Host:
    """Who runs the service makes no difference here."""
    return service_of_a_plain_user


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forged_message_ends_the_session_and_nothing_else(host: Host, session: str, name: str) -> None:
    host.run(session, FORGE)
    result = host.run(session, FORGERIES[name] + "\nimport time; time.sleep(5)")
    assert result.status is CodeStatus.KILLED
    assert result.reason == "The code interfered with the sandbox itself and was stopped."
    assert (result.images, result.files) == ((), ())
    assert host.run(session, "1 + 1").logs == "2\n"


def test_a_forged_ending_fools_only_its_own_session(host: Host, session: str) -> None:
    host.run(session, FORGE)
    forged = host.run(session, "say({'event': 'done', 'number': number(), 'ending': 'ok', 'size_bytes': 0})")
    assert forged.status is CodeStatus.OK
    assert host.run(f"{session}-other", "6 * 7").logs == "42\n"
    host.forget(f"{session}-other")
    assert host.run(session, "1 + 1").status in (CodeStatus.OK, CodeStatus.KILLED)
    assert host.run(session, "2 + 2").logs == "4\n"


def test_a_forged_file_is_only_bytes_under_a_clean_name(host: Host, session: str) -> None:
    host.run(session, FORGE)
    result = host.run(session, "say({'event': 'file', 'name': '../../etc/<b>x\\n.sh', 'size_bytes': 2}); say(b'hi')")
    assert [(file.name, file.data) for file in result.files] == [("_b_x_.sh", b"hi")]


def test_alt_text_is_cut_and_made_printable(host: Host, session: str) -> None:
    host.run(session, FORGE)
    say = "say({'event': 'image', 'alt_text': 'a\\n\\x1b[0m' + '\\u202e' + 'b' * 999, 'size_bytes': 8}); say(PNG)"
    (image,) = host.run(session, say).images
    assert image.alt_text == "a [0m " + "b" * 394


LINKS = """
import os
os.symlink(TARGET + "/.env", "link.txt")
os.symlink("/proc/self/environ", "environ.txt")
os.symlink(TARGET, "folder")
os.symlink("/etc", "etc")
os.symlink("loop", "loop")
os.mkfifo("pipe.txt")
os.mkdir("deep")
os.symlink("../link.txt", "deep/link.txt")
open("honest.txt", "w").write("honest")
os.link("honest.txt", "twin.txt")
"""


def test_links_and_pipes_are_neither_followed_nor_waited_for(host: Host, session: str) -> None:
    began_s = time.monotonic()
    result = host.run(session, f"TARGET = {host.targets['folder']!r}\n{LINKS}")
    assert time.monotonic() - began_s < 15  # and not until a deadline of 20 s
    assert result.status is CodeStatus.OK, result.logs
    assert {file.name: file.data for file in result.files} == {"honest.txt": b"honest", "twin.txt": b"honest"}


def test_swapping_a_file_for_a_link_again_and_again_leaks_nothing(host: Host, session: str) -> None:
    code = f"""
import os, threading
def swap():
    while True:
        for make in (lambda: os.symlink({host.targets["folder"] + "/.env"!r}, "new"),
                     lambda: open("new", "w").write("plain")):
            try:
                make(); os.rename("new", "race.txt")
            except OSError:
                pass
threading.Thread(target=swap, daemon=True).start()
"""
    host.run(session, code)
    for _ in range(20):
        result = host.run(session, "import time; time.sleep(0.01)")
        assert host.targets["secret"].encode() not in b"".join(file.data for file in result.files)


def test_names_come_out_clean_and_distinct(host: Host, session: str) -> None:
    code = r"""
import os
os.mkdir("sub")
for name in (b"line\nbreak.txt", b"esc\x1b[31m.txt", b"<img onerror=x>.png", b"bad\xff.csv", b".hidden", b"sub/x.txt",
             b"sub-x.txt", b"   .  ", ("\u202ecod.exe").encode(), b"x" * 250 + b".txt"):
    with open(b"/mnt/data/" + name, "wb") as file:
        file.write(name)
"""
    files = {file.name: file.data for file in host.run(session, code).files}
    assert set(files) == {
        "line_break.txt",
        "esc__31m.txt",
        "_img onerror=x_.png",
        "bad_.csv",
        "sub-x.txt",
        "sub-x (2).txt",
        "file",
        "_cod.exe",
        "x" * 96 + ".txt",
    }
    assert b".hidden" not in files.values()


def test_files_of_an_archive_with_many_folders_come_out(host: Host, session: str) -> None:
    code = "import os\nos.makedirs('a/b/c/d/e/f/g')\nopen('a/b/c/d/e/f/g/h.csv', 'w').write('1')"
    assert [file.name for file in host.run(session, code).files] == ["a-b-c-d-e-f-g-h.csv"]


def test_a_file_that_its_mode_hides_comes_out_all_the_same(host: Host, session: str) -> None:
    result = host.run(session, "import os\nopen('a.txt', 'w').write('x')\nos.chmod('a.txt', 0)")
    assert [(file.name, file.data) for file in result.files] == [("a.txt", b"x")]


def test_putting_a_file_over_a_link_replaces_the_link(host: Host, session: str) -> None:
    host.run(session, "import os\nopen('victim', 'w').write('safe')\nos.symlink('victim', 'upload')")
    assert host.put(session, "upload", b"new") is None
    assert host.run(session, "open('victim').read(), open('upload').read()").logs == "('safe', 'new')\n"


def test_too_many_or_too_big_files_are_told_and_left(host: Host, session: str) -> None:
    result = host.run(session, "for i in range(30): open(f'{i}.txt', 'w').write('x')")
    assert len(result.files) == 20
    assert result.logs == "[10 more files were not handed over]\n"


def test_a_flood_of_output_does_not_starve_the_other_sessions(host: Host, session: str) -> None:
    host.run("calm", "x = 1")
    flooding = host.ask("run", session=session, code="while True: print('x' * 100000)", deadline_s=10.0)
    began_s = time.monotonic()
    assert host.run("calm", "x").logs == "1\n"
    assert time.monotonic() - began_s < 8  # and not when the flood has ended
    assert host.result(flooding).status is CodeStatus.KILLED
    host.forget("calm")
