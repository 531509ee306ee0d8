"""Executed notebooks -> one report as PDF and HTML, and the published figures. Computes nothing, needs no torch."""

from tinylm.typesetting.errors import ReportError
from tinylm.typesetting.publish import build, publish_figures

__all__ = ["ReportError", "build", "publish_figures"]
