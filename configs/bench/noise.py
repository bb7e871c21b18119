# Noise: planted audio and vision over the real transcripts of CMU-MOSI, that carry the label at
# 0 dB, at -10 dB, or not at all, for two fusions of sequences, PGF-Net and the text alone.
#   pgf bench bench/noise.py --data-root DIR [--encoder PATH_OF_E5_SMALL]
bench = dict(
    title="Noise: planted audio and vision on CMU-MOSI's transcripts",
    models={
        "PGF-Net": "pgf_net/pgf_net_mosi_text-audio.py",
        # What is louder than in the training then adds no more than that did.
        "PGF-Net, bank normalised": dict(
            config="pgf_net/pgf_net_mosi_text-audio.py", model=dict(bank=dict(norm=True))
        ),
        "MulT": "mult/mult_mosi_text-audio.py",
        "MISA": "misa/misa_mosi_text-audio.py",
        "Text only": "text_only/text_only_mosi_text-audio.py",
    },
    datasets={
        name: dict(config="mosi_planted", dataset=dict(planted=dict(snr_db=snr_db)))
        for name, snr_db in (("0 dB", 0.0), ("-10 dB", -10.0), ("noise", "-inf"))
    },
    # Of the test set alone; what a model was trained on stays as it is.
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
        "missing audio and vision, share of utterances": dict(
            transform=dict(type="MissingModality"), vary="rate", values=[0.25, 0.5, 0.75, 1.0]
        ),
        "audio and vision too late, seconds": dict(
            transform=dict(type="TimeShift", rate=dict(audio=20.0, vision=15.0)),
            vary=["seconds.audio", "seconds.vision"],
            values=[0.3, 0.6, 1.2, 2.4],
        ),
    },
    seeds=[0, 1, 2, 3, 4],
    reference="Text only",
)
# The models' own configs know audio alone.
model = dict(feature_dims=dict(audio=5, vision=20))
