"""What the README and the pages of the book show can be typed."""

from __future__ import annotations

import gzip
import re
import shlex
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner
from papermill.cli import papermill

from wordweights.attribution import make_method
from wordweights.cli import app
from wordweights.pipeline import load_profile
from wordweights.pipeline.parameters import notebook_parameters, read_value, read_yaml
from wordweights.pipeline.profiles import chapter_values

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "book").glob("*.md"))]


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of a page in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text("utf-8"), re.M | re.S)


def commands(page: Path, program: str) -> list[list[str]]:
    """The arguments of each call of a program in the shell blocks of a page."""
    lines = "".join(blocks(page, "bash")).replace("\\\n", " ").splitlines()
    words = [shlex.split(line, comments=True) for line in lines]
    return [arguments for name, *arguments in filter(None, words) if name == program]


def test_there_is_something_to_type() -> None:
    assert len(commands(PAGES[0], "wordweights")) > 5
    assert commands(PAGES[0], "papermill")


@pytest.mark.slow
@pytest.mark.parametrize("code", blocks(PAGES[0], "python"))
def test_python_runs_and_shows_contributions(
    code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {})
    if "print(" in code:
        assert "contribution" in capsys.readouterr().out


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_have_the_options_and_parameters_they_use(
    page: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    for arguments in commands(page, "wordweights"):
        group = app.make_context("wordweights", list(arguments))
        name, command, rest = app.resolve_command(group, arguments)
        assert command is not None
        given = command.make_context(name, rest, parent=group).params
        if name == "run":
            profile = load_profile(ROOT, given["file"] or given["profile"])
            chapter_values(ROOT, profile, dict(given["parameters"]))
        if name == "attribute":
            settings = {key: read_value(key, text, object) for key, text in given["parameters"]}
            make_method(given["method"], **settings)


@pytest.mark.slow
def test_commands_of_the_readme_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my.csv").write_text("sentence\na dog runs .\nthe soup is hot .\n")
    for folder in ("texts", "more"):
        (tmp_path / folder).mkdir()
        with gzip.open(tmp_path / folder / "a.txt.gz", "wt") as file:
            file.write("the dog runs . the soup is hot .\na dog\n")
    ran = set()
    for name, *arguments in commands(PAGES[0], "wordweights"):
        here = [word for word in arguments if not word.startswith("s3://")]
        if name in ("run", "book", "claims") or "--cluster" in here:
            continue  # these have tests of their own
        result = CliRunner().invoke(app, [name, *here])
        assert result.exit_code == 0, (name, here, result.output)
        ran.add(name)
    assert ran >= {"attribute", "pair", "count"}
    assert pd.read_csv(tmp_path / "words.csv")["word"].tolist()[:2] == ["a", "dog"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_papermill_gets_parameters_that_the_chapter_has(page: Path) -> None:
    for arguments in commands(page, "papermill"):
        given = papermill.make_context("papermill", arguments).params
        known = notebook_parameters(ROOT / given["notebook_path"])
        values = dict(given["parameters"])
        for text in given["parameters_yaml"]:
            values |= read_yaml(text, page.name)
        assert values
        for name, value in values.items():
            read_value(name, value, known[name].annotation)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_make_has_the_targets(page: Path) -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for target, *_ in commands(page, "make"):
        assert re.search(rf"^{target}:", makefile, re.M), target
