from __future__ import annotations

import pandas as pd
import pytest

from wordweights.statistics import compare_published, published_correlations


def test_the_numbers_of_the_paper():
    found = published_correlations().set_index("encoder")
    assert found[["r_information", "r_probability"]].to_dict("split")["data"] == [
        [0.38, -0.26],
        [0.80, -0.63],
        [0.59, -0.37],
        [0.51, -0.49],
        [0.72, -0.50],
    ]
    assert found["before"].dropna().to_dict() == {
        "Unsup. SimCSE (CLS)": "BERT (CLS)",
        "Sup. SimCSE (CLS)": "BERT (CLS)",
        "SBERT (MEAN)": "BERT (MEAN)",
    }
    assert set(found["origin"]) == {"published"}
    assert set(found["citation"]) == {"kurita2023nlp"}


def test_published_and_measured_side_by_side():
    ends = {"r_information": 0.7, "r_probability": -0.55}
    measured = pd.DataFrame(
        {"encoder": ["SBERT (MEAN)", "other"]}
        | ends
        | {f"{r}_low": value - 0.1 for r, value in ends.items()}
        | {f"{r}_high": value + 0.1 for r, value in ends.items()}
    )
    found = compare_published(measured, published_correlations())
    assert found["encoder"].tolist() == ["SBERT (MEAN)"] * 2
    assert found["quantity"].tolist() == ["r with \N{MINUS SIGN}ln P(w)", "r with P(w)"]
    assert found["difference"].tolist() == pytest.approx([-0.02, -0.05])
    assert found["low"].tolist() == pytest.approx([0.6, -0.65])
    none = compare_published(measured.iloc[1:], published_correlations())
    assert none.empty
    assert list(none.columns) == list(found.columns)
