# The text classifier with the blocks and without:  pgf bench compare_text.py
bench = dict(
    title="A text classifier with PGF blocks, on synthetic data",
    models={
        "With PGF blocks": "text_classifier.py",
        "Without": dict(config="text_classifier.py", model=dict(layers=[])),
    },
    seeds=[0],
)
