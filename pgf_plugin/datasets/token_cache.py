"""Token ids kept on disk, so that the texts of a data set are tokenized once an encoder.

A file holds the ids of all texts of a data set. Its name is a hash of the tokenizer's own files,
the texts as they are tokenized, the cut, and the versions of the libraries: whatever changes the
ids changes the name. A file that cannot be read is written anew.
"""

import hashlib
import json
import os
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from uuid import uuid4

import numpy as np
from huggingface_hub import hf_hub_download
from huggingface_hub.errors import EntryNotFoundError
from platformdirs import user_cache_path

from pgf_plugin.datasets.features import RaggedArray
from pgf_plugin.datasets.store.schema import TOKENS
from pgf_plugin.datasets.tokenization import TokenizedTexts, tokenize
from pgf_plugin.pretrained import resolve_pretrained

CACHE_VARIABLE = "PGF_CACHE"
_WEIGHTS = (".bin", ".gguf", ".h5", ".msgpack", ".onnx", ".ot", ".pt", ".pth", ".safetensors")
_NONE = -1
_UNREADABLE = (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error)
_KEPT = 4
_process: dict[str, TokenizedTexts] = {}


def tokenize_cached(
    texts: Sequence[str], tokenizer: str, max_tokens: int, store: Path | None = None
) -> TokenizedTexts:
    """Return what :func:`~pgf_plugin.datasets.tokenization.tokenize` does, from the cache if able.

    Args:
        texts: all transcripts of a data set, cased as they are to be tokenized.
        tokenizer: name of the encoder.
        max_tokens: longer texts are cut.
        store: folder of the store that the texts come from, whose folder ``tokens`` is the cache if
            it can be written; else it is that of the user: ``PGF_CACHE``, or the platform's.

    Raises:
        ConfigError, FileNotFoundError: as ``tokenize``.
    """
    key = _key(texts, tokenizer, max_tokens)
    if key is None:
        return tokenize(texts, tokenizer, max_tokens)
    if key not in _process:
        while len(_process) >= _KEPT:
            _process.pop(next(iter(_process)))
        _process[key] = _from_disk(key, texts, tokenizer, max_tokens, _folders(store))
    return _process[key]


def user_cache() -> Path:
    """The user's folder for what can be made again."""
    named = os.environ.get(CACHE_VARIABLE)
    return Path(named).expanduser() if named else user_cache_path("pgf-plugin", appauthor=False)


def _folders(store: Path | None) -> list[Path]:
    return [*([store / TOKENS] if store else []), user_cache() / TOKENS]


def _from_disk(
    key: str, texts: Sequence[str], tokenizer: str, max_tokens: int, folders: Iterable[Path]
) -> TokenizedTexts:
    paths = [folder / f"{key[:32]}.npz" for folder in folders]
    for path in paths:
        with suppress(*_UNREADABLE):
            return _read(path, key, len(texts))
    tokens = tokenize(texts, tokenizer, max_tokens)
    for path in paths:
        with suppress(OSError):  # read-only: the next folder, or no cache
            _write(path, key, tokens)
            break
    return tokens


def _read(path: Path, key: str, count: int) -> TokenizedTexts:
    """Read a file of the cache; zip's checksums tell whether it is whole."""
    with path.open("rb") as file, np.load(file, allow_pickle=False) as content:
        values, offsets = content["input_ids"].astype(np.int64), content["offsets"]
        ids = [None if each == _NONE else int(each) for each in content["ids"]]
        special = tuple(content["special_token_ids"].tolist())
        known = content["key"].item()
    if known != key or len(offsets) != count + 1 or offsets[-1] != len(values):
        raise ValueError(f"{path} holds the tokens of other texts")
    pad, unknown, mask = ids
    return TokenizedTexts(RaggedArray(values, offsets), pad or 0, unknown, mask, special)


def _write(path: Path, key: str, tokens: TokenizedTexts) -> None:
    """Write a file under a name of its own and rename it: other processes may do the same now."""
    path.parent.mkdir(parents=True, exist_ok=True)
    ids = (tokens.pad_token_id, tokens.unk_token_id, tokens.mask_token_id)
    temporary = path.with_name(f"{path.stem}.{uuid4().hex}.tmp")
    try:
        with temporary.open("xb") as file:
            np.savez(
                file,
                key=np.array(key),
                input_ids=tokens.input_ids.values.astype(np.int32),
                offsets=tokens.input_ids.offsets,
                ids=np.array([_NONE if each is None else each for each in ids], np.int64),
                special_token_ids=np.array(tokens.special_token_ids, np.int64),
            )
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _key(texts: Sequence[str], tokenizer: str, max_tokens: int) -> str | None:
    """Hash of all that the ids depend on; None where the tokenizer's files cannot be told."""
    files = _tokenizer_state(resolve_pretrained(tokenizer))
    if files is None:
        return None
    digest = hashlib.sha256()
    for text in texts:
        encoded = text.encode("utf-8", "surrogatepass")
        digest.update(len(encoded).to_bytes(8, "little") + encoded)
    parts = [files, digest.hexdigest(), max_tokens, *_versions()]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


@lru_cache(maxsize=1)
def _versions() -> tuple[str, str]:
    return version("transformers"), version("tokenizers")


def _tokenizer_state(location: str) -> str | None:
    """Hash of the files in a folder but its weights, or the commit of a model of the hub."""
    folder = Path(location)
    if folder.is_dir():
        digest = hashlib.sha256()
        for path in sorted(folder.iterdir()):
            if path.is_file() and path.suffix not in _WEIGHTS:
                digest.update(f"{path.name}\0{path.stat().st_size}\0".encode())
                digest.update(path.read_bytes())
        return digest.hexdigest()
    try:
        # Asks the hub, unless it is offline, which commit is the newest.
        config = Path(hf_hub_download(location, "config.json"))
    except (OSError, ValueError, EntryNotFoundError):  # loading the tokenizer will tell why
        return None
    return f"{location}@{config.parent.name}"
