from __future__ import annotations

from typing import Any

import ipywidgets
import pytest
from IPython.display import HTML
from jupyter_client.manager import start_new_kernel
from reading import Reader

from wordweights import attribute
from wordweights.attribution.methods import METHODS
from wordweights.encoders import Encoder
from wordweights.figures import format_weight, own_sentence, playground, weigh_sentence

SENTENCE = "a woman is cutting an onion ."


def test_words_are_shown_with_weights_and_errors(tiny_encoder: Encoder) -> None:
    settings = {"probes": 4, "n_nodes": 4}
    reader = Reader(weigh_sentence(tiny_encoder, SENTENCE, "integrated-gradients", **settings))
    words = attribute(tiny_encoder, [SENTENCE], progress=False, **settings)
    shown = [
        text
        for row in words.itertuples()
        for text in (
            row.word,
            f"{format_weight(row.contribution)} \N{PLUS-MINUS SIGN} {row.standard_error:.2g}",
        )
    ]
    assert reader.shown[:-1] == shown
    residual = f"The residual is {100 * words['residual'].iloc[0]:.1f} %."
    assert reader.shown[-1] == f"integrated-gradients by tiny. {residual}"


@pytest.mark.parametrize("method", list(METHODS))
def test_every_method_takes_the_settings_of_a_run(tiny_encoder: Encoder, method: str) -> None:
    settings = {"baseline": "mask", "n_nodes": 4, "probes": "all", "seed": 1}
    reader = Reader(weigh_sentence(tiny_encoder, SENTENCE, method, **settings))
    assert reader.shown[:-1:2] == SENTENCE.split()
    assert "\N{PLUS-MINUS SIGN}" not in "".join(reader.shown)


@pytest.mark.parametrize(
    ("sentence", "said"),
    [
        ("  ", "The sentence is empty: type at least one word."),
        ("onion " * 30, "The sentence is too long: with the special tokens it has 32 wordpieces"),
        ("\N{ZERO WIDTH SPACE}", "Nothing was computed."),
    ],
)
def test_bad_input_gets_a_line(tiny_encoder: Encoder, sentence: str, said: str) -> None:
    reader = Reader(weigh_sentence(tiny_encoder, sentence, "occlusion"))
    assert reader.tags == {"p"}
    assert reader.shown[0].startswith(said)


def test_markup_is_shown_and_what_is_not_known_is_said(tiny_encoder: Encoder) -> None:
    fragment = weigh_sentence(tiny_encoder, "<b>dogs</b> run", "occlusion")
    reader = Reader(fragment)
    assert reader.tags == {"div", "span", "p"}
    assert "Markup is not interpreted: its signs are read as text." in reader.shown[-1]
    assert "Missing, because encoder 'tiny' has no wordpiece for it alone" in reader.shown[-1]


def test_where_nobody_can_type_a_sentence_is_weighed_once(tiny_encoder: Encoder) -> None:
    shown = playground({"tiny": tiny_encoder}, SENTENCE, "occlusion")
    assert isinstance(shown, HTML)
    assert shown.data == weigh_sentence(tiny_encoder, SENTENCE, "occlusion")


def test_where_somebody_can_type_the_words_follow(
    tiny_encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_sentence, "is_attended", lambda: True)
    box = playground({"tiny": tiny_encoder}, SENTENCE, "occlusion")
    text, encoder, method, shown = box.children
    assert isinstance(shown, ipywidgets.HTML)
    assert shown.value == weigh_sentence(tiny_encoder, SENTENCE, "occlusion")
    assert encoder.value == "tiny"
    text.value = "dogs"
    assert shown.value == weigh_sentence(tiny_encoder, "dogs", "occlusion")
    method.value = "token-norm"
    assert shown.value == weigh_sentence(tiny_encoder, "dogs", "token-norm")


@pytest.mark.slow
def test_a_kernel_knows_whether_somebody_can_type() -> None:
    manager, client = start_new_kernel(kernel_name="python3")
    code = "from wordweights.figures.own_sentence import is_attended; print(is_attended())"
    try:
        said: list[str] = []

        def hear(message: Any) -> None:
            said.append(message["content"].get("text", "").strip())

        for can_type in (True, False):  # JupyterLab, and papermill
            client.execute_interactive(code, allow_stdin=can_type, output_hook=hear, timeout=120)
        assert [text for text in said if text in ("True", "False")] == ["True", "False"]
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
