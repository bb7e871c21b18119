default_scope = "pgf_plugin"
default_hooks = dict(
    timer=dict(type="IterTimerHook"),
    logger=dict(type="LoggerHook", interval=10),
    param_scheduler=dict(type="ParamSchedulerHook"),
    # The checkpoint that is tested: best validation MAE, never the test set's. Two more are kept to
    # resume from: should the newest be damaged, there is the one before.
    checkpoint=dict(type="SafeCheckpointHook", interval=1, max_keep_ckpts=2, save_best="MAE"),
    exact_resume=dict(type="ExactResumeHook"),
    sampler_seed=dict(type="DistSamplerSeedHook"),
)
env_cfg = dict(cudnn_benchmark=False, dist_cfg=dict(backend="nccl"))
vis_backends = [dict(type="LocalVisBackend")]
visualizer = dict(type="Visualizer", vis_backends=vis_backends)
log_processor = dict(window_size=10)
log_level = "INFO"
load_from = None
resume = False
randomness = dict(seed=0)
