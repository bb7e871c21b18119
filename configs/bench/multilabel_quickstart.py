# Three labels at once instead of a score, on synthetic data; see configs/bench/quickstart.py.
bench = dict(
    title="Three labels on synthetic data",
    models={
        "PGF-Net": "pgf_net/pgf_net_minilm_synthetic_multilabel.py",
        "Text only": "text_only/text_only_minilm_synthetic_multilabel.py",
    },
    seeds=[0, 1],
    metric="F1_macro",
)
train_cfg = dict(by_epoch=True, max_epochs=5, val_interval=1)
