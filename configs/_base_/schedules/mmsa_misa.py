# MMSA 2.2.1's training of MISA on MOSI: gradients of two batches summed, clipped by value after
# each; Adam with one rate for BERT and all.
optim_wrapper = dict(
    type="MMSAOptimWrapper",
    optimizer=dict(type="Adam", lr=1e-4),
    accumulative_counts=2,
    clip_grad=dict(type="value", clip_value=0.8),
)
# As many epochs as it takes: training ends eight epochs after the best one.
train_cfg = dict(by_epoch=True, max_epochs=1000, val_interval=1)
val_cfg = dict()
test_cfg = dict()
custom_hooks = [
    dict(type="MMSAAccumulationHook"),
    dict(type="EarlyStoppingHook", monitor="MAE", rule="less", min_delta=0.0, patience=8),
]
