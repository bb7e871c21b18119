"""The store: a data set in one folder, converted once, opened in milliseconds.

- ``store.json``: schema version, source and its SHA-256, dims, statistics of the features of the
  training splits, sizes and checksums of the other files;
- ``manifest.parquet``: ids, transcripts, labels, splits, lengths;
- ``text.npy``, ``audio.npy``, ``vision.npy``: features (sum of lengths, D) float32, no padding.
"""

from pgf_plugin.datasets.store.open import open_store
from pgf_plugin.datasets.store.schema import is_store
from pgf_plugin.datasets.store.verify import verify_store
from pgf_plugin.datasets.store.write import write_store

__all__ = ["is_store", "open_store", "verify_store", "write_store"]
