"""Tables and text of the user: read exactly as they are, with errors that name the place.

Text is never altered: `NA`, `null`, `1,000`, leading zeros, HTML and double spaces stay what they
are in the file.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import json
import re
import zlib
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from wordweights.errors import WordweightsError, reason_of
from wordweights.files import expand_home

DELIMITERS = {".csv": ",", ".tsv": "\t"}
"""What separates the cells of a file, by its ending, where its header does not say otherwise."""

LINE_END = re.compile(r"\r\n|\r|\n")
"""The ends of lines of any system."""

_LONGEST_CELL = 2**31 - 1  # what any C long holds


def resolve_source(source: str | Path, names: Sequence[str], suffixes: Sequence[str]) -> str | Path:
    """Give a source as it is if it is one of `names`, else the path of a file of a known kind."""
    if isinstance(source, str) and source in names:
        return source
    kinds = ", ".join(suffixes)
    path = expand_home(source) if isinstance(source, str | Path) and str(source) else None
    try:
        exists = path is not None and path.exists()
    except OSError:  # a name that no file can have
        exists = False
    if path is None or not (path.suffix or exists):
        raise WordweightsError(
            f"Unknown source {str(source)!r}: known are {', '.join(names)}, or the path of a file "
            f"that exists ({kinds})."
        )
    if exists and path.is_dir():
        raise WordweightsError(f"{path} is a folder: give the path of one file ({kinds}).")
    if kind_of(path) not in suffixes:
        raise WordweightsError(
            f"{path}: files of kind {path.suffix!r} cannot be read: give a file that ends in "
            f"{kinds}; text may be compressed by gzip (.gz)."
        )
    if not exists:
        raise WordweightsError(
            f"{path} does not exist (a relative path begins in {Path.cwd()}): give the path of a "
            f"file, or one of {', '.join(names)}."
        )
    return path


def kind_of(path: Path) -> str:
    """Name the kind of a file by its ending, which for text may be followed by ``.gz``."""
    ending = Path(path.name.lower().removesuffix(".gz")).suffix
    return ending if ending in (*DELIMITERS, ".txt") else path.suffix.lower()


def read_table(
    path: Path,
    required: Sequence[str],
    optional: Sequence[str] = (),
    numbers: Sequence[str] = (),
) -> pd.DataFrame:
    """Read columns of a .csv or .tsv (.gz) or .parquet file, the text exactly as it is.

    A column of `numbers` may hold numbers in a .parquet file. The index names the place in the file
    for messages: the ``line`` as an editor counts, or, of a .parquet file, the ``row``, from 1.
    """
    if path.suffix.lower() == ".parquet":
        return _read_parquet(path, required, optional, numbers)
    text = read_text(path)
    delimiter = find_delimiter(text, DELIMITERS[kind_of(path)], required)
    cells = _split_cells(path, text, delimiter)
    header, rows = cells.iloc[0].tolist(), cells.iloc[1:]
    wanted = _choose_columns(path, header, required, optional)
    return rows.set_axis(header, axis=1)[wanted]


def read_cells(path: Path, delimiter: str) -> pd.DataFrame:
    """Read all cells of a delimited file as text, indexed by the ``line`` on which a row begins.

    Blank lines are no rows, but in a file of one column, where they are empty cells. Quotes that do
    not match and rows of unequal lengths are a WordweightsError.
    """
    return _split_cells(path, read_text(path), delimiter)


def find_delimiter(text: str, usual: str, required: Sequence[str]) -> str:
    """Find what parts the first line of a text into all required names, or else into the most."""
    _allow_long_cells()
    first = LINE_END.split(text, maxsplit=1)[0]

    def rank(delimiter: str) -> tuple[bool, int]:
        header = next(csv.reader([first], delimiter=delimiter), [])
        return set(required) <= set(header), len(header)

    return max([usual, ",", ";", "\t"], key=rank)


def _allow_long_cells() -> None:
    """Let the cells of a CSV have any length."""
    # one limit holds for the whole process: it is raised and never lowered again, so that nothing
    # that others read at the same time, in this thread or another, is cut
    csv.field_size_limit(max(csv.field_size_limit(), _LONGEST_CELL))


def _split_cells(path: Path, text: str, delimiter: str) -> pd.DataFrame:
    # blank lines at the end are no rows; a quoted cell ends in its quote
    text = text.rstrip("\r\n")
    _allow_long_cells()
    try:
        # the engine that refuses stray quotes, and tells a missing cell (NaN) from an empty one
        cells = pd.read_csv(
            io.StringIO(text, newline=""),
            sep=delimiter,
            header=None,
            dtype=object,
            keep_default_na=False,
            skip_blank_lines=False,
            engine="python",
        )
    except (pd.errors.ParserError, csv.Error):
        raise _fault(path, text, delimiter) from None
    missing, cells = cells.isna(), cells.fillna("")
    breaks = cells.apply(lambda column: column.str.count(LINE_END.pattern)).sum(axis=1)
    lines = 1 + (1 + breaks).cumsum().shift(fill_value=0)
    cells.index = missing.index = pd.Index(lines, name="line")
    if cells.shape[1] == 1:
        return cells
    blank = missing.all(axis=1)
    if (missing.any(axis=1) & ~blank).any():
        raise _fault(path, text, delimiter)
    return cells[~blank]


def read_text(path: Path) -> str:
    """Read text that is not blank, perhaps compressed; anything else is a WordweightsError."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise WordweightsError(
            f"{path} cannot be read ({error.strerror}): give a file that you may read."
        ) from None
    if path.suffix.lower() == ".gz":
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error) as error:
            raise WordweightsError(
                f"{path} is no whole file of gzip ({reason_of(error)}): compress it again, or give "
                f"the text as it is."
            ) from None
    text = decode_text(data, str(path))
    if not text.strip():
        raise WordweightsError(f"{path} is empty: give a file with at least one row.")
    return text


