from specs import spec

from tinylm.config import NgramConfig
from tinylm.ledger import versions


def test_versions_name_what_the_spec_uses():
    assert versions.current(spec(loss_at="all", optimizer="adamw")) == "all-1 adamw-1"
    assert versions.current(spec(NgramConfig(), epochs=1)) == "ngram-1"
