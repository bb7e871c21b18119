"""Synthetic visual question answering: a question about one region of a scene of several.

A scene has ``num_regions`` regions. Each has a shape, a colour, a size and a position and is seen
as one feature vector,

    x = P [shape ; colour ; size ; position] + noise,

with one-hot attributes, a random projection P that all splits of a seed share, and white noise. A
question names two attributes of a region, which no other region has together, and asks for a
third. Every question is asked equally often with each of its four answers, so that it tells
nothing of the answer: without the regions, no model is right more often than :data:`CHANCE`.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.random import Generator, default_rng
from numpy.typing import NDArray

from pgf_plugin.arguments import checked_arguments, one_of, optional
from pgf_plugin.datasets import checks
from pgf_plugin.datasets.base import BaseMSADataset
from pgf_plugin.datasets.features import FeatureTable, RaggedArray
from pgf_plugin.datasets.transforms.pipeline import TransformLike
from pgf_plugin.errors import ConfigError, check_one_of, check_positive, check_positive_int
from pgf_plugin.registry import DATASETS

ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "shape": ("circle", "square", "triangle", "star"),
    "colour": ("red", "blue", "green", "yellow"),
    "size": ("small", "large"),
    "position": ("top left", "top right", "bottom left", "bottom right"),
}
"""Attributes of a region and their values."""

ASKED = ("colour", "shape", "position")
"""Attributes that can be asked for, each with four values."""

CHANCE = 1 / 4
"""Accuracy of the best answer to a question alone."""

SPLITS = ("train", "val", "test")
DEFAULT_SIZES = {"train": 1920, "val": 192, "test": 384}
_VALUES = 4


class Question(NamedTuple):
    """A question.

    Attributes:
        text: in words.
        asked: the attribute that is asked for.
        named: the two attributes by which the region is named, and their values.
    """

    text: str
    asked: str
    named: dict[str, int]


class VQASplit(NamedTuple):
    """Generated questions and scenes, N of each.

    Attributes:
        questions: the questions.
        regions: (N, R, 4) value of each attribute of each region, in the order of ATTRIBUTES.
        target: (N,) the region that is asked for.
        answers: (N,) number of the answer in :func:`answers_of` what is asked.
        features: (N, R, D) what is seen of the regions.
    """

    questions: list[Question]
    regions: NDArray[np.int64]
    target: NDArray[np.int64]
    answers: NDArray[np.int64]
    features: NDArray[np.float32]


def answers_of(asked: Sequence[str]) -> tuple[str, ...]:
    """All answers to questions for the attributes ``asked``, in the order of their numbers."""
    return tuple(value for name in asked for value in ATTRIBUTES[name])


def every_question(asked: Sequence[str]) -> list[Question]:
    """All questions for the attributes ``asked``: eight for each."""
    questions = []
    for number, size in enumerate(ATTRIBUTES["size"]):
        for place, shape in enumerate(ATTRIBUTES["shape"]):
            named = {"size": number, "shape": place}
            questions += [
                Question(f"what colour is the {size} {shape}?", "colour", named),
                Question(f"where is the {size} {shape}?", "position", named),
            ]
        for place, colour in enumerate(ATTRIBUTES["colour"]):
            named = {"size": number, "colour": place}
            text = f"what shape is the {size} {colour} object?"
            questions.append(Question(text, "shape", named))
    return [question for question in questions if question.asked in asked]


def generate(
    split: str,
    count: int,
    seed: int = 0,
    asked: Sequence[str] = ("colour",),
    num_regions: int = 4,
    vision_dim: int = 32,
    noise: float = 0.1,
) -> VQASplit:
    """Draw a split; the splits of a seed share the projection and are disjoint streams otherwise.

    Args:
        split: ``'train'``, ``'val'`` or ``'test'``.
        count: questions, a multiple of 32 for each attribute that is asked for: of the eight
            questions with each of their four answers.
        seed: of everything random.
        asked: attributes that are asked for, of :data:`ASKED`.
        num_regions: regions of a scene, 2 to 4: no two have the same position.
        vision_dim: features D of a region.
        noise: standard deviation of the noise of one feature; those of P are about 1.
    """
    widths = [len(values) for values in ATTRIBUTES.values()]
    projection = default_rng([seed, 0]).standard_normal((sum(widths), vision_dim))
    rng = default_rng([seed, 1 + SPLITS.index(split)])
    cells = [(question, answer) for question in every_question(asked) for answer in range(_VALUES)]
    order = rng.permutation(count) % len(cells)
    target = rng.integers(0, num_regions, count)
    questions = [cells[place][0] for place in order]
    values = [cells[place][1] for place in order]
    regions = np.stack(
        [
            _draw_scene(rng, question, value, place, num_regions)
            for question, value, place in zip(questions, values, target, strict=True)
        ]
    )
    offsets = np.cumsum([0, *widths[:-1]])
    seen = projection[regions + offsets].sum(axis=2)  # (N, R, D)
    features = seen + noise * rng.standard_normal(seen.shape)
    firsts = [_VALUES * asked.index(question.asked) for question in questions]
    answers = np.array(firsts) + np.array(values)
    return VQASplit(questions, regions, target, answers, features.astype(np.float32))


def _draw_scene(
    rng: Generator, question: Question, value: int, target: int, num_regions: int
) -> NDArray[np.int64]:
    """Regions (R, 4) of which ``target`` alone fits the question, and has the answer ``value``."""
    names = list(ATTRIBUTES)
    fixed = {**question.named, question.asked: value}
    regions = np.empty((num_regions, len(names)), np.int64)
    for row in range(num_regions):
        while True:
            drawn = {name: int(rng.integers(len(ATTRIBUTES[name]))) for name in names}
            if row == target or any(drawn[n] != v for n, v in question.named.items()):
                break
        regions[row] = list((drawn | fixed if row == target else drawn).values())
    # No two regions at one place, and that of the answer is fixed.
    places = rng.permutation(len(ATTRIBUTES["position"]))
    if question.asked == "position":
        other = int(np.flatnonzero(places == value)[0])
        places[[target, other]] = places[[other, target]]
    regions[:, names.index("position")] = places[:num_regions]
    return regions


def _check_count(arguments: Mapping[str, Any]) -> None:
    count, cells = arguments["num_samples"], _VALUES * len(every_question(arguments["asked"]))
    if count is not None and count % cells:
        raise ConfigError(
            f"num_samples must be a multiple of {cells}, so that every question has each of its "
            f"answers equally often, got {count}"
        )


def _check_asked(key: str, value: Any) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, Sequence) or not value:
        raise ConfigError(f"{key} must be a list of attributes, of {list(ASKED)}, got {value!r}")
    for name in value:
        check_one_of(f"an attribute of {key}", name, ASKED)
    if len(set(value)) < len(value):
        raise ConfigError(f"{key} has an attribute twice: {list(value)!r}")
    return tuple(value)


def _check_regions(key: str, value: Any) -> int:
    if check_positive_int(key, value, at_least=2) > 4:
        raise ConfigError(f"{key} must be at most 4, one a position, got {value}")
    return value


@DATASETS.register_module()
class SyntheticVQADataset(BaseMSADataset):
    """Synthetic questions about scenes of regions, as in :func:`generate`.

    The question is the text, the regions are the steps of ``'vision'``, in no order that means
    anything; the label is the number of the answer in :func:`answers_of` what is asked.

    Args:
        split: ``'train'``, ``'val'`` or ``'test'``.
        num_samples: questions, a multiple of 32 for each attribute that is asked for; None for
            1920 / 192 / 384.
        seed: of everything random.
        asked: attributes that are asked for, of :data:`ASKED`, which is harder.
        tokenizer: encoder whose tokenizer turns questions into ``input_ids``.
        modalities: ``'text'``, ``'vision'`` or both.
        num_regions: regions of a scene, 2 to 4.
        vision_dim: features of a region.
        noise: standard deviation of the noise of one feature.
        max_tokens: longer questions are cut.
        lower_case: whether questions are lower-cased; they are.
        transforms: what becomes of a sample, see :mod:`pgf_plugin.datasets.transforms`.

    Raises:
        ValueError: for an argument outside its range.
    """

    @checked_arguments(
        _check_count,
        split=one_of(*SPLITS),
        num_samples=optional(check_positive_int),
        seed=partial(check_positive_int, at_least=0),
        modalities=checks.check_used,
        asked=_check_asked,
        num_regions=_check_regions,
        vision_dim=check_positive_int,
        noise=check_positive,
        max_tokens=check_positive_int,
    )
    def __init__(
        self,
        split: str,
        num_samples: int | None = None,
        seed: int = 0,
        asked: Sequence[str] = ("colour",),
        tokenizer: str | None = None,
        modalities: Sequence[str] = ("text", "vision"),
        num_regions: int = 4,
        vision_dim: int = 32,
        noise: float = 0.1,
        max_tokens: int = 32,
        lower_case: bool = False,
        transforms: Sequence[TransformLike] = (),
    ) -> None:
        count = num_samples or DEFAULT_SIZES[split]
        self.scenes = generate(split, count, seed, asked, num_regions, vision_dim, noise)
        steps = self.scenes.features.reshape(-1, vision_dim)  # (N * R, D)
        table = FeatureTable(
            source="the synthetic scenes",
            ids=[f"synthetic-vqa-{seed}-{split}-{row:05d}" for row in range(count)],
            texts=[question.text for question in self.scenes.questions],
            labels=self.scenes.answers.astype(np.float32)[:, None],
            sequences={"vision": RaggedArray.from_lengths(steps, np.full(count, num_regions))},
            splits={"split": np.full(count, split)},
        )
        super().__init__(
            table,
            modalities=modalities,
            tokenizer=tokenizer,
            max_tokens=max_tokens,
            lower_case=lower_case,
            label_range=(0.0, len(answers_of(asked)) - 1.0),
            transforms=transforms,
        )
        self.split = split

    def describe(self) -> dict[str, Any]:
        """Add that the data are synthetic, and what chance is."""
        return {
            **super().describe(),
            "synthetic": True,
            "chance_accuracy": CHANCE,
            "note": (
                f"Synthetic scenes and questions ({len(self)} of {self.split}): the question alone "
                f"gives {CHANCE:.0%} accuracy at most"
            ),
        }
