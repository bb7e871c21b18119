"""Datasets, the collate function and the sampler."""

from pgf_plugin.datasets.base import BaseMSADataset
from pgf_plugin.datasets.collate import msa_collate
from pgf_plugin.datasets.msa_dataset import MSADataset
from pgf_plugin.datasets.samplers import LengthBucketSampler
from pgf_plugin.datasets.synthetic import SyntheticMSADataset

__all__ = [
    "BaseMSADataset",
    "LengthBucketSampler",
    "MSADataset",
    "SyntheticMSADataset",
    "msa_collate",
]
