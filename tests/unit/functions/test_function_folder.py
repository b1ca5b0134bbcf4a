"""A folder of functions: what is wrong with it is said at the start, and each call has an output whatever happens."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from adapters.functions import function_folder
from adapters.functions.function_folder import MAX_ARGUMENTS_CHARS, MAX_OUTPUT_CHARS, FunctionFolder
from bot.errors import FunctionsError
from bot.functions import Caller

ADA = Caller(
    turn="T-0001",
    call="T-0001-call_1",
    person="29:ada",
    name="Ada",
    directory_id="d1",
    tenant="t1",
    channel="msteams",
    conversation="c1",
    scope="personal",
    locale="en-GB",
)
ENVIRONMENT = {"PATH": os.environ["PATH"], "FN_KEY": "k"}

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write files of functions, by name; each may use what it wants of these imports."""
    folder = tmp_path / "functions"
    folder.mkdir(mode=0o755)

    def write(**files: str) -> Path:
        for name, code in files.items():
            path = folder / f"{name}.py"
            path.write_text(dedent(code), "utf-8")
            path.chmod(0o644)
        return folder

    return write


async def opened(folder: Path, *, deadline_s: float = 20.0, import_deadline_s: float = 20.0) -> FunctionFolder:
    return await FunctionFolder.open(
        folder, deadline_s=deadline_s, environment=ENVIRONMENT, import_deadline_s=import_deadline_s
    )


async def fault(folder: Path, **limits: float) -> str:
    with pytest.raises(FunctionsError) as caught:
        await opened(folder, **limits)
    return str(caught.value)


async def call(functions: FunctionFolder, name: str, **arguments: Any) -> str:
    return await functions.call(name, json.dumps(arguments), ADA)


ORDERS = '''
    from __future__ import annotations
    import os
    from datetime import date
    from typing import Annotated, Literal
    from pydantic import BaseModel, Field
    from bot.functions import Caller, repeatable

    class Line(BaseModel):
        sku: str
        count: int = 1

    @repeatable
    def find_order(number: Annotated[int, Field(ge=1, description="As on the invoice")], caller: Caller) -> dict:
        """Find an order by its number."""
        print("this goes nowhere")
        return {"number": number, "for": caller.directory_id, "turn": caller.turn, "key": os.environ["FN_KEY"]}

    async def count(lines: list[Line], json: str = "", title: str | None = None) -> int:
        """Count pieces."""
        return sum(line.count for line in lines)

    def due(*, day: date, kind: Literal["fast", "slow"] = "fast") -> str:
        """Say when an order is due."""
        return f"{day:%d.%m.%Y} {kind}"

    def _hidden() -> str:
        return "not on offer"
'''


async def test_a_signature_and_its_docstring_become_a_definition(write: Write) -> None:
    functions = await opened(write(orders=ORDERS))
    find, count, due = functions.definitions
    assert (find.name, find.description) == ("find_order", "Find an order by its number.")
    assert find.parameters == {
        "type": "object",
        "properties": {"number": {"type": "integer", "minimum": 1, "description": "As on the invoice"}},
        "required": ["number"],
        "additionalProperties": False,
    }
    assert set(count.parameters["properties"]) == {"lines", "json", "title"}
    assert due.parameters["properties"] == {
        "day": {"type": "string", "format": "date"},
        "kind": {"type": "string", "enum": ["fast", "slow"], "default": "fast"},
    }
    assert [functions.may_repeat(name) for name in ("find_order", "count", "unknown")] == [True, False, True]


async def test_a_call_has_typed_arguments_its_caller_and_an_output(write: Write) -> None:
    functions = await opened(write(orders=ORDERS))
    found = await call(functions, "find_order", number="17")
    assert json.loads(found) == {"number": 17, "for": "d1", "turn": "T-0001", "key": "k"}
    assert await call(functions, "count", lines=[{"sku": "a"}, {"sku": "b", "count": 4}], json="x") == "5"
    assert await call(functions, "due", day="2026-12-24") == "24.12.2026 fast"


