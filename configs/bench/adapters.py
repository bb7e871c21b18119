# Adapters that differ from layer to layer, or choose between experts for each token, on synthetic
# data: PGF-Net's first open question, at one budget.
#   pgf bench bench/adapters.py
# The embedded encoder has 6 layers of width D = 384. An adapter of bottleneck b has b (2 D + 1) +
# 3 D + 1 parameters: six of b = 64, a sum of 384, have 302,214. Where three layers alone have one,
# the norms left out pay for 4 more; a router of 4 experts, 4 (D + 1) a layer, costs 2.
# Trainable in total: 814,215 with six adapters, 813,832 with three, 814,227 with experts.
pgf_net = "pgf_net/pgf_net_minilm_synthetic.py"
budget = 384
experts = dict(type="PGFMixtureOfAdapters", bottleneck=62, num_experts=4, init_scale=0.4)
half = dict(rule="constant", total=budget + 4)
bench = dict(
    title="Heterogeneous and dynamic adapters on synthetic data, one budget",
    models={
        "Uniform": pgf_net,
        "Linear, rising": dict(
            config=pgf_net,
            model=dict(adapter_bottlenecks=dict(rule="linear", first=16, last=112, total=budget)),
        ),
        "Linear, falling": dict(
            config=pgf_net,
            model=dict(adapter_bottlenecks=dict(rule="linear", first=112, last=16, total=budget)),
        ),
        "Geometric, rising": dict(
            config=pgf_net,
            model=dict(
                adapter_bottlenecks=dict(rule="geometric", first=16, last=128, total=budget)
            ),
        ),
        "Lower half": dict(
            config=pgf_net, model=dict(adapter_layers=[0, 1, 2], adapter_bottlenecks=half)
        ),
        "Upper half": dict(
            config=pgf_net, model=dict(adapter_layers=[3, 4, 5], adapter_bottlenecks=half)
        ),
        "Every second": dict(
            config=pgf_net, model=dict(adapter_layers=[1, 3, 5], adapter_bottlenecks=half)
        ),
        "4 experts": dict(config=pgf_net, model=dict(block=dict(adapter=experts))),
        "4 experts, best 2": dict(
            config=pgf_net, model=dict(block=dict(adapter=dict(experts, top_k=2)))
        ),
    },
    seeds=[0, 1, 2, 3, 4],
    reference="Uniform",
)
del pgf_net, budget, experts, half  # shared by the rows, and no key of the config
