# CMU-MOSI in MMSA's unaligned feature file: audio and vision keep their own lengths.
_base_ = "mosi_mmsa_aligned.py"
# Most steps of a batch are those of audio and vision, so their lengths must be alike, too.
train_dataloader = dict(dataset=dict(data_file="unaligned_50.pkl"), batch_sampler=dict(key="total"))
val_dataloader = dict(dataset=dict(data_file="unaligned_50.pkl"))
test_dataloader = dict(dataset=dict(data_file="unaligned_50.pkl"))
