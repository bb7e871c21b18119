# PGF-Net and the text-only floor on synthetic questions about synthetic scenes:
#   cd examples/vqa && PYTHONPATH=. pgf bench compare.py
bench = dict(
    title="Synthetic visual question answering",
    models={
        "PGF-Net": "pgf_net.py",
        "Text only": "text_only.py",
    },
    seeds=[0, 1],
    metric="Acc",
)
