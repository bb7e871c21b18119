# PGF-Net at the paper's size: 3.07 M trainable parameters on BERT-base, every mechanism learnable.
model = dict(
    type="PGFNet",
    encoder=dict(type="HFTextEncoder", lora_rank=32, lora_alpha=32, lora_dropout=0.1),
    bank=dict(type="PGFBank", width=64, kernel_size=3),
    block=dict(
        type="PGFBlock",
        cross_attention=dict(type="PGFCrossAttention", attention_width=16),
        gate=dict(type="PGFGate", rank=8, init_bias=3.0),
        adapter=dict(type="PGFAdapter", bottleneck=64, init_scale=0.1),
    ),
    start_fusion_layer=0,
    pooling="cls",
    head=dict(type="MSARegressionHead", hidden_features=128, dropout=0.2),
    loss=dict(type="MSARegressionLoss", kind="l1"),
)
