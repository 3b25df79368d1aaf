"""Values of parameters: read by their type, the same from a command, a file and papermill."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wordweights.errors import WordweightsError
from wordweights.pipeline.parameters import (
    Parameter,
    notebook_parameters,
    read_parameters,
    read_value,
    read_yaml,
)

KINDS = [int | None, int | str, float | None, str, str | None, bool, list[str]]
items = st.text(max_size=20).filter(str.strip)


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (int, "7", 7),
        (int, "010", 10),  # YAML 1.1 reads 8
        (int | None, 7, 7),
        (int | None, None, None),
        (int | str, "all", "all"),
        (int | str, "16", 16),
        (int | str, "1:30", "1:30"),  # YAML 1.1 reads 90
        (float, "1e-4", 1e-4),  # YAML 1.1 reads text
        (float | None, "-2E+3", -2e3),
        (float, 7, 7.0),
        (bool, "true", True),
        (str, "7", "7"),
        (str, "7: [", "7: ["),
        (str, "[a dog]", "[a dog]"),
        (str | None, "2020-01-01", "2020-01-01"),
        (str | None, "", ""),
        (list[str], '["b", "c d"]', ["b", "c d"]),
        (list[str], " [b, c d]", ["b", "c d"]),
        (list[str], "BERT (CLS)", ["BERT (CLS)"]),
        (list[str], "7", ["7"]),
        (list[str], "[a dog] is here .", ["[a dog] is here ."]),
        (list[str], "- yes : no # ?", ["- yes : no # ?"]),
        (list[str], ["b", "a ", "b"], ["b", "a "]),
        (list[str], ["None"], ["None"]),
    ],
)
def test_a_value_is_read_by_its_type(kind: Any, value: object, expected: object) -> None:
    for annotation in (kind, kind.__name__ if isinstance(kind, type) else str(kind)):
        read = read_value("x", value, annotation)
        assert read == expected
        assert type(read) is type(expected)


@pytest.mark.parametrize("nothing", ["None", "null", "~", None])
def test_nothing_has_three_names(nothing: str | None) -> None:
    assert read_value("x", nothing, int | None) is None
    assert read_value("x", nothing, str | None) is None
    with pytest.raises(WordweightsError, match=r"'x' is .*type str: give text"):
        read_value("x", nothing, str)


@pytest.mark.parametrize(
    ("kind", "value", "wanted"),
    [
        (int | None, "seven", "a whole number or null"),
        (int | None, "", "a whole number or null"),
        (int, "7.5", "a whole number"),
        (int, 7.0, "a whole number"),
        (int, True, "a whole number"),
        (int, "true", "a whole number"),
        (int | str, [1], "a whole number or text"),
        (int | str, 1e4, "a whole number or text"),
        (float, "fast", "a finite number"),
        (float, "nan", "a finite number"),
        (float, ".inf", "a finite number"),
        (float, "1e999", "a finite number"),
        (float, True, "a finite number"),
        (bool, 1, "true or false"),
        (str, 7, "text .*papermill's -r"),
        (list[str], "[1, 2]", r"a list of text such as '\[one, two\]'"),
        (list[str], "[]", "a list of text"),
        (list[str], ["a", " "], ".*none of it blank"),
        (list[str], "", ".*none of it blank"),
        (list[str], {"a": 1}, "a list of text"),
    ],
)
def test_a_value_of_another_type_is_refused(kind: Any, value: object, wanted: str) -> None:
    with pytest.raises(
        WordweightsError, match=f"Parameter 'n' is .*not of its type .*: give {wanted}"
    ):
        read_value("n", value, kind)


def test_a_type_that_is_not_known_is_refused() -> None:
    with pytest.raises(WordweightsError, match=r"'n' is of the type Nonsense: take one of int"):
        read_value("n", 1, "Nonsense")


@given(st.sampled_from(KINDS), st.one_of(st.text(max_size=30), st.integers(), st.floats()))
def test_a_value_that_was_read_stays_as_it_is(kind: Any, value: object) -> None:
    try:
        read = read_value("x", value, kind)
    except WordweightsError:
        return
    assert read_value("x", read, kind) == read


@given(st.lists(items, min_size=1, unique=True))
def test_a_list_and_its_json_are_the_same(texts: list[str]) -> None:
    for value in (texts, json.dumps(texts), json.dumps(texts, ensure_ascii=False)):
        assert read_value("x", value, list[str]) == texts


def test_the_parameters_of_a_running_notebook_are_its_annotated_names() -> None:
    namespace = {
        "__annotations__": {"n": int | None, "names": list[str], "gone": int},
        **{"n": "null", "names": "a", "other": "7"},
    }
    assert read_parameters(namespace) == {"n": None, "names": ["a"]}
    assert read_parameters({}) == {}


def test_what_is_no_yaml_names_its_place() -> None:
    assert read_yaml("{a: no, b: [1, '']}", "x") == {"a": "no", "b": [1, ""]}
    with pytest.raises(WordweightsError, match=r"The file is not valid YAML: .*found"):
        read_yaml("a: [", "The file")


def write(path: Path, source: str) -> Path:
    """A notebook of one cell with parameters."""
    cell = nbformat.v4.new_code_cell(source, metadata={"tags": ["parameters"]})
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), path)
    return path


def test_a_notebook_tells_its_parameters(tmp_path: Path) -> None:
    path = write(
        tmp_path / "01_one.ipynb", 'n: int | None = 3  # how many\nnames: list[str] = ["a"]'
    )
    assert notebook_parameters(path) == {
        "n": Parameter("int | None", 3),
        "names": Parameter("list[str]", ["a"]),
    }


@pytest.mark.parametrize("source", ["n: int = len('abc')", "n: int = ("])
def test_a_default_must_be_a_plain_value(tmp_path: Path, source: str) -> None:
    path = write(tmp_path / "03_three.ipynb", source)
    with pytest.raises(WordweightsError, match=r"03_three.* cannot be read: .*a plain value"):
        notebook_parameters(path)
