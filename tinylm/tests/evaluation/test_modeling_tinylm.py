"""The remote code in transformers: tinylm's logits, texts, what is refused. Skipped without transformers."""

import subprocess
import sys

import pytest
import torch

from tinylm.evaluation import huggingface, loading

pytest.importorskip("transformers")


@pytest.fixture(autouse=True, scope="module")
def own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path_factory.mktemp("modules")))
        patch.setattr("sys.path", list(sys.path))
        yield


@pytest.fixture(scope="module", params=["shakespeare", "transformer", "self-attention", "ptb"])
def both(request, tmp_path_factory):
    from transformers import AutoModelForCausalLM

    model = loading.load(request.param)
    folder = huggingface.write_folder(model, tmp_path_factory.mktemp("hf") / request.param)
    return model, AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=True)


@torch.inference_mode()
def test_the_logits_are_equal_for_every_length(both):
    model, theirs = both
    context = model.spec.model.context_length
    for length in (1, 2, context // 2, context):
        ids = torch.randint(len(model.vocabulary.tokens), (2, length), generator=torch.Generator().manual_seed(length))
        assert torch.equal(theirs(ids).logits, model(ids))


def test_the_greedy_continuation_is_that_of_the_last_windows(both):
    model, theirs = both
    ids = torch.arange(model.spec.model.context_length)[None] % len(model.vocabulary.tokens)
    written = theirs.generate(ids, max_new_tokens=8, do_sample=False)
    for _ in range(8):
        ids = torch.cat([ids, model(ids[:, -model.spec.model.context_length :])[:, -1:].argmax(-1)], 1)
    assert torch.equal(written, ids)


def test_tied_matrices_stay_tied(both):
    assert both[1].num_parameters() == both[0].n_params


def test_padding_is_refused(both):
    ids = torch.zeros(1, 4, dtype=torch.long)
    with pytest.raises(ValueError, match="reads no padding"):
        both[1](ids, attention_mask=torch.tensor([[0, 1, 1, 1]]))


def test_without_tinylm_the_error_is_one_sentence(tmp_path):
    code = "import sys; sys.modules['tinylm'] = None; import runpy; runpy.run_path(sys.argv[1])"
    done = subprocess.run([sys.executable, "-c", code, huggingface.CODE], capture_output=True, text=True, cwd=tmp_path)
    assert done.stderr.splitlines()[-1].startswith("ImportError: this model is a network of the package tinylm, which is not")
