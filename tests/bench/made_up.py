"""Result folders of trials that no model ran: errors drawn from a known distribution."""

from pathlib import Path
from zlib import crc32

import numpy as np
import pandas as pd

from pgf_plugin.bench import TrialResult
from pgf_plugin.bench.predictions import PREDICTIONS_FILE
from pgf_plugin.bench.result import SCHEMA_VERSION
from pgf_plugin.evaluation import msa_metrics
from pgf_plugin.json_files import write_json

UTTERANCES = 200


def made_up_trial(
    work_dir: Path,
    model: str,
    seed: int,
    *,
    error: float = 0.7,
    dataset: str = "",
    setting: str = "",
    predictions: bool = True,
    **fields,
) -> TrialResult:
    """A finished trial with mean absolute error near ``error``, and its predictions on the disk.

    Utterances are as hard for one model as for another, as on real data.
    """
    labels = np.random.default_rng(1).uniform(-3, 3, UTTERANCES).astype(np.float32)
    hard = np.random.default_rng(2).normal(0, 1, UTTERANCES)
    own_seed = crc32(f"{model} {setting} {seed}".encode())
    own = np.random.default_rng(own_seed).normal(0, 0.3, UTTERANCES)
    errors = hard + own
    errors *= error / np.abs(errors).mean()
    predicted = (labels + errors).astype(np.float32)
    result = TrialResult(
        model,
        seed,
        fields.pop("fingerprint", "f"),
        metrics={k: float(v) for k, v in msa_metrics(predicted, labels).items()},
        trainable=fields.pop("trainable", 1_500_000),
        total=23_000_000,
        trainable_without_encoder=999,
        ms_per_utterance=1.5,
        val_score=error,
        best_epoch=3,
        train_seconds=12.0,
        environment=fields.pop("environment", {"device": "cpu", "packages": {"torch": "2.13"}}),
        dataset=dataset,
        setting=setting,
        **fields,
    )
    folder = result.folder(work_dir)
    folder.mkdir(parents=True, exist_ok=True)
    if predictions:
        ids = [f"video{number // 20}[{number % 20}]" for number in range(UTTERANCES)]
        frame = pd.DataFrame(dict(id=ids, text=ids, label=labels, prediction=predicted))
        frame.to_parquet(folder / PREDICTIONS_FILE)
    return result


def write_results(work_dir: Path, trials: list[TrialResult]) -> Path:
    """Write ``results.json`` as a bench does."""
    content = {"schema_version": SCHEMA_VERSION, "trials": [vars(each) for each in trials]}
    write_json(work_dir / "results.json", content)
    return work_dir
