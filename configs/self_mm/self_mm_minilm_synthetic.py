# Self-MM on synthetic data with the embedded encoder, which is trained whole.
_base_ = [
    "../_base_/models/self_mm.py",
    "../_base_/datasets/synthetic.py",
    "../_base_/schedules/warmup_cosine.py",
    "../_base_/default_runtime.py",
]
model = dict(encoder=dict(pretrained=_base_.encoder), feature_dims=_base_.feature_dims)
optim_wrapper = dict(optimizer=dict(lr=1e-4))
