# PGF-Net on real CMU-MOSI transcripts and utterance-level audio.
_base_ = [
    "../_base_/models/pgf_net.py",
    "../_base_/datasets/mosi_utterances.py",
    "../_base_/schedules/warmup_cosine.py",
    "../_base_/default_runtime.py",
]
# A sentence encoder: its mean over the tokens carries the sentence, its [CLS] does not.
model = dict(
    encoder=dict(pretrained=_base_.encoder),
    feature_dims=_base_.feature_dims,
    pooling="mean",
)
