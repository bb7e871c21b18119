# Self-MM as MMSA 2.2.1 trains it on unaligned MOSEI.
#   pgf train self_mm/self_mm_mmsa_mosei_unaligned --data-root DIR
_base_ = [
    "../_base_/models/self_mm.py",
    "../_base_/datasets/mosei_mmsa_reference.py",
    "../_base_/schedules/mmsa_self_mm.py",
    "../_base_/default_runtime.py",
]
model = dict(
    encoder=dict(pretrained=_base_.encoder, architecture=dict(model_type="bert")),
    feature_dims=_base_.feature_dims,
    dropout=dict(fusion=0.1, text=0.0, audio=0.0, vision=0.0),
)
train_dataloader = dict(batch_size=32)
optim_wrapper = dict(
    optimizer=dict(weight_decay=1e-2),
    paramwise_cfg=dict(
        custom_keys={
            "encoder.encoder": dict(decay_mult=0.1),
            "sequence_encoders": dict(decay_mult=0.0),
            "sequence_encoders.vision": dict(lr_mult=0.1, decay_mult=0.0),
        }
    ),
)
