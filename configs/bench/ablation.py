# What each mechanism of PGF-Net is worth, on synthetic data; every row changes one thing.
#   pgf bench bench/ablation.py
bench = dict(
    title="Ablations of PGF-Net",
    models={"PGF-Net": "pgf_net/pgf_net_minilm_synthetic.py"},
    settings={
        "default": {},
        "preset full": {"model.preset": "full"},
        "preset paramfree": {"model.preset": "paramfree"},
        "preset lite": {"model.preset": "lite"},
        "concatenation for attention": {"model.block.cross_attention.type": "PGFConcatenation"},
        "summation for attention": {"model.block.cross_attention.type": "PGFSummation"},
        "sum for gate": {"model.block.gate.type": "PGFSumGate"},
        "scalar gate": {"model.block.gate.type": "PGFScalarGate"},
        "fixed gate": {"model.block.gate.type": "PGFFixedGate"},
        "no adapter": {"model.block.adapter.type": "PGFNoAdapter"},
        "no LoRA": {"model.encoder.lora_rank": None},
        "audio only": {"model.feature_dims.vision": None},
        "vision only": {"model.feature_dims.audio": None},
        "audio and vision of others": {
            f"{split}_dataloader.dataset.foreign": ["audio", "vision"]
            for split in ("train", "val", "test")
        },
        "steps shuffled": {
            f"{split}_dataloader.dataset.transforms": [dict(type="ShuffleSteps")]
            for split in ("train", "val", "test")
        },
        "text only": {"model.feature_dims.audio": None, "model.feature_dims.vision": None},
    },
    seeds=[0, 1, 2, 3, 4],
    reference="PGF-Net (default)",
)
train_cfg = dict(by_epoch=True, max_epochs=5, val_interval=1)
