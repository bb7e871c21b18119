# CMU-MOSI: real transcripts, labels and utterance-level audio, standard split, no vision (the
# vision vectors of that file were extracted by a network that saw part of the test set).
_base_ = [
    "../_base_/datasets/mosi_utterances.py",
    "../_base_/schedules/onecycle.py",
    "../_base_/default_runtime.py",
]
model = dict(
    encoder=dict(pretrained=_base_.encoder),
    feature_dims=dict(_delete_=True, **_base_.feature_dims),
)
bench = dict(
    title="CMU-MOSI, text and utterance-level audio",
    models={
        "PGF-Net": "pgf_net/pgf_net_minilm_synthetic.py",
        "MulT": "mult/mult_minilm_synthetic.py",
        "MISA": "misa/misa_minilm_synthetic.py",
        "Text only": "text_only/text_only_minilm_synthetic.py",
    },
    seeds=[0, 1, 2],
)
