"""``compile=dict(dynamic=True)`` of a config: mmengine's Runner compiles ``train_step`` so."""

import pytest
import torch
from contract import untrained
from mmengine.optim import OptimWrapper
from random_batch import labelled, random_inputs
from torch import nn
from torch._dynamo.utils import counters

SAMPLES = 4
STEPS = 8
LAST_NEW = 4
"""Steps after which nothing may be compiled any more, though each batch has lengths of its own.

Where two modalities of a batch are equally long, torch takes the lengths for one, and compiles once
more when they differ.
"""


def batches():
    random = torch.Generator().manual_seed(1)
    for _ in range(STEPS):
        lengths = {
            name: torch.randint(2, 20, (SAMPLES,), generator=random).tolist()
            for name in ("text", "audio", "vision")
        }
        yield random_inputs(lengths, tokens=True)


def train(name, compiled=False):
    """Losses of a few steps, and how many graphs there were after each."""
    model = untrained(name).train()
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0  # compiled code draws other random numbers
        if hasattr(module, "attention_dropout"):
            module.attention_dropout = 0.0
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optim_wrapper = OptimWrapper(torch.optim.SGD(trained, lr=1e-3))
    step = model.train_step
    if compiled:  # without generating code, which takes minutes: lengths upset the tracing
        step = torch.compile(step, dynamic=True, backend="eager")
    losses, graphs = [], []
    for inputs in batches():
        data = {"inputs": inputs, "data_samples": labelled(SAMPLES)}
        losses.append(step(data, optim_wrapper)["loss"].item())
        graphs.append(counters["stats"]["unique_graphs"])
    return losses, graphs


@pytest.fixture(autouse=True)
def nothing_compiled():
    torch._dynamo.reset()
    counters.clear()
    yield
    torch._dynamo.reset()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of torch's compiler, about itself
@pytest.mark.parametrize("name", ["PGFNet", "MulT", "MISA"])
def test_batches_of_any_length_are_compiled_once(name):
    expected, none = train(name)
    assert not any(none)
    losses, graphs = train(name, compiled=True)
    assert losses == pytest.approx(expected, rel=1e-4)
    assert 0 < graphs[LAST_NEW] <= 25
    assert graphs[LAST_NEW:] == [graphs[LAST_NEW]] * (STEPS - LAST_NEW)