async def test_the_environment_of_the_bot_is_not_the_functions(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MicrosoftAppPassword", "secret")
    functions = await opened(
        write(
            spy='''
            import os
            def variables() -> list[str]:
                """List them."""
                return sorted(os.environ)
            '''
        )
    )
    assert set(json.loads(await call(functions, "variables"))) <= {"FN_KEY", "PATH", "LC_CTYPE"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ('{"number": 0}', "number: Input should be greater than or equal to 1"),
        ("{}", "number: Field required"),
        ('{"number": 1, "caller": {"name": "Eve"}}', "caller: Extra inputs are not permitted"),
        ("{number", "Invalid JSON"),
        ("[" * 100_000, "Invalid JSON: recursion limit exceeded"),
        ('{"number": 1, "x": "\\ud800"}', "Invalid JSON"),
        ('{"number": ' + "9" * 10_000 + "}", "number"),
        ("null", "Input should be an object"),
        (" " * (MAX_ARGUMENTS_CHARS + 1), "more than 200,000 characters"),
    ],
    ids=["too small", "missing", "a caller of the model's", "no JSON", "deep", "surrogate", "huge", "null", "long"],
)
async def test_arguments_that_do_not_fit_are_said_to_the_model_and_nothing_is_called(
    write: Write, arguments: str, said: str
) -> None:
    functions = await opened(write(orders=ORDERS))
    output = await functions.call("find_order", arguments, ADA)
    assert output.startswith("Nothing was called")
    assert said in output
    assert len(output) < 2_000


async def test_an_unknown_name_is_answered_with_the_names_on_offer(write: Write) -> None:
    functions = await opened(write(orders=ORDERS))
    assert await call(functions, "drop_tables") == (
        "This function is not available. The functions on offer are: find_order, count, due."
    )


TROUBLE = '''
    import os, sys, threading, time

    def fail(kind: str) -> object:
        """Fail in the way that is asked for."""
        match kind:
            case "told":
                raise ValueError("there is no order 17")
            case "secret":
                raise OSError("postgresql://user:password@host")
            case "exit":
                sys.exit(3)
            case "hard exit":
                os._exit(7)
            case "abort":
                os.abort()
            case "no JSON":
                return object()
            case "circle":
                circle = []
                circle.append(circle)
                return circle
            case "bad text":
                class Bad(ValueError):
                    def __str__(self):
                        raise RuntimeError
                raise Bad
            case "deep":
                return fail(kind)
            case "half a character":
                return "a\\ud800b"
            case "thread":
                threading.Thread(target=time.sleep, args=(60,)).start()
                return "done"
            case "copy":
                if os.fork() == 0:
                    return "from the copy"
                time.sleep(0.3)
                return "from the call"
'''


@pytest.mark.parametrize(
    ("kind", "output"),
    [
        ("told", "The function failed: ValueError: there is no order 17."),
        ("secret", "The function failed: OSError."),
        ("exit", "The function failed: SystemExit."),
        ("hard exit", "The function ended its process (exit code 7). Whether it did a part of its work is not known."),
        ("abort", "The function ended its process (signal 6). Whether it did a part of its work is not known."),
        ("no JSON", "The function failed: ValueError: it returned a object, which has no form in JSON."),
        ("circle", "The function failed: ValueError: it returned a list, which has no form in JSON."),
        ("bad text", "The function failed: Bad."),
        ("deep", "The function failed: RecursionError."),
        ("half a character", "a?b"),
        ("thread", "done"),
        ("copy", "from the call"),
        ("nothing", "The function returned nothing."),
    ],
)
async def test_whatever_a_function_does_its_call_has_an_output(
    write: Write, caplog: pytest.LogCaptureFixture, kind: str, output: str
) -> None:
    functions = await opened(write(trouble=TROUBLE))
    began_s = time.monotonic()
    assert await call(functions, "fail", kind=kind) == output
    assert time.monotonic() - began_s < 15
    assert "password" not in caplog.text


async def test_the_log_names_file_and_line_of_an_error_and_nothing_it_says(
    write: Write, caplog: pytest.LogCaptureFixture
) -> None:
    functions = await opened(write(trouble=TROUBLE))
    await call(functions, "fail", kind="secret")
    [record] = [record for record in caplog.records if record.message == "function failed"]
    assert vars(record)["error"] == "OSError"
    assert vars(record)["why"] == "trouble.py, line 10"


