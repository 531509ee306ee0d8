"""What compiled code says: its instructions, and the names and modules that it reads."""

import bisect
import dis
import types
from collections.abc import Iterator

LAYOUT = {"PUSH_NULL", "PRECALL", "CACHE", "NOP", "EXTENDED_ARG"}  # instructions that compute nothing
JUMPS = {*dis.hasjrel, *dis.hasjabs}


def steps(code: types.CodeType) -> list[tuple]:
    """The instructions of code, and where its `try` blocks are, the same whether a name that it uses is imported in its cell or before."""
    compiled = dis.Bytecode(code)
    kept = [step for step in compiled if step.opname not in LAYOUT]
    offsets = [step.offset for step in kept]
    found: list[tuple] = []
    for step in kept:
        if step.opcode in JUMPS:
            found.append((step.opname, bisect.bisect_left(offsets, step.argval)))
        else:
            name = "LOAD_ATTR" if step.opname == "LOAD_METHOD" else step.opname
            found.append((name, step.argval if isinstance(step.argval, str) and step.opname != "LOAD_CONST" else step.arg))
    blocks = [(entry.start, entry.end, entry.target) for entry in compiled.exception_entries]
    return found + [tuple(bisect.bisect_left(offsets, offset) for offset in block) for block in blocks]


def global_names(code: types.CodeType) -> Iterator[tuple[str, ...]]:
    """The global names that code reads, functions within it included, each with the attributes that are read from it at once."""
    path: tuple[str, ...] = ()
    for step in dis.get_instructions(code):
        if path and step.opname in ("LOAD_ATTR", "LOAD_METHOD"):
            path = (*path, step.argval)
            continue
        if path:
            yield path
        path = (step.argval,) if step.opname in ("LOAD_GLOBAL", "LOAD_NAME") else ()
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from global_names(constant)


def imports(code: types.CodeType) -> Iterator[tuple[str, int, tuple[str, ...]]]:
    """The modules that code imports, functions within it included: name, number of leading dots, and the members that are taken."""
    kept = [step for step in dis.get_instructions(code) if step.opname not in LAYOUT]
    for level, members, step in zip(kept, kept[1:], kept[2:], strict=False):
        if step.opname == "IMPORT_NAME":
            yield step.argval, level.argval, members.argval or ()
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from imports(constant)


def all_names(code: types.CodeType) -> set[str]:
    """All names that code reads, of attributes and globals, functions within it included."""
    within = [all_names(constant) for constant in code.co_consts if isinstance(constant, types.CodeType)]
    return {*code.co_names}.union(*within)
