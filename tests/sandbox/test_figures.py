"""What the code draws arrives once, at a size for a chat, with words for those who cannot see it."""

from __future__ import annotations

import pytest

from adapters.sandbox.confined_pictures import read_picture_header
from tests.sandbox.service import Host

IMPORTS = "import numpy as np, matplotlib.pyplot as plt, pandas as pd\nx = np.linspace(-10, 10, 201)\n"

OTHER = "from PIL import Image; Image.new('RGB', (9, 9), 'red')"

DESCRIBED = {
    'plt.plot(x, x**2 + 3, label="y = x² + 3"); plt.title("y = x² + 3")': 'Line plot titled "y = x² + 3": x from -10 to 10, y from 3 to 103; series: y = x² + 3.',
    'plt.plot(x, x**2, label="$x^{2}$"); plt.axhline(500); plt.xlabel("time (s)")': "Line plot: x (time (s)) from -10 to 10, y from 0 to 100; series: x².",
    "plt.plot(x[x > 0], 1 / x[x > 0]); plt.plot([0, 1], [np.nan, np.inf])": "Line plot: x from 0 to 10, y from 0.1 to 10.",
    'plt.bar(["a", "b"], [1, 5], label="sold"); plt.title("Sales")': 'Bar chart titled "Sales": x for a, b, y from 0 to 5; series: sold.',
    "plt.hist([1, 2, 2, 3, 3, 3, 4], bins=4)": "Histogram: x from 1 to 4, y from 0 to 3.",
    "plt.scatter([1, 2], [3, 4])": "Scatter plot: x from 1 to 2, y from 3 to 4.",
    'plt.pie([1, 3], labels=["a", "b"])': "Pie chart: a 25%, b 75%.",
    "plt.imshow(np.eye(3)); plt.colorbar()": "Image: x from -0.5 to 2.5, y from -0.5 to 2.5.",
    'fig, axes = plt.subplots(1, 2); axes[0].plot(x, x); axes[1].plot(x, -x); fig.suptitle("Both")': 'Figure titled "Both" with 2 plots. 1: Line plot: x from -10 to 10, y from -10 to 10.'
    " 2: Line plot: x from -10 to 10, y from -10 to 10.",
    'plt.plot(pd.date_range("2024-01-01", periods=3), [1, 2, 3])': "Line plot: x from 2024-01-01 to 2024-01-03, y from 1 to 3.",
    "X, Y = np.meshgrid(x, x); plt.figure().add_subplot(projection='3d').plot_surface(X, Y, X + Y)": "Surface plot: x from -10 to 10, y from -10 to 10, z from -20 to 20.",
    "plt.figure().text(0.5, 0.5, 'words')": "Figure.",
    "plt.fill([0, 1, 1], [0, 0, 1])": "Area plot: x from 0 to 1, y from 0 to 1.",
    "plt.gca().add_patch(plt.Circle((0.5, 0.5), 0.25))": "Drawing: x from 0.25 to 0.75, y from 0.25 to 0.75.",
    "plt.text(0.5, 0.5, 'words')": "Words: x from 0 to 1, y from 0 to 1.",
    "plt.table([['a', 'b']])": "Table: x from 0 to 1, y from 0 to 1.",
}


@pytest.fixture(scope="session")
def host(service_of_a_plain_user: Host) -> Host:
    """Who runs the service makes no difference here."""
    return service_of_a_plain_user


@pytest.fixture(scope="module")
def drawing(host: Host) -> str:
    """One session for all, so that matplotlib is imported once."""
    host.run("drawing", IMPORTS)
    return "drawing"


@pytest.mark.parametrize("code", DESCRIBED)
def test_a_figure_is_described_by_what_was_drawn(host: Host, drawing: str, code: str) -> None:
    (image,) = host.run(drawing, code).images
    assert image.alt_text == DESCRIBED[code]


def test_a_description_is_never_too_long(host: Host, drawing: str) -> None:
    code = "for n in range(9): plt.plot(x, x * n, label=f'{n} ' + 'é' * 200)\nplt.title('t' * 500)"
    (image,) = host.run(drawing, code).images
    assert len(image.alt_text) == 400
    assert image.alt_text.endswith("…")


def test_an_object_that_cannot_be_described_is_still_shown(host: Host, drawing: str) -> None:
    code = "plt.plot(x, x)\nplt.gca().get_legend_handles_labels = lambda: 1 / 0\nplt.show()"
    (image,) = host.run(drawing, code).images
    assert image.alt_text == "Figure."


