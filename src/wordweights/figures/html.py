"""Text and tables for the book, escaped, readable in its light and its dark theme."""

from __future__ import annotations

import hashlib
import html
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from pandas.io.formats.style import Styler

from wordweights.errors import WordweightsError
from wordweights.figures.style import format_number, format_weight

# The light blue of seaborn's colour-blind palette: black is readable on all of its tints.
_FULL = (86, 180, 233)
# MathJax would typeset what is between two dollar signs, and pandas' class is known to the theme.
_AS_IT_IS = "tex2jax_ignore mathjax_ignore"
_NO_BREAK = "\N{NO-BREAK SPACE}"


def shaded_text(words: Sequence[str], weights: Sequence[float]) -> str:
    """Write words on a background as strong as their weights, each with its number below.

    Colour is never alone: the number stands under the word. Every word carries its own background
    and text colour, of a contrast of at least 7 to 1, so the theme of the page does not matter.

    Parameters
    ----------
    words : Sequence[str]
        As they stand in the sentence; HTML in them is shown, not interpreted.
    weights : Sequence[float]
        One a word, not negative; the largest gets the full colour. NaN: the word is shown with a
        dashed border and "?" for its number.

    Returns
    -------
    str
        An HTML fragment.

    Raises
    ------
    WordweightsError
        For a different number of words and weights, and negative or infinite weights.
    """
    if len(words) != len(weights):
        raise WordweightsError(
            f"There are {len(words)} words and {len(weights)} weights; each word needs one."
        )
    if any(weight < 0 or math.isinf(weight) for weight in weights):
        raise WordweightsError("Weights of words must be finite and not negative, or NaN.")
    largest = max((weight for weight in weights if not math.isnan(weight)), default=0.0) or 1.0
    spans = [
        _word(word, weight, weight / largest) for word, weight in zip(words, weights, strict=True)
    ]
    return f'<div class="{_AS_IT_IS}" style="line-height:1.25">{" ".join(spans)}</div>'


def shaded_rows(*sentences: pd.DataFrame) -> str:
    """Write each sentence several times, shaded by each column of weights.

    Parameters
    ----------
    *sentences : pd.DataFrame
        For each sentence a column ``word``, one row a word in order, and a column for every
        weighting, whose name becomes the label.

    Returns
    -------
    str
        An HTML fragment.
    """
    blocks = []
    for table in sentences:
        words = table["word"].tolist()
        rows = [
            f'<div style="margin:0 0 0.6em"><div style="font-size:0.9em"><strong>'
            f"{html.escape(str(name))}</strong></div>{shaded_text(words, table[name].tolist())}"
            f"</div>"
            for name in table.columns.drop("word")
        ]
        blocks.append(f'<div style="margin:0 0 1.8em">{"".join(rows)}</div>')
    return f'<div class="{_AS_IT_IS}">{"".join(blocks)}</div>'


def table_html(table: pd.DataFrame, digits: int | Mapping[str, int] = 2) -> str:
    """Write a table with everything in it escaped, numbers to the right.

    Parameters
    ----------
    table : pd.DataFrame
        Its index is not shown; a line break in a text is one in the table.
    digits : int | Mapping[str, int]
        Decimals of the columns of floating-point numbers, for all or by column (others get 2).
        A missing value becomes a dash.

    Returns
    -------
    str
        An HTML fragment.
    """
    shown: dict[str, list[str]] = {}
    sides: dict[Any, Any] = {}
    for column in table.columns:
        places = digits if isinstance(digits, int) else digits.get(column, 2)
        shown[str(column)] = [_cell(value, places) for value in table[column]]
        number = pd.api.types.is_numeric_dtype(table[column])
        sides[str(column)] = [{"selector": "", "props": _side("right" if number else "left")}]
    cells = pd.DataFrame(shown)
    # a name made of the content: the styles of two tables on a page do not meet
    name = hashlib.sha256(cells.to_csv().encode()).hexdigest()[:10]
    styler = Styler(cells, uuid=name, cell_ids=False, escape="html").hide(axis="index")
    styler = styler.format_index(escape="html", axis="columns")
    styler = styler.set_table_attributes(f'class="dataframe {_AS_IT_IS}" style="font-size:0.85em"')
    return str(styler.set_table_styles(sides, overwrite=False).to_html())


