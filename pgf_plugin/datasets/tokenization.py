"""Transcripts to token ids, in one batched call, with the text encoder's own tokenizer."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pgf_plugin.datasets.features import RaggedArray
from pgf_plugin.datasets.sequences import IndexArray
from pgf_plugin.errors import ConfigError
from pgf_plugin.pretrained import resolve_pretrained


class TokenizedTexts(NamedTuple):
    """Token ids of every text.

    Attributes:
        input_ids: one int64 sequence a text, special tokens included.
        pad_token_id: what a batch is padded with.
        unk_token_id: what stands for a word that the tokenizer does not know; None where it has
            no such token.
        mask_token_id: what stands for a hidden word; None where it has no such token.
        special_token_ids: of all special tokens, those above included.
    """

    input_ids: RaggedArray
    pad_token_id: int
    unk_token_id: int | None = None
    mask_token_id: int | None = None
    special_token_ids: tuple[int, ...] = ()

    def select(self, rows: IndexArray) -> "TokenizedTexts":
        """Copy the texts of ``rows``."""
        return self._replace(input_ids=self.input_ids.select(rows))


def tokenize(texts: Sequence[str], tokenizer: str, max_tokens: int) -> TokenizedTexts:
    """Tokenize ``texts`` with the tokenizer of the encoder named ``tokenizer``.

    Args:
        texts: transcripts; an empty one gives the special tokens alone.
        tokenizer: name as :func:`~pgf_plugin.pretrained.resolve_pretrained` takes it.
        max_tokens: longer texts are cut, special tokens kept.

    Raises:
        ConfigError: if no tokenizer can be loaded under that name.
        FileNotFoundError: if the name is a path that does not exist.
    """
    loaded = load_tokenizer(tokenizer)
    limit = min(max_tokens, loaded.model_max_length)
    rows = loaded(
        list(texts),
        truncation=True,
        max_length=limit,
        padding=False,
        return_attention_mask=False,
        return_token_type_ids=False,
    )["input_ids"]
    lengths = [len(row) for row in rows]
    values = np.fromiter((token for row in rows for token in row), np.int64, sum(lengths))
    return TokenizedTexts(
        RaggedArray.from_lengths(values, lengths),
        pad_token_id=loaded.pad_token_id or 0,
        unk_token_id=loaded.unk_token_id,
        mask_token_id=loaded.mask_token_id,
        special_token_ids=tuple(sorted(loaded.all_special_ids)),
    )


def load_tokenizer(name: str) -> Any:
    """Load the tokenizer of an encoder; kept for the process, as its datasets share it."""
    return _load_tokenizer(name, resolve_pretrained(name))


@lru_cache(maxsize=4)
def _load_tokenizer(name: str, location: str) -> Any:
    from transformers import AutoTokenizer

    folder = Path(location)
    if folder.is_dir() and not any(folder.glob("*token*")) and not any(folder.glob("vocab*")):
        found = sorted(entry.name for entry in folder.iterdir())[:8]
        raise ConfigError(
            f"tokenizer {name!r}: {folder} holds no tokenizer (it holds {found}). Save it there "
            "with tokenizer.save_pretrained(), or name another encoder (--encoder PATH)"
        )
    try:
        return AutoTokenizer.from_pretrained(location, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        raise ConfigError(
            f"tokenizer {name!r} cannot be loaded from {location}: {error}. Give a folder that "
            "holds a tokenizer, or the id of a model on the Hugging Face hub (--encoder PATH)"
        ) from error
