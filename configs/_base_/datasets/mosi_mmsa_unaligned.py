# CMU-MOSI in MMSA's unaligned feature file: audio and vision keep their own lengths.
_base_ = "mosi_mmsa_aligned.py"
train_dataloader = dict(dataset=dict(data_file="unaligned_50.pkl"))
val_dataloader = dict(dataset=dict(data_file="unaligned_50.pkl"))
test_dataloader = dict(dataset=dict(data_file="unaligned_50.pkl"))