SLOW = '''
    import os, signal, sys, time
    from pathlib import Path

    def wait(file: str, *, stubborn: bool = False, daemon: bool = False) -> str:
        """Write the number of a process that lives for a minute, and wait."""
        if stubborn:
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
        if daemon:  # as programs do that leave their session and their parent
            if os.fork() == 0:
                os.setsid()
                if os.fork() == 0:
                    Path(file).write_text(str(os.getpid()))
                    time.sleep(60)
                os._exit(0)
        else:
            Path(file).write_text(str(os.getpid()))
        time.sleep(60)
        return "late"
'''


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def text_of(file: Path) -> str:
    return file.read_text("utf-8") if file.exists() else ""


async def written(file: Path) -> int:
    async with asyncio.timeout(30):
        while not text_of(file):
            await asyncio.sleep(0.02)
    return int(text_of(file))


@pytest.mark.parametrize("how", [{}, {"stubborn": True}, {"daemon": True}], ids=["plain", "stubborn", "daemon"])
async def test_a_call_that_takes_too_long_is_killed_with_all_it_started(
    write: Write, tmp_path: Path, how: dict[str, bool]
) -> None:
    functions = await opened(write(slow=SLOW), deadline_s=4)
    file = tmp_path / "pid"
    output = await call(functions, "wait", file=str(file), **how)
    assert output == (
        "The function took longer than 4 seconds and was ended. Whether it did a part of its work is not known."
    )
    assert not is_alive(await written(file))


@pytest.mark.parametrize("how", [{}, {"stubborn": True}, {"daemon": True}], ids=["plain", "stubborn", "daemon"])
async def test_a_cancelled_call_is_over_with_all_it_started(write: Write, tmp_path: Path, how: dict[str, bool]) -> None:
    functions = await opened(write(slow=SLOW), deadline_s=60)
    file = tmp_path / "pid"
    calling = asyncio.create_task(call(functions, "wait", file=str(file), **how))
    pid = await written(file)
    began_s = time.monotonic()
    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await calling
    assert time.monotonic() - began_s < 30  # and not the 60 of the function
    assert not is_alive(pid)


async def test_an_import_that_hangs_in_a_call_is_not_told_as_a_call(write: Write) -> None:
    folder = write(orders=ORDERS)
    functions = await opened(folder, deadline_s=2)
    write(orders="import time\ntime.sleep(60)")
    output = await call(functions, "find_order", number=1)
    assert output == "Nothing was called: the import of the function took longer than 2 seconds and was ended."


async def test_a_file_that_vanished_or_broke_since_the_start_is_an_output(write: Write) -> None:
    folder = write(orders=ORDERS)
    functions = await opened(folder)
    (folder / "orders.py").unlink()
    assert await call(functions, "find_order", number=1) == (
        "Nothing was called: the function cannot be loaded. The operator of this bot has to look at it."
    )


async def test_an_output_is_bounded(write: Write) -> None:
    functions = await opened(
        write(
            big='''
            def big(count: int, letter: str) -> str:
                """Return that many letters."""
                return letter * count
            def listed(count: int) -> list[int]:
                """Return that many numbers."""
                return list(range(count))
            '''
        )
    )
    output = await call(functions, "big", count=30_000_000, letter="\U0001f600")
    assert len(output) < MAX_OUTPUT_CHARS + 100
    assert output.endswith("[29,950,000 more characters were left out. Ask for less.]")
    assert len(await call(functions, "listed", count=1_000_000)) < MAX_OUTPUT_CHARS + 100
    assert len(await call(functions, "big", count=MAX_OUTPUT_CHARS, letter="é")) == MAX_OUTPUT_CHARS


async def test_calls_run_side_by_side_in_processes_of_their_own(write: Write, tmp_path: Path) -> None:
    functions = await opened(
        write(
            own='''
            import os, time
            from pathlib import Path
            def meet(others: int, place: str) -> int:
                """Wait until so many others are here, and return the number of the process."""
                Path(place, str(os.getpid())).touch()
                while len(os.listdir(place)) <= others:
                    time.sleep(0.02)
                return os.getpid()
            '''
        )
    )
    place = tmp_path / "place"
    place.mkdir()
    pids = await asyncio.gather(*(call(functions, "meet", others=3, place=str(place)) for _ in range(4)))
    assert len({*pids, str(os.getpid())}) == 5


