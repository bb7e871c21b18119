# Six epochs, and from the second on the running average of the weights, which is then what is
# validated, saved and tested.
_base_ = "warmup_cosine.py"
train_cfg = dict(max_epochs=6)
custom_hooks = [dict(type="EMAHook", momentum=0.02, begin_epoch=2)]
