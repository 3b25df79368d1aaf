"""What a browser would show of a fragment of HTML, and the elements it would make."""

from __future__ import annotations

from html.parser import HTMLParser


class Reader(HTMLParser):
    """Reads a fragment to its end; the text of a link is none of it."""

    def __init__(self, fragment: str) -> None:
        super().__init__()
        self.shown: list[str] = []
        self.tags: set[str] = set()
        self.styles: list[str] = []
        self.feed(fragment)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.styles += [value for name, value in attrs if name == "style" and "color:#" in value]

    def handle_data(self, data: str) -> None:
        if self.lasttag not in ("style", "a") and data.strip():
            self.shown.append(data)


def rows_of(fragment: str, n_columns: int) -> list[list[str]]:
    """The rows of a table, its head first, with plain spaces."""
    cells = [text.replace("\N{NO-BREAK SPACE}", " ") for text in Reader(fragment).shown]
    return [cells[i : i + n_columns] for i in range(0, len(cells), n_columns)]