def correlations_html(table: pd.DataFrame) -> str:
    """Write Table 1: correlations with their intervals, each row with its origin.

    Parameters
    ----------
    table : pd.DataFrame
        From :func:`wordweights.statistics.arrange_before_after`.

    Returns
    -------
    str
        An HTML fragment.
    """
    control = table["role"] == "control"
    shown = {
        "encoder": table["encoder"],
        "origin": table["origin"],
        "fine-tuned from": table["before"].mask(control, "(random weights)"),
        "r with \N{MINUS SIGN}ln P(w)": _with_interval(table, "r_information"),
        "r with P(w)": _with_interval(table, "r_probability"),
        "Spearman with \N{MINUS SIGN}ln P(w)": _with_interval(table, "spearman"),
        "words\n(sentences)": _numbers(table),
    }
    return table_html(pd.DataFrame(shown))


def spread_html(spreads: Mapping[str, pd.DataFrame]) -> str:
    """Write mean and standard deviation of contributions by information, encoders side by side.

    Parameters
    ----------
    spreads : Mapping[str, pd.DataFrame]
        From an encoder's name to what :func:`wordweights.statistics.spread_by_information`
        returned, all of the same words.

    Returns
    -------
    str
        An HTML fragment.

    Raises
    ------
    WordweightsError
        For no encoders, and encoders with different bins.
    """
    if not spreads:
        raise WordweightsError("There is no encoder to show; name at least one.")
    bins = ["low", "high", "n"]
    first = next(iter(spreads.values()))
    shown = {
        "from [nats]": first["low"],
        "to [nats]": first["high"],
        "words": first["n"],
    }
    for encoder, spread in spreads.items():
        if not spread[bins].equals(first[bins]):
            raise WordweightsError(
                f"Encoder {encoder!r} has other bins of information than the first one; give all "
                f"of them the same words."
            )
        pairs = zip(spread["mean"], spread["sd"], strict=True)
        shown[f"{encoder}:\nmean (s.d.)"] = pd.Series([_mean_and_sd(*pair) for pair in pairs])
    return table_html(pd.DataFrame(shown))


def comparison_html(table: pd.DataFrame) -> str:
    """Write published correlations beside those of a run, with the difference.

    Parameters
    ----------
    table : pd.DataFrame
        From :func:`wordweights.statistics.compare_published`.

    Returns
    -------
    str
        An HTML fragment.
    """
    names = {"r_information": "r with \N{MINUS SIGN}ln P(w)", "r_probability": "r with P(w)"}
    shown = {
        "encoder": table["encoder"],
        "quantity": table["quantity"].map(names),
        "published": table["published"].astype(float),
        "this run": _with_interval(table, "measured", ("low", "high")),
        "this run\nless published": table["difference"].astype(float),
    }
    return table_html(pd.DataFrame(shown))


def rises_html(rises: pd.DataFrame) -> str:
    """Write the rise of r from each encoder to those fine-tuned from it.

    Parameters
    ----------
    rises : pd.DataFrame
        From :func:`wordweights.statistics.rises_of_correlation`.

    Returns
    -------
    str
        An HTML fragment.
    """
    shown = {
        "before": rises["before"],
        "after": rises["encoder"],
        "r before": rises["r_before"].astype(float),
        "r after": rises["r_after"].astype(float),
        "rise\n[95 % interval]": _with_interval(rises, "rise", ("low", "high")),
        "a rise": _unbroken(rises["verdict"]),
        "case of\nthe paper": rises["paper"].map({True: "yes", False: "no"}),
    }
    return table_html(pd.DataFrame(shown))


