# One of MMSA's own modules with MMSA's settings for MOSI; needs `pip install "pgf-plugin[mmsa]"`.
model = dict(
    type="MMSAModel",
    encoder=dict(type="PrecomputedTextEncoder", in_features=768),
    dataset="mosi",
    loss=dict(type="MSARegressionLoss", kind="l1"),
)
