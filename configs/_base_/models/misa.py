# MISA with MMSA's settings for MOSI; the task loss is the paper's mean squared error.
model = dict(
    type="MISA",
    encoder=dict(type="HFTextEncoder", lora_rank=32, lora_alpha=32, lora_dropout=0.1),
    width=128,
    num_heads=2,
    feedforward_features=2048,
    fusion_dropout=0.1,
    difference_weight=0.1,
    similarity_weight=0.3,
    reconstruction_weight=1.0,
    num_moments=5,
    head=dict(type="MISAHead", dropout=0.2),
    loss=dict(type="MSARegressionLoss", kind="mse"),
)
