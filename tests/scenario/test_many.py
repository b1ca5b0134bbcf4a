"""Many people at once: nobody gets another's answer, and the points of each curve are the right ones."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Callable

import pytest
from PIL import Image

from tests.scenario.conftest import Person, Rig
from tests.support.scripted_model import RunCode, ScriptedModel

CURVE = """\
import json
import numpy as np
import matplotlib.pyplot as plt

plt.style.use("default")  # whose frame and colour the test looks for
k = {k}
x = np.linspace(0, 10, 5)
y = k * x**2 + k
figure, axes = plt.subplots()
axes.plot(x, y, label=f"{{k}}x^2 + {{k}}")
axes.set_ylim(0, 3000)
axes.legend()
line = axes.get_lines()[0]
json.dump([line.get_xdata().tolist(), line.get_ydata().tolist()], open("points.json", "w"))
plt.show()
"""


def curve_of(text: str) -> RunCode:
    k = int(text.rsplit(maxsplit=1)[-1])
    return RunCode(
        code=CURVE.format(k=k), then=f"This is curve {k}. Its points: [points](sandbox:/mnt/data/points.json)"
    )


async def points_of(person: Person, url: str) -> list[list[float]]:
    async with person.session.get(url) as response:
        points: list[list[float]] = json.loads(await response.read())
        return points


@pytest.mark.timeout(240)
async def test_twenty_conversations_at_once_each_get_the_plot_of_their_own_function(
    rig: Rig, model: ScriptedModel
) -> None:
    model.otherwise = curve_of
    async with rig.started() as first:

        async def one(k: int) -> None:
            person = Person(first.session, first.bot_url, first.connector, conversation=f"a:{k}")
            text, plot, files = await person.ask(f"plot curve {k}", parts=3, deadline_s=200)
            assert f"This is curve {k}." in text.text
            assert f"{k}x² + {k}" in plot.cards[0]["body"][0]["altText"]
            link = files.cards[0]["body"][0]["text"]
            xs, ys = await points_of(person, link[link.index("](") + 2 : link.index(")")])
            assert ys == [k * x**2 + k for x in xs]
            picture = Image.open(io.BytesIO(await fetch(person, plot.cards[0]["body"][0]["url"])))
            assert height_at_the_right(picture) == pytest.approx(k * 101 / 3000, abs=0.02)

        await asyncio.gather(*(one(k) for k in range(1, 21)))


async def fetch(person: Person, url: str) -> bytes:
    async with person.session.get(url) as response:
        return await response.read()


def height_at_the_right(picture: Image.Image) -> float:
    """How high the curve ends, as a share of the axes: matplotlib's first colour is looked for from the right."""
    pixels = picture.convert("RGB")
    blue: Callable[[tuple[int, ...]], bool] = lambda rgb: rgb[2] > 150 and rgb[0] < 90 and 90 < rgb[1] < 150  # noqa: E731
    width, height = pixels.size
    # The axes' frame is black: its extent gives the scale.
    column = width // 2
    dark = [row for row in range(height) if max(pixel(pixels, column, row)) < 60]
    top, bottom = dark[0], dark[-1]
    for x in range(width - 1, 0, -1):
        rows = [row for row in range(top, bottom + 1) if blue(pixel(pixels, x, row))]
        if rows:
            return (bottom - sum(rows) / len(rows)) / (bottom - top)
    raise AssertionError("there is no curve in the picture")


def pixel(picture: Image.Image, x: int, y: int) -> tuple[int, ...]:
    value = picture.getpixel((x, y))
    assert isinstance(value, tuple)
    return value