def test_figures_come_at_show_and_at_the_end_and_are_then_closed(host: Host, drawing: str) -> None:
    code = "plt.plot(x, x); plt.title('one'); plt.show()\nplt.plot(x, -x); plt.title('two')\nplt.figure()"
    result = host.run(drawing, code)
    assert ["one" in image.alt_text for image in result.images] == [True, False]
    assert ["two" in image.alt_text for image in result.images] == [False, True]
    assert host.run(drawing, "plt.get_fignums()").logs == "[]\n"


def test_a_curve_of_half_a_million_points_is_drawn_in_the_style_of_the_code_s_choice(host: Host, drawing: str) -> None:
    """At once it takes 400 MB, which is all that a process has here."""
    code = "plt.style.use('default')\nplt.plot(np.random.rand(500_000)); plt.savefig('long.png'); plt.rcdefaults()"
    result = host.run(drawing, code)
    assert [file.name for file in result.files] == ["long.png"], result.logs


@pytest.mark.parametrize("size", ["(6, 4)", "(40, 4)", "(3, 30)", "(100, 100)"])
def test_no_side_is_longer_than_1024_px(host: Host, drawing: str, size: str) -> None:
    code = f"plt.figure(figsize={size}); plt.plot(x, x, label='long ' * 30); plt.legend(bbox_to_anchor=(1.5, 1))"
    (image,) = host.run(drawing, code).images
    header = read_picture_header(image.data)
    assert header is not None
    assert 256 <= max(header.width_px, header.height_px) <= 1024


@pytest.mark.parametrize(
    ("code", "images", "files"),
    [
        ("plt.plot(x, x); plt.savefig('a.png'); plt.show()", 0, {"a.png": True}),
        ("plt.plot(x, x); plt.savefig('b.png')", 0, {"b.png": True}),
        (
            "import matplotlib; matplotlib.use('Agg'); plt.switch_backend('agg')\n"
            "plt.plot(x, x); plt.savefig('b.png'); plt.show()",
            0,
            {"b.png": True},
        ),
        ("plt.plot(x, x); plt.savefig('c', dpi=200)", 0, {"c.png": True}),
        ("f = plt.figure(); plt.plot(x, x); plt.show(); f.savefig('/mnt/data/d.jpg')", 0, {"d.jpg": True}),
        ("plt.plot(x, x); plt.savefig('e.png'); plt.plot(x, -x); plt.show()", 1, {"e.png": True}),
        ("plt.plot(x, x); plt.savefig('f.pdf'); plt.show()", 1, {"f.pdf": False}),
        ("plt.plot(x, x); plt.savefig('/tmp/g.png'); plt.show()", 1, {}),
        ("import io; plt.plot(x, x); plt.savefig(io.BytesIO()); plt.show()", 1, {}),
        (
            "import os; plt.plot(x, x); plt.savefig('i.png'); os.rename('i.png', 'j.png'); plt.show()",
            0,
            {"j.png": True},
        ),
        ("with open('k.png', 'wb') as file: plt.plot(x, x); plt.savefig(file)", 0, {"k.png": True}),
        (f"plt.plot(x, x); plt.savefig('l.png'); plt.show()\n{OTHER}.save('l.png')", 1, {"l.png": False}),
        (f"plt.figure(); plt.savefig('m.png')\n{OTHER}.save('m.png')", 0, {"m.png": False}),
        ("import os; plt.plot(x, x); plt.savefig('n.png'); os.remove('n.png'); plt.show()", 1, {}),
        (
            "from matplotlib.animation import FuncAnimation; line, = plt.plot(x, x)\n"
            "moving = FuncAnimation(plt.gcf(), lambda n: line.set_ydata(x * n), frames=2)\n"
            "moving.save('o.gif', writer='pillow')",
            0,
            {"o.gif": True},
        ),
    ],
)
def test_the_same_drawing_arrives_once(
    host: Host, drawing: str, code: str, images: int, files: dict[str, bool]
) -> None:
    result = host.run(drawing, code)
    assert len(result.images) == images
    assert {file.name: file.alt_text.startswith("Line plot") for file in result.files} == files


