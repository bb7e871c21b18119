# Self-MM as MMSA 2.2.1 trains it on CH-SIMS.
#   pgf train self_mm/self_mm_mmsa_sims_unaligned --data-root DIR
_base_ = [
    "../_base_/models/self_mm.py",
    "../_base_/datasets/sims_mmsa_reference.py",
    "../_base_/schedules/mmsa_self_mm.py",
    "../_base_/default_runtime.py",
]
model = dict(
    encoder=dict(pretrained=_base_.encoder, architecture=dict(model_type="bert", vocab_size=21128)),
    feature_dims=_base_.feature_dims,
    lstm_features=dict(audio=16, vision=64),
    sequence_features=dict(audio=16, vision=32),
    task_features=dict(text=64),
    label_bound=1.0,
)
train_dataloader = dict(batch_size=32)
optim_wrapper = dict(paramwise_cfg=dict(custom_keys={"sequence_encoders": dict(decay_mult=10.0)}))
