"""Synthetic pictures with a sound, for vision_transformer.py; the two tell the label together."""

import torch
from mmengine.registry import DATASETS
from torch.utils.data import Dataset

from pgf_plugin.structures import MSADataSample

SIZE, STEPS, FEATURES = 16, 8, 4


@DATASETS.register_module()
class ImageAndSound(Dataset):
    """Stripes that lie or stand, and a sound that rises or falls.

    The label is 1 where lying stripes come with a rising sound and standing ones with a falling
    sound, and -1 otherwise: either of the two alone tells nothing of it.

    Args:
        num_samples: number of samples.
        seed: of everything random; splits have seeds of their own.
    """

    def __init__(self, num_samples, seed):
        random = torch.Generator().manual_seed(seed)
        lies, rises = (torch.rand(2, num_samples, generator=random) < 0.5).unbind()
        wave = torch.arange(SIZE).mul(torch.pi / 2).sin()
        rows = wave[:, None].expand(SIZE, SIZE)
        stripes = torch.where(lies[:, None, None], rows, rows.T)[:, None]  # (N, 1, H, W)
        noise = torch.randn(num_samples, 3, SIZE, SIZE, generator=random)
        self.image = stripes + 0.5 * noise
        pitch = torch.linspace(-1, 1, STEPS) * (2.0 * rises[:, None] - 1)  # (N, T)
        noise = torch.randn(num_samples, STEPS, FEATURES, generator=random)
        self.sound = pitch[..., None] + 0.5 * noise
        self.sound[..., 1] = torch.linspace(-1, 1, STEPS)  # the time, which a bank does not know
        self.label = torch.where(lies == rises, 1.0, -1.0)[:, None]

    def __len__(self):
        return len(self.label)

    def __getitem__(self, index):
        inputs = {"image": self.image[index], "sound": self.sound[index]}
        sample = MSADataSample(sample_id=str(index), label=self.label[index])
        return {"inputs": inputs, "data_samples": sample}