def test_only_the_first_20_figures_are_handed_over(host: Host, drawing: str) -> None:
    result = host.run(drawing, "for n in range(22):\n    plt.figure(figsize=(1, 1)); plt.plot([n, 1])\n    plt.show()")
    assert len(result.images) == 20
    assert result.logs == "[only the first 20 of 22 figures were handed over]\n"


def test_figures_beyond_those_that_can_be_handed_over_are_counted_and_not_drawn(host: Host, drawing: str) -> None:
    shows = "for n in range(120):\n    plt.figure(figsize=(1, 1)); plt.plot([n, 1])"
    counts = "import adapters.sandbox.guest.mpl_backend as b; drawn = []; draw = b.draw\n"
    result = host.run(drawing, f"{counts}b.draw = lambda figure: drawn.append(1) or draw(figure)\n{shows}\nplt.show()")
    assert (result.status, len(result.images)) == ("ok", 20)
    assert result.logs.endswith("[only the first 20 of 120 figures were handed over]\n")
    assert host.run(drawing, "b.draw = draw; len(drawn)").logs == "40\n"


def test_a_figure_that_cannot_be_drawn_is_an_error_of_the_code(host: Host, drawing: str) -> None:
    result = host.run(drawing, "plt.title('$\\\\frac{$')")
    assert result.status == "raised"
    assert "ParseException" in result.logs or "ValueError" in result.logs
    host.run(drawing, "plt.close('all')")


def test_the_font_list_is_each_session_s_own(host: Host, session: str) -> None:
    paths = "pathlib.Path(matplotlib.get_cachedir()).glob('font*')"
    host.run(session, f"import matplotlib, pathlib\nfor path in {paths}: path.write_text('x')")
    other = f"{session}-other"
    result = host.run(other, f"{IMPORTS}plt.plot(x, x)\nplt.show()")
    host.forget(other)
    assert len(result.images) == 1
    assert result.logs == ""


UNDRAWABLE = [
    "plt.plot(x, x); plt.title('$$y = x^2$$')",
    "plt.plot(x, x); plt.xlabel(r'$\\begin{cases}x\\end{cases}$')",
    "import matplotlib.ticker as t; plt.plot(x, x); plt.gca().xaxis.set_major_formatter(lambda value, place: 1 / 0)",
]


@pytest.mark.parametrize("shown", ["", "\nplt.show()"])
@pytest.mark.parametrize("code", UNDRAWABLE)
def test_a_figure_that_cannot_be_drawn_is_told_once_and_spoils_nothing_later(
    host: Host, drawing: str, code: str, shown: str
) -> None:
    # F2
    failed = host.run(drawing, code + shown)
    assert (failed.status, failed.images) == ("raised", ())
    again = host.run(drawing, "print(17*23)")
    assert (again.status, again.logs, again.images) == ("ok", "391\n", ())
    assert len(host.run(drawing, "plt.plot(x, x); plt.show()").images) == 1


def test_the_figures_beside_one_that_cannot_be_drawn_are_shown(host: Host, drawing: str) -> None:
    # F2
    result = host.run(drawing, "plt.plot(x, x)\nplt.figure(); plt.title('$$a$$')\nplt.figure(); plt.plot(x, -x)")
    assert (result.status, len(result.images)) == ("raised", 2)


@pytest.mark.parametrize("draft", ["plt.bar(['a'], [1])", "fig, ax = plt.subplots(); ax.plot(x, x)"])
def test_what_failed_code_had_begun_to_draw_never_comes_later(host: Host, drawing: str, draft: str) -> None:
    # F5
    failed = host.run(drawing, f"{draft}\nplt.title('draft'); undefined")
    assert (failed.status, failed.images) == ("raised", ())
    assert host.run(drawing, "print(2+2)").images == ()
    assert len(host.run(drawing, f"{draft}\nplt.show()").images) == 1


@pytest.mark.parametrize(
    "code",
    [
        "fig, axes = plt.subplots(1, 2)",
        "plt.plot([1, 2]); plt.clf()",
        "plt.figure().add_subplot(projection='3d')",
        "plt.figure().add_subplot(projection='polar')",
        "plt.figure().subfigures(1, 2)",
        "plt.xlim(0, 5); plt.show()",
        "plt.gcf()",
    ],
)
def test_a_blank_figure_is_no_picture(host: Host, drawing: str, code: str) -> None:
    # F14
    assert host.run(drawing, f"{code}\nNone").images == ()


