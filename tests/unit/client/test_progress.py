"""Progress in a terminal and in Jupyter."""

import io
import re
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import msgspec
import pytest
from rich.console import Console

from disio.client.progress import NotebookProgress, TaskProgress, as_html, display
from disio.dashboard.views import task as shown
from disio.wire import api, grid


def task(**changes: Any) -> api.Task:
    """A running task."""
    fields: dict[str, Any] = dict.fromkeys(grid.TaskView.__struct_fields__, 0)
    texts = ("manager", "filename", "description", "unit", "error", "owner")
    fields |= dict.fromkeys(texts, "") | {"task": "mgr-1", "name": "<b>pi</b>", "params": b"{}", "state": "running"}
    fields |= {"split_done": True, "payloads": 10, "accepted": 4, "failed": 1, "rate": 2.0, "volunteers": 1}
    defaults = {"finished": None, "warnings": [], "sites": [], "open": False, "has_answer": False}
    return shown(grid.TaskView(**{**fields, **defaults, **changes}))


def test_html_says_how_far_it_is_and_is_safe() -> None:
    """A bar without widgets, with figures in words; names are escaped."""
    html = as_html(task())
    assert 'max="10" value="5"' in html
    assert "&lt;b&gt;pi&lt;/b&gt;" in html
    assert "1 volunteer · " in html
    assert "1 failed" in html
    assert "10+" in as_html(task(split_done=False))


def test_a_notebook_is_told_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a kernel the same output is updated; elsewhere it is a bar on standard error."""
    assert isinstance(display(), TaskProgress)
    seen: list[str] = []
    ipython, shown_by = ModuleType("IPython"), ModuleType("IPython.display")
    ipython.get_ipython = lambda: SimpleNamespace(kernel=object())  # type: ignore[attr-defined]
    shown_by.HTML = str  # type: ignore[attr-defined]
    handle = SimpleNamespace(update=seen.append)
    shown_by.display = lambda page, display_id: seen.append(page) or handle  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", shown_by)
    with display() as progress:
        assert isinstance(progress, NotebookProgress)
        progress.show(task())
        progress.show(task(accepted=9, state="finished"))
    assert ["finished" in page for page in seen] == [False, True]


def test_a_terminal_shows_a_bar() -> None:
    """Name, counts and what is left; nothing where nobody looks."""
    for terminal in (True, False):
        out = io.StringIO()
        with TaskProgress(Console(file=out, force_terminal=terminal, width=120)) as progress:
            progress.show(msgspec.structs.replace(task(), name="pi"))
        assert ("5/10" in out.getvalue()) == terminal


def test_a_terminal_of_80_columns_shows_it_in_one_line() -> None:
    """What is not known to be short is cut, the bar first; what it says of the time is whole."""
    out = io.StringIO()
    seen = task(name="magnets of all sizes", payloads=11_321, rate=123.0, volunteers=14)
    with TaskProgress(Console(file=out, force_terminal=True, width=80)) as progress:
        progress.show(seen)
    lines = [line for line in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", out.getvalue()).splitlines() if "5/11321" in line]
    assert lines
    assert all("123/s · 14 volunteers · 1 min 32 s left · 1 failed" in line for line in lines), lines
