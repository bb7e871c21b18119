"""One model that answers in several threads at once, as behind a web server."""

from concurrent.futures import ThreadPoolExecutor

import torch
from contract import SUBJECTS, batch, build, close, parametrize, predict
from random_batch import perturbed
from wrapped import ADAPTED

from pgf_plugin.models import build_module

THREADS = 4
CALLS = 40
KEEPS_STATES = ("MMSAModel(mfn)", "MMSAModel(graph_mfn)")
"""Modules of MMSA that keep the states of a call in themselves."""


def assert_answers_are_those_of_one_thread(model, inputs):
    expected = [predict(model, each) for each in inputs]
    with ThreadPoolExecutor(THREADS) as pool:
        calls = [pool.submit(predict, model, inputs[call % len(inputs)]) for call in range(CALLS)]
    for number, call in enumerate(calls):
        close(call.result(), expected[number % len(inputs)])


@parametrize(texts=True, names=[name for name in SUBJECTS if name not in KEEPS_STATES])
def test_threads_do_not_disturb_each_other(name, encoder):
    inputs = [batch(encoder=encoder, seed=seed) for seed in range(3)]
    assert_answers_are_those_of_one_thread(build(name, encoder=encoder), inputs)


def test_threads_with_a_wrapped_model_do_not_disturb_each_other():
    torch.manual_seed(0)
    model = perturbed(build_module(ADAPTED)).eval()
    inputs = [batch(encoder={"type": "HFTextEncoder"}, seed=seed) for seed in range(3)]
    assert_answers_are_those_of_one_thread(model, inputs)
