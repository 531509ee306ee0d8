"""A hash of Python code and of the values it uses: what a run of a module of one's own is known by.

The compiled code is read, not its text, so that it is the same in a notebook's cell, a file, standard input and a lambda, and is what
runs even where a file was edited since. Comments, layout, line numbers and annotations do not matter; docstrings and the names of
variables do. Another minor version of Python compiles otherwise, which gives another hash.
"""

import bisect
import builtins
import dis
import functools
import hashlib
import pickle
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tinylm.config import ConfigError

PLAIN = (str, bytes, int, float, complex, type(None), type(Ellipsis), range, slice)
NAMESPACES = ("types", "argparse")  # libraries whose objects are bags of values
SLOTS = (types.MemberDescriptorType, types.GetSetDescriptorType)
LAYOUT = {"PUSH_NULL", "PRECALL", "CACHE", "NOP", "EXTENDED_ARG"}  # instructions that compute nothing
JUMPS = {*dis.hasjrel, *dis.hasjabs}
# What a class says of itself that is not its code.
ABOUT_A_CLASS = {"__module__", "__qualname__", "__doc__", "__dict__", "__weakref__", "__annotations__", "__orig_bases__", "__parameters__"}
ABOUT_A_CLASS |= {"__abstractmethods__", "_abc_impl", "__firstlineno__", "__static_attributes__", "__annotate_func__", "__annotate__"}
ABOUT_A_CLASS |= {"__annotations_cache__", "__dataclass_fields__", "__dataclass_params__"}


def code_hash(thing: Any) -> str:
    """16 hex digits of a function, class or partial, of all code and values of the user's own that it uses; those of libraries by name.

    Followed are bases, helper functions and classes, global names, closures, defaults and the arguments of a partial. ConfigError for
    a value that cannot be told from others of its type.
    """
    return _Reader().read(thing)


def is_library(name: str) -> bool:
    """Whether a module of this name was installed: Python's own, torch, numpy, tinylm, or one of a site-packages folder."""
    root = name.split(".")[0]
    if root in ("builtins", "torch", "numpy", *sys.stdlib_module_names):
        return True
    if root == "__main__":  # whose file may be that of a notebook's kernel
        return False
    if root == "tinylm":
        return not name.startswith("tinylm.architectures.")
    file = getattr(sys.modules.get(name), "__file__", None) or ""
    return bool({"site-packages", "dist-packages"} & set(Path(file).parts))


