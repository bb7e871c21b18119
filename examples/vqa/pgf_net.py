# PGF-Net answers synthetic questions about synthetic scenes; see README.md.
_base_ = ["./vqa.py", "../../configs/_base_/models/pgf_net.py"]
model = dict(
    encoder=dict(pretrained=_base_.encoder, lora_dropout=0.0, dropout=0.0),
    feature_dims=_base_.feature_dims,
    pooling="mean",
    # Regions have no order, so that no convolution runs over them.
    bank=dict(kernel_size=1),
    block=dict(
        cross_attention=dict(attention_width=64, num_heads=4),
        # The answer is in the regions alone: the gate starts in the middle.
        gate=dict(init_bias=0.0),
    ),
    head=dict(out_features=4, dropout=0.0),
    loss=dict(_delete_=True, type="MSAClassificationLoss"),
)
