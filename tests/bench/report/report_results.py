"""Results of trials that were never run, and what they would have left behind."""

import json

import pandas as pd

from pgf_plugin.bench import collect
from pgf_plugin.bench.report import write_report
from pgf_plugin.bench.result import TrialResult

HOSTILE = (
    "</script><script>window.stolen = 1</script><img src=http://example.com/x onerror=alert(1)>"
)
"""Names, texts and messages of a bench may be anything, this too."""

MAES = {"PGF-Net": 0.70, "MulT": 0.90, "MISA": 0.80}
SIZES = {"PGF-Net": 3_000_000, "MulT": 900_000, "MISA": 2_000_000}


def look(layers=2, text="a good film"):
    """Looks of a model of two layers, as they lie in ``looks.json``."""
    share = [[0.25, 0.5], [0.5, 0.25], [1.0, 0.0]]
    utterance = {
        "id": "u1",
        "text": text,
        "label": 1.0,
        "prediction": 0.5,
        "tokens": ["a", "good", "film"],
        "steps": {"audio": 2, "vision": 5},
        "gates": [[0.9, 0.8, 0.7]] * layers,
        "attention": {name: [share] * layers for name in ("audio", "vision")},
    }
    return {
        "schema_version": 1,
        "utterances": 4,
        "first_layer": 1,
        "gates": {
            "mean": [0.9] * layers,
            "std": [0.1] * layers,
            "saturation": [0.3] * layers,
            "groups": [[0.8, 0.9, 1.0]] * layers,
        },
        "attention": {"audio": [0.4] * layers, "vision": [0.6] * layers},
        "maps": [utterance],
    }


def trial(model, seed, shift=0.0, **fields):
    """A finished trial; ``shift`` makes it worse."""
    mae = MAES.get(model, 0.8) + 0.01 * seed + shift
    known = {
        "metrics": {"MAE": mae, "Corr": 0.9 - mae / 2, "Acc7": 0.4, "Acc2_non0": 0.8},
        "val_score": mae,
        "best_epoch": 2,
        "learning_curve": [1.2, mae, 1.0],
        "trainable": SIZES.get(model, 1_000_000),
        "total": 9_000_000,
        "trainable_without_encoder": 40_000,
        "ms_per_utterance": 2.0 + len(model),
        "train_seconds": 100.0,
        "data": {"source": "made up", "note": "Synthetic data: nothing real"},
        "encoder": "tiny",
        "environment": {"device": "cpu", "packages": {"torch": "2.0"}},
    }
    return TrialResult(model, seed, "mark", **{**known, **fields})


def leave_behind(result, work_dir, texts=("a good film", "a bad film", "no film")):
    """Write what a run would have left in the trial's folder."""
    folder = result.folder(work_dir)
    folder.mkdir(parents=True)
    labels = [1.0, -1.0, 0.0]
    frame = pd.DataFrame(
        {
            "id": [f"u{place}" for place in range(3)],
            "text": list(texts),
            "label": labels,
            "prediction": [labels[0] + 0.1, labels[1] + 2.0 + result.seed, labels[2] - 0.5],
        }
    )
    frame.to_parquet(folder / "predictions.parquet")
    (folder / "looks.json").write_text(json.dumps(look(text=texts[0])))


def page_of(results, work_dir, title, *, reference="", **kwargs):
    """Write the report as a bench does, and return its path."""
    return write_report(collect(results, work_dir, reference), results, work_dir, title, **kwargs)
