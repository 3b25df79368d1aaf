"""From a profile to executed chapters, and from chapters to the book.

papermill executes the notebooks into ``book/chapters``; a manifest beside them records what each
was made from. The book is built only from chapters whose notebook, code and parameters are still
the present ones.
"""

from wordweights.pipeline.book import build_book
from wordweights.pipeline.profiles import (
    Profile,
    choose_chapters,
    find_root,
    known_chapters,
    load_profile,
)
from wordweights.pipeline.running import ChapterRun, count_run, run_chapters

__all__ = [
    "ChapterRun",
    "Profile",
    "build_book",
    "choose_chapters",
    "count_run",
    "find_root",
    "known_chapters",
    "load_profile",
    "run_chapters",
]
