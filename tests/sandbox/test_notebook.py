"""Habits of a notebook work, and what a notebook would show is shown (F9, F10, F15)."""

from __future__ import annotations

import base64
import io
import re
import tarfile
import zipfile
from pathlib import Path

import pytest

from adapters.sandbox.code_result import CodeStatus
from adapters.sandbox.confined_pictures import read_picture_header
from adapters.sandbox.guest.display import NO_SCRIPTS, NO_SOUND
from tests.sandbox.service import Host

WORKBOOKS = Path(__file__).parent / "workbooks"


ENCRYPTED_PDF = """
import pypdf
writer = pypdf.PdfWriter()
writer.add_blank_page(100, 100)
writer.encrypt("secret", algorithm="AES-256")
writer.write("a.pdf")
"""


@pytest.fixture(scope="session")
def host(service_of_a_plain_user: Host) -> Host:
    """Who runs the service makes no difference here."""
    return service_of_a_plain_user


@pytest.mark.parametrize(
    ("code", "logs"),
    [
        ("%matplotlib inline\n%config InlineBackend.figure_format = 'retina'\nprint(1)", "1\n"),
        ("%load_ext autoreload\n1 + 1", "2\n"),
        ("x = 1\n%who\nx", "[%who does not exist here; the line was left out]\n1\n"),
        ("!echo hello; echo there", "hello\nthere\n"),
        ("!false", "[the command ended with exit code 1]\n"),
        ("names = !echo a; echo b\nnames", "['a', 'b']\n"),
        ("if True:\n    !echo inside\n", "inside\n"),
        ("%%time\n40 + 2", "42\n"),
        ("%%bash\necho one\necho two", "one\ntwo\n"),
        ("%%html\n<b>x</b>", "[%%html cells do not exist here; nothing of this cell was run]\n"),
        ("%%writefile m.py\nx = 5\n", "[wrote m.py]\n"),
        ("%pwd", "'/mnt/data'\n"),
        ("%%python3\nprint(1)\n2", "1\n2\n"),
        ("get_ipython().run_line_magic('matplotlib', 'inline')\nget_ipython().system('echo a')", "a\n"),
        ("get_ipython().run_cell_magic('bash', '', 'echo b')\nget_ipython().getoutput('echo c')", "b\n['c']\n"),
        ("get_ipython().run_cell_magic('time', '', 'd = 4')\nget_ipython().magic('pwd'), d", "('/mnt/data', 4)\n"),
        ("from tqdm.notebook import tqdm, trange\nlen([*tqdm([1], disable=True), *trange(2, disable=True)])", "3\n"),
        ("from IPython.display import HTML\nHTML('<script>run()</script>')", f"{NO_SCRIPTS}\n"),
        (
            "from IPython.display import Audio\nAudio([0], rate=8000)",
            f"{NO_SOUND}\n",
        ),
        ("len(str(10 ** 100_000))", "100001\n"),
        ("print('12%\\b\\b\\b100%')", "100%\n"),
        ("text = '''\n!ls\n%time\n'''\ntext", "'\\n!ls\\n%time\\n'\n"),
        ("a = 7\nb = (a\n%4)\nb", "3\n"),
        ("%env NAME=value\n%env NAME\nimport os; os.environ['NAME']", "'value'\n"),
        (">>> x = 2\n>>> print(x)\n2", "2\n"),
        ("\ufeffif True:\n\u00a0\u00a0\u00a0\u00a0print('\u00a0'.isspace())", "True\n"),
    ],
)
def test_lines_of_a_notebook_are_run_or_answered(host: Host, session: str, code: str, logs: str) -> None:  # F10
    result = host.run(session, code)
    assert (result.status, result.logs) == (CodeStatus.OK, logs)


@pytest.mark.parametrize(
    "call",
    [
        "run_line_magic('timeit', '-n 10 print(sum([1]))')",
        "run_line_magic('time', 'print(await one())')",
        "magic('time print(1)')",
        "run_cell_magic('time', '', 'await one()')",
        "run_cell_magic('timeit', '-n 1', '%pwd\\nprint(1)')",
        "run_cell('x = 1\\nx')",
        "run_cell('!echo 1', store_history=False)",
        "user_ns['given']",
    ],
)
def test_a_magic_that_is_written_as_a_call_does_what_its_line_does(host: Host, session: str, call: str) -> None:  # F10
    host.run(session, "given = 1\nasync def one(): return 1")
    result = host.run(session, f"get_ipython().{call}")
    assert result.status is CodeStatus.OK, result.logs
    assert re.fullmatch(r"1\n(\[took .* s\]\n)?", result.logs), result.logs


