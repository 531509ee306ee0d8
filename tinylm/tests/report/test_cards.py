import pytest

from tinylm import files
from tinylm.evaluation import pretrained
from tinylm.ledger import Ledger
from tinylm.report import cards


@pytest.mark.parametrize("name", pretrained.MODELS)
def test_the_card_of_a_packaged_model_is_what_its_record_and_weights_say(name):
    made_anew = cards.card_text(name, Ledger([files.LEDGER]).records)
    stored = (files.PRETRAINED / f"{name}.md").read_text(encoding="utf-8")
    assert stored == made_anew, f"write it anew with: python -m tinylm export {name} --card"
