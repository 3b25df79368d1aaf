"""The examples in the docstrings of what the packages export, and of the methods of its classes."""

from __future__ import annotations

import doctest
import inspect
import sys
from pathlib import Path
from typing import Any

import pytest

from wordweights.pipeline.parameters import read_yaml

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "book" / "_ext"))
from reference import exported, methods  # noqa: E402 - an extension of the book

CONFIG = read_yaml((ROOT / "_config.yml").read_text(), "_config.yml")
PACKAGES = CONFIG["sphinx"]["config"]["reference_packages"]
DOCUMENTED = {
    f"{package}.{path}": thing
    for package, parts in exported(PACKAGES).items()
    for name, part in parts.items()
    for path, thing in {name: part, **{f"{name}.{m}": f for m, f in methods(part).items()}}.items()
}


def test_the_table_of_contents_names_every_package() -> None:
    contents = (ROOT / "book" / "_toc.yml").read_text()
    for package in PACKAGES:
        assert f"- file: reference/{package}\n" in contents
        assert f"- glob: reference/{package}/*\n" in contents


@pytest.mark.parametrize("name", DOCUMENTED)
def test_an_example_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = inspect.cleandoc(DOCUMENTED[name].__doc__)
    assert "\nExamples\n--------\n" in text, f"{name} has no example in its docstring"
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    test = doctest.DocTestParser().get_doctest(text, {}, name, None, None)
    said: list[str] = []
    result: Any = doctest.DocTestRunner(optionflags=flags).run(test, out=said.append)
    assert result.attempted
    assert not result.failed, "".join(said)
