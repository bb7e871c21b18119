# MMA with its published settings for MOSI.
model = dict(
    type="MMA",
    encoder=dict(type="HFTextEncoder", lora_rank=32, lora_alpha=32, lora_dropout=0.1),
    bottleneck=64,
    kernel_size=3,
    start_fusion_layer=0,
    pooling="cls",
    head=dict(type="MSARegressionHead", hidden_features=128, dropout=0.2),
    loss=dict(type="MSARegressionLoss", kind="l1"),
)
