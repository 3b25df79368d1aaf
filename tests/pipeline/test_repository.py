from __future__ import annotations

import pytest

from wordweights.errors import WordweightsError
from wordweights.pipeline.repository import VARIABLE, known_repository


@pytest.mark.parametrize(
    ("value", "name"), [(None, None), ("", None), ("an-owner/a.name", "an-owner/a.name")]
)
def test_the_repository_is_known_where_it_is_said(
    monkeypatch: pytest.MonkeyPatch, value: str | None, name: str | None
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    if value is not None:
        monkeypatch.setenv(VARIABLE, value)
    assert known_repository() == name


@pytest.mark.parametrize("value", ["name", "https://github.com/owner/name", "a/b/c", "a b/c"])
def test_another_form_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv(VARIABLE, value)
    with pytest.raises(WordweightsError, match=f"{VARIABLE} is .* in the form owner/name"):
        known_repository()
