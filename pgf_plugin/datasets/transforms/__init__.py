"""Transforms of samples, which a dataset applies in order (``transforms=[dict(type=…), …]``)."""

from pgf_plugin.datasets.transforms.align import AlignToText, TimesUnknownWarning
from pgf_plugin.datasets.transforms.base import (
    EpochUnknownWarning,
    RandomTransform,
    SampleTransform,
)
from pgf_plugin.datasets.transforms.crop import CropSteps
from pgf_plugin.datasets.transforms.downsample import DownsampleSteps
from pgf_plugin.datasets.transforms.missing_modality import MissingModality, ModalityDropout
from pgf_plugin.datasets.transforms.missing_steps import MissingSteps
from pgf_plugin.datasets.transforms.noise import GaussianNoise
from pgf_plugin.datasets.transforms.normalize import NormalizeFeatures
from pgf_plugin.datasets.transforms.pipeline import SamplePipeline
from pgf_plugin.datasets.transforms.shift import TimeShift
from pgf_plugin.datasets.transforms.shuffle import ShuffleSteps

__all__ = [
    "AlignToText",
    "CropSteps",
    "DownsampleSteps",
    "EpochUnknownWarning",
    "GaussianNoise",
    "MissingModality",
    "MissingSteps",
    "ModalityDropout",
    "NormalizeFeatures",
    "RandomTransform",
    "SamplePipeline",
    "SampleTransform",
    "ShuffleSteps",
    "TimeShift",
    "TimesUnknownWarning",
]
