"""The floor plan of the library, read off its imports: `python tinylm/tests/helpers/rooms.py` counts it and draws docs/architecture.svg.

A room is a folder or a file at the top of tinylm/. With a folder as argument, the rooms of another copy of tinylm/ are counted.
"""

import ast
import graphlib
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# The rooms on each floor, from the ground up: a room imports from the floors below it only.
FLOORS = [
    ["config", "files"],
    ["data", "flops", "models", "typesetting"],
    ["ledger", "study"],
    ["analysis", "architectures", "evaluation"],
    ["training"],
    ["report"],
    ["cli", "explore"],
    ["__main__"],
]
FLOOR = {name: number for number, rooms in enumerate(FLOORS, start=1) for name in rooms}
Graph = dict[str, set[str]]


def modules(root: Path = ROOT) -> dict[str, Path]:
    """The files by module name: `tinylm.models.ngram`, and `tinylm.models` for the folder's own."""
    paths = [path for path in root.rglob("*.py") if "tests" not in path.relative_to(root).parts]
    parts = {path: ("tinylm", *path.relative_to(root).with_suffix("").parts) for path in paths}
    return {".".join(part[:-1] if part[-1] == "__init__" else part): path for path, part in parts.items()}


def imports(root: Path = ROOT) -> Graph:
    """The modules of tinylm that each module imports, inside functions too."""
    known = modules(root)
    return {name: _imported(path, known) - {name} for name, path in known.items()}


def _imported(path: Path, known: Mapping[str, Path]) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            # `from tinylm import data` imports a module, `from tinylm.data import load` a name of one.
            found |= {name if (name := f"{node.module}.{alias.name}") in known else str(node.module) for alias in node.names}
    return found & known.keys()


def room(module: str) -> str:
    """`models` for `tinylm.models.networks.base`, nothing for `tinylm`."""
    return module.removeprefix("tinylm").removeprefix(".").split(".")[0]


def rooms(graph: Graph) -> Graph:
    """The rooms that each room imports from; what lies in `architectures` is a user's own, and left out."""
    found: Graph = {name: set() for name in sorted({room(module) for module in graph} - {""})}
    for module, imported in graph.items():
        if room(module) not in ("", "architectures"):
            found[room(module)] |= {room(other) for other in imported} - {room(module), ""}
    return found


def height(graph: Graph) -> int:
    """The most nodes on a road downwards; CycleError where the graph has a circle."""
    tall: dict[str, int] = {}
    for name in graphlib.TopologicalSorter(graph).static_order():
        tall[name] = 1 + max((tall[other] for other in graph.get(name, ())), default=0)
    return max(tall.values())


def counted(root: Path = ROOT) -> str:
    """Modules, rooms, floors and arrows in one line."""
    graph = imports(root)
    plan = rooms(graph)
    arrows = sum(map(len, plan.values()))
    return f"{len(graph)} modules, {len(plan)} rooms on {height(plan)} floors, {arrows} arrows; imports at most {height(graph)} deep"


def direct(plan: Graph) -> Graph:
    """The plan without the arrows that follow from two others."""
    reached: Graph = {}
    for name in graphlib.TopologicalSorter(plan).static_order():
        reached[name] = plan[name].union(*(reached[other] for other in plan[name]))
    return {name: {other for other in below if not any(other in reached[third] for third in below)} for name, below in plan.items()}


def drawing(plan: Graph) -> str:
    """The rooms on their floors as SVG, arrows for imports but those that follow from others; the same bytes for the same plan."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    from tinylm.report import display

    fig = Figure(figsize=(7.2, 5.4))
    ax = fig.add_axes((0.0, 0.0, 1.0, 1.0))
    places = {name: ((i + 0.5) / len(names), level) for level, names in enumerate(FLOORS) for i, name in enumerate(names)}
    box = {"boxstyle": "round,pad=0.5", "facecolor": "#eaf2fb", "edgecolor": "#0072B2"}
    boxes = {
        name: ax.text(*place, name, ha="center", va="center", fontsize=10, bbox=box).get_bbox_patch() for name, place in places.items()
    }
    fig.canvas.draw()  # gives the boxes their sizes, where arrows end
    for name, imported in direct(plan).items():
        for other in sorted(imported):
            bend = "arc3,rad=0.15" if places[name][1] - places[other][1] > 1 else "arc3"
            style = {"arrowstyle": "-|>", "color": "#5f6b78", "linewidth": 0.9, "connectionstyle": bend}
            ends = {"patchA": boxes[name], "patchB": boxes[other], "shrinkA": 0, "shrinkB": 2}
            ax.annotate("", places[other], places[name], arrowprops=style | ends)
    for level in range(len(FLOORS)):
        ax.text(0.005, level, str(level + 1), va="center", fontsize=8, color="#7f7f7f")
    ax.set(xlim=(0, 1), ylim=(-0.5, len(FLOORS) - 0.5))
    ax.axis("off")
    with mpl.rc_context({"svg.fonttype": "path"}):
        return display.svg(fig)


if __name__ == "__main__":
    print(counted(*map(Path, sys.argv[1:])))
    if len(sys.argv) == 1:
        (ROOT.parent / "docs" / "architecture.svg").write_text(drawing(rooms(imports())), encoding="utf-8")
