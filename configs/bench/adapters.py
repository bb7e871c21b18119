# Adapters that differ from layer to layer, or choose between experts for each token, on synthetic
# data: PGF-Net's first open question, at one budget.
#   pgf bench bench/adapters.py
# The embedded encoder has 6 layers of width D = 384. An adapter of bottleneck b has b (2 D + 1) +
# 3 D + 1 parameters: six of b = 64, a sum of 384, have 302,214. Where three layers alone have one,
# the norms left out pay for 4 more; a router of 4 experts, 4 (D + 1) a layer, costs 2.
# Trainable in total: 814,215 with six adapters, 813,832 with three, 814,227 with experts.
bench = dict(
    title="Heterogeneous and dynamic adapters on synthetic data, one budget",
    models={"PGF-Net": "pgf_net/pgf_net_minilm_synthetic.py"},
    settings={
        "uniform": {},
        "linear, rising": {
            "model.adapter_bottlenecks": dict(rule="linear", first=16, last=112, total=384)
        },
        "linear, falling": {
            "model.adapter_bottlenecks": dict(rule="linear", first=112, last=16, total=384)
        },
        "geometric, rising": {
            "model.adapter_bottlenecks": dict(rule="geometric", first=16, last=128, total=384)
        },
        **{
            f"{name} alone": {
                "model.adapter_layers": layers,
                "model.adapter_bottlenecks": dict(rule="constant", total=388),
            }
            for name, layers in (
                ("lower half", [0, 1, 2]),
                ("upper half", [3, 4, 5]),
                ("every second", [1, 3, 5]),
            )
        },
        **{
            name: {
                "model.block.adapter": dict(
                    type="PGFMixtureOfAdapters",
                    bottleneck=62,
                    num_experts=4,
                    top_k=top_k,
                    init_scale=0.4,
                )
            }
            for name, top_k in (("4 experts", None), ("4 experts, best 2", 2))
        },
    },
    seeds=[0, 1, 2, 3, 4],
    reference="PGF-Net (uniform)",
)