def curves_html(ends: pd.DataFrame) -> str:
    """Write where the curves of a training begin and end.

    Parameters
    ----------
    ends : pd.DataFrame
        From :func:`wordweights.training.curves.ends_of_curves`.

    Returns
    -------
    str
        An HTML fragment.
    """
    shown: dict[str, Any] = {
        "encoder": ends["encoder"],
        "steps": ends["steps"],
    }
    for end, word in (("first", "at step 0"), ("last", "at the end")):
        bounds = (f"low_{end}", f"high_{end}")
        shown[f"r with \N{MINUS SIGN}ln P(w)\n{word}"] = _with_interval(ends, f"r_{end}", bounds)
    shown |= {
        "share of\n“onion”": _from_to(ends, "onion"),
        "r of embedding\nlength": _from_to(ends, "norm_r"),
        "STS-B\nSpearman": _from_to(ends, "sts_spearman"),
    }
    return table_html(pd.DataFrame(shown))


def moves_html(moves: Mapping[str, pd.DataFrame]) -> str:
    """Write what becomes of r with the embeddings or the layers of a fine-tuned encoder.

    Parameters
    ----------
    moves : Mapping[str, pd.DataFrame]
        From the name of a pair to what :func:`wordweights.training.swaps.what_moves` returned.

    Returns
    -------
    str
        An HTML fragment.
    """
    rows = pd.concat([table.assign(pair=pair) for pair, table in moves.items()], ignore_index=True)
    shown = {
        "pair": rows["pair"].mask(rows["pair"].duplicated(), ""),
        "embeddings": rows["embeddings"],
        "layers": rows["layers"],
        "r with \N{MINUS SIGN}ln P(w)": _with_interval(rows, "r", ("low", "high")),
        "rise against\nthe first row": _with_interval(rows, "rise", ("rise_low", "rise_high")),
        "r of embedding\nlength": rows["norm_r"].astype(float),
    }
    return table_html(pd.DataFrame(shown))


def measured_html(table: pd.DataFrame) -> str:
    """Write our own correlations on the STS Benchmark, by encoder and source of frequencies.

    Parameters
    ----------
    table : pd.DataFrame
        From :func:`wordweights.statistics.measured_correlations`.

    Returns
    -------
    str
        An HTML fragment; a sentence, if there are no rows.
    """
    if table.empty:
        return "<p>No numbers of our own on the STS Benchmark are in this checkout.</p>"
    shown = {
        "encoder": table["encoder"],
        "origin": table["origin"],
        "P(w) from": table["frequencies"],
        "r with \N{MINUS SIGN}ln P(w)": _with_interval(table, "r_information"),
        "r with P(w)": _with_interval(table, "r_probability"),
        "words\n(sentences)": _numbers(table),
    }
    return table_html(pd.DataFrame(shown))


def summary_html(summary: pd.DataFrame) -> str:
    """Write what a run says about every claim of the paper as a whole.

    Parameters
    ----------
    summary : pd.DataFrame
        From :func:`wordweights.statistics.summarise_claims`.

    Returns
    -------
    str
        An HTML fragment.
    """
    counts = zip(summary["tested"], summary["scopes"], strict=True)
    shown = {
        "no.": [f"({claim})" for claim in summary["claim"]],
        "claim of the paper": summary["statement"],
        "cases tested": [f"{tested} of {scopes}" for tested, scopes in counts],
        "in this run": _unbroken(summary["verdict"]),
    }
    return table_html(pd.DataFrame(shown))


