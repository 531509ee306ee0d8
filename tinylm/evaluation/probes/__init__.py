"""What is measured beside training, each as one JSON file in the ledger: on runs, and on corpora. This file loads no torch."""

from tinylm.evaluation.probes.averages import AVERAGES
from tinylm.evaluation.probes.compression import COMPRESSION
from tinylm.evaluation.probes.corpora import STATISTICS
from tinylm.evaluation.probes.headings import HEADINGS
from tinylm.evaluation.probes.mixing import GATED_MIXING, MIXING
from tinylm.evaluation.probes.probe import Probe
from tinylm.evaluation.probes.samples import SAMPLES
from tinylm.evaluation.probes.test_time import TEST_TIME

PROBES: tuple[Probe, ...] = (STATISTICS, COMPRESSION, SAMPLES, TEST_TIME, HEADINGS, MIXING, GATED_MIXING, AVERAGES)

__all__ = ["AVERAGES", "COMPRESSION", "GATED_MIXING", "HEADINGS", "MIXING", "PROBES", "SAMPLES", "STATISTICS", "TEST_TIME", "Probe"]
