"""Typst source -> PDF and HTML, by the `typst` wheel: no LaTeX, no browser, no fonts of this machine."""

import re
import shutil
from pathlib import Path
from types import ModuleType
from typing import Any

from tinylm import files
from tinylm.typesetting.document import Document
from tinylm.typesetting.errors import ReportError

HERE = Path(__file__).parent
TYPST_VERSION = "0.15.0"
PDF_STANDARDS = ["ua-1"]  # refuses a picture without alternative text, a skipped heading level, a character without a glyph


def typeset(document: Document, bibliography: Path, timestamp: int) -> tuple[bytes, bytes]:
    """The PDF and the HTML page of a document; raises ReportError where Typst cannot set it or is not installed."""
    typst = _import_typst()
    with files.scratch("report") as root:
        for name in ("paper.typ", "report.css"):
            shutil.copy(HERE / name, root)
        shutil.copy(bibliography, root / "references.bib")
        for name, picture in document.pictures.items():
            (root / name).write_text(picture, encoding="utf-8", newline="\n")
        main = root / "report.typ"
        main.write_text(document.source, encoding="utf-8", newline="\n")

        def made(**options: Any) -> bytes:
            target = {"target": options["format"]}
            try:
                return typst.compile_with_warnings(str(main), root=str(root), ignore_system_fonts=True, sys_inputs=target, **options)[0]
            except typst.TypstError as error:
                raise ReportError(_explained(document, error)) from None

        return made(format="pdf", pdf_standards=PDF_STANDARDS, timestamp=timestamp), made(format="html")


def _import_typst() -> ModuleType:
    try:
        import typst
    except ImportError as error:
        raise ReportError(
            f"the report needs the typst package: pip install typst=={TYPST_VERSION} (wheels for Linux with glibc, macOS and Windows; "
            f"elsewhere jupyter nbconvert --to html shows the notebooks one by one)"
        ) from error
    return typst


def _explained(document: Document, error: Any) -> str:
    """Typst's message with the notebook and cell in front, where the error lies in the report's own source."""
    message = error.message.removeprefix("panicked with: ")
    line = re.search(r"report\.typ:(\d+):", error.diagnostic)
    place = f"{document.place_of(int(line[1]))}: " if line else ""
    return f"{place}{message}" if line or message.startswith("table ") else f"Typst: {error.diagnostic}"