def test_what_a_notebook_has_and_this_shell_lacks_is_named(host: Host, session: str) -> None:
    result = host.run(session, "hasattr(get_ipython(), 'kernel')\nget_ipython().set_next_input('x')")
    assert (
        "get_ipython().set_next_input does not exist here; there are: config, getoutput, magic, run_cell" in result.logs
    )


@pytest.mark.parametrize(
    "line", ["!pip install pandas-ta", "%pip install x", "!python -m pip install x", "%conda install x"]
)
def test_who_wants_to_install_a_package_is_told_which_there_are(host: Host, session: str, line: str) -> None:  # F10
    result = host.run(session, f"{line}\nprint('goes on')")
    assert result.logs.startswith("[Nothing can be installed: there is no network here. Installed are ")
    assert ", pandas, " in result.logs
    assert result.logs.endswith("goes on\n")


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("import plotly.express as px", "[Nothing can be installed: there is no network here. Installed are cffi, "),
        ("import pandas\npandas.DataFrame({'a': [1]}).to_feather('a.feather')", "[Nothing can be installed"),
        (
            "import subprocess, sys\nsubprocess.check_call([sys.executable, '-m', 'pip', 'install', 'x'])",
            "[Nothing can be installed",
        ),
        ("import urllib.request\nurllib.request.urlopen('https://example.com')", "[There is no network here. "),
        ("import socket\nsocket.create_connection(('192.0.2.1', 80))", "[There is no network here. "),
        ("input('Name? ')", "[Nobody can type here. "),
        ("import getpass\ngetpass.getpass()", "[Nobody can type here. "),
        ("breakpoint()", "[Nobody can type here. "),
        (f"{ENCRYPTED_PDF}pypdf.PdfReader('a.pdf').pages[0]", "[The file seems to be protected with a password. "),
        (
            f"{ENCRYPTED_PDF}import pdfplumber\npdfplumber.open('a.pdf')",
            "[The file seems to be protected with a password. ",
        ),
        ("import asyncio\nasyncio.get_running_loop()", "[Between cells no event loop runs. "),
        (
            "import matplotlib.pyplot as plt\nplt.plot([1, 2]); plt.savefig('x.png', dpi=4000)",
            "[A process has 400 MB of memory here. Draw the figure with fewer dots",
        ),
        ("bytearray(4_000_000_000)", "[A process has 400 MB of memory here. "),
        ("open('Q1 2024.csv', 'w').close()\nopen('q1.csv')", "[In /mnt/data there are: 'Q1 2024.csv'.]"),
        ("open('sub/q1.csv')", "[/mnt/data has no files.]"),
        ("open('big', 'wb').write(bytes(70_000_000))", "[The folders here are small. "),
        ("import locale\nlocale.setlocale(locale.LC_ALL, 'de_DE')", "[The only locale here is C.UTF-8. "),
    ],
)
def test_an_error_that_the_sandbox_causes_says_what_to_do_instead(
    host: Host, session: str, code: str, advice: str
) -> None:
    result = host.run(session, code)
    assert result.status is CodeStatus.RAISED
    assert result.logs.rpartition("\n[")[2].startswith(advice[1:])


@pytest.mark.parametrize(
    "code",
    [
        "1 / 0",
        "open('/dev/full', 'w').fileno(); open('no-ending')",
        "try:\n    import plotly\nexcept ImportError:\n    raise ValueError('own words') from None",
        "open('/etc/hostname', 'w')",
    ],
)
def test_an_error_of_the_code_itself_is_left_alone(host: Host, session: str, code: str) -> None:
    result = host.run(session, code)
    assert result.status is CodeStatus.RAISED
    assert not result.logs.endswith("]\n")


def test_a_file_is_run_among_the_variables_of_the_notebook(host: Host, session: str) -> None:  # F10
    host.run(session, "%%writefile s.py\nthere = 40 + here")
    assert host.run(session, "here = 2\n%run -i s.py\nthere").logs == "42\n"


def test_code_that_is_neither_python_nor_magic_is_told_its_own_error(host: Host, session: str) -> None:
    result = host.run(session, "    x = = 1\n    !ls")
    assert result.status is CodeStatus.RAISED
    assert "x = = 1" in result.logs


@pytest.mark.parametrize(
    "code",
    [
        "    import math\n    print(math.pi)",
        "\n\t\timport math\n\t\tif 1:\n\t\t\tprint(math.pi)",
        "  import math\nprint(math.pi)",
    ],
)
def test_code_that_is_indented_as_a_whole_is_run(host: Host, session: str, code: str) -> None:  # F10
    assert host.run(session, code).logs == "3.141592653589793\n"