def decode_text(data: bytes, place: str) -> str:
    """Decode UTF-8 or UTF-16, whose byte order mark is no text; `place` is for the message."""
    encoding = json.detect_encoding(data[:4])  # by the mark, or the zero bytes of plain letters
    data = data.removeprefix(codecs.BOM_UTF8)
    try:
        return data.decode("utf-8" if encoding == "utf-8-sig" else encoding)
    except UnicodeDecodeError as error:
        if not encoding.startswith("utf-8"):
            raise WordweightsError(
                f"{place} begins like text in {encoding.upper()}, but is none ({error.reason} at "
                f"byte {error.start + 1}); give text in UTF-8."
            ) from None
        line = len(LINE_END.findall(data[: error.start].decode("utf-8"))) + 1
        raise WordweightsError(
            f"{place}, line {line}: byte 0x{data[error.start]:02X} (byte {error.start + 1} of the "
            f"text) is not UTF-8; give text in the encoding UTF-8."
        ) from None


def is_blank(column: pd.Series) -> pd.Series:
    """Find the cells of a text column that are missing, empty or only whitespace."""
    return column.isna() | (column.fillna("").str.strip() == "")


def check_filled(path: Path, column: pd.Series) -> None:
    """Refuse a text column without a row, or with a blank cell."""
    if column.empty:
        raise WordweightsError(f"{path} has a header but no {column.name}: give at least one row.")
    blank = is_blank(column)
    if blank.any():
        raise WordweightsError(
            f"{path}, {name_places(column.index[blank])}: the column {column.name!r} is empty, "
            f"only whitespace or missing; write the {column.name} or remove the row."
        )


def name_places(index: pd.Index, most: int | None = 10) -> str:
    """Say where in a file something is, from the index of :func:`read_table`: `lines 3, 4`.

    Places beyond `most` are only counted; None names all.
    """
    shown = ", ".join(str(place) for place in index[:most])
    hidden = len(index[most:]) if most else 0
    more = f" and {hidden} more" if hidden else ""
    return f"{index.name}{'s' if len(index) > 1 else ''} {shown}{more}"


def quoted(names: Sequence[str] | pd.Index) -> str:
    """List names for a message: `'a', 'b'`, or `none`."""
    return ", ".join(repr(name) for name in names) or "none"


def _fault(path: Path, text: str, delimiter: str) -> WordweightsError:
    """Find the line for which pandas has refused a file, or padded a row."""
    records = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line, width = 1, None
    try:
        for record in records:
            width = width or len(record)
            if record and len(record) != width:
                break
            line = records.line_num + 1
    except csv.Error as error:
        return WordweightsError(
            f"{path}, line {line}: double quotes do not match ({error}). A cell that begins with a "
            f"double quote must end with one, and a double quote inside it is written twice."
        )
    return WordweightsError(
        f"{path}, line {line}: the number of fields is {len(record)}, but {width} in the first "
        f"line; put text that holds the delimiter between double quotes."
    )


def _choose_columns(
    path: Path, columns: Sequence[str], required: Sequence[str], optional: Sequence[str]
) -> list[str]:
    for name in required:
        if name not in columns:
            raise WordweightsError(
                f"{path} has no column {name!r}; its columns are {quoted(columns)}. Rename one, "
                f"or add a first line with the names of the columns."
            )
    wanted = [*required, *(name for name in optional if name in columns)]
    for name in wanted:
        if list(columns).count(name) > 1:
            raise WordweightsError(f"{path} has more than one column {name!r}: keep one.")
    return wanted


def _read_parquet(
    path: Path, required: Sequence[str], optional: Sequence[str], numbers: Sequence[str]
) -> pd.DataFrame:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        schema = parquet.read_schema(path)
        wanted = _choose_columns(path, schema.names, required, optional)
        table = pd.read_parquet(path, columns=wanted)
    except (pa.ArrowException, OSError) as error:
        reason = next(iter(str(error).splitlines()), "")
        raise WordweightsError(f"{path} is not a readable parquet file ({reason}).") from None
    for name in wanted:
        kind = schema.field(name).type
        if pa.types.is_dictionary(kind):
            kind = kind.value_type
        is_text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
        is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind)
        if not is_text and not (name in numbers and is_number):
            right = "text or numbers" if name in numbers else "text"
            raise WordweightsError(
                f"{path}: the column {name!r} is of type {kind}; it must be {right}."
            )
    table.index = pd.RangeIndex(1, len(table) + 1, name="row")
    return table[wanted].astype(object)
