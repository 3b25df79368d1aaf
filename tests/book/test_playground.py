"""The box of chapter 04 in JupyterLab, driven by keyboard in a browser without a network."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import nbformat
import pytest
from playwright.sync_api import expect

from wordweights.words.splitting import split_words

PATIENCE = 300_000  # milliseconds, for a busy machine
CODE = """\
from wordweights import figures, load_encoder
names = ["mini SBERT (MEAN)", "mini-BERT (MEAN)"]
figures.playground({name: load_encoder(name) for name in names}, "dogs run", "occlusion")"""
MARKUP = "<b>dogs</b> run"
pytestmark = pytest.mark.slow


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[str]:
    """JupyterLab on this machine, with a notebook of one cell; its address."""
    kernel = {"name": "python3", "display_name": "x", "language": "python"}
    notebook = nbformat.v4.new_notebook(metadata={"kernelspec": kernel})
    notebook.cells = [nbformat.v4.new_code_cell(CODE)]
    nbformat.write(notebook, tmp_path / "one.ipynb")
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--port=0"]
    options = ["--IdentityProvider.token=", f"--ServerApp.root_dir={tmp_path}"]
    with subprocess.Popen([*command, *options], stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr
        found = (re.search(r"http://localhost:\d+/lab", line) for line in server.stderr)
        yield next(match[0] for match in found if match)
        server.terminate()


def test_a_reader_types_and_the_words_follow(chromium: Any, lab: str) -> None:
    page = chromium.new_page()
    errors: list[str] = []
    asked: set[str | None] = set()
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda request: asked.add(urlsplit(request.url).hostname))
    page.set_default_timeout(PATIENCE)
    page.goto(f"{lab}/tree/one.ipynb")
    page.get_by_text("| Idle").wait_for()  # the kernel; before it is there, a cell does not run
    page.locator(".jp-CodeCell .cm-content").first.click()
    page.keyboard.press("Shift+Enter")
    chips = page.locator(".widget-html span[title]")
    expect(chips).to_have_count(2, timeout=PATIENCE)
    box = page.get_by_label("Sentence")
    box.fill(MARKUP)
    box.press("Enter")
    expect(chips).to_have_count(len(split_words(MARKUP)), timeout=PATIENCE)
    assert page.locator(".widget-html b").count() == 0
    page.get_by_label("Method").select_option("token-norm")
    page.get_by_label("Encoder").select_option("mini-BERT (MEAN)")
    said = page.locator(".widget-html p")
    expect(said).to_contain_text("token-norm by mini-BERT (MEAN).", timeout=PATIENCE)
    expect(said).to_contain_text("Markup is not interpreted")
    box.fill(" ")
    box.press("Enter")
    expect(said).to_have_text("The sentence is empty: type at least one word.", timeout=PATIENCE)
    page.close()
    assert errors == []
    assert asked <= {"localhost", None}  # None: what is in the page itself
