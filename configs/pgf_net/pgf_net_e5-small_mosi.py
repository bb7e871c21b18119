# PGF-Net on real CMU-MOSI transcripts and utterance-level audio, the recipe of docs/findings.md,
# chosen on the validation split.
_base_ = [
    "../_base_/models/pgf_net.py",
    "../_base_/datasets/mosi_utterances_e5-small.py",
    "../_base_/schedules/averaged.py",
    "../_base_/default_runtime.py",
]
model = dict(
    encoder=dict(
        pretrained=_base_.encoder,
        architecture=_base_.encoder_architecture,
        lora_targets=("query", "key", "value", "output"),
        lora_dropout=0.0,
        dropout=0.0,
    ),
    block=dict(gate=dict(init_bias=5.0), adapter=dict(bottleneck=16)),
    feature_dims=_base_.feature_dims,
    pooling="mean",
)