class _Reader:
    """One walk over code and values, each function and class read once."""

    def __init__(self) -> None:
        self.hash = hashlib.sha256()
        self.seen: dict[int, int] = {}
        self.name = ""  # of what is being read, for an error

    def read(self, thing: Any) -> str:
        self.add(thing)
        return self.hash.hexdigest()[:16]

    def write(self, *parts: Any) -> None:
        """Take in parts whose `repr` says all of them."""
        self.hash.update(repr(parts).encode())

    def add(self, value: Any) -> None:
        """Take in any value."""
        if isinstance(value, PLAIN):
            self.write(type(value).__name__, value)
        elif isinstance(value, list | tuple | dict):
            entries = list(value.items()) if isinstance(value, dict) else value
            self.write(type(value).__name__, len(entries))
            for entry in entries:
                self.add(entry)
        elif isinstance(value, set | frozenset):  # in an order that does not change from one Python process to the next
            self.write("set", sorted(_Reader().read(entry) for entry in value))
        elif isinstance(value, torch.Tensor):
            octets = value.detach().cpu().flatten().view(torch.uint8).numpy()  # numpy has no bf16
            self.write(str(value.dtype), tuple(value.shape), hashlib.sha256(octets.tobytes()).digest())
        elif isinstance(value, np.ndarray):
            self.write(str(value.dtype), value.shape)
            self.add(value.tolist() if value.dtype.hasobject else hashlib.sha256(value.tobytes()).digest())
        elif isinstance(value, types.ModuleType):
            self.write("module", value.__name__)
        elif isinstance(value, types.CodeType):
            self._code(value)
        elif id(value) in self.seen:
            self.write("again", self.seen[id(value)])
        else:
            self.seen[id(value)] = len(self.seen)
            self._object(value)

    def _object(self, value: Any) -> None:
        if isinstance(value, types.FunctionType):
            self._function(value)
        elif isinstance(value, type):
            self._class(value)
        elif isinstance(value, functools.partial):
            self.add((value.func, value.args, value.keywords))
        elif isinstance(value, types.MethodType):
            self.add((value.__func__, value.__self__))
        elif isinstance(value, staticmethod | classmethod):
            self.write(type(value).__name__)
            self.add(value.__func__)
        elif isinstance(value, property):
            self.add((value.fget, value.fset, value.fdel))
        elif isinstance(value, SLOTS):
            self.write("slot", value.__name__)
        else:
            self._instance(value)

    def _code(self, code: types.CodeType) -> None:
        self.write(code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_varnames, code.co_freevars, code.co_cellvars)
        self.write(*_steps(code))
        self.add(code.co_consts)

    def _function(self, function: types.FunctionType) -> None:
        """A function's code and what it uses; that of a library by name, with what it encloses, which a decorator's may be the user's."""
        module = str(function.__globals__.get("__name__"))
        if is_library(module):
            self.write(module, function.__code__.co_qualname)
        else:
            self._code(function.__code__)
            for path in global_names(function.__code__):
                self._global(path, function.__globals__)
        self.add((function.__defaults__, function.__kwdefaults__))
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            self._named(name, _content(cell))

    def _global(self, path: tuple[str, ...], values: dict[str, Any]) -> None:
        name, *attributes = path
        if name not in values:
            self.write("undefined" if not hasattr(builtins, name) else "builtin", name)
            return
        value = values[name]
        while attributes and isinstance(value, types.ModuleType) and not is_library(value.__name__):
            value = getattr(value, attributes.pop(0), None)
        self._named(".".join(path), value)

    def _named(self, name: str, value: Any) -> None:
        self.name = name
        self.write(name)
        self.add(value)

    def _class(self, cls: type) -> None:
        if is_library(cls.__module__):
            self.write(cls.__module__, cls.__qualname__)
            return
        self.add(cls.__bases__)
        for name in sorted(vars(cls).keys() - ABOUT_A_CLASS):
            self._named(name, vars(cls)[name])

    def _instance(self, value: Any) -> None:
        cls = type(value)
        self.add(cls)
        if hasattr(value, "__dict__") and (not is_library(cls.__module__) or cls.__module__ in NAMESPACES):
            self.add(vars(value))
            return
        try:
            self.hash.update(pickle.dumps(value, protocol=4))
        except Exception as error:  # pickle raises what it likes
            raise ConfigError(
                f"the code uses {self.name}, a {cls.__name__} whose value cannot be part of the run's key; use numbers, texts or tensors"
            ) from error


def _content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not assigned yet
        return None


def _steps(code: types.CodeType) -> list[tuple]:
    """The instructions of code, and where its `try` blocks are, the same whether a name that it uses is imported in its cell or before."""
    compiled = dis.Bytecode(code)
    kept = [step for step in compiled if step.opname not in LAYOUT]
    offsets = [step.offset for step in kept]
    steps: list[tuple] = []
    for step in kept:
        if step.opcode in JUMPS:
            steps.append((step.opname, bisect.bisect_left(offsets, step.argval)))
        else:
            name = "LOAD_ATTR" if step.opname == "LOAD_METHOD" else step.opname
            steps.append((name, step.argval if isinstance(step.argval, str) and step.opname != "LOAD_CONST" else step.arg))
    blocks = [(entry.start, entry.end, entry.target) for entry in compiled.exception_entries]
    return steps + [tuple(bisect.bisect_left(offsets, offset) for offset in block) for block in blocks]


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
