"""`export`: add a trained model to the package, or write one for other software."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinylm import files
from tinylm.cli.common import Request, UsageError, command, relative, require_clone
from tinylm.cli.trained_models import add_data_dir, open_model
from tinylm.config.errors import needing_packages, unknown
from tinylm.evaluation import pretrained
from tinylm.ledger import Ledger

if TYPE_CHECKING:
    from tinylm.evaluation.model import Model

EXAMPLES = """
  python -m tinylm export shakespeare                   from out/weights, where `train --run shakespeare` leaves them
  python -m tinylm export transformer --from 91e131682342ec8a.safetensors
  python -m tinylm export transformer --card            only the card, from the record and the 16-bit weights
  python -m tinylm export counts                        counts of n-grams, made anew from their corpus
  python -m tinylm export --hf folder shakespeare       any trained network, as a folder for transformers
  python -m tinylm export --onnx new.onnx shakespeare   the same as one ONNX file, for texts of every length up to its context
a new one of the package needs its name and the key of its run in tinylm/evaluation/pretrained/__init__.py, and its record in docs/ledger"""


@dataclass(frozen=True, kw_only=True)
class ExportRequest(Request):
    """A model of the package, and the weights it is made from, or only its card; any trained network, and the new place it goes to."""

    name: str
    source: str | None
    card: bool
    hf: Path | None
    onnx: Path | None
    data_dir: Path | None

    def __post_init__(self) -> None:
        if self.hf is None and self.onnx is None and self.name not in pretrained.MODELS:
            raise UsageError(unknown("value", self.name, pretrained.MODELS))


def add(commands: Any) -> None:
    """Add the subcommand."""
    summary = "write 16-bit weights, or what counts are made of, and a model card into the package"
    parser = command(commands, "export", ExportRequest, run, summary, EXAMPLES)
    parser.add_argument("name", metavar="NAME", help=f"one of {', '.join(pretrained.MODELS)}; with --hf or --onnx any trained network")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--from", dest="source", metavar="KEY|FILE", help="the trained weights (the run's in out/weights)")
    what.add_argument("--card", action="store_true", help=f"write the card only, and of {pretrained.DEFAULT} the page docs/live")
    what.add_argument("--hf", type=Path, metavar="FOLDER", help="write a new folder that transformers loads, with a card, and nothing else")
    what.add_argument("--onnx", type=Path, metavar="FILE", help="write a new ONNX file, its vocabulary in the metadata, and nothing else")
    add_data_dir(parser, "scoring on the run's corpus")


def run(request: ExportRequest) -> int:
    """Write the files and say where they are; UsageError outside a clone, for what goes into the package."""
    if request.hf is not None:
        model = open_model(request.name, request.data_dir)
        from tinylm.evaluation import huggingface  # torch is loaded only by the commands that compute

        print(relative(huggingface.write_folder(model, request.hf)))
        return 0
    if request.onnx is not None:
        return _as_onnx(open_model(request.name, request.data_dir), request.onnx)
    return _into_package(request)


def _as_onnx(model: "Model", file: Path) -> int:
    """Write an ONNX file, and say beside its path how it was checked."""
    from tinylm.evaluation import onnx_file

    difference = onnx_file.write_file(model, file)
    checked = "not checked: onnxruntime is not installed" if difference is None else f"its logits are the model's to {difference:.0e}"
    print(relative(file))
    print(checked, file=sys.stderr)
    return 0


def _into_package(request: ExportRequest) -> int:
    """Write the files of a model of the package."""
    require_clone("export")
    with needing_packages("a trained model"):
        from tinylm.evaluation import weights  # torch is loaded only by the commands that compute
        from tinylm.evaluation.pretrained import export
        from tinylm.report import cards, live_page
    records = Ledger([files.LEDGER]).records  # the published ones: the package's models are of the study
    if not request.card:
        record = records.get(pretrained.MODELS[request.name])
        if record and record.spec.is_counts:
            if request.source:
                raise UsageError(f"{request.name} is counted from its corpus; leave out --from")
            path = export.export_counts(request.name, records, request.data_dir)
        else:
            source = weights.find(request.source or pretrained.MODELS[request.name], pretrained.trained_here(), records)
            path = export.export(request.name, source, records, request.data_dir)
        print(relative(path))
    print(relative(cards.write_card(request.name, records)))
    if request.name == live_page.MODEL:
        print(relative(live_page.update()))
    return 0
