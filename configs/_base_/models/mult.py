# MulT with MMSA's settings for MOSI and the paper's position embedding.
model = dict(
    type="MulT",
    encoder=dict(type="HFTextEncoder", lora_rank=32, lora_alpha=32, lora_dropout=0.1),
    width=50,
    num_heads=10,
    num_layers=4,
    kernel_size=dict(text=5, audio=5, vision=5),
    attention_dropout=dict(text=0.3, audio=0.2, vision=0.0),
    feedforward_dropout=0.0,
    residual_dropout=0.0,
    embedding_dropout=0.2,
    text_dropout=0.5,
    causal=True,
    position_embedding=True,
    head=dict(type="MulTHead", dropout=0.5),
    loss=dict(type="MSARegressionLoss", kind="l1"),
)
