"""How long a run will take: timed on a few of its own sentences, on this machine, before it."""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wordweights.attribution import attribute
from wordweights.attribution.alignment import tokenise
from wordweights.attribution.store import ATTRIBUTIONS, open_collection
from wordweights.attribution.table import _key as sentence_key
from wordweights.encoders import Encoder, load_encoder
from wordweights.pipeline.declared import declared_parameters, read_values
from wordweights.pipeline.parameters import as_names
from wordweights.pipeline.profiles import Profile
from wordweights.words.sentences import filter_sentences, load_sentences

WORTH_SAYING = 60.0
"""Seconds from which a run is announced."""

_OPTIONS = ("n_steps", "probes", "seed")  # of chapters, handed on to attribute()
_NEEDED = {"sentences", "encoders", "probes"}  # what a chapter declares that weighs all sentences


@dataclass(frozen=True)
class Workload:
    """What one encoder has to compute.

    Attributes
    ----------
    encoder : str
        Its name.
    sentences : int
        Distinct sentences.
    left : int
        Those of them that are not stored yet.
    rate : float
        Seconds for one of them, as measured; 0 when nothing is left to compute.
    """

    encoder: str
    sentences: int
    left: int
    rate: float

    @property
    def seconds(self) -> float:
        """Seconds for all that is left."""
        return self.left * self.rate


def estimate_attribution(
    encoder: Encoder, sentences: Sequence[str], rate: float | None = None, **options: Any
) -> Workload:
    """Estimate how long it takes to attribute sentences, by attributing two that are not stored.

    The first warms the machine up. The second is timed, and timed again when it is stored: what is
    left of its time is set-up, which does not grow with the number of sentences. Both results are
    kept, so nothing is computed twice.

    Parameters
    ----------
    encoder : Encoder
        Whose contributions.
    sentences : Sequence[str]
        Texts.
    rate : float | None
        Seconds a sentence, where it is known; None measures it.
    **options : Any
        As for :func:`wordweights.attribute`.

    Returns
    -------
    Workload
        Without what is stored, the two included.
    """
    distinct, left = _unstored(encoder, sentences, **options)
    if rate is None:
        rate = 0.0
        # of middle length, and the shorter one first
        timed = left[max(0, len(left) // 2 - 1) :][:2]
        for text in timed:
            fresh = _seconds(encoder, text, **options)
            rate = max(0.0, fresh - _seconds(encoder, text, **options))
        left = [text for text in left if text not in timed]
    return Workload(encoder.name, distinct, len(left), rate if left else 0.0)


def estimate_run(
    root: Path, profile: Profile, overrides: Mapping[str, Any] | None = None
) -> list[Workload]:
    """Estimate the attributions of a run, the part that takes most of its time.

    Parameters
    ----------
    root : Path
        The checkout.
    profile : Profile
        What will be run.
    overrides : Mapping[str, Any] | None
        Values that replace those of the profile.

    Returns
    -------
    list[Workload]
        One an encoder; none when no chapter of the run weighs all sentences, and none when a
        cluster does, whose rate is not that of this machine. Encoders of the same shape are timed
        once.
    """
    folder = root / "notebooks"
    declared = {n: declared_parameters(folder / f"{n}.ipynb") for n in profile.chapters}
    given = read_values(root, profile, overrides or {}, declared)
    weighing = [parameters for parameters in declared.values() if set(parameters) >= _NEEDED]
    if not weighing:
        return []
    values = {name: p.default for name, p in weighing[0].items()}
    values |= {name: value for name, value in given.items() if name in values}
    if values.get("cluster") is not None:
        return []
    models = [load_encoder(name) for name in as_names(values["encoders"])]
    table = filter_sentences(
        load_sentences(values["sentences"]),
        [model.tokenizer for model in models],
        values.get("n_words"),
        values.get("limit"),
    )
    options = {name: values[name] for name in _OPTIONS if name in values}
    rates: dict[str, float] = {}
    workloads = []
    for model in models:
        shape = _shape(model)
        found = estimate_attribution(model, table["sentence"].tolist(), rates.get(shape), **options)
        if found.left:
            rates.setdefault(shape, found.rate)
        workloads.append(found)
    return workloads


def describe_workloads(workloads: Sequence[Workload]) -> str:
    """Say how long a run will take, and what of.

    Parameters
    ----------
    workloads : Sequence[Workload]
        One an encoder.

    Returns
    -------
    str
        One line, and one an encoder.
    """
    total = sum(workload.seconds for workload in workloads)
    if not workloads:
        return (
            "These chapters attribute no set of sentences on this machine, so there is nothing to "
            "time here."
        )
    if not any(workload.left for workload in workloads):
        return "No attribution is left to compute: all are stored."
    lines = [
        f"{w.encoder}: {w.sentences:,} distinct sentences, {w.left:,} left to compute"
        + (f", {w.rate:.2g} s each" if w.left else "")
        for w in workloads
    ]
    head = f"The attributions will take about {_duration(total)}, by a rate measured just now."
    return "\n  ".join([head, *lines])


def _unstored(encoder: Encoder, sentences: Sequence[str], **options: Any) -> tuple[int, list[str]]:
    """Count the distinct sentences, and find those that are not stored, by rising length."""
    settings = attribute(encoder, [], progress=False, **options).attrs["settings"]
    content = {name: value for name, value in settings.items() if name != "encoder_name"}
    by_key = {sentence_key(sentence): sentence for sentence in tokenise(encoder, sentences)}
    stored = open_collection(ATTRIBUTIONS, content).read(by_key).index
    left = [sentence for key, sentence in by_key.items() if key not in stored]
    return len(by_key), [s.text for s in sorted(left, key=lambda sentence: len(sentence.ids))]


def _seconds(encoder: Encoder, text: str, **options: Any) -> float:
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", UserWarning
        )  # the run itself will say what did not converge
        attribute(encoder, [text], progress=False, **options)
    return time.perf_counter() - start


def _shape(encoder: Encoder) -> str:
    """Name what the time depends on: the sizes of a model, its reading, and how it was trained.

    Weights matter where the number of nodes is chosen by the residual: those of a control need
    few.
    """
    config = encoder.model.config.to_dict()
    sizes = {name: value for name, value in config.items() if isinstance(value, int)}
    return repr((config.get("model_type"), encoder.pooling, encoder.trained, sorted(sizes.items())))


def _duration(seconds: float) -> str:
    for size, unit in ((3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.2g} {unit}"
    return f"{seconds:.0f} seconds"
