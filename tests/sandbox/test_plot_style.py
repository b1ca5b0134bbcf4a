"""How plots look: like the reference pictures beside this file, by the tutor and by models.

Compared are small, blurred versions, so that another version of a font makes no difference and another style does.
After a change of style that is wanted, and looked at: `.venv/bin/python -m tests.sandbox.test_plot_style`.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageFilter, ImageStat

from tests.sandbox.service import Host
from tutor.dialogue import RunCode, Thread, UserMessage
from tutor.tutor import reply_to

REFERENCES = Path(__file__).with_name("reference_plots")
WIDTH_PX = 320  # of a reference: the narrowest column in which Teams shows a card
COMPARED_PX = 160
MAX_DIFFERENCE = 6.0  # root of the mean square, of 255; another style differs by more than three times as much
MAX_REFERENCE_BYTES = 20_000

MATPLOTLIB_S_OWN = "plt.rcdefaults()\n"
IMPORTS = "import numpy as np, matplotlib.pyplot as plt, pandas as pd\n"
CODES = {
    "bars": """
table = pd.DataFrame({"revenue": [120, 98, 143, 76, 51], "costs": [80, 61, 99, 52, 40]},
                     index=["North", "South", "East", "West", "Centre"])
table.plot.bar(rot=0)
plt.title("Revenue and costs by region")
plt.ylabel("thousand euros")
""",
    "histogram": """
scores = 50 + 12 * np.sqrt(2) * np.array([np.sin(k * k) + np.cos(3 * k) for k in range(400)])
plt.hist(scores, bins=20)
plt.title("Scores")
plt.xlabel("score")
plt.ylabel("count")
plt.tight_layout()
""",
    "scatter": """
steps = np.arange(90)
across = 3 * np.sin(steps)
plt.scatter(across, 2 * across + 1.5 * np.cos(steps * steps), label="rows")
plt.plot([-3, 3], [-6, 6], color="black", label="trend")
plt.title("Revenue against units")
plt.legend()
""",
    "waves": """
x = np.linspace(-6, 6, 600)
for number in range(4):
    plt.plot(x, np.sin(x + number / 2) * (1 + number / 3), label=f"wave {number}")
plt.title("Four waves")
plt.legend()
""",
}
QUESTIONS = {
    "parabola": "plot x^2 - 6x + 5 and 2x - 7, and mark the vertex",
    "sine": "plot sin(x) from -2π to 2π",
}


def code_of(name: str) -> str:
    if name in CODES:
        return IMPORTS + CODES[name]
    reply = reply_to(Thread(messages=(UserMessage(text=QUESTIONS[name]),)))
    assert isinstance(reply, RunCode)
    return reply.code


def small(picture: Image.Image, width_px: int) -> Image.Image:
    return picture.convert("RGB").resize(
        (width_px, round(picture.height * width_px / picture.width)), Image.Resampling.LANCZOS
    )


def difference(drawn: Image.Image, reference: Image.Image) -> float:
    """How far two pictures differ, 0 to 255; those of another shape differ by all."""
    left, right = small(drawn, COMPARED_PX), small(reference, COMPARED_PX)
    if abs(left.height - right.height) > COMPARED_PX / 25:
        return 255.0
    left = left.resize(right.size, Image.Resampling.LANCZOS)
    blur = ImageFilter.GaussianBlur(1.5)
    squares = ImageStat.Stat(ImageChops.difference(left.filter(blur), right.filter(blur))).sum2
    return math.sqrt(sum(squares) / (3 * right.width * right.height))


@pytest.fixture(scope="session")
def host(service_of_a_plain_user: Host) -> Host:
    """Who runs the service makes no difference here."""
    return service_of_a_plain_user


@pytest.fixture(scope="module")
def session(host: Host) -> Iterator[str]:
    yield "plot style"
    host.forget("plot style")


@pytest.fixture(scope="module")
def fresh_session(host: Host) -> Iterator[str]:
    """One in which no other test has loaded sympy: the sessions of tests have 400 MB."""
    yield "odd figures"
    host.forget("odd figures")


def drawn(host: Host, session: str, code: str) -> Image.Image:
    result = host.run(session, code)
    assert len(result.images) == 1, result.logs
    return Image.open(io.BytesIO(result.images[0].data))


@pytest.mark.parametrize("name", [*CODES, *QUESTIONS])
def test_a_plot_looks_like_its_reference_picture(host: Host, session: str, name: str) -> None:
    reference = REFERENCES / f"{name}.png"
    assert reference.stat().st_size <= MAX_REFERENCE_BYTES
    found = difference(drawn(host, session, code_of(name)), Image.open(reference))
    assert found <= MAX_DIFFERENCE, f"{found:.1f}"


def test_matplotlib_s_own_style_looks_like_none_of_the_references(host: Host, session: str) -> None:
    code = CODES["bars"].replace("table.plot", f"{MATPLOTLIB_S_OWN}table.plot")
    found = difference(drawn(host, session, IMPORTS + code), Image.open(REFERENCES / "bars.png"))
    assert found > 2 * MAX_DIFFERENCE


def test_code_may_choose_another_style(host: Host, session: str) -> None:
    with_own = drawn(host, session, f"{IMPORTS}plt.style.use('dark_background'); plt.plot([1, 2]); plt.show()")
    assert with_own.convert("L").getpixel((2, 2)) == 0
    again = drawn(host, session, f"{IMPORTS}plt.matplotlib.rc_file_defaults(); plt.plot([1, 2]); plt.show()")
    assert again.convert("L").getpixel((2, 2)) == 255


def test_letters_are_readable_in_a_column_of_320_px(host: Host, session: str) -> None:
    printed = host.run(
        session,
        f"{IMPORTS}plt.plot([1, 2]); size_pt = plt.gca().get_xticklabels()[0].get_size()\n"
        "print(size_pt / 72 / plt.gcf().get_figwidth() * 320); plt.close()",
    )
    assert float(printed.logs) >= 8.0, printed.logs


WIDE = "figure = plt.figure(figsize=(10, 6.25)); plt.plot([1, 3, 2]); plt.title('Visitors')\n"


def test_a_figure_of_more_inches_has_letters_of_the_same_size(host: Host, session: str) -> None:
    usual = drawn(host, session, IMPORTS + WIDE.replace("figsize=(10, 6.25)", "") + "plt.show()")
    wide = drawn(host, session, f"{IMPORTS}{WIDE}plt.show()")
    assert difference(wide, usual) < 1.0
    saved = host.run(session, f"{IMPORTS}{WIDE}plt.savefig('wide.png', dpi=100); print(figure.get_figwidth())")
    [file] = saved.files
    picture = Image.open(io.BytesIO(file.data))
    assert difference(picture, usual) < 2.0
    assert 850 < picture.width < 1_100, "as many pixels as the code asked for"
    assert saved.logs == "10.0\n", "the code's own figure stays as it is"


@pytest.mark.parametrize(
    ("drawing", "least", "most"),
    [
        ("plt.plot([1, 3, 2])", 6.4, 6.4),
        ("plt.plot([1, 3, 2]); plt.tick_params(labelsize=18)", 9.6, 9.6),
        ("plt.bar([f'department {n}' for n in range(9)], range(9))", 11.0, 16.0),
        (
            "figure, both = plt.subplots(1, 2, figsize=(16, 6)); both[1].set_ylabel('in tons'); both[0].plot([1, 2])",
            6.4,
            13.0,
        ),
    ],
)
def test_letters_grow_as_far_as_no_words_lie_on_others(
    host: Host, session: str, drawing: str, least: float, most: float
) -> None:
    code = f"""{IMPORTS}import matplotlib.text
