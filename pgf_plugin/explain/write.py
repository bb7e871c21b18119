"""Prints an explanation, and writes it as data and as pictures."""

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.table import Table

from pgf_plugin.checkpoint_files import AtomicLocalBackend
from pgf_plugin.console import new_table, open_console, print_plain
from pgf_plugin.explain.plot import save_contributions, save_counterfactuals, save_map
from pgf_plugin.explain.study import Explanation
from pgf_plugin.frames import save_parquet
from pgf_plugin.json_files import write_json

_WIDTH = 120


def print_explanation(told: Explanation) -> None:
    """Print the tables and notes to the standard output."""
    console = open_console(None, _WIDTH)
    gates, shares = told.sums.gates.summary(), told.sums.attention.summary()
    parts = told.sums.summary()
    if gates or shares:
        headings = ["layer", "gate mean", "gate std", *(f"{n} attention" for n in shares)]
        headings += [
            *(f"{n} contribution" for n in parts),
            *(f"{n} error s" for n in told.alignment),
        ]
        table = _table("Gates and attention (error: attended, against uniform attention)", headings)
        for layer, called in enumerate(told.layers):
            cells = [gates[key][layer] if gates else None for key in ("mean", "std")]
            cells += [share[layer] for share in shares.values()]
            cells += [float(np.mean(part[layer])) for part in parts.values()]
            row = ["" if cell is None else f"{cell:.3f}" for cell in cells]
            for errors in told.alignment.values():
                one = errors[layer]
                row.append("" if one is None else f"{one.mean:.2f} / {one.uniform_mean:.2f}")
            table.add_row(called, *row)
        console.print(table)
    if told.counterfactuals:
        headings = [
            "edit",
            "mean change of prediction",
            f"change of the {told.measure}",
            "95 % interval",
        ]
        table = _table("Counterfactuals", headings)
        for each in told.counterfactuals:
            interval = f"{each.low:+.3f} to {each.high:+.3f}"
            name = f"{each.edit} {each.modality}"
            table.add_row(name, f"{each.mean_change:.3f}", f"{each.error_change:+.3f}", interval)
        console.print(table)
    for note in told.notes:
        print_plain(console, note)


OWN_FILES = ("maps.npz", "contributions.png", "counterfactuals.png", "attention_[0-9]*.png")


def write_explanation(told: Explanation, folder: Path) -> list[Path]:
    """Write ``explain.json``, ``predictions.parquet``, ``maps.npz`` and pictures; return them."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in OWN_FILES:  # those of an earlier explanation that this one may not have
        for path in folder.glob(name):
            path.unlink()
    files = [folder / "explain.json", folder / "predictions.parquet"]
    write_json(files[0], _content(told))
    save_parquet(_frame(told), files[1])
    if told.maps:
        files.append(folder / "maps.npz")
        buffer = BytesIO()
        np.savez_compressed(buffer, **_arrays(told))
        AtomicLocalBackend().put(buffer.getvalue(), files[-1])
    if told.sums.summary():
        files.append(folder / "contributions.png")
        save_contributions(told, files[-1])
    for number, one in enumerate(told.maps):
        if any(values.shape[2] for values in one.attention.values()):
            files.append(folder / f"attention_{number}.png")
            save_map(one, told.layers, files[-1])
    if told.counterfactuals:
        files.append(folder / "counterfactuals.png")
        save_counterfactuals(told, files[-1])
    return files


def _table(title: str, headings: list[str]) -> Table:
    table = new_table(title)
    for place, heading in enumerate(headings):
        table.add_column(heading, justify="right" if place else "left")
    return table


def _content(told: Explanation) -> dict[str, Any]:
    alignment = {
        name: [None if one is None else one._asdict() for one in errors]
        for name, errors in told.alignment.items()
    }
    return {
        "model": told.model,
        "utterances": len(told.ids),
        "layers": told.layers,
        "measure": told.measure,
        "error": told.error,
        "gates": told.sums.gates.summary(),
        "attention": told.sums.attention.summary(),
        "contributions": told.sums.summary(),
        "alignment": alignment,
        "counterfactuals": [each.numbers() for each in told.counterfactuals],
        "maps": [{"id": one.id, "tokens": one.tokens} for one in told.maps],
        "notes": told.notes,
    }


def _frame(told: Explanation) -> pd.DataFrame:
    """One row an utterance: id, label, prediction, and that of each edit; see :func:`_columns`."""
    columns: dict[str, Any] = {"id": told.ids, **_columns("label", told.labels)}
    columns |= _columns("prediction", told.predictions)
    for each in told.counterfactuals:
        columns |= _columns(f"{each.edit}_{each.modality}", each.predictions)
    return pd.DataFrame(columns)


def _columns(name: str, values: NDArray) -> dict[str, NDArray]:
    """``name`` to (N, 1) values; of several, ``name_0``, ``name_1``, …."""
    if values.shape[1] == 1:
        return {name: values[:, 0]}
    return {f"{name}_{number}": column for number, column in enumerate(values.T)}


def _arrays(told: Explanation) -> dict[str, Any]:
    arrays: dict[str, Any] = {}
    for number, one in enumerate(told.maps):
        arrays[f"{number}_token_seconds"] = one.centres
        arrays |= {f"{number}_{name}": values for name, values in one.attention.items()}
        arrays |= {f"{number}_{name}_seconds": times for name, times in one.step_times.items()}
    return arrays
