"""Fine-tuning for sentence similarity, by the objectives of the encoders that the paper studies."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from wordweights.counting.corpus import list_shards
from wordweights.counting.samples import corpus_files
from wordweights.encoders import Encoder
from wordweights.encoders.loading import quiet_transformers
from wordweights.errors import WordweightsError
from wordweights.files import digest, results_folder
from wordweights.training.runs import (
    Recorder,
    Run,
    finished,
    shared_arguments,
    snapshot_steps,
    train,
)
from wordweights.training.texts import NLI_LABELS, read_nli, read_sentences

if TYPE_CHECKING:
    from datasets import Dataset

OBJECTIVES = ("unsup-simcse", "sup-simcse", "sbert")
"""Gao et al. (EMNLP 2021), without and with labels, and Reimers and Gurevych (EMNLP 2019)."""

_METHOD = "fine-tuning/1"  # raised when the same arguments come to give another encoder
_TEMPERATURE = 0.05
_LOSS = "loss.safetensors"  # in a checkpoint
_LONGEST = 32  # wordpieces of a sentence, as SimCSE has it; what is longer is cut


@dataclass(frozen=True)
class FineTuning:
    """How an encoder is fine-tuned.

    Attributes
    ----------
    objective : str
        ``"unsup-simcse"``: a sentence must be closer to itself, under another dropout mask, than to
        the others of its batch. ``"sup-simcse"``: a premise to what it entails, with contradictions
        as hard negatives. ``"sbert"``: entailment, neutral or contradiction, by a softmax over
        (u, v, abs(u - v)).
    steps : int
        Updates.
    batch : int
        Sentences or pairs of an update.
    learning_rate : float
        Its peak, after a twentieth of the steps.
    snapshots : int
        Looks at the encoder on the way.
    seed : int
        Of everything that is random.
    """

    objective: str
    steps: int = 600
    batch: int = 128
    learning_rate: float = 3e-4
    snapshots: int = 20
    seed: int = 0


def fine_tune(
    base: Encoder,
    text: str | list[str] | None,
    nli: str | Path | None,
    settings: FineTuning,
    folder: Path | None = None,
) -> Run:
    """Fine-tune an encoder, or read the run that did.

    The sentence vector is pooled as `base` does. Both SimCSE objectives train a dense layer with
    tanh behind it, which is left out of the snapshots, as their authors do for the one without
    labels. The temperature is 0.05.

    Parameters
    ----------
    base : Encoder
        Before fine-tuning; it is not changed.
    text : str | list[str] | None
        Corpora as for :func:`wordweights.training.read_sentences`; ``"unsup-simcse"`` reads them.
    nli : str | Path | None
        Pairs as for :func:`wordweights.training.read_nli`; the other objectives read them.
    settings : FineTuning
        Objective, steps and the like.
    folder : Path | None
        Of the run; None makes one in the results folder, named by all these arguments and by what
        is in the files they name now, so that the same run is found again.

    Returns
    -------
    Run
        Its snapshots are encoders with the pooling of `base`.

    Raises
    ------
    WordweightsError
        For an unknown objective, a missing or too small source, a base with a pooler.
    """
    from sentence_transformers.sentence_transformer.training_args import (
        SentenceTransformerTrainingArguments,
    )
    from transformers import set_seed

    _check(base, text, nli, settings)
    if folder is None:
        read = _text_read(text) if settings.objective == "unsup-simcse" else _pairs_read(nli)
        key = key_of_run(base, read, settings)
        folder = results_folder() / "training" / f"{settings.objective}-{key}"
    if done := finished(folder, settings.objective, base):
        return done
    examples = _examples(settings.objective, text, nli, settings.seed)
    if len(examples) < settings.batch:
        raise WordweightsError(
            f"There are {len(examples)} examples for {settings.objective!r}, less than a batch of "
            f"{settings.batch}: give more text or a smaller batch."
        )
    set_seed(settings.seed)
    model, transformer = _trainable(base, settings.objective, folder)
    arguments = SentenceTransformerTrainingArguments(
        **shared_arguments(folder, settings.steps, settings.seed),
        per_device_train_batch_size=settings.batch,
        learning_rate=settings.learning_rate,
        dataloader_drop_last=True,  # a small batch has few negatives
        batch_sampler="no_duplicates" if settings.objective == "sup-simcse" else "batch_sampler",
    )
    trainer = _trainer(
        model=model,
        args=arguments,
        train_dataset=examples,
        loss=_loss(settings.objective, model, base.hidden_size),
    )
    steps = snapshot_steps(settings.steps, settings.snapshots)
    recorder = Recorder(folder, _weights(transformer, base), steps, settings.objective)
    run = train(trainer, recorder, base)
    shutil.rmtree(folder / "base")
    return run


def key_of_run(base: Encoder, read: Any, settings: FineTuning) -> str:
    """Name a run by all that its result depends on.

    Parameters
    ----------
    base : Encoder
        Before fine-tuning.
    read : Any
        What it reads, or what tells that from anything else; JSON-able.
    settings : FineTuning
        Objective, steps and the like.

    Returns
    -------
    str
        For the name of its folder.
    """
    return digest([_METHOD, base.digest, base.pooling, read, asdict(settings)])[:16]


def _text_read(text: str | list[str] | None) -> list[Any]:
    """Say which files of text are read, and in which version."""
    corpora = text if isinstance(text, list) else [str(text)]
    shards, _ = list_shards([file for corpus in corpora for file in corpus_files(corpus)])
    return [asdict(shard) for shard in shards]


def _pairs_read(nli: str | Path | None) -> list[str]:
    path = Path(str(nli))
    content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
    return [str(nli), content]


def _check(base: Encoder, text: Any, nli: Any, settings: FineTuning) -> None:
    if settings.objective not in OBJECTIVES:
        raise WordweightsError(
            f"Objective {settings.objective!r} is not known: use one of {', '.join(OBJECTIVES)}."
        )
    if base.pooling == "pooler":
        raise WordweightsError(
            f"Encoder {base.name!r} is read behind its pooler, which fine-tuning would train, "
            f"too: name it with (CLS) or (MEAN)."
        )
    needed = ("text", text) if settings.objective == "unsup-simcse" else ("nli", nli)
    if needed[1] is None:
        raise WordweightsError(
            f"The objective {settings.objective!r} needs {needed[0]}, which is None: name "
            + ("a corpus or a file of text." if needed[0] == "text" else "a table of NLI pairs.")
        )


def _examples(objective: str, text: Any, nli: Any, seed: int) -> Dataset:
    from datasets import Dataset

    if objective == "unsup-simcse":
        sentences = read_sentences([text] if isinstance(text, str) else list(text))
        return Dataset.from_dict({"anchor": sentences, "positive": sentences})
    pairs = read_nli(nli)
    if objective == "sup-simcse":
        return Dataset.from_pandas(nli_triplets(pairs, seed), preserve_index=False)
    numbers = pairs["label"].map({label: i for i, label in enumerate(NLI_LABELS)})
    columns = {"sentence1": pairs["premise"], "sentence2": pairs["hypothesis"], "label": numbers}
    return Dataset.from_dict({name: column.tolist() for name, column in columns.items()})


def nli_triplets(pairs: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Make triplets of a sentence, one that it entails, and one that contradicts it.

    NLI data has all three labels for a premise; a sample may have lost some. An entailment whose
    premise lost its contradiction gets that of another premise, drawn at random, which is one more
    ordinary negative. A contradiction whose premise lost its entailment stays a hard negative: the
    premise itself, under another dropout mask, is then the positive.

    Parameters
    ----------
    pairs : pd.DataFrame
        From :func:`wordweights.training.read_nli`.
    seed : int
        Of the draws.

    Returns
    -------
    pd.DataFrame
        Columns anchor, positive, negative; one row an entailment, and one a contradiction that no
        entailment has used.
    """
    rng = np.random.default_rng(seed)
    entailed = pairs[pairs["label"] == "entailment"]
    contradicted = pairs[pairs["label"] == "contradiction"]
    if entailed.empty or contradicted.empty:
        raise WordweightsError(
            "The NLI pairs have no entailment or no contradiction: triplets need both labels."
        )
    against = contradicted.groupby("premise")["hypothesis"].first()
    drawn = pd.Series(rng.choice(contradicted["hypothesis"], len(entailed)), entailed.index)
    with_entailment = pd.DataFrame(
        {
            "anchor": entailed["premise"],
            "positive": entailed["hypothesis"],
            "negative": entailed["premise"].map(against).fillna(drawn),
        }
    )
    rest = contradicted[~contradicted["premise"].isin(entailed["premise"])]
    alone = pd.DataFrame(
        {"anchor": rest["premise"], "positive": rest["premise"], "negative": rest["hypothesis"]}
    )
    return pd.concat([with_entailment, alone], ignore_index=True)