def test_await_works_outside_of_functions_and_its_loop_lives_on(host: Host, session: str) -> None:  # F10
    assert host.run(session, "import asyncio\nawait asyncio.sleep(0.01)\nqueue = asyncio.Queue()").logs == ""
    assert host.run(session, "task = asyncio.ensure_future(queue.get())\nawait queue.put(7)\nawait task").logs == "7\n"
    assert host.run(session, "async def three(): return 3\nasyncio.run(three())").logs == "3\n"
    failed = host.run(session, "async def fail():\n    1 / 0\nawait fail()")
    assert failed.status is CodeStatus.RAISED
    assert "    1 / 0\n" in failed.logs
    assert "asyncio/" not in failed.logs
    assert host.run(session, "await asyncio.sleep(60)", 0.5).status is CodeStatus.TIMED_OUT
    assert host.run(session, "await asyncio.sleep(0, 'fine')").logs == "'fine'\n"


@pytest.mark.parametrize(
    ("code", "logs"),
    [
        ("3 * 4;", ""),
        ("3 * 4;  # quiet", ""),
        ("'a;'", "'a;'\n"),
        ("'b'  # a; b", "'b'\n"),
        ("1, None", "(1, None)\n"),
        ("_ = 5\nNone", ""),
        ("{'name': 'x' * 40, 'other': 'y' * 40}", f"{{'name': '{'x' * 40}',\n 'other': '{'y' * 40}'}}\n"),
        ("import pandas as pd\ndf = pd.DataFrame({'a': [1]})\ndisplay(df, 2)\ndf", "   a\n0  1\n2\n   a\n0  1\n"),
        ("import pandas as pd\npd.DataFrame({'a': [1.25]}).style.format('{:.1f}')", " a\n0 1.2\n"),
        (
            "from IPython.display import HTML, Markdown, clear_output\nclear_output()\ndisplay(Markdown('**x**'))",
            "**x**\n",
        ),
        ("import IPython\nIPython.get_ipython()", ""),
        ("import sympy\nsympy.init_printing()\nsympy.sqrt(2) / 2", "sqrt(2)/2\n"),
    ],
)
def test_a_last_expression_is_echoed_as_in_a_notebook(host: Host, session: str, code: str, logs: str) -> None:  # F10
    result = host.run(session, code)
    assert (result.status, result.logs) == (CodeStatus.OK, logs)


FIGURE = "from matplotlib.figure import Figure\nfigure = Figure()\nfigure.subplots().plot([1, 2])\n"
IMAGE = "from PIL import Image\nimage = Image.new('RGB', (3000, 60), 'red')\n"


@pytest.mark.parametrize(
    "code",
    [
        f"{FIGURE}figure",
        f"{FIGURE}display(figure)",
        "import matplotlib.pyplot as plt\nfig, ax = plt.subplots()\nax.plot([1, 2])\nfig",
        "import matplotlib.pyplot as plt\nfig, ax = plt.subplots()\nax.plot([1, 2])\nplt.close()\ndisplay(fig)",
        "import IPython\nimport matplotlib.pyplot as plt\nplt.plot([1, 2]);",
        "import matplotlib\nmatplotlib.use('TkAgg')\nimport matplotlib.pyplot as plt\nplt.plot([1, 2]); plt.show()",
        "import seaborn.objects as so\nso.Plot(x=[1, 2], y=[2, 3]).add(so.Line())",
        f"{IMAGE}image",
        f"{IMAGE}display(image)",
        f"{IMAGE}image.show()",
        f"{IMAGE}image.convert('CMYK')",
        f"{IMAGE}image.save('/tmp/i.png')\nfrom IPython.display import Image\nImage('/tmp/i.png')",
        f"{IMAGE}image.save('i.png')\nfrom IPython.display import Image\nImage(data=open('i.png', 'rb').read())",
    ],
)
def test_a_figure_or_a_picture_that_a_notebook_shows_is_shown_once(host: Host, session: str, code: str) -> None:  # F10
    result = host.run(session, code)
    assert (result.status, result.logs) == (CodeStatus.OK, "")
    (image,) = result.images
    header = read_picture_header(image.data)
    assert header is not None
    assert max(header.width_px, header.height_px) <= 1024
    assert image.alt_text
    assert host.run(session, "1").images == ()


