"""Profiles: which chapters to run, and with which values."""

from __future__ import annotations

from pathlib import Path

import pytest

from wordweights.errors import WordweightsError
from wordweights.pipeline import Profile, choose_chapters, find_root, known_chapters, load_profile
from wordweights.pipeline.profiles import chapter_values


def test_the_root_is_found_from_any_folder_below(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(checkout / "notebooks" / "profiles")
    assert find_root() == checkout
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WordweightsError, match=r"_config\.yml and notebooks/"):
        find_root()


def test_a_profile_is_read_by_name_or_path(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_name = load_profile(checkout, "quick")
    assert by_name == Profile("quick", ("01_one", "02_two"), {"n": 5, "text": "no one"})
    (tmp_path / "mine.yml").write_text("chapters: [02]\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load_profile(checkout, "~/mine.yml").chapters == ("02_two",)
    with pytest.raises(WordweightsError, match=r"did you mean 'quick'\?.*Known profiles: quick"):
        load_profile(checkout, "quik")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"parameters: [n", "not valid YAML"),
        (b"parameters: {n: 1, n: 2}", "not valid YAML: .*duplicate"),
        (b"parameters: \xff", "cannot be read .*utf-8"),
        (b"parametres: {n: 5}", "'chapters' .* and 'parameters'"),
        (b"parameters: [n]", "a mapping from names to values"),
        (b"chapters: 01", "a list of names"),
        (b"chapters: [05_five]", "no chapter '05_five'"),
    ],
)
def test_a_wrong_profile_is_refused(checkout: Path, content: bytes, message: str) -> None:
    path = checkout / "wrong.yml"
    path.write_bytes(content)
    with pytest.raises(WordweightsError, match=message):
        load_profile(checkout, path)


def test_chapters_are_chosen_by_number_or_name(checkout: Path) -> None:
    assert known_chapters(checkout) == ["01_one", "02_two"]
    assert choose_chapters(checkout, ["2", "01_one", "02_two.ipynb"]) == ["01_one", "02_two"]
    with pytest.raises(WordweightsError, match="did you mean '01_one'"):
        choose_chapters(checkout, ["01_ones"])


def test_a_chapter_gets_its_defaults_then_the_profile_then_the_command(checkout: Path) -> None:
    profile = load_profile(checkout, "quick")
    assert chapter_values(checkout, profile, {"names": "[b, c]"}) == {
        "01_one": {"n": 5, "names": ["b", "c"], "text": "no one"},
        "02_two": {"n": 5, "only_here": 1},
    }
    assert chapter_values(checkout, profile, {"n": "~"})["02_two"]["n"] is None


def test_an_unknown_parameter_names_the_close_ones(checkout: Path) -> None:
    first = Profile("quick", ("01_one",))
    with pytest.raises(WordweightsError, match=r"^No chapter has .*'nams'; did you mean 'names'"):
        chapter_values(checkout, first, {"nams": "a"})
    with pytest.raises(WordweightsError, match="only_here"):  # of a chapter that does not run
        chapter_values(checkout, first, {"only_here": "2"})


def test_a_profile_may_set_a_parameter_of_any_chapter(checkout: Path) -> None:
    chosen = Profile("mine", ("01_one",), {"only_here": 4})
    assert "only_here" not in chapter_values(checkout, chosen)["01_one"]
    for wrong, message in (("only_her", "'only_here'"), ("n", "'n' is 'x'")):
        chosen = Profile("mine", ("01_one",), {wrong: "x"})
        with pytest.raises(WordweightsError, match=f"^Profile 'mine': .*{message}"):
            chapter_values(checkout, chosen)
