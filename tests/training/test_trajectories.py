from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from wordweights import Frequencies
from wordweights.attribution import IntegratedGradients, attribute
from wordweights.encoders import Encoder
from wordweights.training import compare_correlations, weigh_words

WORDS = "a an the in is are was there woman man dogs forest onion cutting running . !"
PROBABILITIES = dict(zip(WORDS.split(), np.geomspace(0.2, 1e-5, 17), strict=True))
SOURCE = Frequencies("toy", pd.Series(PROBABILITIES), "")
SENTENCES = pd.DataFrame(
    {
        "sentence_id": range(5),
        "sentence": [
            "a woman is cutting an onion .",
            "there are dogs in the forest .",
            "the man was running !",
            "playing , the woman was in the forest .",
            "the man was running !",
        ],
    }
)
WEIGHING = IntegratedGradients(n_nodes=4, probes=4)


@pytest.fixture
def words(tiny_encoder: Encoder) -> pd.DataFrame:
    return weigh_words(tiny_encoder, SENTENCES, SOURCE, WEIGHING)


def test_words_are_weighed_and_looked_up(tiny_encoder: Encoder, words: pd.DataFrame) -> None:
    plain = attribute(tiny_encoder, SENTENCES, WEIGHING, progress=False)
    known = plain[plain["word"].isin(PROBABILITIES)]
    assert words["contribution"].tolist() == known["contribution"].tolist()
    assert words["information"].tolist() == [-np.log(PROBABILITIES[w]) for w in words["word"]]
    assert words.groupby("sentence_id")["sentence_unit"].first().tolist() == [0, 1, 2, 3, 2]
    assert words.groupby("word_class")["word"].agg(set)["punctuation"] == {".", "!"}


def test_norms_are_distances_from_the_embedding_of_pad(
    tiny_encoder: Encoder, words: pd.DataFrame
) -> None:
    rows = tiny_encoder.embedding_matrix
    ids = tiny_encoder.tokenizer.convert_tokens_to_ids(words["word"].tolist())
    expected = [(rows[i] - rows[0]).norm().item() for i in ids]
    np.testing.assert_allclose(words["norm"], expected, rtol=1e-12)
    # of a word of several pieces, that of all of them
    some = Frequencies("toy", pd.Series({"playing": 0.1}), "")
    (found,) = weigh_words(tiny_encoder, SENTENCES.iloc[3:4], some, WEIGHING)["norm"]
    ids = tiny_encoder.tokenizer("playing", add_special_tokens=False)["input_ids"]
    assert len(ids) == 2
    assert found == pytest.approx((rows[ids] - rows[0]).norm().item())


def test_correlations_are_compared_with_the_first(words: pd.DataFrame) -> None:
    noise = np.random.default_rng(0).standard_normal(len(words)) / 50
    after = words.assign(contribution=words["contribution"] + noise.clip(0), norm=1.0)
    table = compare_correlations({0: words, 40: after, 60: words}, n_resamples=100)
    r = [
        np.corrcoef(found["contribution"], found["information"])[0, 1]
        for found in (words, after, words)
    ]
    np.testing.assert_allclose(table["r"], r)
    assert (table["low"] <= table["r"]).all()
    assert (table["r"] <= table["high"]).all()
    assert table["norm_r"].loc[0] == pytest.approx(
        np.corrcoef(words["norm"], words["information"])[0, 1]
    )
    assert np.isnan(table["norm_r"].loc[40]), "all are of one length"
    rises = table[["rise", "rise_low", "rise_high"]]
    assert rises.loc[0].isna().all()
    assert rises.loc[40, "rise"] == pytest.approx(r[1] - r[0])
    assert rises.loc[40, "rise_low"] <= rises.loc[40, "rise_high"]
    assert rises.loc[60].tolist() == [0, 0, 0]
    content = words["word_class"] == "content"
    rs = [
        np.corrcoef(found.loc[content, "contribution"], found.loc[content, "information"])[0, 1]
        for found in (words, after)
    ]
    assert table["r_content"].loc[40] == pytest.approx(rs[1])
    assert table["rise_content"].loc[40] == pytest.approx(rs[1] - rs[0])
    assert (table["r_content_low"] <= table["r_content"]).all()
    parts = {("before", "before"): words, ("after", "before"): after}
    assert compare_correlations(parts, n_resamples=100).index.nlevels == 2
