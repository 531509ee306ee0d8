from tinylm.models.networks.code_steps import all_names, global_names, imports, steps


def compiled(text):
    space = {}
    exec(text, space)
    return space["f"].__code__


def test_names_are_read_with_the_attributes_taken_from_them():
    found = list(global_names(compiled("def f(x):\n    return [F.relu(y) for y in x] + nn.init.pi + x.shape\n")))
    assert sorted(found) == [("F", "relu"), ("nn", "init", "pi")]


def test_imports_have_their_dots_and_members():
    text = "def f():\n    import a.b\n    from ..c import d, e as g\n    def inner():\n        from . import h\n    return inner\n"
    assert list(imports(compiled(text))) == [("a.b", 0, ()), ("c", 2, ("d", "e")), ("", 1, ("h",))]


def test_all_names_are_those_of_functions_within_too():
    assert all_names(compiled("def f(x):\n    return lambda: F.relu(x).shape\n")) == {"F", "relu", "shape"}


def test_steps_do_not_depend_on_the_line():
    text = "def f(x):\n    try:\n        return x.y(3)\n    except KeyError:\n        pass\n"
    assert steps(compiled(text)) == steps(compiled("\n\n" + text)) != steps(compiled(text.replace("3", "x")))
