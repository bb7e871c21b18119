# A short one-cycle schedule for LoRA on a small encoder.
max_epochs = 6
optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="AdamW", lr=1e-3, weight_decay=1e-4),
    clip_grad=dict(max_norm=1.0),
)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.05, by_epoch=True, end=1, convert_to_iter_based=True),
    dict(
        type="CosineAnnealingLR", by_epoch=True, begin=1, end=max_epochs, convert_to_iter_based=True
    ),
]
train_cfg = dict(by_epoch=True, max_epochs=max_epochs, val_interval=1)
val_cfg = dict()
test_cfg = dict()
