"""Our own numbers: how they are made and compared, and whether the committed ones make sense."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from wordweights import attribute, correlation
from wordweights.encoders import Encoder
from wordweights.errors import WordweightsError
from wordweights.files import MEASURED_FILE
from wordweights.pipeline import measured as module
from wordweights.pipeline.measured import (
    ENCODERS,
    LARGE,
    disagreements,
    measure,
    measure_all,
)
from wordweights.statistics import measured_correlations
from wordweights.statistics.bootstrap import NORMAL_QUANTILE
from wordweights.statistics.published import OURS, OURS_COLUMNS, OURS_QUANTITIES
from wordweights.words.frequencies import SOURCES, Frequencies, add_information

ROOT = Path(__file__).parents[2]


def test_the_committed_table_is_whole() -> None:
    table = measured_correlations()
    assert list(table.columns) == [*OURS_COLUMNS, "origin"]
    assert set(table["origin"]) == {OURS}
    pairs = table[["encoder", "frequencies"]].to_numpy().tolist()
    sources = table["frequencies"].unique().tolist()  # the library may know others by now
    assert set(sources) <= set(SOURCES)
    assert pairs == [[name, source] for name in (*ENCODERS, LARGE) for source in sources]
    for r in OURS_QUANTITIES:
        assert (table[f"{r}_low"] >= -1).all()
        assert (table[f"{r}_low"] < table[r]).all()
        assert (table[r] < table[f"{r}_high"]).all()
        assert (table[f"{r}_high"] <= 1).all()
        # what the probes add is small beside what the choice of sentences does
        assert (table[f"{r}_error"] < (table[f"{r}_high"] - table[f"{r}_low"]) / 4).all()
    # the paper's sentences, of seven words each, and none of them in the table
    assert (table["n_words"] + table["n_unseen"] == 7 * table["n_sentences"]).all()
    fewest = table.groupby("encoder")["n_words"].transform("min")
    assert (table["n_common"] == fewest).all()
    assert len((ROOT / MEASURED_FILE).read_text().splitlines()) == 1 + len(table)
    assert len(set(table["sentences"])) == 1
    for day in table["date"]:
        date.fromisoformat(day)
    assert set(table["n_sentences"]) == {617}
    # pairs and repeated sentences are one unit each
    assert (table["n_units"] < 495).all()
    assert (table["relative_error"] < 0.06).all()
    large = table["encoder"] == LARGE
    assert (table.loc[~large, "residual_max"] <= 0.01).all()
    assert (table.loc[large, "residual_max"] < 0.02).all()  # what missed the tolerance is flagged
    assert len(set(table["settings"])) == 1
    for column in ("date", "versions"):  # the large one was measured on another day
        assert len(set(table.loc[~large, column])) == len(set(table.loc[large, column])) == 1


SEEN = {"the": 0.2, "dog": 0.01, "a": 0.1, "is": 0.1, "woman": 0.02, "man": 0.02, ".": 0.05}
KNOWN = {
    "all": SEEN | {"dogs": 0.003, "!": 0.03, "running": 0.001, "onion": 1e-4, "happy": 0.002},
    "few": SEEN | {"dogs": 0.002, "!": 0.01},
}


@pytest.fixture
def small(tiny_encoder: Encoder, monkeypatch: pytest.MonkeyPatch) -> pd.DataFrame:
    """Sentences, of which one is repeated, an encoder, and two sources, in place of the real."""
    texts = ["the dog is running .", "a woman is cutting an onion .", "dogs !", "a man was happy ."]
    table = pd.DataFrame({"sentence": [*texts, texts[0]], "sentence_id": range(5)})
    table["pair"] = [0, 1, 1, 2, 3]
    for name, stand_in in {
        "load_encoder": lambda name, device: tiny_encoder,
        "load_sentences": lambda source: table,
        "filter_sentences": lambda table, *_: table,
        "load_frequencies": lambda name: Frequencies(name, pd.Series(KNOWN[name]), ""),
        "pick_rule": lambda rule: rule,
    }.items():
        monkeypatch.setattr(module, name, stand_in)
    return table


def test_rows_are_those_of_the_library(small: pd.DataFrame, tiny_encoder: Encoder) -> None:
    table = measure(None, ["tiny"], ["all", "few"], probes=8)
    assert list(table.columns) == list(OURS_COLUMNS)
    assert table["frequencies"].tolist() == ["all", "few"]
    assert table[["n_sentences", "n_units"]].to_numpy().tolist() == [[5, 3]] * 2
    assert (table["n_words"] + table["n_unseen"] == 5 + 7 + 2 + 5 + 5).all()
    assert (table["relative_error"] > 0).all()
    words = attribute(tiny_encoder, small, tolerance=0.01, probes=8, seed=0, progress=False)
    known = add_information(words, Frequencies("few", pd.Series(KNOWN["few"]), ""))
    r = correlation(known, n_resamples=100).r
    assert table["r_information"].tolist()[1] == pytest.approx(r, abs=1e-12)
    # the source that knows fewer words decides which all know
    assert table["r_common"].tolist()[1] == pytest.approx(r, abs=1e-12)
    assert table["n_common"].tolist() == [len(known)] * 2


def test_a_sample_is_drawn_with_a_fixed_seed(small: pd.DataFrame) -> None:
    first, second = (measure(4, ["tiny"], ["few"], probes=8) for _ in range(2))
    assert set(first["n_sentences"]) == {4}
    pd.testing.assert_frame_equal(first, second)


def test_the_table_is_written_where_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "_config.yml").touch()
    (tmp_path / "notebooks").mkdir()
    assert measured_correlations().empty
    assert list(measured_correlations().columns) == [*OURS_COLUMNS, "origin"]
    fresh = rows(1 / 3)
    monkeypatch.setitem(module.TABLES, "correlations", (MEASURED_FILE, lambda: fresh))
    module.main(["correlations"])
    kept = measured_correlations()
    assert kept["r_information"].tolist() == [0.333333]
    assert disagreements(fresh, kept) == []


@pytest.mark.parametrize("here", [True, False])
def test_a_large_encoder_is_measured_where_its_weights_are(
    here: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def measured(sample: int | None = None, encoders: tuple[str, ...] = ENCODERS, **how: int):
        asked.append((sample, tuple(encoders), how))
        return pd.DataFrame({"encoder": list(encoders)}).reindex(columns=OURS_COLUMNS)

    kept = pd.DataFrame({"encoder": [LARGE, "other"], "of_before": 1})
    monkeypatch.setattr(module, "measure", measured)
    monkeypatch.setattr(module, "measured_correlations", lambda: kept)
    source = "packages a b" if here else "owner/model, not in the cache"
    monkeypatch.setattr(module, "describe_source", lambda name: source)
    table = measure_all()
    assert table["encoder"].tolist() == [*ENCODERS, LARGE]
    assert list(table.columns) == list(OURS_COLUMNS)
    assert len(asked) == 1 + here
    if here:
        assert asked[1] == (None, (LARGE,), {})


def test_a_table_that_nobody_measures_is_named() -> None:
    with pytest.raises(WordweightsError, match=r"no table 'others'.*correlations, similarity"):
        module.main(["others"])


def rows(r: float, error: float = 0.001, n_units: int = 100, **columns: object) -> pd.DataFrame:
    """One row of a table, with an interval of 0.1 to either side."""
    values = dict.fromkeys(OURS_QUANTITIES, r)
    ends = {f"{name}_{end}": r + d for name in values for end, d in (("low", -0.1), ("high", 0.1))}
    errors = dict.fromkeys((f"{name}_error" for name in values), error)
    keys = {"encoder": "e", "sentences": "stsb", "frequencies": "f", "settings": "s"}
    return pd.DataFrame([keys | values | ends | errors | {"n_units": n_units} | columns])


def test_all_sentences_agree_within_the_errors_of_the_probes() -> None:
    assert disagreements(rows(0.5059), rows(0.5)) == []
    found = disagreements(rows(0.5061), rows(0.5))
    assert len(found) == len(OURS_QUANTITIES)
    assert "r_information is 0.5061 measured afresh and 0.5000" in found[0]
    assert "may differ by 0.0060" in found[0]


def test_a_sample_may_differ_by_what_its_interval_says() -> None:
    margin = 3 * (0.1 / NORMAL_QUANTILE * np.sqrt(0.75) + 0.002)
    assert disagreements(rows(0.5 + margin - 1e-9, n_units=25), rows(0.5)) == []
    found = disagreements(rows(0.5 - margin - 1e-4, n_units=25), rows(0.5))
    assert len(found) == len(OURS_QUANTITIES)
    assert disagreements(rows(np.nan), rows(0.5)) != []


def test_tables_of_other_rows_or_settings_do_not_agree() -> None:
    assert "only in the table measured afresh" in disagreements(rows(0.5), rows(0.5).iloc[:0])[0]
    kept = pd.concat([rows(0.5), rows(0.5, frequencies="g")])
    assert disagreements(rows(0.5), kept) == ["e, g: only in the table that is kept, with s"]
    assert len(disagreements(rows(0.5), rows(0.5, settings="t"))) == 2
