import functools
import subprocess
import sys
import threading
import types

import numpy as np
import pytest
import torch

from tinylm.config import ConfigError
from tinylm.models.networks.code_hash import code_hash, global_names, is_library

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


def test_names_are_read_with_the_attributes_taken_from_them():
    found = list(global_names(defined("def f(x):\n    return [F.relu(y) for y in x] + nn.init.pi + x.shape\n", "f").__code__))
    assert sorted(found) == [("F", "relu"), ("nn", "init", "pi")]


def test_another_process_finds_the_same_hash_from_standard_input():
    script = IMPORTS + CELL + "\nfrom tinylm.models.networks.code_hash import code_hash\nprint(code_hash(Net))"
    command = [sys.executable, "-"]
    done = subprocess.run(
        command, input=script, capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": "7", "PYTHONPATH": ":".join(sys.path)}
    )
    assert done.stdout.strip() == code_hash(defined(CELL))
