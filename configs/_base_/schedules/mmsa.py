# MMSA 2.2.1's training of models without accumulation: Adam until eight epochs bring nothing.
optim_wrapper = dict(type="OptimWrapper", optimizer=dict(type="Adam", lr=1e-3))
train_cfg = dict(by_epoch=True, max_epochs=1000, val_interval=1)
val_cfg = dict()
test_cfg = dict()
custom_hooks = [
    dict(type="EarlyStoppingHook", monitor="MAE", rule="less", min_delta=0.0, patience=8)
]
