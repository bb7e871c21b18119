# PGF-Net on synthetic data cut into three classes: negative, neutral, positive.
_base_ = "./pgf_net_minilm_synthetic.py"
num_classes = 3  # or 2, 5, 7
model = dict(
    head=dict(out_features=num_classes),
    loss=dict(_delete_=True, type="MSAClassificationLoss"),
)
train_dataloader = dict(dataset=dict(num_classes=num_classes))
val_dataloader = dict(dataset=dict(num_classes=num_classes))
test_dataloader = dict(dataset=dict(num_classes=num_classes))
val_evaluator = dict(_delete_=True, type="MSAClassificationMetric", num_classes=num_classes)
test_evaluator = dict(_delete_=True, type="MSAClassificationMetric", num_classes=num_classes)
default_hooks = dict(checkpoint=dict(save_best="Acc"))
custom_hooks = [dict(type="ConfusionHook")]
