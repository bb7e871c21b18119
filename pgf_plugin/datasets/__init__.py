"""Datasets, transforms, the collate function and the samplers."""

from pgf_plugin.datasets.base import BaseMSADataset
from pgf_plugin.datasets.collate import msa_collate
from pgf_plugin.datasets.msa_dataset import MSADataset
from pgf_plugin.datasets.samplers import EpochSampler, LengthBucketSampler
from pgf_plugin.datasets.synthetic import SyntheticMSADataset

__all__ = [
    "BaseMSADataset",
    "EpochSampler",
    "LengthBucketSampler",
    "MSADataset",
    "SyntheticMSADataset",
    "msa_collate",
]
