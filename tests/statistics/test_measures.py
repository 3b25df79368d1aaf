"""Measures side by side: what they are read from, and how faithful their orders are."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wordweights.attribution import Shapley, attribute
from wordweights.encoders import Encoder
from wordweights.errors import WordweightsError
from wordweights.statistics import (
    agreement,
    agreement_table,
    faithfulness,
    mean_of,
    short_enough,
    side_by_side,
    weigh_by_measures,
)

SENTENCES = ["the man is playing", "a dog is on the forest ."]
QUICK = {"n_resamples": 100, "units": ("sentence_id", "word")}


def made_up(n_sentences: int = 20, n: int = 4, seed: int = 0) -> pd.DataFrame:
    """Sentences whose deletions move the vector by the sum of what the words weigh."""
    rng = np.random.default_rng(seed)
    tables = []
    for sentence in range(n_sentences):
        weight = rng.permutation(n) + 1.0
        gone = np.arange(2**n)[::-1, None] >> np.arange(n) & 1  # the other words of each set
        tables.append(
            pd.DataFrame(
                {
                    "sentence_id": sentence,
                    "sentence_unit": sentence,
                    "position": range(n),
                    "word": [f"w{number}" for number in rng.integers(0, 12, n)],
                    "word_class": "content",
                    "shapley": weight,
                    "reverse": -weight,
                    "flat": 1.0,
                    "information": weight**2 + rng.normal(size=n),
                    "from_all": [gone @ weight] * n,
                }
            )
        )
    return pd.concat(tables, ignore_index=True)


def test_the_heaviest_first_is_the_best_order_and_equal_weights_are_chance() -> None:
    found = faithfulness(made_up(), ["shapley", "reverse", "flat"])
    assert list(found.columns) == ["sentence_id", "sentence_unit", "shapley", "reverse", "flat"]
    np.testing.assert_allclose(found["shapley"], 1, rtol=1e-12)
    np.testing.assert_allclose(found["reverse"], -1, rtol=1e-12)  # the sums are symmetric
    np.testing.assert_allclose(found["flat"], 0, atol=1e-12)


@given(st.integers(0, 2**32 - 1), st.integers(2, 5))
def test_it_is_what_a_list_of_all_orders_says(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    distances, weight = rng.random(2**n), rng.permutation(n)
    words = pd.DataFrame({"sentence_id": 0, "position": range(n), "weight": weight})
    words["from_all"] = [distances] * n
    sums = {}
    for order in permutations(range(n)):
        left = [sum(1 << word for word in order[k:]) for k in range(1, n + 1)]
        sums[order] = distances[left].sum()
    mean, best = np.mean(list(sums.values())), max(sums.values())
    own = sums[tuple(np.argsort(-weight).tolist())]
    (found,) = faithfulness(words, ["weight"])["weight"]
    assert found == pytest.approx((own - mean) / (best - mean))


def test_sentences_that_cannot_be_ordered_are_left_out() -> None:
    words = made_up(4)
    words.loc[words["sentence_id"] == 0, "information"] = np.nan
    words = words.drop(index=words.index[words["sentence_id"] == 1][0])
    constant = words["sentence_id"] == 2
    words.loc[constant, "from_all"] = pd.Series([np.ones(16)] * len(words))[constant.to_numpy()]
    assert faithfulness(words, ["information"])["sentence_id"].tolist() == [3]


def test_occlusion_and_alone_are_read_from_the_sets(tiny_encoder: Encoder) -> None:
    methods = {"shapley": Shapley(distances=True, baseline="mask")}
    (table,) = weigh_by_measures({"tiny": tiny_encoder}, SENTENCES, methods).values()
    for name in ("shapley", "occlusion", "alone"):
        own = attribute(tiny_encoder, SENTENCES, name, baseline="mask", progress=False)
        np.testing.assert_allclose(table[name], own["contribution"], rtol=1e-9)
        assert (table[f"{name}_error"] == 0).all()
    assert table["contribution"].equals(table["shapley"])


def test_longer_sentences_are_left_out_and_one_must_be_left() -> None:
    texts = [" ".join(["dog"] * n) for n in (10, 11, 3)]
    sentences = pd.DataFrame({"sentence": texts})
    assert short_enough(sentences).index.tolist() == [0, 2]
    with pytest.raises(WordweightsError, match="1 sentences has more than 10 words"):
        short_enough(sentences[1:2])


def test_tables_must_be_of_the_same_words(tiny_encoder: Encoder) -> None:
    whole = attribute(tiny_encoder, SENTENCES, "shapley", distances=True, progress=False)
    with pytest.raises(WordweightsError, match=r"'token-norm' weighed other words"):
        side_by_side({"shapley": whole, "token-norm": whole.iloc[1:]})
    for found in ({"occlusion": whole}, {"shapley": whole.drop(columns="from_all")}):
        with pytest.raises(WordweightsError, match=r"weighed with distances=True"):
            side_by_side(found)


def test_the_table_compares_with_information_and_with_shapley() -> None:
    words = made_up()
    table = agreement_table({"e": words}, ["shapley", "reverse", "information"], **QUICK)
    assert table["measure"].tolist() == ["shapley", "reverse", "information"]
    rows = table.set_index("measure")
    r = np.corrcoef(words["shapley"], words["information"])[0, 1]
    assert rows.loc["shapley", "r_information"] == pytest.approx(r)
    assert rows.loc["reverse", "r_content"] == pytest.approx(-r)
    assert rows.loc["reverse", "rho_shapley"] == pytest.approx(-1)
    assert rows.loc["reverse", "rho_sentence"] < -0.9
    assert rows.loc["shapley", "faithfulness"] == pytest.approx(1)
    assert 0 < rows.loc["information", "faithfulness"] <= 1
    for name in ("r_information", "faithfulness", "rho_shapley"):
        low, value, high = (rows[f"{name}{end}"] for end in ("_low", "", "_high"))
        assert ((low <= value + 1e-12) & (value <= high + 1e-12)).all()
    matrix = agreement(words, ["shapley", "reverse"])
    np.testing.assert_allclose(matrix, [[1, -1], [-1, 1]], rtol=1e-12)


def test_few_words_leave_a_number_out() -> None:
    (row,) = agreement_table({"e": made_up(2)}, ["shapley"], **QUICK).to_dict("records")
    assert np.isnan(row["r_information"])
    assert np.isnan(row["faithfulness"])


def test_a_mean_has_the_interval_of_its_units() -> None:
    table = pd.DataFrame(
        {"sentence_id": range(400), "x": np.random.default_rng(0).normal(size=400)}
    )
    found = mean_of(table, "x", units=("sentence_id",))
    assert found.value == pytest.approx(table["x"].mean())
    half = 1.96 * table["x"].std() / 20
    assert found.high - found.low == pytest.approx(2 * half, rel=0.1)