class Probe(matplotlib.text.Text):
    def draw(self, renderer):
        widths.append(self.figure.get_figwidth())
widths = []
figure = plt.figure(figsize=(16, 6))
{drawing}
plt.gcf().add_artist(Probe(0, 0, " "))
plt.show()
print(widths[-2])  # the last time it is drawn without its margins"""
    width = float(host.run(session, code).logs.split()[-1])
    assert least <= round(width, 1) <= most, width


def test_a_legend_that_would_cover_curves_goes_below_them(host: Host, session: str) -> None:
    result = host.run(
        session,
        f"{code_of('waves')}axes = plt.gca(); plt.show()\n"
        "print(axes.get_legend().get_window_extent().y1 < axes.get_window_extent().y0)",
    )
    assert result.logs == "True\n"


@pytest.mark.parametrize("chosen", ["loc='upper left'", "bbox_to_anchor=(0.6, 0.6)", "title='Waves'"])
def test_a_legend_that_the_code_placed_stays_there(host: Host, session: str, chosen: str) -> None:
    code = code_of("waves").replace("plt.legend()", f"legend = plt.legend({chosen}); axes = plt.gca()")
    assert host.run(session, f"{code}plt.show(); print(axes.get_legend() is legend)").logs == "True\n"


def test_the_label_of_a_point_stands_clear_of_the_curve(host: Host, session: str) -> None:
    code = f"""{IMPORTS}x = np.linspace(-3, 3, 300)
line, = plt.plot(x, 5 * x)
label = plt.annotate("(1, 5)", (1, 5), textcoords="offset points", xytext=(6, 8))
plt.show()
path = line.get_path().transformed(line.get_transform())
print(path.intersects_bbox(label.get_window_extent(), filled=False))"""
    assert host.run(session, code).logs == "False\n"


@pytest.mark.parametrize(
    "odd",
    [
        "plt.annotate('', (1, 1)); plt.annotate('a', (np.nan, 1), textcoords='offset points', xytext=(1, 1))",
        "plt.plot([], []); plt.legend(['nothing'])",
        "plt.plot([np.nan, 1], [1, np.inf], label='gap'); plt.legend()",
        "plt.plot([1, 2], label='log'); plt.yscale('log'); plt.legend()",
        "plt.subplot(projection='polar').plot([1, 2], label='polar'); plt.legend()",
        "plt.fill_between([1, 2], [1, 2], label='area'); plt.legend()",
        "plt.gcf().add_subplot(projection='3d').plot([1, 2], [1, 2], [1, 2], label='3d'); plt.legend()",
        "plt.hist([1, 2, 2], histtype='step', label='steps'); plt.legend(); plt.axvspan(1, 2)",
        "plt.gca().add_artist(plt.Circle((0, 0), 1)); plt.gca().texts.__class__",
        "plt.violinplot([1, 2, 3]); plt.quiver([1], [1], [1], [1]); plt.stem([1, 2]); plt.errorbar([1], [1], 1)",
    ],
)
def test_figures_of_any_kind_are_drawn_all_the_same(host: Host, fresh_session: str, odd: str) -> None:
    result = host.run(fresh_session, f"{IMPORTS}plt.plot([1, 2])\n{odd}\nplt.show()")
    assert (result.status, len(result.images)) == ("ok", 1), (result.reason, result.logs)


def main() -> None:
    """Write the reference pictures anew."""
    host = Host.start(as_root=False)
    for name in (*CODES, *QUESTIONS):
        picture = small(drawn(host, "references", code_of(name)), WIDTH_PX)
        picture.quantize(128).save(REFERENCES / f"{name}.png", optimize=True)
    host.stop()


if __name__ == "__main__":
    main()
