"""``pgf profile``: what models cost in parameters, FLOPs, time and memory, side by side."""

from pgf_plugin.profiling.batch import build_model, synthetic_batch
from pgf_plugin.profiling.case import Case, Lengths, parse_lengths
from pgf_plugin.profiling.flops import count_flops
from pgf_plugin.profiling.result import Cell, ModelProfile, Profile, Work
from pgf_plugin.profiling.run import check_device, profile_configs
from pgf_plugin.profiling.size import Size, measure_size
from pgf_plugin.profiling.write import print_profile, write_profile

__all__ = [
    "Case",
    "Cell",
    "Lengths",
    "ModelProfile",
    "Profile",
    "Size",
    "Work",
    "build_model",
    "check_device",
    "count_flops",
    "measure_size",
    "parse_lengths",
    "print_profile",
    "profile_configs",
    "synthetic_batch",
    "write_profile",
]