@pytest.mark.parametrize(
    "code",
    [
        "plt.title('Only words')",
        "plt.figure().suptitle('Only words')",
        "plt.figure().text(0.5, 0.5, 'words')",
        "plt.gca().annotate('here', (0, 0))",
        "plt.axhline(1)",
        "plt.figure().subfigures(1, 2)[0].subplots().plot(x, x)",
        "plt.table([['a']])",
        "plt.gca().set_ylabel('y')",
        "plt.contourf(np.eye(3))",
    ],
)
def test_a_figure_with_anything_in_it_is_a_picture(host: Host, drawing: str, code: str) -> None:
    assert len(host.run(drawing, f"{code}\nNone").images) == 1


@pytest.mark.parametrize("before", ["plt.show()", "plt.close()", "plt.clf()"])
def test_a_blank_picture_that_was_saved_is_left_out_and_the_code_is_told(host: Host, drawing: str, before: str) -> None:
    # F14
    result = host.run(drawing, f"plt.plot([1, 2]); {before}; plt.savefig('/mnt/data/late.png')")
    assert result.files == ()
    assert "late.png is blank" in result.logs


CSV = {
    "plt.plot([0, 0.5, 1], [0, 0.25, 1], label='x²'); plt.plot([0, 0.5, 1], [0, -1, -2], label='-2x'); plt.xlabel('t')": "t,x²,'-2x\r\n0,0,0\r\n0.5,0.25,-1\r\n1,1,-2\r\n",
    "plt.plot([0, 1], [1, 2]); plt.plot(1, 2, 'o'); plt.axhline(0)": "x,y\r\n0,1\r\n1,2\r\n",
    "plt.plot([0, 1], [1, 2], label='a'); plt.plot([5, 6], [np.nan, 3], label='b')": "series,x,y\r\na,0,1\r\na,1,2\r\nb,5,\r\nb,6,3\r\n",
    "plt.bar(['N', '=1+1'], [1, 2], label='sold')": "x,sold\r\nN,1\r\n'=1+1,2\r\n",
    "plt.barh(['N', 'S'], [1, 2])": "x,y\r\nN,1\r\nS,2\r\n",
    "pd.DataFrame({'rev': [1, 2], 'cost': [3, 4]}, index=['N', 'S']).plot.bar()": "x,rev,cost\r\nN,1,3\r\nS,2,4\r\n",
    "plt.plot(pd.date_range('2024-01-01', periods=2), [1, 2])": "x,y\r\n2024-01-01,1\r\n2024-01-02,2\r\n",
    "pd.Series([1, 2], index=pd.date_range('2024-01-01', periods=2, freq='MS'), name='rev').plot(legend=True)": "x,rev\r\n2024-01,1\r\n2024-02,2\r\n",
    "plt.hist([1, 2, 2, 3, 3, 3, 4, 9], bins=4); plt.xlabel('score')": "score from,count\r\n1,3\r\n3,4\r\n5,0\r\n7,1\r\n",
    "plt.scatter([1, 2], [3, 4]); plt.ylabel('rev')": "x,rev\r\n1,3\r\n2,4\r\n",
    "plt.pie([1, 3], labels=['a', 'b'])": "part,share\r\na,0.25\r\nb,0.75\r\n",
    "plt.plot(np.ma.masked_array([1.0, 2], [0, 1]), [1, 2])": "x,y\r\n1,1\r\n,2\r\n",
    "plt.imshow(np.eye(3))": "",
    "plt.plot(np.arange(30_000), np.arange(30_000))": "",
    "plt.plot([1, 2]); plt.gca().get_legend_handles_labels = lambda: 1 / 0": "x,y\r\n0,1\r\n1,2\r\n",
    "plt.plot([1, 2]); plt.gca().containers = 3": "",
}


@pytest.mark.parametrize("code", CSV)
def test_the_points_of_a_figure_come_with_it_as_csv(host: Host, drawing: str, code: str) -> None:
    result = host.run(drawing, f"{code}\nplt.show()")
    assert [image.points.decode() for image in result.images] == [CSV[code]], result.logs


def test_a_picture_that_was_saved_has_the_points_of_its_figure(host: Host, drawing: str) -> None:
    result = host.run(drawing, "plt.plot([1, 2]); plt.savefig('h.png'); plt.show(); open('i.txt', 'w').write('x');")
    assert {file.name: file.points for file in result.files} == {"h.png": b"x,y\r\n0,1\r\n1,2\r\n", "i.txt": b""}
