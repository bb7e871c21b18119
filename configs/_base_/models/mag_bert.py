# MAG-BERT with MMSA's settings for MOSI; the encoder is trained.
model = dict(
    type="MAGBert",
    encoder=dict(type="HFTextEncoder", freeze=False),
    shift_scale=1.0,
    dropout=0.3,
    head=dict(type="MAGBertHead", dropout=0.1),
    loss=dict(type="MSARegressionLoss", kind="l1"),
)
