# MMSA 2.2.1's training of Self-MM on MOSI: gradients of four batches summed; BERT, the LSTMs and
# the rest each at a rate of their own.
optim_wrapper = dict(
    type="MMSAOptimWrapper",
    optimizer=dict(type="Adam", lr=1e-3, weight_decay=1e-3),
    accumulative_counts=4,
    paramwise_cfg=dict(
        custom_keys={
            "encoder.encoder": dict(lr_mult=0.05),
            "sequence_encoders": dict(lr_mult=5.0),
        }
    ),
)
train_cfg = dict(by_epoch=True, max_epochs=1000, val_interval=1)
val_cfg = dict()
test_cfg = dict()
custom_hooks = [
    dict(type="MMSAAccumulationHook"),
    dict(type="EarlyStoppingHook", monitor="MAE", rule="less", min_delta=0.0, patience=8),
]