def claims_html(verdicts: pd.DataFrame) -> str:
    """Write the estimate behind every verdict; what was not tested takes one row a claim.

    Parameters
    ----------
    verdicts : pd.DataFrame
        From :func:`wordweights.statistics.judge_claims`.

    Returns
    -------
    str
        An HTML fragment.
    """
    idle = verdicts["verdict"] == "not tested"
    cells = pd.Series(_with_interval(verdicts, "estimate", ("low", "high")), verdicts.index)
    scopes = _unbroken(verdicts["scope"])
    example = verdicts["claim"] == 5
    scopes = scopes.mask(example, verdicts["scope"].str.replace(": ", ":\n", n=1))
    scopes = scopes.where(verdicts["paper"], scopes + "\n(not a case of the paper)")
    rows = verdicts.assign(cell=cells, scope=scopes, verdict=_unbroken(verdicts["verdict"]))
    together = (
        rows[idle]
        .groupby(["claim", "paper"], sort=False)
        .agg(scope=("scope", "\n".join), verdict=("verdict", "first"))
        .reset_index()
    )
    rows = pd.concat([rows[~idle], together]).sort_values(
        ["claim", "paper"], ascending=[True, False], kind="stable"
    )
    shown = {
        "no.": [f"({claim})" for claim in rows["claim"]],
        "case": rows["scope"],
        "quantity": rows["quantity"],
        "estimate\n[95 % interval]": rows["cell"],
        "verdict": rows["verdict"],
    }
    return table_html(pd.DataFrame(shown))


def _unbroken(texts: pd.Series) -> pd.Series:
    return texts.str.replace(" ", _NO_BREAK)


def _mean_and_sd(mean: float, sd: float) -> str:
    spread = "n/a" if math.isnan(sd) else format_weight(sd)
    return f"{format_weight(mean)}{_NO_BREAK}({spread})"


def _with_interval(
    table: pd.DataFrame, name: str, ends: tuple[str, str] | None = None
) -> list[str | None]:
    """Write a coefficient, and its interval on a second line where there is one."""
    columns = [name, *(ends or (f"{name}_low", f"{name}_high"))]
    cells: list[str | None] = []
    for r, low, high in table.reindex(columns=columns).to_numpy(dtype=float):
        if math.isnan(r):
            cells.append(None)
        elif math.isnan(low):
            cells.append(format_number(r))
        else:
            interval = f"[{format_number(low)},{_NO_BREAK}{format_number(high)}]"
            cells.append(f"{format_number(r)}\n{interval}")
    return cells


def _from_to(table: pd.DataFrame, name: str) -> list[str | None]:
    """Write a measure at both ends of a curve, where it is known."""
    pairs = table[[f"{name}_first", f"{name}_last"]].to_numpy(dtype=float)
    arrow = f"{_NO_BREAK}\N{RIGHTWARDS ARROW}{_NO_BREAK}"
    return [None if np.isnan(p).all() else arrow.join(map(format_number, p)) for p in pairs]


def _numbers(table: pd.DataFrame) -> list[str | None]:
    """Write how many words there are, and in how many sentences, where it is known."""
    counts = table.reindex(columns=["n_words", "n_sentences"]).to_numpy(dtype=float)
    return [None if np.isnan(row).any() else f"{row[0]:,.0f}\n({row[1]:,.0f})" for row in counts]


def _side(side: str) -> str:
    return f"text-align:{side};white-space:pre-line;vertical-align:top;padding:0.2em 0.5em"


def _cell(value: object, places: int) -> str:
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return "\N{EN DASH}"
    if isinstance(value, float):
        return format_number(value, places)
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        return format_number(int(value), 0)
    return str(value)


def _word(word: str, weight: float, share: float) -> str:
    text = html.escape(word)
    shape = (
        "display:inline-block;text-align:center;padding:0.15em 0.4em;margin:0.1em 0;"
        "border-radius:0.25em;"
    )
    if math.isnan(weight):
        style = shape + "border:1px dashed #767676;background:#ffffff;color:#000000"
        number, title = "?", f"{text}: no number"
    else:
        style = shape + f"border:1px solid #767676;background:{_shade(share)};color:#000000"
        number = format_weight(weight)
        title = f"{text}: {number}"
    return (
        f'<span style="{style}" title="{title}">{text}'
        f'<span style="display:block;font-size:0.75em">{number}</span></span>'
    )


def _shade(share: float) -> str:
    """Mix a background from white to blue."""
    return "#{:02x}{:02x}{:02x}".format(*(round(255 + share * (full - 255)) for full in _FULL))