def triplet_kinds(pairs: pd.DataFrame) -> dict[str, int]:
    """Count the triplets that :func:`nli_triplets` makes, by what stands in them.

    Parameters
    ----------
    pairs : pd.DataFrame
        From :func:`wordweights.training.read_nli`.

    Returns
    -------
    dict[str, int]
        ``"complete"``: with an entailment and a contradiction of the premise; ``"drawn"``: with
        the contradiction of another premise; ``"itself"``: with the premise as its own positive.
    """
    entailed, contradicted = (
        pairs.loc[pairs["label"] == label, "premise"] for label in ("entailment", "contradiction")
    )
    complete = entailed.isin(contradicted)
    return {
        "complete": int(complete.sum()),
        "drawn": int((~complete).sum()),
        "itself": int((~contradicted.isin(entailed)).sum()),
    }


def _trainable(base: Encoder, objective: str, folder: Path) -> tuple[Any, Any]:
    """Make the model that is trained, and name the part of it that is the encoder."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Dense, Pooling, Transformer

    longest = min(_LONGEST, base.max_tokens)
    with quiet_transformers():  # it makes a pooler, which nothing reads, and says so
        base.model.save_pretrained(folder / "base")
        base.tokenizer.save_pretrained(folder / "base")
        transformer = Transformer(str(folder / "base"), max_seq_length=longest)
    d = base.hidden_size
    modules = [transformer, Pooling(d, pooling_mode=base.pooling)]
    if objective != "sbert":
        modules.append(Dense(d, d))
    return SentenceTransformer(modules=modules), transformer.auto_model


def _trainer(**arguments: Any) -> Any:
    from safetensors.torch import load_file, save_file
    from sentence_transformers import SentenceTransformerTrainer

    class KeepsLoss(SentenceTransformerTrainer):
        """Keeps what the loss learns, such as a classifier: checkpoints have the model alone."""

        def _learned(self) -> dict[str, Any]:
            weights = arguments["loss"].state_dict()
            return {name: w for name, w in weights.items() if not name.startswith("model.")}

        def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
            super()._save(output_dir, state_dict)
            save_file(self._learned(), Path(str(output_dir or self.args.output_dir)) / _LOSS)

        def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
            super()._load_from_checkpoint(resume_from_checkpoint)
            loss, kept = arguments["loss"], load_file(Path(resume_from_checkpoint) / _LOSS)
            loss.load_state_dict(loss.state_dict() | kept)

    return KeepsLoss(**arguments)


def _loss(objective: str, model: Any, width: int) -> Any:
    from sentence_transformers.sentence_transformer import losses

    if objective == "sbert":
        return losses.SoftmaxLoss(model, width, num_labels=len(NLI_LABELS))
    return losses.MultipleNegativesRankingLoss(model, scale=1 / _TEMPERATURE)


def _weights(transformer: Any, base: Encoder) -> Callable[[], dict[str, Any]]:
    names = set(base.model.state_dict())  # not those of a pooler that was made along

    def weights() -> dict[str, Any]:
        return {name: value for name, value in transformer.state_dict().items() if name in names}

    return weights
