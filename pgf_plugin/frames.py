"""How every table of data is written."""

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from pgf_plugin.checkpoint_files import AtomicLocalBackend

if TYPE_CHECKING:
    import pandas as pd


def save_parquet(frame: "pd.DataFrame", path: Path) -> None:
    """Write a data frame, without its index, as Parquet, whole or not at all."""
    buffer = BytesIO()
    frame.to_parquet(buffer, index=False)
    AtomicLocalBackend().put(buffer.getvalue(), path)
