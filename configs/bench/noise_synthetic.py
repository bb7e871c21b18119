# Noise on synthetic data: what the models of the quickstart do where the test set is corrupted.
#   pgf bench bench/noise_synthetic.py
bench = dict(
    title="Corrupted test sets of synthetic data",
    models={
        "PGF-Net": "pgf_net/pgf_net_minilm_synthetic.py",
        "MulT": "mult/mult_minilm_synthetic.py",
        "MISA": "misa/misa_minilm_synthetic.py",
        "Text only": "text_only/text_only_minilm_synthetic.py",
    },
    # Sequences have 10 to 40 steps, and every step carries the same signal.
    corruptions={
        "noise added, SNR in dB": dict(
            transform=dict(type="GaussianNoise"),
            vary="snr_db",
            values=[10, 0, -10, "-inf"],
        ),
        "missing steps of audio and vision, share": dict(
            transform=dict(type="MissingSteps"),
            vary=["rate.audio", "rate.vision"],
            values=[0.25, 0.5, 0.75, 1.0],
        ),
        "missing audio, share of utterances": dict(
            transform=dict(type="MissingModality"), vary="rate.audio", values=[0.5, 1.0]
        ),
        "missing vision, share of utterances": dict(
            transform=dict(type="MissingModality"), vary="rate.vision", values=[0.5, 1.0]
        ),
        "audio and vision too late, steps": dict(
            transform=dict(type="TimeShift"),
            vary=["steps.audio", "steps.vision"],
            values=[2, 4, 8, 16],
        ),
    },
    seeds=[0, 1, 2, 3, 4],
    reference="Text only",
)
train_cfg = dict(by_epoch=True, max_epochs=5, val_interval=1)
