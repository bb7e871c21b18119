# PGF-Net on three labels that may hold together: what the synthetic score is made of.
_base_ = "./pgf_net_minilm_synthetic.py"
label_names = ["positive", "intense", "reversed"]
model = dict(
    head=dict(out_features=3),
    # One utterance in four is reversed.
    loss=dict(_delete_=True, type="MSAMultilabelLoss", pos_weight=[1.0, 1.0, 3.0]),
)
train_dataloader = dict(dataset=dict(target="parts"))
val_dataloader = dict(dataset=dict(target="parts"))
test_dataloader = dict(dataset=dict(target="parts"))
val_evaluator = dict(_delete_=True, type="MSAMultilabelMetric", label_names=label_names)
test_evaluator = dict(_delete_=True, type="MSAMultilabelMetric", label_names=label_names)
default_hooks = dict(checkpoint=dict(save_best="F1_macro"))
custom_hooks = [dict(type="ConfusionHook")]
