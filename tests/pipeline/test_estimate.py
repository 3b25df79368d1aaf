"""How long a run will take: what is left to compute, and the rate that it is computed at."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

from wordweights import attribute
from wordweights.attribution.store import ATTRIBUTIONS, list_collections
from wordweights.encoders import Encoder
from wordweights.pipeline import estimate as module
from wordweights.pipeline import load_profile
from wordweights.pipeline.estimate import (
    Workload,
    describe_workloads,
    estimate_attribution,
    estimate_run,
)

SENTENCES = [
    "the dog is running .",
    "a woman is cutting an onion .",
    "THE DOG IS RUNNING .",  # for a lower-casing encoder the first again
    "dogs !",
    "the man was sleeping and happy .",
]
OPTIONS = {"n_steps": 4, "probes": 2}


@pytest.fixture
def timed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Attribute as ever, on a clock of its own: 3 s set-up, 2 s a wordpiece, 50 s the first time.

    Returns the texts that were timed.
    """
    seen: list[str] = []

    def seconds(encoder: Encoder, text: str, **options: object) -> float:
        attribute(encoder, [text], progress=False, **options)
        seen.append(text)
        return 3.0 + (0 if text in seen[:-1] else 2.0 * len(text.split()) + 50 * (len(seen) == 1))

    monkeypatch.setattr(module, "_seconds", seconds)
    return seen


def test_the_rate_is_without_set_up_and_warming_up(tiny_encoder: Encoder, timed: list[str]) -> None:
    found = estimate_attribution(tiny_encoder, SENTENCES, **OPTIONS)
    # the two of middle length were computed, and are kept
    assert timed == [SENTENCES[2], SENTENCES[2], SENTENCES[1], SENTENCES[1]]
    assert found == Workload("tiny", sentences=4, left=2, rate=14.0)
    assert found.seconds == 28.0


def test_what_is_stored_is_not_counted(tiny_encoder: Encoder, timed: list[str]) -> None:
    attribute(tiny_encoder, SENTENCES[:3], progress=False, **OPTIONS)
    found = estimate_attribution(tiny_encoder, SENTENCES, 7.0, **OPTIONS)
    assert found == Workload("tiny", sentences=4, left=2, rate=7.0)
    attribute(tiny_encoder, SENTENCES, progress=False, **OPTIONS)
    assert estimate_attribution(tiny_encoder, SENTENCES, 7.0, **OPTIONS).seconds == 0
    assert estimate_attribution(tiny_encoder, SENTENCES, **OPTIONS).seconds == 0
    assert timed == []
    other = estimate_attribution(tiny_encoder, SENTENCES, 7.0, n_steps=4, probes=3)
    assert other.left == 4


def test_one_or_two_sentences_are_simply_computed(tiny_encoder: Encoder) -> None:
    assert estimate_attribution(tiny_encoder, [], **OPTIONS).seconds == 0
    assert estimate_attribution(tiny_encoder, SENTENCES[:1], **OPTIONS).left == 0
    assert estimate_attribution(tiny_encoder, SENTENCES[:2], **OPTIONS).left == 0
    assert estimate_attribution(tiny_encoder, SENTENCES[:2], 1.0, **OPTIONS).left == 0


def test_a_real_clock_gives_a_rate(tiny_encoder: Encoder) -> None:
    # not even a residual that cannot be reached is worth a warning before the run
    found = estimate_attribution(tiny_encoder, SENTENCES, probes=2, tolerance=1e-6, max_steps=3)
    assert found.left == 2
    assert 0 <= found.rate < 60


def test_it_is_said_in_words() -> None:
    loads = [Workload("one", 495, 493, 3.04), Workload("two", 1495, 0, 0.0)]
    assert describe_workloads(loads).splitlines() == [
        "The attributions will take about 25 minutes, by a rate measured just now.",
        "  one: 495 distinct sentences, 493 left to compute, 3 s each",
        "  two: 1,495 distinct sentences, 0 left to compute",
    ]
    assert "about 2.1 hours" in describe_workloads([Workload("one", 495, 493, 15.2)])
    assert "about 99 seconds" in describe_workloads([Workload("one", 495, 493, 0.2)])
    assert "all are stored" in describe_workloads(loads[1:])
    assert "no set of sentences" in describe_workloads([])


@pytest.fixture
def checkout(tmp_path: Path, tiny_checkpoint: Path) -> Path:
    """A project of a chapter that weighs sentences and one that does not."""
    root = tmp_path / "checkout"
    (root / "notebooks" / "profiles").mkdir(parents=True)
    sentences = tmp_path / "mine.txt"
    sentences.write_text("\n".join(SENTENCES))
    (root / "notebooks" / "profiles" / "quick.yml").write_text(
        f"parameters: {{sentences: {sentences}, encoders: ['{tiny_checkpoint} (MEAN)', "
        f"'{tiny_checkpoint} (CLS)', '{tiny_checkpoint} (MEAN) (untrained)'], probes: 2}}\n"
    )
    weighing = (
        'sentences: str = "bundled"\nencoders: list[str] = ["a"]\nn_words: int | None = None\n'
        "limit: int | None = None\nn_steps: int = 4\nprobes: int | str = 16\n"
        "cluster: str | None = None\n"
    )
    for name, declared in (("01_words", 'sentences: str = "bundled"'), ("02_weights", weighing)):
        notebook = nbformat.v4.new_notebook()
        cell = nbformat.v4.new_code_cell(declared, metadata={"tags": ["parameters"]})
        notebook.cells = [cell]
        nbformat.write(notebook, root / "notebooks" / f"{name}.ipynb")
    return root


def test_a_run_is_estimated_by_its_parameters(checkout: Path, timed: list[str]) -> None:
    profile = load_profile(checkout, "quick")
    loads = estimate_run(checkout, profile, {"encoders": str(loads_of(profile)[:1])})
    assert [(load.sentences, load.left, load.rate) for load in loads] == [(4, 2, 14.0)]
    settings = list_collections(ATTRIBUTIONS)["settings"].item()
    assert '"n_steps": 4' in settings
    assert '"probes": 2' in settings


def test_encoders_of_one_shape_are_timed_once(checkout: Path, timed: list[str]) -> None:
    profile = load_profile(checkout, "quick")
    twin = checkout.parent / "twin"
    (first, *_) = loads_of(profile)
    twin.symlink_to(first.removesuffix(" (MEAN)"))
    names = [first, f"{twin} (MEAN)", *loads_of(profile)[1:]]
    loads = estimate_run(checkout, profile, {"encoders": names})
    # the twin has the same weights, so what was timed is stored for it too
    assert [load.left for load in loads] == [2, 2, 2, 2]
    assert len(timed) == 4 * 3
    assert len({load.rate for load in loads[:2]}) == 1


def loads_of(profile: object) -> list[str]:
    """The encoders of a profile."""
    return list(profile.parameters["encoders"])


def test_chapters_that_weigh_nothing_take_no_estimate(checkout: Path) -> None:
    (checkout / "notebooks" / "profiles" / "words.yml").write_text("chapters: [01]\n")
    assert estimate_run(checkout, load_profile(checkout, "words")) == []


def test_a_cluster_is_not_timed_on_this_machine(checkout: Path, timed: list[str]) -> None:
    profile = load_profile(checkout, "quick")
    assert estimate_run(checkout, profile, {"cluster": "tcp://127.0.0.1:9"}) == []
    assert timed == []
