# MMSA 2.2.1's training of MulT on MOSI: gradients of eight batches summed, clipped by value after
# each; Adam without the weight decay that its own config names.
optim_wrapper = dict(
    type="MMSAOptimWrapper",
    optimizer=dict(type="Adam", lr=2e-3),
    accumulative_counts=8,
    clip_grad=dict(type="value", clip_value=0.6),
)
param_scheduler = [
    dict(type="ReduceOnPlateauLR", monitor="MAE", rule="less", factor=0.1, patience=5)
]
# As many epochs as it takes: training ends eight epochs after the best one.
train_cfg = dict(by_epoch=True, max_epochs=1000, val_interval=1)
val_cfg = dict()
test_cfg = dict()
custom_hooks = [
    dict(type="MMSAAccumulationHook"),
    dict(type="EarlyStoppingHook", monitor="MAE", rule="less", min_delta=0.0, patience=8),
]
