"""Count the words of a corpus of any size, exactly, within bounded memory, by DuckDB and Dask."""

from wordweights.counting.run import Report, count_corpus
from wordweights.counting.samples import corpus_files, count_source, vocabulary_growth

__all__ = ["Report", "corpus_files", "count_corpus", "count_source", "vocabulary_growth"]
