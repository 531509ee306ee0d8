"""`export`: what it refuses; that its files are right is tested beside the package's models."""

import pytest

MISTAKES = {
    "export": "the following arguments are required: NAME",
    "export nobody": "unknown value 'nobody'; there are: shakespeare",
    "export shakespeare": "are not here; train it with: python -m tinylm train --run",
    "export shakespeare --card --from x": "argument --from: not allowed with argument --card",
    "export shakespeare --from README.md": "README.md is not a weights file; those end in .safetensors",
    "export shakespeare --data-dir nowhere": "argument --data-dir: nowhere is not a folder",
}


@pytest.mark.parametrize("line", MISTAKES)
def test_a_mistake_is_one_clear_message(refused, home, line):
    (home / "README.md").touch()
    assert MISTAKES[line] in refused(line)
