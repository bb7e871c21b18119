# CMU-MOSI over MPNet as in mosi_mpnet.py, with a learning rate that does not fall and weights that
# are averaged over more epochs; three seeds.
#   pgf bench bench/mosi_mpnet_constant.py --data-root DIR --encoder PATH_OF_ALL_MPNET_BASE_V2
_base_ = "../_base_/schedules/averaged_constant.py"
bench = dict(
    title="CMU-MOSI over MPNet, constant learning rate",
    models={
        "PGF-Net": dict(
            config="pgf_net/pgf_net_mpnet_mosi.py",
            optim_wrapper=dict(optimizer=dict(lr=8e-4)),
        ),
        "Text only": dict(
            config="text_only/text_only_mpnet_mosi.py",
            optim_wrapper=dict(optimizer=dict(lr=7e-4)),
        ),
    },
    seeds=[0, 1, 2],
    reference="Text only",
)
