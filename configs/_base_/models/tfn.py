# TFN with MMSA's settings for MOSI.
model = dict(
    type="TFN",
    encoder=dict(type="HFTextEncoder", lora_rank=32, lora_alpha=32, lora_dropout=0.1),
    hidden_features=dict(text=128, audio=32, vision=128),
    text_features=32,
    dropout=0.3,
    head=dict(type="TFNHead", hidden_features=64, dropout=0.5, label_range=(-3.0, 3.0)),
    loss=dict(type="MSARegressionLoss", kind="l1"),
)
