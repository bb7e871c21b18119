# Somebody else's model beside PGF-Net and the text-only floor, on synthetic data:
#   pgf bench compare.py
bench = dict(
    title="A third-party model on synthetic data",
    models={
        "PGF-Net": "pgf_net/pgf_net_minilm_synthetic.py",
        "Mean fusion": dict(
            config="text_only/text_only_minilm_synthetic.py",
            model=dict(type="MeanFusionNet"),
        ),
        "Text only": "text_only/text_only_minilm_synthetic.py",
    },
    seeds=[0, 1],
)
