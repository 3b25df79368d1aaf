"""Count the words of a corpus of any size, exactly, within bounded memory, on Dask."""

from wordweights.counting.run import Report, count_corpus

__all__ = ["Report", "count_corpus"]
