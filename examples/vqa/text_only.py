# The floor: the same encoder and head see the question, and no region.
_base_ = ["./vqa.py", "../../configs/_base_/models/text_only.py"]
model = dict(
    encoder=dict(pretrained=_base_.encoder, lora_dropout=0.0, dropout=0.0),
    feature_dims=_base_.feature_dims,
    pooling="mean",
    head=dict(out_features=4, dropout=0.0),
    loss=dict(_delete_=True, type="MSAClassificationLoss"),
)
