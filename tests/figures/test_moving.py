"""What the run hands to the scripts of the book's pages."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest

from wordweights.figures import explorer_script, path_slider, training_slider
from wordweights.words.frequencies import Frequencies

SOURCE = Frequencies("made up", pd.Series({"the": 0.5, "dog": 0.125}), "")
SENTENCES = pd.DataFrame({"sentence_id": [4, 2], "sentence": ["the dog", "</script> the the"]})


def weighed(words: str, ids: list[int], **columns: Any) -> pd.DataFrame:
    table = pd.DataFrame({"sentence_id": ids, "word": words.split()})
    return table.assign(**{"contribution": np.arange(1.0, len(ids) + 1), **columns})


def read(script: str) -> Any:
    found = re.fullmatch(r"\(window\.wordweightsRuns = .*?\)\.push\((.*)\);\n", script)
    assert found
    return json.loads(found[1])


def read_slider(text: str) -> Any:
    found = re.fullmatch(r'<div class="ww-slider" [^>]*><script [^>]*>(.*)</script></div>', text)
    assert found
    assert "<" not in found[1]
    return json.loads(found[1])


def test_every_word_has_its_weights_and_its_information() -> None:
    table = weighed("the dog </script> the the", [4, 4, 2, 2, 2])
    table["contribution"] *= 1 / 3
    errors = table.assign(standard_error=table["contribution"] / 7)
    weights = {"m": {"a": errors, "b": table}, "n": {"a": table.assign(standard_error=0.0)}}
    script = explorer_script(weights, SENTENCES, SOURCE, bases={"b": "a", "a": None})
    assert "</" not in script
    run = read(script)
    rows = [run["words"][i] for i in run["rows"]["word"]]
    assert rows == table["word"].tolist()
    nats = dict(zip(run["words"], run["information"], strict=True))
    assert nats == {"the": 0.6931, "dog": 2.079, "</script>": None}
    assert run["sentences"] == {
        "id": [4, 2],
        "length": [2, 3],
        "text": ["the dog", "</script> the the"],
    }
    assert run["weights"]["m"]["a"]["weight"] == [0.3333, 0.6667, 1.0, 1.333, 1.667]
    assert run["weights"]["m"]["a"]["error"] == [0.048, 0.095, 0.14, 0.19, 0.24]
    assert "error" not in run["weights"]["m"]["b"]
    assert run["weights"]["n"]["a"]["error"] == 0  # exact
    assert run["bases"] == {"b": "a", "a": None}
    classes = [run["rows"]["classNames"][i] for i in run["rows"]["class"]]
    assert classes[:2] == ["function", "content"]


def test_words_that_another_encoder_joins_have_no_weight_by_it() -> None:
    table = weighed("the dog the the", [4, 4, 2, 2])
    other = weighed("the dog thethe", [4, 4, 2])
    missing = weighed("the dog the the", [4, 4, 2, 2], contribution=[1.0, np.nan, 3.0, 4.0])
    run = read(explorer_script({"m": {"a": table, "b": other, "c": missing}}, SENTENCES, SOURCE))
    assert run["weights"]["m"]["b"]["weight"] == [1.0, 2.0, None, None]
    assert run["weights"]["m"]["c"]["weight"] == [1.0, None, 3.0, 4.0]


@pytest.mark.parametrize("column", ["genre", "split"])
def test_where_sentences_are_from_is_told_where_it_is_known(column: str) -> None:
    sentences = SENTENCES.assign(**{column: ["news", None]})
    run = read(explorer_script({"m": {"a": weighed("the dog", [4, 4])}}, sentences, SOURCE))
    assert run["originName"] == column
    assert run["sentences"]["originNames"] == ["news"]
    assert run["sentences"]["text"] == ["the dog"]


def test_without_a_parser_words_have_no_part_of_speech(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wordweights.figures.moving.has_parser", lambda: False)
    run = read(explorer_script({"m": {"a": weighed("the dog", [4, 4])}}, SENTENCES, SOURCE))
    assert set(run["rows"]) == {"word", "class", "classNames"}


def test_a_slider_along_the_path_has_every_place_and_ends_no_script() -> None:
    speed = pd.DataFrame({"quadrature": [None, None, "a"], "alpha": [0, 1, 0.5], "speed": 1.0})
    gathered = pd.DataFrame(
        {
            "alpha": [0.0, 0.0, 1.0, 1.0],
            "position": [0, 1, 0, 1],
            "word": ["</script><b>", "dog"] * 2,
            "gathered": [0.0, 0.0, 2.0, 1.0],
        }
    )
    data = read_slider(path_slider("fig", speed, gathered))
    assert data["words"] == ["</script><b>", "dog"]
    assert data["alphas"] == [0.0, 1.0]
    assert data["gathered"] == [[0.0, 0.0], [2.0, 1.0]]
    assert data["speed"] == {"alpha": [0.0, 1.0], "value": [1.0, 1.0]}


def test_a_slider_over_a_training_has_every_step() -> None:
    words = weighed("the dog", [4, 4], information=[1.0, 2.0], word_class=["function", "content"])
    later = words.assign(contribution=[5.0, 6.0])
    data = read_slider(training_slider("fig", {0: words, 40: later}))
    assert data["steps"] == [0, 40]
    assert data["weights"] == [[1.0, 2.0], [5.0, 6.0]]
    assert data["classes"] == ["function", "content"]
