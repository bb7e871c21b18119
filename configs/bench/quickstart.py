# The quickstart: four models, two seeds, on synthetic data with the embedded encoder.
bench = dict(
    title="Quickstart on synthetic data",
    models={
        "PGF-Net": "pgf_net/pgf_net_minilm_synthetic.py",
        "MulT": "mult/mult_minilm_synthetic.py",
        "MISA": "misa/misa_minilm_synthetic.py",
        "Text only": "text_only/text_only_minilm_synthetic.py",
    },
    seeds=[0, 1],
)
# Five epochs, so that all trials fit into six minutes on two CPU cores.
train_cfg = dict(by_epoch=True, max_epochs=5, val_interval=1)
