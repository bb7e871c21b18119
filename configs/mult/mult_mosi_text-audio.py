# MulT on real CMU-MOSI transcripts and utterance-level audio.
_base_ = [
    "../_base_/models/mult.py",
    "../_base_/datasets/mosi_utterances.py",
    "../_base_/schedules/warmup_cosine.py",
    "../_base_/default_runtime.py",
]
model = dict(
    encoder=dict(pretrained=_base_.encoder),
    feature_dims=_base_.feature_dims,
)
