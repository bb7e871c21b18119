# The floor of every comparison: PGF-Net's encoder, LoRA and head, without fusion.
model = dict(
    type="TextOnlyNet",
    encoder=dict(type="HFTextEncoder", lora_rank=32, lora_alpha=32, lora_dropout=0.1),
    pooling="cls",
    head=dict(type="MSARegressionHead", hidden_features=128, dropout=0.2),
    loss=dict(type="MSARegressionLoss", kind="l1"),
)
