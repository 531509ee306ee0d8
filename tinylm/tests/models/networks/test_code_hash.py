import functools
import importlib
import os
import subprocess
import sys
import threading
import types
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from tinylm.config import ConfigError
from tinylm.models.networks.code_hash import code_hash, is_library

IMPORTS = """
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
"""
CELL = """
WIDTH = 8
SIZES = {"layers": [2, 3], "names": {"left", "right"}}
TABLE = torch.arange(6).view(2, 3)

def twice(x):
    return 2 * x

class Base(nn.Module):
    def scaled(self, x):
        return 3 * x

class Block(Base):
    rate: float = 0.5

    def __init__(self, width=WIDTH):
        super().__init__()
        self.layer = nn.Linear(width, width)

    def forward(self, x):
        return x + F.relu(self.layer(twice(self.scaled(x))))

class Net(nn.Module):
    def __init__(self, vocab_size):
        super().__init__()
        self.blocks = nn.Sequential(*[Block() for _ in range(len(SIZES["layers"]))])

    @torch.no_grad()
    def initialise(self):
        self.blocks[0].layer.weight.zero_()

    def forward(self, x):
        try:
            y = self.blocks(x)
        except ValueError:
            y = x
        return y if x.any() else y + TABLE.sum()
"""


def defined(text, name="Net", before=IMPORTS, **values):
    """What a name is after the text has run, in a module of its own."""
    space = {"__name__": "__main__"}
    exec(before, space)
    space |= values
    exec(text, space)
    return space[name]


def test_the_same_code_has_the_same_hash_however_it_is_laid_out():
    first = code_hash(defined(CELL))
    assert len(first) == 16 and int(first, 16) >= 0
    assert code_hash(defined(CELL)) == first
    assert code_hash(defined("\n# a remark\n" + CELL.replace("2 * x", "2  *  x  # twice").replace("rate: float", "rate: int"))) == first


def test_imports_may_stand_in_another_cell():
    assert code_hash(defined(IMPORTS + CELL, before="")) == code_hash(defined(CELL))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("2 * x", "2.0 * x"),
        ("3 * x", "x * 3"),
        ("F.relu", "F.gelu"),
        ("WIDTH = 8", "WIDTH = 9"),
        ("[2, 3]", "[2, 3, 4]"),
        ('"right"', '"wrong"'),
        ("arange(6)", "arange(1, 7)"),
        ("arange(6)", "arange(6).float()"),
        ("view(2, 3)", "view(3, 2)"),
        ("width=WIDTH", "width=4"),
        ("rate: float = 0.5", "rate: float = 0.25"),
        ("Block(Base)", "Block(nn.Module)"),
        ("weight.zero_()", "weight.fill_(1)"),
        ("@torch.no_grad()", "@torch.enable_grad()"),
        ("except ValueError", "except TypeError"),
        ("if x.any() else", "if not x.any() else"),
    ],
)
def test_another_body_or_value_has_another_hash(old, new):
    assert old in CELL
    assert code_hash(defined(CELL.replace(old, new))) != code_hash(defined(CELL))


def test_the_end_of_a_try_block_is_part_of_the_code():
    texts = [
        "def f(a, b):\n try:\n  a()\n  b()\n except KeyError:\n  pass\n",
        "def f(a, b):\n try:\n  a()\n except KeyError:\n  pass\n else:\n  b()\n",
    ]
    assert code_hash(defined(texts[0], "f")) != code_hash(defined(texts[1], "f"))


