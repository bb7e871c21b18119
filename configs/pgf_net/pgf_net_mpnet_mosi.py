# PGF-Net on real CMU-MOSI transcripts and utterance-level audio over MPNet: the recipe of
# e5-small at half of the learning rate and half of the rank, which keeps it below 3.1 M trainable
# parameters.
_base_ = [
    "../_base_/models/pgf_net.py",
    "../_base_/datasets/mosi_utterances_mpnet.py",
    "../_base_/schedules/averaged.py",
    "../_base_/default_runtime.py",
]
model = dict(
    encoder=dict(
        pretrained=_base_.encoder,
        architecture=_base_.encoder_architecture,
        lora_targets=("query", "key", "value", "output"),
        lora_dropout=0.0,
        lora_rank=16,
        dropout=0.0,
    ),
    block=dict(gate=dict(init_bias=5.0), adapter=dict(bottleneck=16)),
    feature_dims=_base_.feature_dims,
    pooling="mean",
)
optim_wrapper = dict(optimizer=dict(lr=5e-4))
