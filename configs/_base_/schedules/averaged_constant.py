# Ten epochs at one learning rate after the warm-up, and from the fourth on the running average of
# the weights, over about five epochs (batches of 32 of CMU-MOSI), which is then what is validated,
# saved and tested.
_base_ = "warmup_cosine.py"
param_scheduler = [dict(type="LinearLR", start_factor=0.05, by_epoch=False, end=60)]
train_cfg = dict(max_epochs=10)
custom_hooks = [dict(type="EMAHook", momentum=0.01, begin_epoch=4)]
