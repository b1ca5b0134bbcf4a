"""Code is read as a notebook takes it only where it is no Python as it stands."""

from __future__ import annotations

import ast
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.sandbox.guest.magics import as_python

PYTHON = ["x = 5 %3", "text = '''\n%time\n!ls\n'''", "await x", "a = (1\n%2)", "", "\n\n", "# %magic"]


@pytest.mark.parametrize("source", PYTHON)
def test_python_is_left_as_it_is(source: str) -> None:
    assert as_python(source) == source


@pytest.mark.parametrize(
    ("source", "read"),
    [
        ("%matplotlib inline\nx = 1", "_run_magic('matplotlib', 'inline')\nx = 1"),
        ("!ls -l 'a b'", "_run_shell(\"ls -l 'a b'\", captured=False)"),
        ("for i in x:\n    !ls\n", "for i in x:\n    _run_shell('ls', captured=False)\n"),
        ("a.b[0] = !ls", "a.b[0] = _run_shell('ls', captured=True)"),
        ("!pip install a \\\n  b\nx", "_run_shell('pip install a    b', captured=False)\n\nx"),
        ("%timeit -n 10 f(1)", "with _timed(): f(1)"),
        ("print?", "help(print)"),
        ("?a.b", "help(a.b)"),
        ("%%time\nx", "\nx"),
        ("    x = 1\n    %time y", "x = 1\nwith _timed(): y"),
        ("# slow\n\n%%time\nx", "\n\n\nx"),
        (">>> x = 1\n>>> if x:\n...     y\n...\n1", "x = 1\nif x:\n    y\n\n"),
        ("\ufeffif x:\u00a0\n\u00a0\u00a0y", "if x: \n  y"),
        ("x = '\u00a0'\u200b", "x = '\u00a0'"),
    ],
)
def test_a_line_of_a_notebook_becomes_a_call_on_the_same_line(source: str, read: str) -> None:
    assert as_python(source) == read
    ast.parse(read)


@pytest.mark.parametrize("source", ["x = = 1", "(\n!ls", "def f(:\n    !ls", "'", "%", "!", "?", "x ? y"])
def test_what_is_neither_comes_back_as_it_was(source: str) -> None:
    assert as_python(source) == source


@given(st.text(alphabet="%!?xX= \n\t\\'\"()#:1", max_size=60))
def test_any_text_is_read_or_comes_back_as_it_was(source: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)  # a strange escape in a string is Python all the same
        warnings.simplefilter("ignore", DeprecationWarning)
        read = as_python(source)
        if read != source:
            ast.parse(read)
