"""What the tests against MMSA start from."""

import pytest
import torch
from mmsa_reference import LENGTHS


@pytest.fixture(scope="session")
def bert(tmp_path_factory):
    """A small random BERT of the width that MMSA's MISA needs, with a vocabulary, in a folder."""
    from transformers import BertConfig, BertModel, BertTokenizer

    folder = (
        tmp_path_factory.mktemp("encoder") / "bert-base-uncased"
    )  # the name that BERT_MAG loads
    folder.mkdir()
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"word{n}" for n in range(95))]
    (folder / "vocab.txt").write_text("\n".join(words))
    BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=100, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64
    )
    BertModel(config).save_pretrained(folder)
    return str(folder)


@pytest.fixture(params=["unaligned", "aligned"])
def lengths(request):
    return LENGTHS[request.param]