@pytest.mark.parametrize(
    "text",
    [
        "@functools.cache\ndef inner(x):\n    return {}\ndef f(x):\n    return inner(x)\n",
        "@functools.lru_cache(maxsize=3)\ndef inner(x):\n    return {}\ndef f(x):\n    return inner(x)\n",
        "def inner(x, y):\n    return {}\ninner_of_3 = functools.partial(inner, y=3)\ndef f(x):\n    return inner_of_3(x)\n",
        "def inner(x):\n    return {}\n@functools.wraps(inner)\ndef f(x):\n    return f.__wrapped__(x)\n",
        "def inner(x):\n    return {}\ndef f(x):\n    return f.inner(x)\nf.inner = inner\n",
        "def f(x):\n    return f.scale\ndef inner(x):\n    return {}\nf.scale = inner(3)\n",
        "@functools.singledispatch\ndef f(x):\n    return x\n@f.register\ndef _(x: int):\n    return {}\n",
        "class f:\n    @functools.cached_property\n    def inner(self, x=2):\n        return {}\n",
        "class f:\n    @functools.singledispatchmethod\n    def inner(self, x):\n        return {}\n",
        "class f:\n    def inner(self, x):\n        return {}\n    half = functools.partialmethod(inner, 2)\n    del inner\n",
        "class Kept(property):\n    pass\nclass f:\n    inner = Kept(lambda self, x=3: {})\n",
        "class Meta(type):\n    def __call__(cls, x):\n        return {}\nclass f(metaclass=Meta):\n    pass\n",
        "class Table(dict):\n    def __missing__(self, x):\n        return {}\ntable = Table()\ndef f(x):\n    return table[x]\n",
        "class Slots:\n    __slots__ = ('inner',)\ns = Slots()\ns.inner = lambda x: {}\ndef f(x):\n    return s.inner(x)\n",
        "table = collections.deque([lambda x: {}])\ndef f(x):\n    return table[0](x)\n",
        "table = collections.defaultdict(lambda x=3: {})\ndef f(x):\n    return table[x]\n",
        "table = types.MappingProxyType(dict(a=lambda x: {}))\ndef f(x):\n    return table['a'](x)\n",
        "table = dict(a=[(lambda x: {},)])\ndef f(x):\n    return table['a'][0][0](x)\n",
        "class I(nn.Module):\n    def forward(self, x):\n        return {}\nnet = nn.Sequential(I())\ndef f(x):\n    return net(x)\n",
        "def inner(x):\n    return {}\nf = torch.compile(inner, backend='eager')\n",
        "class Number(int):\n    def half(self, x):\n        return {}\nn = Number(3)\ndef f(x):\n    return n.half(x)\n",
        "class T(torch.Tensor):\n    half = lambda x: {}\nn = torch.ones(2).as_subclass(T)\ndef f(x):\n    return n.half\n",
    ],
)
def test_code_is_followed_through_what_holds_it(text):
    before = IMPORTS + "import collections, functools, types\n"
    first, again, other = (code_hash(defined(text.replace("{}", body), "f", before)) for body in ("x * 2", "x * 2", "x * 3"))
    assert first == again != other


