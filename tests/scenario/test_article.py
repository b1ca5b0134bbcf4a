"""The article's notebook against `teamsbot assistants`, changed in nothing but key and address."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

from scripts.program import running
from tests.scenario import article_notebook as cells

KEY = "the-article's-key"
NOTEBOOK = """
import json, pathlib, time
from PIL import Image
shown = []
class Markdown(str):
    pass
def display(thing):
    if not isinstance(thing, Markdown):
        thing.convert("RGB").save(f"picture-{len(shown)}.png")
        thing = f"picture-{len(shown)}.png"
    shown.append(thing)
def clear_output(wait):
    pass
"""
END = """
pathlib.Path("shown.json").write_text(json.dumps({"shown": shown, "model": run.model}))
"""
AZURE = {
    "client": cells.AZURE_CLIENT,
    "env": "AZURE_OPENAI_API_KEY={key}\nAZURE_OPENAI_ENDPOINT={address}\nAZURE_OPENAI_API_VERSION=2024-02-15-preview\n",
}
OPENAI = {"client": cells.OPENAI_CLIENT, "env": "OPENAI_API_KEY={key}\nOPENAI_BASE_URL={address}/v1\n"}


@dataclass(frozen=True)
class Shown:
    """What the notebook displayed: words, and names of pictures."""

    folder: Path
    items: list[str]
    model: str


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("server")
    settings = {"DATA_DIR": str(folder / "data"), "ASSISTANTS_API_KEY": KEY}
    fresh = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(folder), "LANG": "C.UTF-8"}
    teamsbot = Path(sys.executable).with_name("teamsbot")
    with running(
        [teamsbot, "assistants", "--port", "0"],
        folder=folder,
        env=fresh | settings,
        ready=r"azure_endpoint=(\S+)",
    ) as server:
        yield server.told


def run_notebook(folder: Path, address: str, kind: dict[str, str], *story: str) -> Shown:
    (folder / ".env").write_text(kind["env"].format(key=KEY, address=address))
    notebook = folder / "notebook.py"
    notebook.write_text("".join([NOTEBOOK, kind["client"], cells.ASSISTANT, cells.THREAD, *story, END]))
    fresh = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(folder), "LANG": "C.UTF-8"}
    subprocess.run([sys.executable, notebook], cwd=folder, env=fresh, check=True, timeout=60, stdout=subprocess.DEVNULL)
    told = json.loads((folder / "shown.json").read_text())
    return Shown(folder=folder, items=told["shown"], model=told["model"])


@pytest.mark.parametrize("kind", [AZURE, OPENAI], ids=["AzureOpenAI", "OpenAI"])
def test_the_articles_code_gets_the_answer_the_plot_and_the_follow_up(
    tmp_path: Path, address: str, kind: dict[str, str]
) -> None:
    shown = run_notebook(
        tmp_path,
        address,
        kind,
        cells.QUESTION,
        cells.RUN,
        cells.ANSWER,
        "shown.clear()\n",
        cells.FOLLOW_UP,
        cells.RUN,
        cells.ANSWER,
    )
    question, answer, picture, follow_up, verdict = shown.items[:5]
    assert question == "Solve the equation y = x^2 + 3 for x = 3 and plot the function graph."
    assert "12" in answer
    assert "code" in answer.lower()
    assert follow_up == "Is this a concave function?"
    assert "convex" in verdict.lower()
    assert shown.model == "built-in tutor"
    with Image.open(shown.folder / picture) as plot:
        assert plot.size == (400, 400)
        assert len(plot.getcolors(400 * 400) or ()) > 10  # something is drawn on it
