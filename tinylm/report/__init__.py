"""Executed notebooks -> one report as PDF and HTML, and the published figures. Computes nothing, needs no torch."""

from tinylm.report.errors import ReportError
from tinylm.report.publish import build, publish_figures

__all__ = ["ReportError", "build", "publish_figures"]
