"""A sentence that a reader types into a notebook, word by word."""

from __future__ import annotations

import html
import re
import warnings
from collections.abc import Mapping
from typing import Any

from wordweights.attribution import attribute, pick_method
from wordweights.attribution.methods import METHODS
from wordweights.encoders import Encoder
from wordweights.errors import WordweightsError
from wordweights.figures.html import shaded_text


def weigh_sentence(encoder: Encoder, sentence: str, method: str, **settings: Any) -> str:
    """Weigh the words of a sentence, or say in a line why there is nothing to weigh.

    Parameters
    ----------
    encoder : Encoder
        From :func:`wordweights.load_encoder`.
    sentence : str
        Whatever was typed; HTML in it is shown, not interpreted.
    method : str
        Such as ``"integrated-gradients"``.
    **settings : Any
        Of any method, such as probes; what this one lacks is left out.

    Returns
    -------
    str
        An HTML fragment: shaded words, each with its weight and standard error (in units of the
        sentence vector), and what there is to say about them.
    """
    sentence = sentence.strip()
    if not sentence:
        return _line("The sentence is empty: type at least one word.")
    pieces = len(encoder.tokenizer(encoder.prompt + sentence, verbose=False)["input_ids"])
    if pieces > encoder.max_tokens:
        return _line(
            f"The sentence is too long: with the special tokens it has {pieces} wordpieces, and "
            f"this encoder reads {encoder.max_tokens}. Shorten it."
        )
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always", UserWarning)
        try:
            words = attribute(encoder, [sentence], pick_method(method, **settings), progress=False)
        except WordweightsError as error:
            return _line(f"Nothing was computed. {error}")
    said = [f"{method} by {encoder.name}."]
    if re.search(r"<[^>]*>", sentence):
        said.append("Markup is not interpreted: its signs are read as text.")
    if "residual" in words:
        said.append(f"The residual is {100 * words['residual'].iloc[0]:.1f} %.")
    said += [str(warning.message) for warning in warned]
    columns = ("word", "contribution", "standard_error")
    return shaded_text(*(words[name].tolist() for name in columns)) + _line(" ".join(said))


def playground(encoders: Mapping[str, Encoder], sentence: str, method: str, **settings: Any) -> Any:
    """Make a box for sentences where a reader can type, and weigh one sentence where nobody can.

    Parameters
    ----------
    encoders : Mapping[str, Encoder]
        To choose from; the first one is taken at first.
    sentence : str
        To begin with.
    method : str
        To begin with.
    **settings : Any
        As for :func:`weigh_sentence`.

    Returns
    -------
    Any
        Widgets in a notebook of Jupyter; HTML in a run of papermill or nbconvert.
    """
    from IPython.display import HTML

    first = next(iter(encoders))
    if not is_attended():
        return HTML(weigh_sentence(encoders[first], sentence, method, **settings))
    import ipywidgets as widgets

    wide = {"layout": {"width": "auto"}, "style": {"description_width": "6em"}}
    # a change is one when Enter was pressed
    text = widgets.Text(sentence, description="Sentence", continuous_update=False, **wide)
    encoder = widgets.Dropdown(options=list(encoders), description="Encoder", **wide)
    methods = list(dict.fromkeys([method, *METHODS]))  # it may bring settings
    way = widgets.Dropdown(options=methods, value=method, description="Method", **wide)
    shown = widgets.HTML()

    def weigh(_: object = None) -> None:
        shown.value = _line("Computing")
        shown.value = weigh_sentence(encoders[encoder.value], text.value, way.value, **settings)

    for part in (text, encoder, way):
        part.observe(weigh, "value")
    weigh()
    return widgets.VBox([text, encoder, way, shown])


def _line(text: str) -> str:
    return f'<p class="tex2jax_ignore mathjax_ignore">{html.escape(text)}</p>'


def is_attended() -> bool:
    """Whether somebody sits before the notebook: only then may its kernel ask for input."""
    from IPython import get_ipython

    kernel = getattr(get_ipython(), "kernel", None)
    return bool(getattr(kernel, "_allow_stdin", False))
