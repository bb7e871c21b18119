# CMU-MOSI in MMSA's unaligned feature file: audio and vision keep their own lengths.
_base_ = "mosi_mmsa_aligned.py"
# Most steps of a batch are those of audio and vision, so it is their lengths that must be alike;
# over the whole epoch, because few utterances are long.
train_dataloader = dict(
    dataset=dict(data_file="unaligned_50.pkl"),
    batch_sampler=dict(key=dict(audio=1, vision=1), pool_batches=None),
)
val_dataloader = dict(dataset=dict(data_file="unaligned_50.pkl"))
test_dataloader = dict(dataset=dict(data_file="unaligned_50.pkl"))