def test_documents_can_be_written_and_the_text_of_a_pdf_read(host: Host, session: str) -> None:  # F9
    code = """
from reportlab.pdfgen.canvas import Canvas
import docx, pandas, pdfplumber, pypdf
canvas = Canvas("report.pdf")
canvas.drawString(100, 700, "Revenue 1,234 EUR")
canvas.save()
document = docx.Document()
document.add_heading("Report")
document.save("report.docx")
with pandas.ExcelWriter("report.xlsx", engine="xlsxwriter") as writer:
    pandas.DataFrame({"a": [1]}).to_excel(writer)
print(pypdf.PdfReader("report.pdf").pages[0].extract_text().strip())
with pdfplumber.open("report.pdf") as pdf:
    print(pdf.pages[0].extract_text())
    page = pdf.pages[0].to_image(resolution=60).original
print(docx.Document("report.docx").paragraphs[0].text)
page
"""
    result = host.run(session, code)
    assert result.logs == "Revenue 1,234 EUR\nRevenue 1,234 EUR\nReport\n"
    assert {file.name for file in result.files} == {"report.pdf", "report.docx", "report.xlsx"}
    assert len(result.images) == 1  # the page, as a picture


def test_old_and_open_workbooks_are_read_and_tables_written_as_markdown(host: Host, session: str) -> None:
    for name in ("old.xls", "open.ods", "macros.xlsm"):
        assert host.put(session, name, (WORKBOOKS / name).read_bytes()) is None
    code = "import pandas as pd\nfor name in ('old.xls', 'open.ods', 'macros.xlsm'):\n    table = pd.read_excel(name)"
    result = host.run(session, f"{code}\n    print(table.to_markdown(index=False))")
    assert (result.status, result.logs) == (
        CodeStatus.OK,
        "| city   |   sales |\n|:-------|--------:|\n| Köln   |     3.5 |\n" * 3,
    )


PHOTOGRAPH = base64.b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAXxtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAAACJpbG9jAAAAAERA"
    "AAEAAQAAAAABoAABAAAAAAAAADMAAAAjaWluZgAAAAAAAQAAABVpbmZlAgAAAAABAABodmMxAAAAAA5waXRtAAAAAAABAAAA/GlwcnAAAADcaXBjbwAA"
    "AHVodmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEAGEABDAH//wNwAAADAJAAAAMAAAMAHroCQGEAAQApQgEBA3AAAAMAkAAAAwAAAwAeoCCBBZbq"
    "rprm4CGgwIAAAAyAAAADAIRiAAEABkQBwXPBiQAAABNjb2xybmNseAABAA0ABoAAAAAUaXNwZQAAAAAAAABAAAAAQAAAAChjbGFwAAAAIAAAAAEAAAAY"
    "AAAAAf///+AAAAAC////2AAAAAIAAAAQcGl4aQAAAAADCAgIAAAAGGlwbWEAAAAAAAAAAQABBYECAwWEAAAAO21kYXQAAAAvKAGvEyFkY0D1JyL//2q6"
    "n/rQWf9v9lhZ3K6AwVvy+sD2ZJvA86qRnoCHaacwFXg="
)


def archived(kind: str) -> bytes:
    file = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("in.csv", "a,b\n1,2\n")
    else:
        with tarfile.open(fileobj=file, mode="w:gz") as archive:
            entry = tarfile.TarInfo("in.csv")
            entry.size = 8
            archive.addfile(entry, io.BytesIO(b"a,b\n1,2\n"))
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "code", "logs"),
    [
        ("a.zip", archived("zip"), "pd.read_csv('a.zip').to_dict('list')", "{'a': [1], 'b': [2]}"),
        ("a.tgz", archived("tgz"), "pd.read_csv('a.tgz', compression='tar').to_dict('list')", "{'a': [1], 'b': [2]}"),
        ("a.jsonl", b'{"a": 1}\n{"a": 2}\n', "pd.read_json('a.jsonl', lines=True).a.tolist()", "[1, 2]"),
        ("a.xml", b"<r><i><a>1</a></i><i><a>2</a></i></r>", "pd.read_xml('a.xml').a.tolist()", "[1, 2]"),
        (
            "a.html",
            b"<table><tr><th>a</th></tr><tr><td>1</td></tr></table>",
            "pd.read_html('a.html')[0].a[0]",
            "np.int64(1)",
        ),
        (
            "a.eml",
            b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\n\nText",
            "email.message_from_file(open('a.eml'), policy=policy.default)['subject']",
            "'Grüße'",
        ),
        ("a.heic", PHOTOGRAPH, "Image.open('a.heic').size", "(32, 24)"),
        ("a.py", b"x = 5", "open('a.py').read()", "'x = 5'"),
        ("новый отчёт.txt", b"x", "open('новый отчёт.txt').read()", "'x'"),
    ],
)
def test_files_of_many_kinds_are_read(host: Host, session: str, name: str, data: bytes, code: str, logs: str) -> None:
    assert host.put(session, name, data) is None
    result = host.run(session, f"import email, pandas as pd\nfrom email import policy\nfrom PIL import Image\n{code}")
    assert result.logs == f"{logs}\n"


