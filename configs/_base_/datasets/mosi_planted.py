# CMU-MOSI, real transcripts and labels, with synthetic audio and vision of a known signal-to-noise
# ratio in the place of the features: see pgf_plugin/datasets/planting.py for the generative model.
_base_ = "mosi_utterances.py"
feature_dims = dict(audio=5, vision=20)

_planted = dict(
    modalities=("text", "audio", "vision"),
    feature_dims=dict(_delete_=True, **feature_dims),
    planted=dict(snr_db=0.0),
)
train_dataloader = dict(dataset=_planted)
val_dataloader = dict(dataset=_planted)
test_dataloader = dict(dataset=_planted)

del _planted  # shared by the three dataloaders, and no key of the config
