# LMF with MMSA's settings for MOSI.
model = dict(
    type="LMF",
    encoder=dict(type="HFTextEncoder", lora_rank=32, lora_alpha=32, lora_dropout=0.1),
    hidden_features=dict(text=128, audio=16, vision=128),
    text_features=64,
    rank=3,
    dropout=0.3,
    loss=dict(type="MSARegressionLoss", kind="l1"),
)
