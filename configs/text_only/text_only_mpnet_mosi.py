# The text-only floor with the recipe of pgf_net_mpnet_mosi.py, at a lower learning rate: at 1e-3 it
# leaves the pretrained states in the first epoch of some seeds and never learns.
_base_ = [
    "../_base_/models/text_only.py",
    "../_base_/datasets/mosi_utterances_mpnet.py",
    "../_base_/schedules/averaged.py",
    "../_base_/default_runtime.py",
]
model = dict(
    encoder=dict(
        pretrained=_base_.encoder,
        architecture=_base_.encoder_architecture,
        lora_targets=("query", "key", "value", "output"),
        lora_rank=16,
        lora_dropout=0.0,
        dropout=0.0,
    ),
    feature_dims=_base_.feature_dims,
    pooling="mean",
)
train_cfg = dict(max_epochs=8)
optim_wrapper = dict(optimizer=dict(lr=7e-4))
