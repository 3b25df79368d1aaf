"""Models of what else weighs: on made-up words whose laws are known, beside plain computations."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize

from wordweights.errors import WordweightsError
from wordweights.statistics.residuals import (
    Y,
    add_predictors,
    crossed_effects,
    design,
    information_effects,
    out_of_sample,
    residuals_without,
    shares,
    shares_of_content,
)


def words(n_sentences: int = 60, noise: float = 0.2, seed: int = 0) -> pd.DataFrame:
    """Seven words a sentence: c grows with information, and nouns weigh half as much again."""
    rng = np.random.default_rng(seed)
    kinds = rng.integers(0, 40, (n_sentences, 7)).ravel()
    information = np.linspace(2, 12, 40)[kinds]
    noun = kinds % 2 == 0
    sentence = np.repeat(np.arange(n_sentences), 7)
    own = {"sentence": rng.standard_normal(n_sentences), "word": rng.standard_normal(40)}
    log = 0.1 * information + np.log(1.5) * noun + noise * rng.standard_normal(len(kinds))
    log += 0.1 * own["sentence"][sentence] + 0.3 * own["word"][kinds]
    return pd.DataFrame(
        {
            "sentence_unit": sentence,
            "word_type": [f"w{kind}" for kind in kinds],
            "position": np.tile(np.arange(7), n_sentences),
            "information": information,
            "contribution": np.exp(log),
            "length": rng.uniform(1, 2, len(kinds)),
            "pos": np.where(noun, "NOUN", "VERB"),
        }
    )


TABLE = add_predictors(words())
UNITS = {"units": ("sentence_unit",), "n_resamples": 100}


def test_rows_of_which_something_is_unknown_are_left_out() -> None:
    rows = words(10)
    rows.loc[3, "contribution"] = 0.0
    rows.loc[5, "length"] = np.nan
    gain = np.where(np.arange(len(rows)) == 8, np.nan, 1.0)
    found = add_predictors(rows, gain=gain)
    assert sorted({*range(len(rows))} - {*found.index}) == [3, 5, 8]
    assert found.attrs["left_out"] == 3
    np.testing.assert_allclose(found[Y], np.log(rows["contribution"].drop([3, 5, 8])))
    with pytest.raises(WordweightsError, match="none is left"):
        add_predictors(rows, gain=np.nan)


def test_columns_are_standardised_and_rare_categories_one() -> None:
    rows = TABLE.assign(pos=["A"] * 400 + ["B"] * 11 + ["C"] * 4 + ["D"] * 5, depth=1, relation="x")
    groups = design(rows)
    assert list(groups) == ["information", "part of speech", "position", "embedding length"]
    # A is what the others are compared with: B, and C and D together are too few to stand alone
    assert groups["part of speech"].shape == (420, 2)
    for matrix in groups.values():
        np.testing.assert_allclose(matrix.mean(axis=0), 0, atol=1e-12)
        np.testing.assert_allclose(matrix.std(axis=0), 1)


def test_shares_are_means_over_all_orders_and_sum_to_r_squared() -> None:
    found = shares(TABLE, units=("sentence_unit",), n_resamples=100).set_index("group")
    # a group that says nothing has a share, and an interval that begins at none
    assert (found["share_low"] <= found["share"]).all()
    assert (found["share"] <= found["share_high"]).all()
    assert found["share_low"].min() == 0
    groups, y = design(TABLE), TABLE[Y].to_numpy()

    def r_squared(names: tuple[str, ...]) -> float:
        x = np.column_stack([np.ones(len(y)), *(groups[name] for name in names)])
        left = y - x @ np.linalg.lstsq(x, y, rcond=None)[0]
        return float(1 - left @ left / ((y - y.mean()) ** 2).sum())

    added: dict[str, list[float]] = {name: [] for name in groups}
    for order in permutations(groups):
        for i, name in enumerate(order):
            added[name].append(r_squared(order[: i + 1]) - r_squared(order[:i]))
    for name, values in added.items():
        assert found.loc[name, "share"] == pytest.approx(np.mean(values), abs=1e-6)
        assert found.loc[name, "alone"] == pytest.approx(r_squared((name,)), abs=1e-6)
        assert found.loc[name, "share_low"] <= found.loc[name, "share_high"]
    assert found["share"].sum() == pytest.approx(r_squared(tuple(groups)), abs=1e-6)
    assert found["share"].idxmax() in ("information", "part of speech")


def test_words_of_a_sentence_are_predicted_from_other_sentences() -> None:
    found = out_of_sample(TABLE, **UNITS).set_index("model")
    assert 0 < found.loc["information", "predicted"] < found.loc["all", "predicted"] < 1
    assert (found["predicted_low"] < found["predicted"]).all()
    assert (found["predicted"] < found["predicted_high"]).all()
    # what only the sentence knows cannot be predicted
    noise = TABLE.assign(
        **{Y: np.random.default_rng(0).standard_normal(60)[TABLE["sentence_unit"]]}
    )
    assert out_of_sample(noise, **UNITS)["predicted"].iloc[-1] < 0.05


def test_the_interval_of_a_prediction_resamples_its_errors() -> None:
    """Beside a loop over sentences left out, tenth by tenth, and resamples of whole sentences."""
    rows = TABLE[TABLE["sentence_unit"] < 10]  # a fold is a sentence
    found = out_of_sample(rows, units=("sentence_unit",), n_resamples=10_000).iloc[0]
    errors, totals = np.zeros(10), np.zeros(10)
    for sentence in range(10):
        held = rows["sentence_unit"] == sentence
        fit = np.polynomial.Polynomial.fit(rows["information"][~held], rows[Y][~held], 2)
        errors[sentence] = ((rows[Y] - fit(rows["information"]))[held] ** 2).sum()
        totals[sentence] = ((rows[Y] - rows[Y][~held].mean())[held] ** 2).sum()
    assert found["predicted"] == pytest.approx(1 - errors.sum() / totals.sum(), abs=1e-6)
    drawn = np.random.default_rng(5).integers(0, 10, (20_000, 10))
    expected = np.quantile(1 - errors[drawn].sum(1) / totals[drawn].sum(1), [0.025, 0.975])
    ends = found[["predicted_low", "predicted_high"]].astype(float)
    np.testing.assert_allclose(ends, expected, atol=0.1 * np.ptp(expected))


def test_shares_of_content_words_are_those_of_a_table_of_them_alone() -> None:
    rows = TABLE.assign(word_class=np.where(TABLE["information"] > 5, "content", "function"))
    found = shares_of_content(rows, **UNITS)
    for shown, some in (("share", rows), ("share_content", rows[rows["word_class"] == "content"])):
        expected = shares(some, **UNITS)
        for end in ("", "_low", "_high"):
            np.testing.assert_array_equal(found[f"{shown}{end}"], expected[f"share{end}"])
    few = shares_of_content(rows.assign(word_class="function"), **UNITS)
    assert few["share_content"].isna().all()
    assert few["share"].equals(found["share"])


def test_what_is_left_without_a_group_shows_the_group() -> None:
    left = residuals_without(TABLE, ["part of speech"])
    by_part = pd.Series(left).groupby(TABLE["pos"].to_numpy()).mean()
    assert by_part["NOUN"] - by_part["VERB"] == pytest.approx(np.log(1.5), abs=0.25)
    assert abs(left.mean()) < 1e-12


def test_crossed_effects_maximise_the_restricted_likelihood() -> None:
    rows = add_predictors(words(12, seed=4))
    x = np.column_stack([rows["information"] - 7, rows["position"]])
    found = crossed_effects(rows, x)
    y, design_matrix = rows[Y].to_numpy(), np.column_stack([np.ones(len(rows)), x])
    same = [np.equal.outer(*[rows[name].to_numpy()] * 2) for name in ("sentence_unit", "word_type")]

    def minus_log(logs: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        sentence, word, residual = np.exp(logs)
        v = sentence * same[0] + word * same[1] + residual * np.eye(len(y))
        inverse = np.linalg.inv(v)
        normal = design_matrix.T @ inverse @ design_matrix
        slopes = np.linalg.solve(normal, design_matrix.T @ inverse @ y)
        left = y - design_matrix @ slopes
        value = np.linalg.slogdet(v)[1] + np.linalg.slogdet(normal)[1] + left @ inverse @ left
        return float(value), slopes, np.sqrt(np.diag(np.linalg.inv(normal)))

    start = np.log([0.01, 0.09, 0.04])
    best = minimize(lambda logs: minus_log(logs)[0], start, method="Nelder-Mead", tol=1e-8)
    _, slopes, errors = minus_log(best.x)
    variances = [found.variances[name] for name in ("sentence_unit", "word_type", "residual")]
    np.testing.assert_allclose(variances, np.exp(best.x), rtol=0.02, atol=1e-4)
    np.testing.assert_allclose(found.slopes, slopes[1:], rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(found.errors, errors[1:], rtol=1e-2)
    with pytest.raises(WordweightsError, match="say the same twice"):
        crossed_effects(rows, np.column_stack([x, x[:, 0]]))


def test_variances_and_the_effect_of_information_are_found_again() -> None:
    rows = add_predictors(words(200, seed=2))
    found = information_effects(rows).set_index("model")
    for model in ("information", "all"):
        row = found.loc[model]
        assert row["factor_low"] < np.exp(0.1) < row["factor_high"]
        assert row[["sentence", "word", "residual"]].sum() == pytest.approx(1)
    # 0.01, 0.09 and 0.04, once the nouns are taken off
    np.testing.assert_allclose(
        found.loc["all", ["sentence", "word", "residual"]].astype(float),
        np.array([0.01, 0.09, 0.04]) / 0.14,
        atol=0.15,
    )
