# Six epochs, and the running average of the weights, which is what is validated, saved and tested.
_base_ = "warmup_cosine.py"
train_cfg = dict(max_epochs=6)
custom_hooks = [dict(type="EMAHook", momentum=0.02, begin_epoch=2)]
