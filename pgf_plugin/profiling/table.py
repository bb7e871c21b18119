"""The tables of a profile, as cells that a terminal and Markdown share."""

from collections.abc import Sequence
from typing import NamedTuple

from pgf_plugin.profiling.components import COMPONENTS, OTHER
from pgf_plugin.profiling.result import ModelProfile, Profile
from pgf_plugin.tables import MISSING, format_count

_SHOWN = [name for name in COMPONENTS if name != OTHER]


class Section(NamedTuple):
    """One table: its title, the headings of its columns, and its rows."""

    title: str
    headings: list[str]
    rows: list[list[str]]


def sections(profile: Profile) -> list[Section]:
    """Sizes, FLOPs an utterance, and what each case costs."""
    models = profile.models
    return [_sizes(models), _work(models), _cells(models), _components(models)]


def notes(profile: Profile) -> list[str]:
    """What the numbers stand on, one line each."""
    environment = profile.environment
    runs = {cell.runs for model in profile.models for cell in model.cells}
    packages = environment.get("packages", {})
    return [
        "Weights are random and the batch is synthetic, every step of it real: this tells what a "
        "model costs, not how good it is. Inference, float32.",
        f"Device: {environment.get('device')} ({environment.get('device_name')}), "
        f"threads: {environment.get('threads')}; Python {environment.get('python')}, "
        + ", ".join(f"{name} {version}" for name, version in packages.items())
        + ".",
        "FLOPs: two a multiply-add (one MAC) in matrix products, convolutions, LSTMs and "
        "attention; element-wise operations are not counted.",
        f"Latency: of {'/'.join(map(str, sorted(runs)))} passes of each model, which take turns. "
        "Peak memory: beyond weights and batch. modalities: what brings audio and vision, and the "
        "text, to the fusion.",
    ]


def lengths_heading(profile: Profile) -> str:
    """``'length'`` where all modalities are alike, else ``'text/audio/vision'``."""
    all_lengths = {work.lengths for model in profile.models for work in model.work}
    return "length" if all(len(set(each)) == 1 for each in all_lengths) else "text/audio/vision"


def _sizes(models: Sequence[ModelProfile]) -> Section:
    headings = ["model", "trainable", "total", "trainable w/o encoder", "weights", "checkpoint"]
    rows = [
        [
            each.label,
            format_count(each.size.trainable),
            format_count(each.size.total),
            format_count(each.size.trainable_without_encoder),
            format_bytes(each.size.weight_bytes),
            format_bytes(each.size.checkpoint_bytes),
        ]
        for each in models
    ]
    return Section("Size", headings, rows)


def _work(models: Sequence[ModelProfile]) -> Section:
    heading = lengths_heading(Profile(list(models)))
    headings = ["model", heading, "GFLOPs", "GMACs", *(f"{name} %" for name in _SHOWN)]
    rows = []
    for place in range(len(models[0].work)):
        for model in models:
            work = model.work[place]
            shares = [
                f"{100 * work.flops[name] / work.total:.1f}" if work.total else MISSING
                for name in _SHOWN
            ]
            giga = [f"{each / 1e9:.3f}" for each in (work.total, work.macs)]
            rows.append([model.label, str(work.lengths), *giga, *shares])
    return Section("Operations an utterance", headings, rows)


def _cells(models: Sequence[ModelProfile]) -> Section:
    first = models[0].label
    headings = ["model", "batch", lengths_heading(Profile(list(models))), "p50 ms", "p95 ms"]
    headings += [f"p50 / {first}"] if len(models) > 1 else []
    headings += ["utterances / s", "peak memory"]
    rows = []
    for place, reference in enumerate(models[0].cells):
        for model in models:
            cell = model.cells[place]
            size, lengths = cell.case
            row = [model.label, str(size), str(lengths), _ms(cell.p50), _ms(cell.p95)]
            row += [f"{cell.p50 / reference.p50:.2f}"] if len(models) > 1 else []
            row += [f"{cell.throughput:.1f}", format_bytes(cell.peak_bytes)]
            rows.append(row)
    return Section("Latency and memory", headings, rows)


def _components(models: Sequence[ModelProfile]) -> Section:
    headings = ["model", "batch", lengths_heading(Profile(list(models)))]
    headings += [f"{name} ms" for name in COMPONENTS]
    rows = []
    for place in range(len(models[0].cells)):
        for model in models:
            cell = model.cells[place]
            size, lengths = cell.case
            times = [_ms(cell.components[name]) for name in COMPONENTS]
            rows.append([model.label, str(size), str(lengths), *times])
    return Section("Time of the components", headings, rows)


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.2f}"


def format_bytes(size: int | None) -> str:
    """``3300521`` -> ``'3.1 MiB'``; a dash where it is not known."""
    return MISSING if size is None else f"{size / 2**20:,.1f} MiB"
