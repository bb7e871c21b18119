# TFN on synthetic data with the embedded encoder.
_base_ = [
    "../_base_/models/tfn.py",
    "../_base_/datasets/synthetic.py",
    "../_base_/schedules/warmup_cosine.py",
    "../_base_/default_runtime.py",
]
model = dict(
    encoder=dict(pretrained=_base_.encoder, lora_dropout=0.0, dropout=0.0),
    feature_dims=_base_.feature_dims,
)
