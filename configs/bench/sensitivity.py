# How PGF-Net depends on its first fused layer, rank and bottleneck, one at a time, on synthetic
# data with the embedded encoder of six layers.
#   pgf bench bench/sensitivity.py
bench = dict(
    title="Sensitivity of PGF-Net",
    models={"PGF-Net": "pgf_net/pgf_net_minilm_synthetic.py"},
    settings={
        "L0=0, rank=32, bottleneck=64": {},  # the default
        "L0=2": {"model.start_fusion_layer": 2},
        "L0=4": {"model.start_fusion_layer": 4},
        # The layers below are frozen then, so that model.encoder.cache_frozen runs them once.
        "L0=2, LoRA from 2": {"model.start_fusion_layer": 2, "model.encoder.lora_start_layer": 2},
        "L0=4, LoRA from 4": {"model.start_fusion_layer": 4, "model.encoder.lora_start_layer": 4},
        "rank=8": {"model.encoder.lora_rank": 8},
        "rank=16": {"model.encoder.lora_rank": 16},
        "rank=64": {"model.encoder.lora_rank": 64},
        "bottleneck=16": {"model.block.adapter.bottleneck": 16},
        "bottleneck=32": {"model.block.adapter.bottleneck": 32},
        "bottleneck=128": {"model.block.adapter.bottleneck": 128},
    },
    seeds=[0, 1, 2, 3, 4],
    reference="PGF-Net (L0=0, rank=32, bottleneck=64)",
)
train_cfg = dict(by_epoch=True, max_epochs=5, val_interval=1)
