import pytest
from kernel import started

from tinylm.config import TinylmError, errors

NAMES = ["tiny_shakespeare", "ptb", "wikitext-2"]


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("tiny_shakespear", "tiny_shakespeare"),
        ("shakespeare", "tiny_shakespeare"),
        ("PTB", "ptb"),
        ("wikitext2", "wikitext-2"),
        ("bible", None),
        ("", None),
    ],
)
def test_the_nearest_name_is_one_that_is_spelt_like_it(name, near):
    assert errors.nearest(name, NAMES) == near


def test_the_nearest_name_may_be_what_another_library_says():
    assert errors.nearest("learning_rate", ["learning", "lr"]) == "lr" and errors.nearest("num_layers", ["n_layer"]) == "n_layer"


class Named(errors.Spelt):
    length = 1
    _hidden = 2


def test_an_attribute_that_there_is_not_meets_the_nearest_that_is_ours_to_show():
    with pytest.raises(AttributeError, match="^'Named' object has no attribute 'lenght'; did you mean 'length'\\?$") as wrong:
        Named().lenght  # noqa: B018
    assert isinstance(wrong.value, TinylmError) and Named().length == 1 and not hasattr(Named(), "xyzzy")
    with pytest.raises(AttributeError, match="'_hiden'$"):
        Named()._hiden  # noqa: B018


def test_a_name_that_there_is_not_meets_the_nearest_and_all_there_are():
    assert errors.unknown("corpus", "pbt", NAMES) == (
        "unknown corpus 'pbt'; did you mean 'ptb'? There are: tiny_shakespeare, ptb, wikitext-2"
    )
    assert errors.unknown("corpus", "bible", NAMES) == "unknown corpus 'bible'; there are: tiny_shakespeare, ptb, wikitext-2"
    assert errors.unknown("corpus", 3, []) == "unknown corpus 3; there are: none"


def test_the_beginning_of_several_keys_shows_five_of_them():
    assert errors.ambiguous("ab", [f"ab{n}" for n in range(7)]) == "7 keys begin with ab: ab0, ab1, ab2, ab3, ab4; write more of it"


def test_arguments_are_named_in_python_unless_others_are_put_in_their_place():
    error = errors.ArgumentError("leave out {}, or set {}", "lr", "flops=1e11")
    assert str(error) == "leave out lr, or set flops=1e11" and error.args[1:] == ("lr", "flops=1e11")


def test_of_many_names_fifteen_are_shown_and_each_once():
    names = [f"name-{n:02}" for n in range(18)]
    assert errors.listed(names).endswith("name-13, name-14 and 3 more")
    assert errors.listed(names[:15]).endswith("name-13, name-14")
    assert errors.instead("x", ["a", "b", "a"], "its fields are") == "its fields are a, b"


def test_a_missing_package_is_named_with_the_command_that_installs_it():
    for package, named in (("", "absent_package"), ("absent", "absent")):
        with pytest.raises(TinylmError) as wrong, errors.needing_packages("training", package):
            import absent_package  # noqa: F401
        assert str(wrong.value) == f"training needs the package {named}; run `python -m pip install {named}`"


def test_a_package_that_fails_for_another_reason_is_no_missing_one():
    with pytest.raises(ImportError, match="libcuda"), errors.needing_packages("training"):
        raise ImportError("libcuda is broken")


MISTAKES = {  # a cell -> the one line that it shows
    'tl.data.info("tiny_shakespear")': "DataError: unknown corpus 'tiny_shakespear'; did you mean 'tiny_shakespeare'? There are: ",
    "tl.config.TrainConfig(flops=-1e9)": "FieldError: TrainConfig.flops: must not be negative, got -1000000000.0",
    "tl.flops.run_cost(long, tl.data.info(long.corpus))": "ArgumentError: context_length=300000 is too long: grammar-char has 200,000 ",
    "tl.config.LSTMConfig(n_layers=2)": "FieldError: LSTM.n_layers: lstm has no such field; did you mean 'n_layer'? Its fields are",
    'weights.candidates("shakespear", {}, {})': "WeightsError: no run is called 'shakespear'; did you mean 'shakespeare'?",
    "chained()": "ConfigError: what the user can change",
}
BEFORE = """
from tinylm.evaluation import weights
train = tl.config.TrainConfig(steps=1)
long = tl.config.RunSpec(corpus="grammar-char", model=tl.config.TransformerConfig(context_length=300_000), train=train)
def chained():
    try:
        1 / 0
    except ZeroDivisionError as error:
        raise tl.config.ConfigError("what the user can change") from error
"""


def test_a_mistake_is_one_line_in_a_notebook_and_any_other_error_keeps_its_traceback(tmp_path):
    with started(tmp_path) as kernel:
        kernel.run(BEFORE)
        for cell, line in MISTAKES.items():
            plain = kernel.run(cell).traceback
            assert plain.startswith(line) and "\n" not in plain
            assert plain == kernel.error, "papermill and nbval read these"
        assert len(kernel.run("1 / 0").traceback.splitlines()) > 1 and kernel.error.startswith("ZeroDivisionError")
