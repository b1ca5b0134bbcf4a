"""`teamsbot functions`, as an operator types it: no settings, no account, no model."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).parents[2] / "examples" / "functions"


def teamsbot(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("teamsbot")
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "FN_HOLIDAYS": "2026-12-25"}
    return subprocess.run(
        [program, "functions", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_functions_are_listed_with_their_arguments(tmp_path: Path) -> None:
    done = teamsbot(tmp_path, "--dir", str(EXAMPLES))
    assert done.returncode == 0, done.stderr
    assert "find_orders([customer], [status])  orders.py, repeatable\n    Find orders of customers" in done.stdout
    schemas = json.loads(teamsbot(tmp_path, "--dir", str(EXAMPLES), "--json").stdout)
    assert [schema["name"] for schema in schemas] == ["business_days", "read_intranet", "find_orders"]


def test_a_function_is_called_and_prints_what_the_model_would_read(tmp_path: Path) -> None:
    arguments = json.dumps({"first": "2026-12-21", "last": "2026-12-27"})
    done = teamsbot(tmp_path, "--dir", str(EXAMPLES), "call", "business_days", arguments)
    assert json.loads(done.stdout) == {"business_days": 4, "holidays": ["2026-12-25"]}
    assert done.returncode == 0
    wrong = teamsbot(tmp_path, "--dir", str(EXAMPLES), "call", "business_days")
    assert wrong.returncode == 1
    assert wrong.stdout.startswith("Nothing was called: the arguments do not fit.\nfirst: Field required")


def test_what_a_function_prints_goes_to_standard_error(tmp_path: Path) -> None:
    folder = tmp_path / "functions"
    folder.mkdir(mode=0o755)
    (folder / "loud.py").write_text('def loud() -> int:\n    """Print."""\n    print("hello")\n    return 1\n', "utf-8")
    (folder / "loud.py").chmod(0o644)
    done = teamsbot(tmp_path, "--dir", str(folder), "call", "loud")
    assert (done.stdout, done.stderr) == ("1\n", "hello\n")


def test_what_is_wrong_is_said_in_a_sentence_with_the_file_and_the_line(tmp_path: Path) -> None:
    folder = tmp_path / "functions"
    folder.mkdir(mode=0o755)
    (folder / "bad.py").write_text("def bad(x): return x\n", "utf-8")
    (folder / "bad.py").chmod(0o644)
    done = teamsbot(tmp_path, "--dir", str(folder))
    assert done.returncode == 2
    assert "- bad.py, line 1: bad has no docstring." in done.stderr
    assert "Traceback" not in done.stderr
    assert "FUNCTIONS_DIR" in teamsbot(tmp_path).stderr
