"""Statistics of the corpora that notebooks show, so that the report needs no text."""

from typing import Any

from tinylm.data import Corpus, statistics
from tinylm.evaluation.probes.probe import CorpusProbe


class Statistics(CorpusProbe):
    """What a corpus is like before any model reads it."""

    folder = "corpora"
    title = "statistics"

    def facts(self, corpus: Corpus) -> dict[str, Any]:
        return statistics.corpus_statistics(corpus)


STATISTICS = Statistics()
