"""Models to be wrapped, and configs of their wrappers, small and with random weights."""

import torch
from mmengine.model import BaseModel
from random_batch import DIMS, architecture, random_inputs
from torch import nn

from pgf_plugin.models import build_module

QUERIES = r"re:.*\.layer\.\d\.attention\.self\.(query|value)"
TEXT = {
    "type": "PGFWrapper",
    "model": {
        "type": "HFModel",
        "auto_class": "AutoModelForSequenceClassification",
        "architecture": architecture(hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0),
        "num_labels": 1,
    },
    "layers": "bert.encoder.layer.*",
    "feature_dims": DIMS,
}
ADAPTED = {
    **TEXT,
    "lora": {"targets": QUERIES, "rank": 2},
    "head": "classifier.*",
    "trainable": "bert.pooler.**",
}
IMAGE = {
    "type": "PGFWrapper",
    "model": {
        "type": "HFModel",
        "auto_class": "AutoModelForImageClassification",
        "architecture": {
            "model_type": "vit",
            "image_size": 8,
            "patch_size": 4,
            "hidden_size": 16,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "intermediate_size": 32,
        },
        "num_labels": 1,
    },
    "model_inputs": {"pixel_values": "image"},
    "layers": "vit.layers.*",
    "feature_dims": DIMS,
}


class TupleLayer(nn.Module):
    """Returns its states first in a tuple, as layers that also return their attention do."""

    def __init__(self, returns=tuple):
        super().__init__()
        self.linear = nn.Linear(6, 6)
        self.returns = returns

    def forward(self, states):
        changed = states + self.linear(states).tanh()
        if self.returns is tuple:
            return changed, "attention"
        return {"states": changed} if self.returns is dict else changed.unsqueeze(1)


class TupleNet(nn.Module):
    """A plain module of somebody else's, which takes audio itself and returns a tuple."""

    def __init__(self, returns=tuple):
        super().__init__()
        self.stack = nn.ModuleList(TupleLayer(returns) for _ in range(2))
        self.norm = nn.BatchNorm1d(6)
        self.out = nn.Linear(6, 2)

    def init_weights(self):
        """Means something else than mmengine's method: it would undo what was trained."""
        for parameter in self.parameters():
            torch.nn.init.zeros_(parameter)

    def forward(self, text, audio=None):
        states = text[..., :6] + (0 if audio is None else audio.mean())
        for layer in self.stack:
            answer = layer(states)
            states = answer[0] if isinstance(answer, tuple) else answer
        return states, self.out(self.norm(states.mean(1)))


class TheirModel(BaseModel):
    """A model of mmengine's kind, which has losses of its own."""

    def __init__(self):
        super().__init__()
        self.net = TupleNet()
        self.seen = []

    def init_weights(self):
        self.seen.append("init_weights")

    def forward(self, inputs, data_samples=None, mode="tensor"):
        self.seen.append((sorted(inputs) if isinstance(inputs, dict) else "tensor", mode))
        text = inputs["text"] if isinstance(inputs, dict) else inputs
        scores = self.net(text)[1]
        if mode == "loss":
            return {"loss_theirs": scores.square().mean()}
        return data_samples if mode == "predict" else scores


class StepNet(nn.Module):
    """Lets ``run`` call each of its layers, and has one that it never calls."""

    def __init__(self, run=lambda layer, states: layer(states)):
        super().__init__()
        self.enter = nn.Linear(12, 6)
        self.stack = nn.ModuleList(nn.Sequential(nn.Linear(6, 6), nn.Tanh()) for _ in range(2))
        self.unused = nn.Linear(6, 6)
        self.out = nn.Linear(6, 1)
        self.run = run

    def forward(self, text):
        states = self.enter(text)
        for layer in self.stack:
            states = self.run(layer, states)
        return self.out(states.mean(1))


class TorchNet(nn.Module):
    """torch's own transformer layers, in their ``stack`` or one by one, without dropout."""

    def __init__(self, stacked=True, norm_first=False):
        super().__init__()
        self.enter = nn.Linear(12, 8)
        layer = nn.TransformerEncoderLayer(
            8, 2, 16, dropout=0.0, batch_first=True, norm_first=norm_first
        )
        self.stack = nn.TransformerEncoder(layer, 2, enable_nested_tensor=not norm_first)
        self.out = nn.Linear(8, 1)
        self.stacked = stacked

    def forward(self, text, attention_mask):
        states, padded = self.enter(text), attention_mask == 0
        if self.stacked:
            states = self.stack(states, src_key_padding_mask=padded)
        else:
            for layer in self.stack.layers:
                states = layer(states, src_key_padding_mask=padded)
        return self.out(states[:, 0])


def build(config, seed=0, **changes):
    torch.manual_seed(seed)
    return build_module({**config, **changes})


def image_inputs(*arguments, **options):
    inputs = random_inputs(*arguments, **options)
    generator = torch.Generator().manual_seed(3)
    images = torch.randn(len(inputs["audio"]), 3, 8, 8, generator=generator)
    return {"image": images, **{name: inputs[name] for name in inputs if name[:2] in ("au", "vi")}}


def inputs_for(config, *arguments, **options):
    if config["model"].get("auto_class") == "AutoModelForImageClassification":
        return image_inputs(*arguments, **options)
    return random_inputs(*arguments, tokens=True, **options)
