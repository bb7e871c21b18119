# MMA's published settings for MOSEI, the best stand-in for what the PGF-Net paper leaves out.
_base_ = "paper_mosi.py"
optim_wrapper = dict(optimizer=dict(lr=2e-4))
