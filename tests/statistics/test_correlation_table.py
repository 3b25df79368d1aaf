"""Table 1: its rows, those of every source of P(w), and their order."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from made_up_words import weighed
from scipy.stats import t as student

from wordweights.errors import WordweightsError
from wordweights.statistics import (
    UNITS,
    add_units,
    arrange_before_after,
    by_family,
    choose_few,
    correlation,
    correlation_table,
    correlation_within,
    correlations_by_source,
    main_and_control,
    published_correlations,
    with_controls,
)
from wordweights.words.frequencies import Frequencies


def test_table_one():
    tables = {"a": weighed(1.0, 1), "b": weighed(1.0, 2, n_sentences=30)}
    found = correlation_table(tables, before={"b": "a"}, n_resamples=200, seed=3)
    assert found["encoder"].tolist() == ["a", "b"]
    assert found["before"].tolist()[1] == "a"
    assert pd.isna(found["before"][0])
    counts = ["n_words", "n_content", "n_function", "n_sentences", "n_units", "n_types"]
    assert found[counts].to_numpy().tolist() == [
        [420, 210, 105, 60, 60, 420],
        [210, 105, 53, 30, 30, 210],
    ]
    assert set(found["origin"]) == {"this run"}
    table, drawing = tables["b"], {"n_resamples": 200, "seed": 3}
    classes = table["word_class"]
    expected = {
        "r_information": correlation(table, **drawing),
        "r_no_punctuation": correlation(table[classes != "punctuation"], **drawing),
        "r_content": correlation(table[classes == "content"], **drawing),
        "r_function": correlation(table[classes == "function"], **drawing),
        "r_probability": correlation(table, y="probability", **drawing),
        "rho_sentence": correlation_within(table, **drawing),
    }
    for column, one in expected.items():
        row = found.loc[1, [column, f"{column}_low", f"{column}_high"]].tolist()
        assert row == [one.r, one.low, one.high]


def test_a_class_of_too_few_words_has_no_r_and_the_others_have():
    table = weighed(1.0)
    few = table.assign(word_class=["function"] * 2 + ["content"] * (len(table) - 2))
    row = correlation_table({"a": few}, n_resamples=100).iloc[0]
    assert row[["r_function", "r_function_low"]].isna().all()
    assert row["n_function"] == 2
    assert row[["r_content", "rho_sentence", "r_information_low"]].notna().all()


def test_table_one_names_the_encoder_that_failed():
    broken = weighed(1.0).assign(contribution=1.0)
    with pytest.raises(WordweightsError, match=r"Encoder 'b': .*'contribution' is constant"):
        correlation_table({"a": weighed(1.0), "b": broken}, n_resamples=100)
    with pytest.raises(WordweightsError, match="at least one"):
        correlation_table({})


@pytest.mark.slow
def test_sources_on_their_own_words_and_on_those_that_all_know():
    draw = np.random.default_rng(0)
    known = {f"w'{i}": 0.5 ** (i % 7 + 1) for i in range(20)}
    words = pd.DataFrame(
        {
            "sentence_id": np.repeat(np.arange(30), 5),
            "word": draw.choice(list(known), 150),
            "contribution": draw.random(150),
            "standard_error": 0.01,
        }
    )
    whole = Frequencies("whole", pd.Series(known), "")
    # the square of every probability doubles the information: nothing that a correlation sees
    few = {word: p**2 for word, p in list(known.items())[5:]}
    part = Frequencies("part", pd.Series(few), "")
    inside = words["word"].isin(few)
    resampling = {"units": UNITS, "n_resamples": 100, "seed": 3, "rule": "stop-list"}

    own = correlations_by_source({"e": words, "f": words}, [whole, part], **resampling)
    assert own[["encoder", "frequencies"]].to_numpy().tolist() == [
        *(["e", "whole"], ["e", "part"], ["f", "whole"], ["f", "part"])
    ]
    assert own["n_words"].tolist() == [150, inside.sum()] * 2
    assert own["n_unseen"].tolist() == [0, (~inside).sum()] * 2
    errors = own[["r_information_error", "r_content_error", "r_probability_error"]]
    assert (errors > 0).all(axis=None)

    # typed in another way, they are the same words
    typed = words.assign(word=words["word"].str.replace("'", "\N{RIGHT SINGLE QUOTATION MARK}"))
    common = correlations_by_source({"e": typed}, [whole, part], common=True, **resampling)
    nats = -np.log(words["word"].map(known))
    known_words = add_units(words).assign(information=nats)[inside]
    expected = correlation(known_words, units=UNITS, n_resamples=100, seed=3)
    columns = ["r_information", "r_information_low", "r_information_high"]
    for row in common[columns].to_numpy().tolist():
        assert row == pytest.approx([expected.r, expected.low, expected.high], abs=1e-12)
    assert common["n_words"].tolist() == [inside.sum()] * 2

    apart = Frequencies("apart", pd.Series({"w'0": 0.5}), "")
    with pytest.raises(WordweightsError, match="none of the words of 'e' in common"):
        correlations_by_source({"e": words}, [part, apart], common=True)


def test_rows_are_arranged_before_and_after():
    measured = pd.DataFrame(
        {
            "encoder": ["SBERT (MEAN)", "mini", "mini (untrained)"],
            "before": ["BERT (MEAN)", None, None],
            "origin": "this run",
        }
    )
    found = arrange_before_after(published_correlations(), measured)
    assert found[["encoder", "role", "origin"]].to_numpy().tolist() == [
        ["BERT (MEAN)", "before", "published"],
        ["SBERT (MEAN)", "after", "this run"],
        ["SBERT (MEAN)", "after", "published"],
        ["mini (untrained)", "control", "this run"],
        ["mini", "", "this run"],
        ["BERT (CLS)", "before", "published"],
        ["Unsup. SimCSE (CLS)", "after", "published"],
        ["Sup. SimCSE (CLS)", "after", "published"],
    ]
    assert found["group"].tolist()[:4] == ["BERT (MEAN)"] * 3 + ["mini"]
    assert found["made_from"].tolist()[1:4] == ["BERT (MEAN)"] * 2 + ["random weights"]


def test_a_control_is_the_distribution_of_its_seeds():
    tables = {"a": weighed(1.0, 1), "a (untrained)": weighed(5.0, 2)}
    table = correlation_table(tables, n_resamples=100)
    seeds = {i: weighed(5.0, i, n_sentences=20) for i in range(4)}
    found = with_controls(table, "a (untrained)", seeds)
    rs = [float(np.corrcoef(t["contribution"], t["information"])[0, 1]) for t in seeds.values()]
    # the interval that covers another seed: of Student, with three degrees of freedom
    mean, margin = np.mean(rs), student.ppf(0.975, 3) * np.std(rs, ddof=1) * np.sqrt(1 + 1 / 4)
    columns = ["r_information", "r_information_low", "r_information_high"]
    assert found.loc[1, columns].tolist() == pytest.approx([mean, mean - margin, mean + margin])
    assert found.loc[1, ["encoder", "n_sentences", "n_seeds"]].tolist() == ["a (untrained)", 20, 4]
    pd.testing.assert_frame_equal(found.iloc[:1][table.columns], table.iloc[:1])
    assert np.isnan(found.loc[0, "n_seeds"])
    with pytest.raises(WordweightsError, match="at least two seeds"):
        with_controls(table, "a (untrained)", {0: seeds[0]})


def test_what_one_seed_does_not_know_the_control_does_not_know():
    tables = {"a": weighed(1.0, 1), "a (untrained)": weighed(5.0, 2)}
    table = correlation_table(tables, n_resamples=100)
    seeds = {i: weighed(5.0, i, n_sentences=20) for i in range(3)}
    seeds[0] = seeds[0].assign(word_class="function")
    found = with_controls(table, "a (untrained)", seeds).loc[1]
    assert found[["r_content", "r_content_low", "r_content_high"]].isna().all()
    assert found[["r_information", "r_information_low", "r_information_high"]].notna().all()


def test_fine_tuning_in_a_circle_ends():
    table = pd.DataFrame({"encoder": ["a", "b"], "before": ["b", "a"], "origin": "this run"})
    assert len(arrange_before_after(table)) == 2


def test_a_figure_with_room_for_a_few_shows_what_was_fine_tuned_from_what():
    run = {"all": None, "all (untrained)": None, "base": None, "one": "base", "two": "base"}
    assert choose_few(run) == ["all", "base", "two"]
    assert choose_few(run, 4) == ["all", "all (untrained)", "base", "two"]
    assert choose_few(run, None) == list(run)
    assert choose_few(dict.fromkeys("abcd")) == ["a", "b", "c"]
    assert choose_few({"a": None, "b": None}) == ["a", "b"]
    assert choose_few(run | {"two (untrained)": "base"}) == ["all", "base", "two"]
    with pytest.raises(WordweightsError, match="at least 1"):
        choose_few(run, 0)


def test_a_family_stands_together_what_came_first_before_the_others():
    run = {"tuned": "base", "all": None, "base": None, "all (untrained)": None, "late": "tuned"}
    assert by_family(run) == [["base", "tuned", "late"], ["all", "all (untrained)"]]
    # the encoder at the root need not be in the run
    assert by_family({"one": "x", "b": None, "two": "x"}) == [["one", "two"], ["b"]]


def test_a_run_is_about_its_first_trained_encoder():
    assert main_and_control(["a (untrained)", "b", "a"]) == ("b", None)
    assert main_and_control(["a", "b", "a (untrained)"]) == ("a", "a (untrained)")
    assert main_and_control(["a (untrained)"]) == ("a (untrained)", None)
    # what stands behind a name may come in any order
    assert main_and_control(["a (untrained) (normalised)", "b"]) == ("b", None)
