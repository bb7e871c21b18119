# CMU-MOSI in MMSA's unaligned feature file (https://github.com/thuiar/MMSA).
data_root = "data/mosi"
encoder = "google-bert/bert-base-uncased"
feature_dims = dict(audio=5, vision=20)

dataset = dict(
    type="MSADataset",
    data_root=data_root,
    data_file="unaligned_50.pkl",
    feature_dims=feature_dims,
    tokenizer=encoder,
    nonfinite="zero",  # MMSA too reads the -inf of its audio features (log of silence) as zero
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
