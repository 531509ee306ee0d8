"""Records -> the Answer of each section, and the abstract made of them: findings in short sentences, each with its numbers."""

from tinylm.report.answers.headline import STUDY, abstract, answer, budget, count_or_train, findings
from tinylm.report.answers.questions import capacity, copying, ten_times
from tinylm.report.answers.reproduced import architectures, claims, rope, sweeps, words
from tinylm.report.answers.techniques import regularisation, transfer

__all__ = [
    "STUDY",
    "abstract",
    "answer",
    "architectures",
    "budget",
    "capacity",
    "claims",
    "copying",
    "count_or_train",
    "findings",
    "regularisation",
    "rope",
    "sweeps",
    "ten_times",
    "transfer",
    "words",
]
