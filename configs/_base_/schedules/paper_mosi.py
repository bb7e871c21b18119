# MMA's published settings for MOSI, the best stand-in for what the PGF-Net paper leaves out.
optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="AdamW", lr=1e-3, weight_decay=1e-4),
    clip_grad=dict(max_norm=1.0),
)
param_scheduler = [dict(type="StepLR", step_size=9, gamma=0.1, by_epoch=True)]
train_cfg = dict(by_epoch=True, max_epochs=25, val_interval=1)
val_cfg = dict()
test_cfg = dict()
custom_hooks = [dict(type="EarlyStoppingHook", monitor="MAE", rule="less", patience=10)]