async def test_a_call_that_finds_no_free_process_in_time_is_not_made(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(function_folder, "MAX_AT_ONCE", 1)
    functions = await opened(write(orders=ORDERS), deadline_s=3)
    await functions._places.acquire()
    assert await call(functions, "find_order", number=1) == (
        "Nothing was called: too many other calls are being made. Try again later."
    )


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("def f(a: int) -> int:\n    return a", "f.py, line 1: f has no docstring"),
        ('\n\ndef f(a) -> int:\n    """Do."""', "f.py, line 3: f has the parameter a without a type"),
        ('def f(*a: int) -> int:\n    """Do."""', "f.py, line 1: f has the parameter *a: int"),
        ('def f(a: int, /) -> int:\n    """Do."""', "line 1: f has the parameter a: int"),
        ('def größe(a: int) -> int:\n    """Do."""', "größe has a name that services refuse"),
        (f'def {"f" * 65}() -> int:\n    """Do."""', "has a name that services refuse"),
        ('def python() -> int:\n    """Do."""', "python has a name that models know as another tool"),
        ('def f() -> int:\n    """Do."""\n    yield 1', "f is a generator"),
        (f'def f() -> int:\n    """{"x" * 1025}"""', "f has a docstring of 1,025 characters"),
        ('def f(a: object, b: "Nope") -> int:\n    """Do."""', "f has an annotation that is not defined"),
        (
            'import threading\ndef f(a: threading.Thread) -> int:\n    """Do."""',
            "line 2: f has the parameter a, whose type has no form in JSON. Use str, int",
        ),
        ("def f(:", "f.py, line 1: this is not valid Python"),
        ("x = 1\n\nraise RuntimeError('no database')", "line 3: the import fails with RuntimeError: no database"),
        ("import nowhere_to_be_found", "line 1: the import fails with ModuleNotFoundError"),
        ("import sys\nsys.exit(1)", "line 2: the import fails with SystemExit"),
        ("import os\nos._exit(3)", "f.py: its import ended its process (exit code 3). Move what takes long"),
        ("import os\nos.abort()", "f.py: its import ended its process (signal 6)"),
        ("x = 1", "f.py, line 1: it defines no public function"),
    ],
)
async def test_a_fault_is_told_at_the_start_with_its_file_its_line_and_what_to_do(
    write: Write, code: str, said: str
) -> None:
    told = await fault(write(f=code))
    assert said in told
    assert told.count("\n") == 1


async def test_an_import_that_hangs_is_told_with_its_file(write: Write) -> None:
    folder = write(a='def a() -> int:\n    """Do."""', hangs="import time\ntime.sleep(60)")
    told = await fault(folder, import_deadline_s=3)
    assert "hangs.py: its import took longer than 3 seconds and was ended" in told


async def test_all_faults_are_told_at_once(write: Write) -> None:
    folder = write(a="def a(): pass", b="def b(x): pass", c='def c() -> int:\n    """Do."""')
    told = await fault(folder)
    assert [line.partition(":")[0] for line in told.splitlines()[1:]] == ["- a.py, line 1", *["- b.py, line 1"] * 2]


async def test_one_name_in_two_files_is_a_fault_that_names_both(write: Write) -> None:
    function = 'def find() -> int:\n    """Do."""'
    told = await fault(write(a=function, b="\n" + function))
    assert "b.py, line 2: find is the name of a function in a.py, line 1, too. Rename one of them." in told


async def test_a_file_called_like_a_module_of_python_does_not_take_its_place(write: Write) -> None:
    functions = await opened(
        write(
            json='def one() -> int:\n    """Do."""\n    return 1',
            _shared="X = 7",
            two='import json\nfrom _shared import X\ndef two() -> str:\n    """Do."""\n    return json.dumps(X)',
        )
    )
    assert [await call(functions, name) for name in ("one", "two")] == ["1", "7"]


@pytest.mark.parametrize("which", ["", "orders.py", "helpers"])
async def test_a_folder_that_others_may_change_is_refused(write: Write, which: str) -> None:
    folder = write(orders=ORDERS)
    (folder / "helpers").mkdir()
    (folder / which).chmod(0o777)
    told = await fault(folder)
    assert "other users may change" in told
    assert "chmod go-w" in told


async def test_a_folder_that_is_missing_or_empty_is_refused(tmp_path: Path) -> None:
    assert "must be a folder that exists" in await fault(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir(mode=0o755)
    assert "holds no Python file" in await fault(tmp_path / "empty")


async def test_more_functions_than_services_take_are_refused(write: Write) -> None:
    code = "\n".join(f'def f{n}() -> int:\n    """Do."""' for n in range(128))
    assert "There are 128 functions. A service takes 127" in await fault(write(many=code))
