"""Text and tables for the book, escaped, readable in its light and its dark theme."""

from __future__ import annotations

import base64
import hashlib
import html
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from pandas.io.formats.style import Styler

from wordweights.errors import WordweightsError
from wordweights.figures.style import SHADE, format_number, format_weight

_FULL = bytes.fromhex(SHADE[1:])
# MathJax would typeset what is between two dollar signs, and pandas' class is known to the theme.
_AS_IT_IS = "tex2jax_ignore mathjax_ignore"
_NOTHING = "\N{EN DASH}"
_FIELD = re.compile(r"\{(\w+)(?::(\w+))?\}")
_HEAD = re.compile(r"<th (?=[^>]*col_heading)")
# of a row, its head; an empty one is none
_FIRST = re.compile(
    r"<td (class=\"[^\"]*\bcol0\b[^\"]*\"[^>]*)>(?!(?:\s|&nbsp;)*</td>)(.*?)</td>", re.DOTALL
)


def table_html(
    table: pd.DataFrame,
    layout: Mapping[str, str] | None = None,
    *,
    digits: int = 2,
    nothing: str = "There is nothing to show.",
) -> str:
    r"""Write a table with everything in it escaped, numbers to the right, and a link to it as CSV.

    The first cell of a row is its head. What is behind the link is the data frame, all its columns
    and eight digits of its numbers; the book puts it beside its pages as a file.

    Parameters
    ----------
    table : pd.DataFrame
        Its index is not shown; a line break in a text is one in the table.
    layout : Mapping[str, str] | None
        From the head of each column to its cells, with the columns of the table in braces:
        ``"{r}\n[{r_low}, {r_high}]"``. A line of which nothing is known is left out, and a cell of
        which nothing is left is a dash. ``{mean:weight}`` writes three significant digits,
        ``{n:count}`` none behind the point, ``{share:percent}`` a hundred times as much, and
        ``{verdict:whole}`` does not break a text into lines. None: all columns as they are.
    digits : int
        Decimals of other floating-point numbers.
    nothing : str
        A sentence that takes the place of a table without rows.

    Returns
    -------
    str
        An HTML fragment.
    """
    if table.empty:
        return f"<p>{html.escape(nothing)}</p>"
    link = _download(table)
    shown: dict[str, list[str]] = {}
    sides: dict[Any, Any] = {}
    if layout is None:  # of names that may be anything
        names = {f"column{i}": str(name) for i, name in enumerate(table.columns)}
        table = table.set_axis(list(names), axis="columns")
        layout = {head: f"{{{name}}}" for name, head in names.items()}
    rows = table.to_dict("records")
    for head, template in layout.items():
        shown[head] = [_fill(template, row, digits) for row in rows]
        alone = _FIELD.fullmatch(template)
        sides[head] = _side(table[alone[1]] if alone and alone[1] in table else None)
    cells = pd.DataFrame(shown)
    # a name made of the content: the styles of two tables on a page do not meet
    name = hashlib.sha256(cells.to_csv().encode()).hexdigest()[:10]
    styler = Styler(cells, uuid=name, cell_ids=False, escape="html").hide(axis="index")
    styler = styler.format_index(escape="html", axis="columns")
    styler = styler.set_table_attributes(f'class="dataframe {_AS_IT_IS}" style="font-size:0.85em"')
    fragment = str(styler.set_table_styles(sides, overwrite=False).to_html())
    fragment = _HEAD.sub('<th scope="col" ', fragment)
    return _FIRST.sub(r'<th scope="row" \1>\2</th>', fragment) + link


def shaded_text(
    words: Sequence[str], weights: Sequence[float], errors: Sequence[float] | None = None
) -> str:
    """Write words on a background as strong as their weights, each with its number below.

    Colour is never alone: the number stands under the word. Every word carries its own background
    and text colour, of a contrast of at least 7 to 1, so the theme of the page does not matter.

    Parameters
    ----------
    words : Sequence[str]
        As they stand in the sentence; HTML in them is shown, not interpreted.
    weights : Sequence[float]
        One per word, not negative; the largest gets the full colour. NaN: the word is shown with a
        dashed border and "?" for its number.
    errors : Sequence[float] | None
        Their standard errors, shown where they are not 0.

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
    shown = zip(words, weights, errors or [0.0] * len(words), strict=True)
    spans = [_word(word, weight, largest, error) for word, weight, error in shown]
    return f'<div class="{_AS_IT_IS}" style="line-height:1.25">{" ".join(spans)}</div>'


def shaded_rows(*sentences: pd.DataFrame) -> str:
    """Write each sentence several times, shaded by each column of weights.

    Parameters
    ----------
    *sentences : pd.DataFrame
        For each sentence a column ``word``, one row per word in order, and a column for every
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


def _download(table: pd.DataFrame) -> str:
    """Link to a table as CSV, which is in the address itself."""
    text = table.to_csv(index=False, float_format="%.8g").replace("\N{NO-BREAK SPACE}", " ")
    data = base64.b64encode(text.encode()).decode()
    address = f'download="table.csv" href="data:text/csv;base64,{data}"'
    return f'<p class="table-download"><a {address}>This table as CSV</a></p>'


def _fill(template: str, row: Mapping[Any, Any], digits: int) -> str:
    """Write one cell."""
    lines = [_fill_line(line, row, digits) for line in template.split("\n")]
    known = [line for line in lines if line is not None]
    return "\n".join(known) if known else _NOTHING


def _fill_line(line: str, row: Mapping[Any, Any], digits: int) -> str | None:
    """Write one line of a cell; None where nothing in it is known."""
    texts = {name: _text(row.get(name), kind, digits) for name, kind in _FIELD.findall(line)}
    if all(text is None for text in texts.values()):
        return None
    known = {name: "n/a" if text is None else text for name, text in texts.items()}
    return _FIELD.sub(lambda field: known[field[1]], line)


def _text(value: Any, kind: str, digits: int) -> str | None:
    """Write one value; None where it is missing."""
    if pd.isna(value):
        return None
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, int | float | np.number):
        return str(value).replace(" ", "\N{NO-BREAK SPACE}") if kind == "whole" else str(value)
    if kind == "weight":
        return format_weight(float(value))
    if kind == "percent":
        value = 100 * value
    elif kind == "count" or isinstance(value, int | np.integer):
        digits = 0
    return format_number(float(value), digits)


def _side(column: pd.Series | None) -> list[dict[str, str]]:
    """Style a column: numbers to the right."""
    side = "left" if column is None or not pd.api.types.is_numeric_dtype(column) else "right"
    props = f"text-align:{side};white-space:pre-line;vertical-align:top;padding:0.2em 0.5em"
    return [{"selector": "", "props": props}]


def _word(word: str, weight: float, largest: float, error: float) -> str:
    text = html.escape(word)
    if math.isnan(weight):
        border, background, number = "dashed", "#ffffff", "?"
    else:
        # from white to blue
        mixed = (round(255 + weight / largest * (full - 255)) for full in _FULL)
        border, background = "solid", "#{:02x}{:02x}{:02x}".format(*mixed)
        number = format_weight(weight)
        if error:
            number += f" \N{PLUS-MINUS SIGN} {error:.2g}"
    style = (
        "display:inline-block;text-align:center;padding:0.15em 0.4em;margin:0.1em 0;"
        f"border-radius:0.25em;border:1px {border} #767676;background:{background};color:#000000"
    )
    title = f"{text}: {'no number' if number == '?' else number}"
    return (
        f'<span style="{style}" title="{title}">{text}'
        f'<span style="display:block;font-size:0.75em">{number}</span></span>'
    )
