"""A hash of Python code and of the values it uses: what a run of a module of one's own is known by.

The compiled code is read, not its text, so that it is the same in a notebook's cell, a file, standard input and a lambda, and is what
runs even where a file was edited since. Comments, layout, line numbers and annotations do not matter; docstrings and the names of
variables do. Another minor version of Python compiles otherwise, which gives another hash.
"""

import builtins
import copyreg
import functools
import hashlib
import importlib
import inspect
import sys
import types
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch

from tinylm.config import ConfigError
from tinylm.models.networks.code_steps import all_names, global_names, imports, steps

PLAIN = {str, bytes, int, float, complex, bool, type(None), type(Ellipsis), type(NotImplemented), range, slice}
CONTAINERS = {list, tuple, dict, set, frozenset, types.MappingProxyType}
BUILTINS = (types.BuiltinFunctionType, types.MethodDescriptorType, types.WrapperDescriptorType, types.MethodWrapperType)
# What finds code by a text that is made when it runs, so that what it reaches cannot be known before: builtins, and values of libraries.
HIDDEN = {"eval", "exec", "globals", "__import__"}
ALSO_HIDDEN = {"importlib": "import_module", "sys": "modules", "torch": "ops"}
# What reads a file, the environment or the keyboard, whose contents no hash of code knows: builtins, members of libraries, methods.
READING = {"open", "input"}
ALSO_READING = {
    "builtins": {"input"},
    "io": {"open"},
    "os": {"environ", "environb", "getenv", "getenvb"},
    "numpy": {"load", "loadtxt", "genfromtxt", "fromfile"},
    "torch": {"load", "from_file"},
}
READERS = {"read_text", "read_bytes", "open", "memmap", "read_csv", "read_table", "read_json", "read_parquet", "read_pickle"}
COMPILED = "_torchdynamo_orig_callable"
REACHING = {"getattr", "vars", "__dict__"}  # what may read any name of a module
CONTENTS = (str, bytes, int, float, complex, list, tuple, dict, set, frozenset)  # whose subclasses hold more than their attributes
SLOTS = (types.MemberDescriptorType, types.GetSetDescriptorType)
# What holds the user's code in objects of Python's own.
WRAPPERS: dict[type, Callable[[Any], Any]] = {
    functools.partial: lambda value: (value.func, value.args, value.keywords),
    functools.partialmethod: lambda value: (value.func, value.args, value.keywords),
    functools.cached_property: lambda value: value.func,
    functools.singledispatchmethod: lambda value: value.dispatcher,
    type(functools.cache(repr)): lambda value: (value.__wrapped__, value.cache_parameters()),
    types.MethodType: lambda value: (value.__func__, value.__self__),
    staticmethod: lambda value: value.__func__,
    classmethod: lambda value: value.__func__,
    property: lambda value: (value.fget, value.fset, value.fdel),
}
# What a class says of itself that is not its code.
ABOUT_A_CLASS = {"__module__", "__qualname__", "__doc__", "__dict__", "__weakref__", "__annotations__", "__orig_bases__", "__parameters__"}
ABOUT_A_CLASS |= {"__abstractmethods__", "_abc_impl", "__firstlineno__", "__static_attributes__", "__annotate_func__", "__annotate__"}
ABOUT_A_CLASS |= {"__annotations_cache__", "__dataclass_fields__", "__dataclass_params__"}


