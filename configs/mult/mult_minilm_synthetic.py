# MulT on synthetic data with the embedded encoder.
_base_ = [
    "../_base_/models/mult.py",
    "../_base_/datasets/synthetic.py",
    "../_base_/schedules/warmup_cosine.py",
    "../_base_/default_runtime.py",
]
model = dict(
    # No dropout in the frozen encoder: these few sentences are learned, not memorised, and on a
    # CPU dropout costs a third of the step.
    encoder=dict(pretrained=_base_.encoder, lora_dropout=0.0, dropout=0.0),
    feature_dims=_base_.feature_dims,
    num_layers=2,  # the sequences are short
    attention_dropout=0.0,
)
