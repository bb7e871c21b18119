# Self-MM with MMSA's settings for MOSI; the encoder is trained.
model = dict(
    type="SelfMM",
    encoder=dict(type="HFTextEncoder", freeze=False),
    lstm_features=dict(audio=16, vision=32),
    task_features=dict(fusion=128, text=32, audio=16, vision=32),
    dropout=dict(fusion=0.0, text=0.1, audio=0.1, vision=0.0),
    label_bound=3.0,
    loss=dict(type="MSARegressionLoss", kind="l1"),
)