def code_hash(thing: Any) -> str:
    """16 hex digits of a function, class or partial, of all code and values of the user's own that it uses; those of libraries by name.

    Followed are bases, helper functions and classes, global names, imports within functions, closures, defaults, attributes, what a
    decorator wraps, and whatever values hold. ConfigError for a value that cannot be told from others of its type, and for code that
    is found by a text, such as by `eval`.
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

    def __init__(self, seen: dict[int, int] | None = None, within: frozenset[int] = frozenset()) -> None:
        self.hash = hashlib.sha256()
        self.seen = dict(seen or {})
        self.within = within  # identities of the containers around what is being read
        self.kept: list[Any] = []  # so that no identity is used twice
        self.name = ""  # of what is being read, for an error

    def read(self, thing: Any) -> str:
        self.add(thing)
        return self.hash.hexdigest()[:16]

    def write(self, *parts: Any) -> None:
        """Take in parts whose `repr` says all of them."""
        self.hash.update(repr(parts).encode())

    def add(self, value: Any) -> None:
        """Take in any value."""
        if type(value) in PLAIN:
            self.write(type(value).__name__, value)
        elif type(value) in CONTAINERS:
            self._container(value)
        elif type(value) in (torch.Tensor, torch.nn.Parameter) and value.layout is torch.strided:
            octets = value.detach().cpu().resolve_conj().resolve_neg().flatten().view(torch.uint8).numpy()  # numpy has no bf16
            self.write(str(value.dtype), tuple(value.shape), hashlib.sha256(octets.tobytes()).digest())
        elif type(value) is np.ndarray:
            self.write(str(value.dtype), value.shape)
            self.add(value.tolist() if value.dtype.hasobject else hashlib.sha256(value.tobytes()).digest())
        elif isinstance(value, types.CodeType):
            self._code(value)
        elif id(value) in self.seen:
            self.write("again", self.seen[id(value)])
        else:
            self.seen[id(value)] = len(self.seen)
            self.kept.append(value)
            self._object(value)

    def _container(self, value: Any) -> None:
        """Take in what a container holds, a set's in an order that does not change from one Python process to the next."""
        if id(value) in self.within:
            self.write("within")
            return
        before, self.within = self.within, self.within | {id(value)}
        if isinstance(value, set | frozenset):
            self.write("set", sorted(_Reader(self.seen, self.within).read(entry) for entry in value))
        else:
            entries = value if isinstance(value, list | tuple) else list(value.items())
            self.write(type(value).__name__, len(entries))
            for entry in entries:
                self.add(entry)
        self.within = before

    def _object(self, value: Any) -> None:
        if isinstance(value, types.FunctionType):
            self._function(value)
        elif isinstance(value, type):
            self._class(value)
        elif isinstance(value, types.ModuleType):
            self._module(value)
        elif kind := next((kind for kind in WRAPPERS if isinstance(value, kind)), None):
            self.write(kind.__name__)
            self.add(WRAPPERS[kind](value))
            if type(value) is not kind:
                self._instance(value)
        elif isinstance(value, SLOTS):
            self.write("slot", value.__name__)
        elif isinstance(value, BUILTINS):
            self._builtin(value)
        elif _is_of_a_library(type(value)):
            self._of_a_library(value)
        else:
            self._instance(value)

    def _code(self, code: types.CodeType) -> None:
        self.write(code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_varnames, code.co_freevars, code.co_cellvars)
        self.write(*steps(code))
        self.add(code.co_consts)

    def _function(self, function: types.FunctionType) -> None:
        """A function's code and what it uses; that of a library by name, with what it encloses, which a decorator's may be the user's."""
        module = str(function.__globals__.get("__name__"))
        if hasattr(function, "registry") and module == "functools":  # singledispatch, whose cache changes with its calls
            self.write("singledispatch")
            self.add(function.registry)
            return
        if COMPILED in vars(function):  # torch.compile, which notes what it has compiled
            self.write("compiled")
            self.add(vars(function)[COMPILED])
            return
        if is_library(module):
            self.write(module, function.__code__.co_qualname)
            self._attributes({name: value for name, value in vars(function).items() if name == "__wrapped__"})
        else:
            self._code(function.__code__)
            self._attributes(vars(function))
            for name in sorted(READERS & {*function.__code__.co_names}):
                self._refuse_reading(name)
            for path in global_names(function.__code__):
                self._global(path, function.__globals__)
            for name, level, members in imports(function.__code__):
                self._import(name, level, members, function)
        self.add((function.__defaults__, function.__kwdefaults__))
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            self._named(name, _content(cell))

    def _attributes(self, values: dict[str, Any]) -> None:
        for name in sorted(values):
            self._named(name, values[name])

    def _global(self, path: tuple[str, ...], values: dict[str, Any]) -> None:
        name, *attributes = path
        if name not in values:
            if name in HIDDEN:
                self._refuse_hidden(name)
            if name in READING:
                self._refuse_reading(name)
            self.write("undefined" if not hasattr(builtins, name) else "builtin", name)
            return
        value = values[name]
        while attributes and isinstance(value, types.ModuleType) and not is_library(value.__name__):
            value = getattr(value, attributes.pop(0), None)
        reached = _reached(value, attributes)
        if reached is importlib.import_module or reached is sys.modules:
            self._refuse_hidden(".".join(path))
        if any(reached is getattr(sys.modules.get(library), member, self) for library, names in ALSO_READING.items() for member in names):
            self._refuse_reading(".".join(path))
        self._check_operator(".".join(path), reached)
        self._named(".".join(path), value)

    def _import(self, name: str, level: int, members: tuple[str, ...], function: types.FunctionType) -> None:
        """What a function imports when it is called: members by name, of a whole module those that the function names."""
        if not level and is_library(name):
            self._refuse_hidden_members(name, members, function)
            return
        try:
            module = importlib.import_module("." * level + name, function.__globals__.get("__package__") or None)
        except Exception:  # whatever a module raises; the call will too, unless the code expects it
            self.write("not importable", name)
            return
        used = all_names(function.__code__)
        if not members:
            for whole in {name.split(".")[0]: 0, name: 0}:
                self._used(sys.modules[whole], used)
        for member in members:
            value = getattr(module, member, None)
            if isinstance(value, types.ModuleType):
                self._used(value, used)
            elif not is_library(module.__name__):
                self._named(f"{name}.{member}", value)

    def _used(self, module: types.ModuleType, names: set[str]) -> None:
        """The parts of a module of the user's that code names, or all where it may read others."""
        if is_library(module.__name__) or id(module) in self.within:
            return
        if names & REACHING:
            self._named(module.__name__, module)
            return
        before, self.within = self.within, self.within | {id(module)}
        for name in sorted(names & vars(module).keys()):
            value = vars(module)[name]
            if isinstance(value, types.ModuleType):
                self._used(value, names)
            else:
                self._named(f"{module.__name__}.{name}", value)
        self.within = before

    def _module(self, module: types.ModuleType) -> None:
        """A library by name, of a module of the user's all it holds: which part is used is not to be known."""
        self.write("module", module.__name__)
        if not is_library(module.__name__):
            self._attributes({name: value for name, value in vars(module).items() if not name.startswith("__")})

    def _refuse_hidden_members(self, name: str, members: tuple[str, ...], function: types.FunctionType) -> None:
        """Raise ConfigError where a library that is imported within a function finds code by a text there, or reads what is outside."""
        used = {*members, *all_names(function.__code__)}
        if ALSO_HIDDEN.get(name) in used:
            self._refuse_hidden(f"{name}.{ALSO_HIDDEN[name]}")
        for member in sorted(ALSO_READING.get(name, set()) & used):
            self._refuse_reading(f"{name}.{member}")

    def _check_operator(self, name: str, value: Any) -> None:
        """Raise ConfigError for an operator that PyTorch knows from someone else: its code is not to be found."""
        cls = type(value)
        if cls.__name__ == "CustomOpDef" or (
            cls.__module__ == "torch._ops" and "OpOverload" in cls.__name__ and not str(value).startswith(("aten", "prim"))
        ):
            raise ConfigError(f"the code uses {name}, a custom operator that cannot be part of the run's key; call a function instead")

    def _refuse_hidden(self, name: str) -> NoReturn:
        raise ConfigError(f"the code uses {name}, so what it runs cannot be part of the run's key; name functions and classes instead")

    def _refuse_reading(self, name: str) -> NoReturn:
        raise ConfigError(f"the code uses {name}, and what it reads cannot be part of the run's key; read it before, and use the value")

    def _named(self, name: str, value: Any) -> None:
        self.name = name
        self.write(name)
        self.add(value)

    def _class(self, cls: type) -> None:
        if _is_of_a_library(cls):
            self.write(str(cls.__module__), cls.__qualname__)
            return
        self.add(cls.__bases__)
        if not _is_of_a_library(type(cls)):
            self._named("metaclass", type(cls))
        for name in sorted(vars(cls).keys() - ABOUT_A_CLASS):
            self._named(name, vars(cls)[name])

    def _instance(self, value: Any) -> None:
        """An object of a class of the user's: the class, its attributes, and what a built-in base holds."""
        cls = type(value)
        self.add(cls)
        self._attributes(getattr(value, "__dict__", {}))
        for base in cls.__mro__:
            slots = vars(base).get("__slots__", ())
            for name in (slots,) if isinstance(slots, str) else slots:
                self._named(name, getattr(value, name, None))
        for kind in CONTENTS:
            if isinstance(value, kind):
                self.add(kind(value))

    def _of_a_library(self, value: Any) -> None:
        """An object of a library's class by what pickle would build it from, each part of which may be the user's."""
        cls, name = type(value), self.name
        self._check_operator(name, value)
        self.add(cls)
        try:
            parts = copyreg.dispatch_table[cls](value) if cls in copyreg.dispatch_table else value.__reduce_ex__(4)
        except Exception as error:  # an object may raise what it likes
            raise ConfigError(
                f"the code uses {name}, a {cls.__name__} whose value cannot be part of the run's key; use numbers, texts or tensors"
            ) from error
        if isinstance(parts, str):
            self._compiled(getattr(value, "__module__", None), parts, value if cls.__module__ != "typing" else None)
            return
        self.kept.append(parts)
        for part in parts:
            self.add(list(part) if isinstance(part, Iterator) else part)

    def _builtin(self, value: Any) -> None:
        """A function of Python's own kind by name, with the object that it belongs to."""
        owner = getattr(value, "__self__", None)
        module = owner.__name__ if isinstance(owner, types.ModuleType) else getattr(value, "__module__", None)
        self._compiled(module, value.__qualname__, value)
        if owner is not None and not isinstance(owner, types.ModuleType):
            self.add(owner)

    def _compiled(self, module: Any, name: str, value: Any) -> None:
        """What is known by its name; ConfigError for a compiled function of the user's, whose code cannot be read."""
        if callable(value) and isinstance(module, str) and not is_library(module):
            raise ConfigError(f"the code uses {name}, a compiled function that cannot be part of the run's key; write it in Python")
        self.write(module, name)


def _is_of_a_library(cls: type) -> bool:
    """Whether a class is not the user's; one of a compiled library may name no module."""
    return not isinstance(cls.__module__, str) or is_library(cls.__module__)


def _reached(value: Any, attributes: Sequence[str]) -> Any:
    """What is read from a module, and from modules within it; of a function that is wrapped, such as a kernel's `open`, the innermost."""
    for name in attributes:
        if not isinstance(value, types.ModuleType):
            break
        value = getattr(value, name, None)
    return inspect.unwrap(value) if isinstance(value, types.FunctionType) else value


def _content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not assigned yet
        return None
