"""`teamsbot chat` as a person types to it and as a program pipes to it."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import pty
import sys
import termios
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from tests.support.fakes import PNG

TEAMSBOT = str(Path(sys.executable).with_name("teamsbot"))
PROMPT = "> "


async def piped(folder: Path, text: str, *options: str, **environ: str) -> str:
    environ = {"PATH": os.environ["PATH"], "DATA_DIR": str(folder / "data"), **environ}
    process = await asyncio.create_subprocess_exec(
        TEAMSBOT,
        "chat",
        *options,
        env=environ,
        cwd=folder,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        out, err = await process.communicate(text.encode())
    assert process.returncode == 0, err.decode()
    return out.decode()


async def test_a_reader_that_leaves_after_a_line_ends_the_program_without_a_traceback(tmp_path: Path) -> None:
    # As `teamsbot chat --json <questions | head -1` does.
    process = await asyncio.create_subprocess_exec(
        TEAMSBOT,
        "chat",
        "--json",
        env={"PATH": os.environ["PATH"], "DATA_DIR": str(tmp_path / "data"), "LANG": "de_DE.UTF-8"},
        cwd=tmp_path,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    async with asyncio.timeout(60):
        process.stdin.write(b"2 + 2\n")
        assert json.loads(await process.stdout.readline())["text"]
        process.stdout._transport.close()  # type: ignore[attr-defined]  # a stream has no close of its own
        process.stdin.write(b"3 + 3\n4 + 4\n")
        process.stdin.write_eof()
        told = (await process.stderr.read()).decode()
        await process.wait()
    assert "Traceback" not in told
    assert "Error" not in told


@asynccontextmanager
async def at_a_terminal(folder: Path, **environ: str) -> AsyncIterator[Callable[..., Awaitable[str]]]:
    """Types a line, and waits for words and for what the screen ends with; gives all that was shown until then."""
    ours, theirs = pty.openpty()
    environ = {
        "PATH": os.environ["PATH"],
        "DATA_DIR": str(folder / "data"),
        "TERM": "xterm",
        "COLUMNS": "40",
        **environ,
    }
    process = await asyncio.create_subprocess_exec(
        TEAMSBOT,
        "chat",
        env=environ,
        cwd=folder,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # so that ^C becomes a signal
    )
    os.close(theirs)
    os.set_blocking(ours, False)

    async def type_and_wait(line: str, words: str, end: str = "") -> str:
        os.write(ours, f"{line}\n".encode())
        screen = ""
        async with asyncio.timeout(60):
            while words not in screen or not screen.endswith(end):
                await asyncio.sleep(0.05)
                try:
                    screen += os.read(ours, 65536).decode("utf-8", "replace")
                except BlockingIOError:
                    continue
        return screen

    try:
        yield type_and_wait
        os.write(ours, b"/quit\n")
        async with asyncio.timeout(30):
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        os.close(ours)


async def test_questions_piped_in_are_answered_line_by_line_and_remembered(tmp_path: Path) -> None:
    lines = (await piped(tmp_path, "y = x^2 + 3, what is y for x = 3?\nplot it\n", "--json")).splitlines()
    value, plot = (json.loads(line) for line in lines)
    assert "12" in value["text"]
    [picture] = plot["pictures"]
    assert (await asyncio.to_thread(Path(picture["path"]).read_bytes)).startswith(PNG[:8])
    assert "x" in picture["alt_text"]


async def test_plain_pipes_carry_no_colour(tmp_path: Path) -> None:
    assert "\x1b" not in await piped(tmp_path, "2 + 2\n")


async def test_a_person_at_a_narrow_terminal_gets_answers_and_a_new_conversation(tmp_path: Path) -> None:
    async with at_a_terminal(tmp_path, NO_COLOR="1") as type_and_wait:
        assert await type_and_wait("derivative of x^3", "3x²")
        assert await type_and_wait("/new", "new conversation")
        told = await type_and_wait("/help", "leaves")
        assert "/stop" in told
        assert "/file PATH" in told
        assert "/quit" in told


async def test_a_word_that_is_no_command_is_told_so_and_asked_of_nobody(tmp_path: Path) -> None:
    async with at_a_terminal(tmp_path, NO_COLOR="1") as type_and_wait:
        assert "I did not" not in await type_and_wait("/bogus", "There is no such command.")
        assert await type_and_wait("2 + 2", "2 + 2 = 4")


async def test_stop_is_heard_during_an_answer_and_other_lines_wait_for_its_end(tmp_path: Path) -> None:
    async with silent_model() as address:
        model = {"OPENAI_BASE_URL": address, "MODEL": "silent"}
        async with at_a_terminal(tmp_path, NO_COLOR="1", **model) as type_and_wait:
            await type_and_wait("2 + 2", "working ... 1 s")
            await type_and_wait("/help", "/help")
            assert "**" not in await type_and_wait("/stop", "shows this")


@asynccontextmanager
async def silent_model() -> AsyncIterator[str]:
    """An endpoint that takes every question and answers none."""
    asked: set[asyncio.StreamWriter] = set()

    def listen(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.add(writer)

    server = await asyncio.start_server(listen, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    finally:
        server.close()
        for writer in asked:
            writer.close()


async def test_files_are_given_before_the_question_and_each_trouble_has_its_word(tmp_path: Path) -> None:
    for name in ("data.csv", "my data.csv"):
        (tmp_path / name).write_text("a,b\n1,2\n2,4\n3,6\n")
    (tmp_path / "empty.csv").touch()
    with (tmp_path / "huge.csv").open("wb") as file:
        file.truncate(50_000_001)
    lines = [
        "/file nowhere.csv",
        "/file .",
        "/file empty.csv",
        "/file huge.csv",
        "/file",
        "/file /dev/zero",
        "/file 'data.csv",
        "/file x\0.csv",
        "/file data.csv 'my data.csv'",
        "Plot b against a",
        "/file my data.csv",
    ]
    answers = [json.loads(line) for line in (await piped(tmp_path, "\n".join(lines), "--json")).splitlines()]
    assert [answer["question"] for answer in answers] == [*lines[:8], "Plot b against a", ""]
    texts = [answer["text"] for answer in answers]
    assert texts[:4] == [
        "nowhere.csv cannot be read: No such file or directory.",
        ". is a folder. I take files.",
        "empty.csv is empty.",
        "huge.csv is larger than 50 MB, the most that I can take.",
    ]
    assert "3 points" in texts[8]
    assert len(answers[8]["pictures"]) == 1
    assert texts[9].startswith("I have my data.csv. What shall I do with it?")


async def test_the_home_folder_may_be_written_as_a_tilde(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("a,b\n1,2\n2,4\n")
    async with at_a_terminal(tmp_path, HOME=str(tmp_path), NO_COLOR="1") as type_and_wait:
        await type_and_wait("/file ~/data.csv", "With your next question: data.csv.")
        await type_and_wait("/file ~/nowhere.csv", "cannot be read")
        await type_and_wait("Plot b against a", "[picture]")


async def test_one_question_on_the_command_line_is_answered_and_can_be_continued(tmp_path: Path) -> None:
    # ux 3.10, 3.21
    assert "12" in await piped(tmp_path, "", "y = x^2 + 3, what is y for x = 3?")
    assert "[picture]" in await piped(tmp_path, "", "--continue", "plot it")
    assert "[picture]" not in await piped(tmp_path, "", "plot it")


async def test_ctrl_c_at_the_prompt_gives_a_new_line_and_the_second_one_leaves(tmp_path: Path) -> None:
    # ux 3.6
    async with at_a_terminal(tmp_path, NO_COLOR="1") as type_and_wait:
        await type_and_wait("2 + 2", "2 + 2 = 4", PROMPT)
        assert "once more" in await type_and_wait("\x03", "once more leaves", PROMPT)
        assert await type_and_wait("2 + 3", "2 + 3 = 5")


async def test_every_line_that_is_pasted_is_asked_and_lines_in_a_bracketed_paste_are_one_question(
    tmp_path: Path,
) -> None:
    async with at_a_terminal(tmp_path, NO_COLOR="1") as type_and_wait:
        screen = await type_and_wait("2 + 3\n3 + 4\n4 + 5", "4 + 5 = 9", PROMPT)
        assert "2 + 3 = 5" in screen
        assert "3 + 4 = 7" in screen
        pasted = "\x1b[200~name,qty\nTea,3\nCake,5\ntotal qty?\x1b[201~"
        assert "not understand" not in await type_and_wait(pasted, "sum of qty", PROMPT)


async def test_arrow_up_brings_the_last_line_back(tmp_path: Path) -> None:
    # ux 3.9
    async with at_a_terminal(tmp_path, NO_COLOR="1") as type_and_wait:
        await type_and_wait("2 + 3", "2 + 3 = 5", PROMPT)
        assert await type_and_wait("\x1b[A + 4", "2 + 3 + 4 = 9", PROMPT)


async def test_a_pipe_knows_the_words_that_a_terminal_knows(tmp_path: Path) -> None:
    out = await piped(tmp_path, "/bogus\n/hilfe\n/quit\n2 + 2\n", "--json")
    unknown, told = (json.loads(line)["text"] for line in out.splitlines())
    assert unknown.startswith("There is no such command.")
    assert "**/file PATH**" in told


async def test_the_terminal_speaks_the_language_that_the_environment_names(tmp_path: Path) -> None:
    out = await piped(tmp_path, "/bogus\n2 + 2\n", "--json", LANG="de_DE.UTF-8")
    unknown, sum_ = (json.loads(line)["text"] for line in out.splitlines())
    assert unknown.startswith("Diesen Befehl gibt es nicht.")
    assert "Wie der Code arbeitet" in sum_
    assert "There is no" in await piped(tmp_path, "/bogus\n", LANG="de_DE.UTF-8", LC_ALL="C.UTF-8")