def test_parquet_is_written_and_read_with_what_is_missing_in_it(host: Host, session: str) -> None:
    code = """
import pandas as pd
table = pd.DataFrame({"truth": [True, None], "word": ["ä", None], "whole": pd.array([1, None], dtype="Int64")})
table.to_parquet("table.parquet")
print(pd.read_parquet("table.parquet").isna().sum().tolist(), *pd.read_parquet("table.parquet").iloc[0])
"""
    result = host.run(session, code)
    assert (result.logs, [file.name for file in result.files]) == ("[1, 1, 1] 1.0 ä 1\n", ["table.parquet"])


def test_a_model_is_fitted_and_slides_are_written(host: Host, session: str) -> None:
    code = """
from pptx import Presentation
from sklearn.ensemble import RandomForestRegressor
from sklearn.model_selection import cross_val_score
slides = Presentation()
slides.slides.add_slide(slides.slide_layouts[0]).shapes.title.text = "Sales"
slides.save("sales.pptx")
xs = [[number] for number in range(30)]
len(cross_val_score(RandomForestRegressor(5, n_jobs=-1), xs, range(30), cv=3, n_jobs=2))
"""
    result = host.run(session, code, 60.0)
    assert (result.status, result.logs) == (CodeStatus.OK, "3\n")
    assert [file.name for file in result.files] == ["sales.pptx"]


WORDS = {
    "Chinese": "销售额按月统计",
    "Japanese": "売上の推移グラフ",
    "Korean": "매출 추이",
    "Hindi": "क्षेत्र के अनुसार",
    "Thai": "ยอดขายรายเดือน",
    "Arabic": "المبيعات الشهرية",
    "Hebrew": "מכירות",
    "Tamil": "விற்பனை",
    "emoji": "🚀📈💰",
}
FONTS = (
    "",
    "plt.rcParams['font.sans-serif'] = ['SimHei']\n",
    "plt.rcParams['font.family'] = 'serif'\n",
    "plt.rcParams['font.family'] = 'Nowhere'; plt.rcParams['font.weight'] = 'bold'\n",
)


@pytest.mark.parametrize("font", FONTS)
def test_labels_in_any_script_are_drawn_and_nothing_is_said_about_fonts(
    host: Host, session: str, font: str
) -> None:  # F15
    titles = "\n".join(f"plt.figure(); plt.plot([1, 2]); plt.title({words!r});" for words in WORDS.values())
    result = host.run(session, f"import matplotlib.pyplot as plt\n{font}{titles}")
    assert (result.status, result.logs) == (CodeStatus.OK, "")
    assert len({image.data for image in result.images}) == len(WORDS)


def test_two_signs_of_a_script_are_not_the_same_box(host: Host, session: str) -> None:  # F15
    code = """
import io, matplotlib.pyplot as plt
def drawn(sign):
    figure = plt.figure(figsize=(1, 1)); figure.text(0.2, 0.2, sign, size=40)
    buffer = io.BytesIO(); figure.savefig(buffer); plt.close(figure)
    return buffer.getvalue()
print([len({drawn(sign) for sign in pair}) for pair in ("销售", "कख", "ยอ", "مب", "🚀💰")])
"""
    assert host.run(session, code).logs == "[2, 2, 2, 2, 2]\n"


def test_a_warning_names_a_line_of_the_code_or_no_place_at_all(host: Host, session: str) -> None:  # F15
    assert host.run(session, "import warnings\n\nwarnings.warn('careful')").logs == "<cell 1>:3: UserWarning: careful\n"
    result = host.run(session, "import matplotlib.pyplot as plt\nplt.plot([1, 2]); plt.title('\\U0001fae9\\U0010fffd')")
    assert "UserWarning: Glyph" in result.logs
    assert "/" not in result.logs


def test_a_traceback_through_the_runner_shows_none_of_its_files(host: Host, session: str) -> None:
    result = host.run(session, "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.savefig('/nowhere/x.png')")
    assert result.status is CodeStatus.RAISED
    assert "<cell 1>" in result.logs
    assert "/opt/sandbox" not in result.logs
