"""The reproduction of the shipped curves, for the quick tests and for `make verify`."""

from __future__ import annotations

import pandas as pd

from family.measure import WEIGHING
from wordweights.encoders import load_encoder
from wordweights.training import compare_correlations, shipped_trajectory, weigh_words
from wordweights.words.frequencies import load_frequencies
from wordweights.words.sentences import filter_sentences, load_sentences


def check_end(name: str) -> None:
    """Measure an encoder of the family anew, and compare it with the end of its curve."""
    last = shipped_trajectory().query("encoder == @name").iloc[-1]
    encoder = load_encoder(name)
    table = filter_sentences(load_sentences("bundled"), [encoder.tokenizer])
    words = weigh_words(encoder, table, load_frequencies("spacy"), WEIGHING)
    found = compare_correlations({"end": words}).loc["end"]
    # the weights are rounded to half precision, the curve to four digits
    columns = ["r", "low", "high", "r_content", "r_content_low", "r_content_high", "norm_r"]
    pd.testing.assert_series_equal(
        found[columns], last[columns], atol=1e-3, rtol=0, check_names=False, check_dtype=False
    )
