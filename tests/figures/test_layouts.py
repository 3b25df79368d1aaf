"""The tables of the book, as a reader sees them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from reading import Reader, rows_of

from wordweights.errors import WordweightsError
from wordweights.figures import layouts, table_html
from wordweights.statistics import arrange_before_after, published_correlations, summarise_claims
from wordweights.statistics.claims import CLAIMS

MINUS, DASH = "\N{MINUS SIGN}", "\N{EN DASH}"


def test_table_one_shows_where_each_row_is_from():
    measured = pd.DataFrame(
        {
            "encoder": ["SBERT (MEAN)", "SBERT (MEAN) (untrained)"],
            "before": ["BERT (MEAN)", None],
            "r_information": [0.714, -0.02],
            "r_information_low": [0.69, -0.06],
            "r_information_high": [0.73, 0.0],
            "n_words": 2394,
            "n_sentences": 342,
            "origin": "this run",
        }
    )
    table = arrange_before_after(measured, published_correlations())
    rows = rows_of(table_html(table, layouts.CORRELATIONS), 7)
    assert len(rows) == 1 + 7
    found = ["0.71\n[0.69, 0.73]", DASH, DASH, "2,394\n(342)"]
    assert ["SBERT (MEAN)", "this run", "BERT (MEAN)", *found] in rows
    printed = ["0.72", f"{MINUS}0.50", DASH, DASH]
    assert ["SBERT (MEAN)", "published", "BERT (MEAN)", *printed] in rows
    control = f"{MINUS}0.02\n[{MINUS}0.06, 0.00]"
    assert rows[1][1:4] == ["this run", "(random weights)", control]


def test_encoders_stand_side_by_side():
    spread = pd.DataFrame({"low": [1.0], "high": [2.5], "n": [40], "mean": [0.25], "sd": [0.125]})
    other = spread.assign(mean=2.0, sd=np.nan)
    fragment = table_html(*layouts.arrange_spreads({"a.b": spread, "<b>": other}))
    assert "b" not in Reader(fragment).tags
    assert rows_of(fragment, 5) == [
        ["from [nats]", "to [nats]", "words", "a.b:\nmean (s.d.)", "<b>:\nmean (s.d.)"],
        ["1.00", "2.50", "40", "0.250 (0.125)", "2.00 (n/a)"],
    ]
    with pytest.raises(WordweightsError, match="'b' has other bins"):
        layouts.arrange_spreads({"a": spread, "b": spread.assign(n=41)})
    with pytest.raises(WordweightsError, match="no encoder"):
        layouts.arrange_spreads({})


def test_verdicts_are_words_and_untested_cases_take_one_row():
    verdicts = pd.DataFrame(
        [
            (1, "BERT (CLS)", True, "", np.nan, np.nan, np.nan, "not tested"),
            (1, "BERT (MEAN)", True, "", np.nan, np.nan, np.nan, "not tested"),
            (3, "BERT (CLS)", True, "", np.nan, np.nan, np.nan, "not tested"),
            (3, "SBERT (MEAN)", True, "lead", 0.2, 0.1, 0.3, "supported"),
            (3, "<b>mine</b>", False, "lead", -0.2, -0.3, 0.1, "not supported"),
            (5, "SBERT (MEAN): a cat .", True, "lead", 0.2, 0.1, 0.3, "supported"),
        ],
        columns=["claim", "scope", "paper", "quantity", "estimate", "low", "high", "verdict"],
    )
    fragment = table_html(layouts.arrange_verdicts(verdicts), layouts.VERDICTS)
    mine = "<b>mine</b>\n(not a case of the paper)"
    assert rows_of(fragment, 5)[1:] == [
        ["(1)", "BERT (CLS)\nBERT (MEAN)", DASH, DASH, "not tested"],
        ["(3)", "SBERT (MEAN)", "lead", "0.20\n[0.10, 0.30]", "supported"],
        ["(3)", "BERT (CLS)", DASH, DASH, "not tested"],
        ["(3)", mine, "lead", f"{MINUS}0.20\n[{MINUS}0.30, 0.10]", "not supported"],
        ["(5)", "SBERT (MEAN):\na cat .", "lead", "0.20\n[0.10, 0.30]", "supported"],
    ]
    summary = rows_of(table_html(summarise_claims(verdicts), layouts.SUMMARY), 4)
    assert summary[1] == ["(1)", CLAIMS[1], "0 of 2", "not tested"]
    assert summary[3] == ["(3)", CLAIMS[3], "1 of 2", "not tested"]


def test_swaps_name_each_pair_once():
    swap = pd.DataFrame(
        {
            "embeddings": ["before", "after"],
            "layers": "before",
            **{"r": 0.1, "low": 0.0, "high": 0.5, "norm_r": np.nan},
            **{"rise": [np.nan, 0.1], "rise_low": [np.nan, -0.1], "rise_high": [np.nan, 0.2]},
        }
    )
    table = layouts.arrange_swaps({"$a$ → b": swap, "c": swap})
    fragment = table_html(table, layouts.SWAPS)
    assert table["pair"].tolist() == ["$a$ → b", "", "c", ""]
    r = "0.10\n[0.00, 0.50]"
    assert rows_of(fragment, 6)[1] == ["$a$ → b", "before", "before", r, DASH, DASH]
    assert f"0.10\n[{MINUS}0.10,\N{NO-BREAK SPACE}0.20]" in Reader(fragment).shown