def test_calls_change_no_hash():
    text = "@functools.cache\ndef a(x):\n    return x\n@functools.singledispatch\ndef b(x):\n    return x\n"
    space = {"__name__": "__main__", "functools": functools}
    exec(text + "def f(x):\n    return a(x) + b(x)\n", space)
    before = code_hash(space["f"])
    assert space["f"](2) == 4 and code_hash(space["f"]) == before


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Writes a package of ones own with modules of those texts, loaded anew at each call."""

    def written(**texts):
        for name in [name for name in sys.modules if name.split(".")[0] == "own_package"]:
            del sys.modules[name]
        folder = tmp_path / "own_package"
        folder.mkdir(exist_ok=True)
        for name, text in {"__init__": "", **texts}.items():
            (folder / f"{name}.py").write_text(text)
        importlib.invalidate_caches()

    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield written
    written()


@pytest.mark.parametrize(
    "text",
    [
        "def f(x):\n    from own_package.inner import helper\n    return helper(x)\n",
        "def f(x):\n    from own_package import inner\n    return inner.helper(x)\n",
        "def f(x):\n    import own_package.inner\n    return own_package.inner.helper(x)\n",
        "def f(x):\n    import own_package.inner as other\n    return other.helper(x)\n",
        "def f(x):\n    import own_package.inner as other\n    return getattr(other, 'hel' + 'per')(x)\n",
        "def f(x):\n    def g():\n        from own_package.inner import helper as h\n        return h(x)\n    return g()\n",
        "import own_package.inner as other\ndef f(x):\n    return getattr(other, 'hel' + 'per')(x)\n",
        "from own_package import outer\ndef f(x):\n    return outer.through(x)\n",
    ],
)
def test_imports_within_functions_are_followed(package, text):
    outer = "def through(x):\n    from .inner import helper\n    return helper(x)\n"
    found = []
    for factor in (2, 2, 3):
        package(inner=f"def helper(x):\n    return {factor} * x\n", outer=outer)
        importlib.import_module("own_package.inner")
        found.append(code_hash(defined(text, "f")))
    assert found[0] == found[1] != found[2]


def test_of_a_module_imported_within_a_function_the_rest_does_not_matter(package):
    found = []
    for factor in (2, 3):
        package(inner=f"def helper(x):\n    return x\ndef unused(x):\n    return {factor} * x\n")
        found.append(code_hash(defined("def f(x):\n    import own_package.inner as i\n    return i.helper(x)\n", "f")))
    assert found[0] == found[1]


def test_a_module_that_is_not_there_is_no_obstacle():
    text = "def f(x):\n    try:\n        import no_such_module\n    except ImportError:\n        return x\n"
    assert code_hash(defined(text, "f")) == code_hash(defined(text, "f"))


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ("eval('x + 1')", "eval"),
        ("globals()['g'](x)", "globals"),
        ("__import__('own').g(x)", "__import__"),
        ("importlib.import_module('own').g(x)", "importlib.import_module"),
        ("sys.modules['own'].g(x)", "sys.modules"),
        ("load('own').g(x)", "load"),
        ("(lambda: exec('x'))()", "exec"),
    ],
)
def test_code_that_is_found_by_a_text_is_refused(body, name):
    space = {"importlib": importlib, "sys": sys, "load": importlib.import_module}
    with pytest.raises(ConfigError, match=f"the code uses {name}, so what it runs cannot be part of the run's key; name functions and"):
        code_hash(defined(f"def f(x):\n    return {body}\n", "f", **space))
    with pytest.raises(ConfigError, match="the code uses importlib.import_module"):
        code_hash(defined("def f(x):\n    from importlib import import_module\n    return import_module('own')\n", "f"))


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ("open('scale.json').read()", "open"),
        ("os.environ['SCALE']", "os.environ"),
        ("os.environ.get('SCALE')", "os.environ.get"),
        ("getenv('SCALE')", "getenv"),
        ("np.load('scale.npy')", "np.load"),
        ("torch.load('scale.pt')", "torch.load"),
        ("Path('scale').read_text()", "read_text"),
        ("(lambda: input())()", "input"),
        ("wrapped_open('scale.json').read()", "wrapped_open"),  # as a notebook's `open` is wrapped
        ("Path('scale').open().read()", "open"),
        ("pd.read_csv('scale.csv')", "read_csv"),
    ],
)
def test_code_that_reads_what_no_hash_knows_is_refused(body, name):
    wrapped_open = functools.wraps(open)(lambda *args: None)
    space = {"os": os, "getenv": os.getenv, "np": np, "Path": Path, "wrapped_open": wrapped_open, "pd": pd}
    with pytest.raises(ConfigError, match=f"the code uses {name}, and what it reads cannot be part of the run's key; read it before, and"):
        code_hash(defined(f"def f(x):\n    return {body}\n", "f", **space))
    for text in ("import os\n    return os.environ['SCALE']", "from os import getenv\n    return getenv('SCALE')"):
        with pytest.raises(ConfigError, match="the code uses os.(environ|getenv), and what it reads"):
            code_hash(defined(f"def f(x):\n    {text}\n", "f"))
    assert code_hash(defined("def f(x):\n    return os.path.join('a', x)\n", "f", os=os))


def test_operators_of_ones_own_are_refused():
    operator = torch.library.custom_op("tinylm_hashed::own", mutates_args=())(annotated)
    for text in ("return held(x)", "return torch.ops.tinylm_hashed.own(x)"):
        with pytest.raises(ConfigError, match="a custom operator that cannot be part of the run's key; call a function instead"):
            code_hash(defined(f"def f(x):\n    {text}\n", "f", held=operator))
    assert code_hash(defined("def f(x):\n    return torch.ops.aten.relu(x)\n", "f"))


def annotated(x: torch.Tensor) -> torch.Tensor:
    return x + 1


def test_compiled_code_of_ones_own_is_refused():
    """Its functions are objects of another compiled library, which pickle by name."""
    entries = {"__module__": "torch", "__reduce_ex__": lambda self, protocol: "held", "__call__": lambda self: 1}
    held = type("compiled_function", (), entries)()
    held.__module__ = "own_extension"
    with pytest.raises(
        ConfigError, match="the code uses held, a compiled function that cannot be part of the run's key; write it in Python"
    ):
        code_hash(defined("def f(x):\n    return held(x)\n", "f", held=held))


def test_containers_that_hold_themselves_or_their_readers_are_read_once():
    text = "table = []\nheld = set()\ndef f(x):\n    return (table, held, {})\ntable += [table, f]\nheld.add(f)\n"
    first, other = (code_hash(defined(text.replace("{}", body), "f")) for body in "12")
    assert first == code_hash(defined(text.replace("{}", "1"), "f")) != other


def test_names_that_the_code_does_not_read_do_not_matter():
    assert code_hash(defined(CELL + "\nlayer = blocks = 3\nother = open", other=1)) == code_hash(defined(CELL))


def test_partials_closures_lambdas_and_methods_differ_by_their_values():
    text = "def maker(width):\n    return lambda vocab_size: (vocab_size, width)\n"
    text += "class Maker:\n    def __init__(self, n):\n        self.n = n\n    def make(self, v):\n        return v\n"
    maker, cls = defined(text, "maker"), defined(text, "Maker")
    alike = [code_hash(maker(3)), code_hash(maker(4)), code_hash(functools.partial(maker, 3)), code_hash(functools.partial(maker, width=3))]
    alike += [code_hash(cls(1)), code_hash(cls(2)), code_hash(cls(1).make), code_hash(cls(2).make)]
    assert len(set(alike)) == len(alike)
    assert code_hash(maker(3)) == alike[0] and code_hash(cls(1)) == alike[4]


def test_code_that_refers_to_itself_is_read_once():
    text = "class Tree:\n    def grow(self):\n        return Tree()\n    @property\n    def bark(self):\n        return {}\n"
    assert code_hash(defined(text.format(1), "Tree")) != code_hash(defined(text.format(2), "Tree"))


def test_what_was_imported_from_a_module_of_ones_own_is_followed():
    other = types.ModuleType("a_module_of_ones_own")
    exec("def helper(x):\n    return x + 1\ndef unused(x):\n    return x\n", other.__dict__)
    text = "def f(x):\n    return other.helper(x)\n"
    before = code_hash(defined(text, "f", other=other))
    exec("def unused(x):\n    return 7\n", other.__dict__)
    assert code_hash(defined(text, "f", other=other)) == before
    exec("def helper(x):\n    return x + 2\n", other.__dict__)
    assert code_hash(defined(text, "f", other=other)) != before


def test_libraries_are_known_by_name():
    assert all(map(is_library, ("torch.nn", "numpy", "collections", "tqdm", "tinylm.models")))
    assert not any(map(is_library, ("__main__", "tinylm.architectures.mine", "a_module_of_ones_own")))
    assert code_hash(torch.nn.Linear) != code_hash(torch.nn.Conv1d)
    assert code_hash(torch.relu) != code_hash(torch.tanh)


@pytest.mark.parametrize(
    "value", [np.arange(3), np.array([None, "a"]), torch.ones(2).bfloat16(), types.SimpleNamespace(a=1), 2 + 1j, slice(3)]
)
def test_values_of_many_types_are_distinguished(value):
    def uses(x):
        return code_hash(defined("def f():\n    return value\n", "f", value=x))

    assert uses(value) == uses(value)
    assert uses(value) != uses(np.arange(4))


def test_a_value_that_cannot_be_told_apart_is_named():
    with pytest.raises(ConfigError, match="the code uses guard, a lock whose value cannot be part of the run's key; use numbers"):
        code_hash(defined("def f():\n    return guard\n", "f", guard=threading.Lock()))


def test_another_process_finds_the_same_hash_from_standard_input():
    script = IMPORTS + CELL + "\nfrom tinylm.models.networks.code_hash import code_hash\nprint(code_hash(Net))"
    command = [sys.executable, "-"]
    done = subprocess.run(
        command, input=script, capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": "7", "PYTHONPATH": ":".join(sys.path)}
    )
    assert done.stdout.strip() == code_hash(defined(CELL))
