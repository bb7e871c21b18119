# The vision transformer with the blocks and without:  PYTHONPATH=. pgf bench compare_vision.py
bench = dict(
    title="A vision transformer with PGF blocks, on synthetic pictures and sounds",
    models={
        "With PGF blocks": "vision_transformer.py",
        "Without": dict(config="vision_transformer.py", model=dict(layers=[])),
    },
    seeds=[0],
)
