"""The tables of the book, as a reader sees them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from reading import Reader, rows_of

from wordweights.errors import WordweightsError
from wordweights.figures import layouts, table_html
from wordweights.statistics import arrange_before_after, published_correlations, summarise_claims
from wordweights.statistics.claims import AS_THE_PAPER, CLAIMS, CONTENT_WORDS

MINUS, DASH = "\N{MINUS SIGN}", "\N{EN DASH}"


def test_table_one_shows_where_each_row_is_from():
    measured = pd.DataFrame(
        {
            "encoder": ["SBERT (MEAN)", "SBERT (MEAN) (untrained)"],
            "before": ["BERT (MEAN)", None],
            "r_information": [0.714, -0.02],
            "r_information_low": [0.69, -0.06],
            "r_information_high": [0.73, 0.0],
            **{"r_content": 0.3, "r_content_low": 0.2, "r_content_high": 0.4},
            "n_words": 2394,
            "n_sentences": 342,
            "n_seeds": [np.nan, 10],
            "origin": "this run",
        }
    )
    table = arrange_before_after(measured, published_correlations())
    rows = rows_of(table_html(table, layouts.CORRELATIONS), 8)
    assert len(rows) == 1 + 7
    unknown = [DASH] * 3
    found = ["0.71\n[0.69, 0.73]", DASH, "0.30\n[0.20, 0.40]", *unknown, "2,394\n(342)"]
    assert ["SBERT (MEAN)\nthis run\nfrom BERT (MEAN)", *found] in rows
    printed = ["0.72", DASH, *unknown, f"{MINUS}0.50", DASH]
    assert ["SBERT (MEAN)\npublished\nfrom BERT (MEAN)", *printed] in rows
    assert rows[1][:2] == [
        "SBERT (MEAN) (untrained)\nthis run\nfrom random weights\nmean of 10 seeds",
        f"{MINUS}0.02\n[{MINUS}0.06, 0.00]",
    ]


def test_encoders_stand_side_by_side():
    spread = pd.DataFrame({"low": [1.0], "high": [2.5], "n": [40], "mean": [0.25], "sd": [0.125]})
    spread["cv"] = 0.5
    other = spread.assign(mean=2.0, sd=np.nan, cv=np.nan)
    fragment = table_html(*layouts.arrange_spreads({"a.b": spread, "<b>": other}))
    assert "b" not in Reader(fragment).tags
    assert rows_of(fragment, 5) == [
        [
            *("from [nats]", "to [nats]", "words"),
            *("a.b:\nmean (s.d.), s.d. / mean", "<b>:\nmean (s.d.), s.d. / mean"),
        ],
        ["1.00", "2.50", "40", "0.250 (0.125)\n0.50", "2.00 (n/a)"],
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
    ).assign(variant=AS_THE_PAPER)
    content = verdicts.iloc[[2]].assign(variant=CONTENT_WORDS)
    verdicts = pd.concat([content, verdicts], ignore_index=True)
    fragment = table_html(layouts.arrange_verdicts(verdicts), layouts.VERDICTS)
    mine = "<b>mine</b>\n(not a case of the paper)"
    paper = "as the paper says"
    assert rows_of(fragment, 6)[1:] == [
        ["(1)", "BERT (CLS)\nBERT (MEAN)", paper, DASH, DASH, "not tested"],
        ["(3)", "SBERT (MEAN)", paper, "lead", "0.20\n[0.10, 0.30]", "supported"],
        ["(3)", "BERT (CLS)", paper, DASH, DASH, "not tested"],
        ["(3)", mine, paper, "lead", f"{MINUS}0.20\n[{MINUS}0.30, 0.10]", "not supported"],
        ["(3)", "BERT (CLS)", "content words", DASH, DASH, "not tested"],
        ["(5)", "SBERT (MEAN):\na cat .", paper, "lead", "0.20\n[0.10, 0.30]", "supported"],
    ]
    summary = rows_of(table_html(summarise_claims(verdicts), layouts.SUMMARY), 5)
    assert summary[1] == ["(1)", CLAIMS[1], "0 of 2", "not tested", DASH]
    otherwise = "content words: not tested"
    assert summary[3] == ["(3)", CLAIMS[3], "1 of 2", "not tested", otherwise]


def test_swaps_name_each_pair_once():
    swap = pd.DataFrame(
        {
            "embeddings": ["before", "after"],
            "layers": "before",
            **{"r": 0.1, "low": 0.0, "high": 0.5, "norm_r": np.nan},
            **{"rise": [np.nan, 0.1], "rise_low": [np.nan, -0.1], "rise_high": [np.nan, 0.2]},
            **{"r_content": 0.3, "r_content_low": 0.2, "r_content_high": 0.4},
        }
    )
    table = layouts.arrange_swaps({"$a$ → b": swap, "c": swap})
    fragment = table_html(table, layouts.SWAPS)
    assert table["pair"].tolist() == ["$a$ → b", "", "c", ""]
    r = "0.10\n[0.00, 0.50]"
    content = "0.30\n[0.20, 0.40]"
    first = rows_of(fragment, 8)[1]
    assert first == ["$a$ → b", "before", "before", r, DASH, content, DASH, DASH]
    assert f"0.10\n[{MINUS}0.10,\N{NO-BREAK SPACE}0.20]" in Reader(fragment).shown
