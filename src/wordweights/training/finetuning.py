"""Fine-tuning for sentence similarity, by the objectives of the encoders that the paper studies."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from wordweights.encoders import Encoder
from wordweights.encoders.pretrained import quiet_transformers
from wordweights.errors import WordweightsError
from wordweights.files import digest, results_folder
from wordweights.training.runs import Run, finished, shared_arguments, train
from wordweights.training.texts import NLI_LABELS, digest_text, read_nli, read_sentences

if TYPE_CHECKING:
    from datasets import Dataset

OBJECTIVES = ("unsup-simcse", "sup-simcse", "sbert")
"""Gao et al. (EMNLP 2021), without and with labels, and Reimers and Gurevych (EMNLP 2019)."""

_METHOD = "fine-tuning/2"  # raised when the same arguments come to give another encoder
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
        Of runs; None takes one in the results folder. The run has a folder in it, named by all
        that its result depends on, so that the same run is found again.

    Returns
    -------
    Run
        Its snapshots are encoders with the pooling of `base`.

    Raises
    ------
    WordweightsError
        For an unknown objective, a missing or too small source, a base with a pooler.
    """
    from sentence_transformers.sentence_transformer.losses import (
        MultipleNegativesRankingLoss,
        SoftmaxLoss,
    )
    from sentence_transformers.sentence_transformer.training_args import (
        SentenceTransformerTrainingArguments,
    )
    from transformers import set_seed

    _check(base, text, nli, settings)
    objective = settings.objective
    corpora = [text] if isinstance(text, str) else list(text or [])
    pairs = None if objective == "unsup-simcse" else read_nli(str(nli))
    read = digest_text(corpora) if pairs is None else pairs.to_numpy().tolist()
    key = digest([_METHOD, base.digest, base.pooling, read, asdict(settings)])[:16]
    folder = (folder or results_folder() / "training") / f"{objective}-{key}"
    if done := finished(folder, objective, base):
        return done
    examples = _examples(objective, corpora, pairs, settings.seed)
    if len(examples) < settings.batch:
        raise WordweightsError(
            f"There are {len(examples)} examples for {objective!r}, less than a batch of "
            f"{settings.batch}: give more text or a smaller batch."
        )
    set_seed(settings.seed)
    model, transformer = _trainable(base, head=objective != "sbert")
    arguments = SentenceTransformerTrainingArguments(
        **shared_arguments(
            folder, settings.steps, settings.batch, settings.learning_rate, settings.seed
        ),
        dataloader_drop_last=True,  # a small batch has few negatives
        batch_sampler="no_duplicates" if objective == "sup-simcse" else "batch_sampler",
    )
    if objective == "sbert":
        loss: Any = SoftmaxLoss(model, base.vector_size, num_labels=len(NLI_LABELS))
    else:
        loss = MultipleNegativesRankingLoss(model, scale=1 / _TEMPERATURE)
    trainer = _trainer(model=model, args=arguments, train_dataset=examples, loss=loss)
    names = set(base.model.state_dict())  # not those of a pooler that was made along with it

    def weights() -> dict[str, Any]:
        return {name: value for name, value in transformer.state_dict().items() if name in names}

    return train(trainer, weights, settings.snapshots, objective, base)


def _check(base: Encoder, text: Any, nli: Any, settings: FineTuning) -> None:
    objective = settings.objective
    if objective not in OBJECTIVES:
        raise WordweightsError(
            f"Objective {objective!r} is not known: use one of {', '.join(OBJECTIVES)}."
        )
    if base.pooling == "pooler":
        raise WordweightsError(
            f"Encoder {base.name!r} is read behind its pooler, which fine-tuning would train, "
            f"too: name it with (CLS) or (MEAN)."
        )
    if base.prompt or base.behind or base.truncate_dim is not None or "+" in base.pooling:
        raise WordweightsError(
            f"Encoder {base.name!r} is more than a transformer with one pooling (it has a prompt, "
            f"joined poolings, modules behind them or a truncation), and no more than that is "
            f"trained here: load the checkpoint of its transformer alone, with pooling=."
        )
    if objective == "unsup-simcse" and text is None:
        raise WordweightsError(
            f"The objective {objective!r} needs text, which is None: name a corpus or a file."
        )
    if objective != "unsup-simcse" and nli is None:
        raise WordweightsError(
            f"The objective {objective!r} needs nli, which is None: name a table of NLI pairs."
        )


def _examples(objective: str, corpora: list[str], pairs: pd.DataFrame | None, seed: int) -> Dataset:
    from datasets import Dataset

    if pairs is None:
        sentences = read_sentences(corpora)
        return Dataset.from_dict({"anchor": sentences, "positive": sentences})
    if objective == "sup-simcse":
        return Dataset.from_pandas(nli_triplets(pairs, seed), preserve_index=False)
    numbers = pairs["label"].map(NLI_LABELS.index)
    columns = {"sentence1": pairs["premise"], "sentence2": pairs["hypothesis"], "label": numbers}
    return Dataset.from_dict({name: column.tolist() for name, column in columns.items()})


def nli_triplets(pairs: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Make triplets of a sentence, one that it entails, and one that contradicts it.

    NLI data has all three labels for a premise; a sample may have lost some. An entailment whose
    premise lost its contradiction gets that of another premise, drawn at random, which is one more
    ordinary negative. A contradiction whose premise lost its entailment stays a hard negative: the
    premise itself, under another dropout mask, is then the positive.
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
    negatives = entailed["premise"].map(against).fillna(drawn)
    rest = contradicted[~contradicted["premise"].isin(entailed["premise"])]
    names = ["anchor", "positive", "negative"]
    parts = (
        (entailed["premise"], entailed["hypothesis"], negatives),
        (rest["premise"], rest["premise"], rest["hypothesis"]),
    )
    tables = [pd.DataFrame(dict(zip(names, part, strict=True))) for part in parts]
    return pd.concat(tables, ignore_index=True)


def _trainable(base: Encoder, head: bool) -> tuple[Any, Any]:
    """Make the model that is trained, and name the part of it that is the encoder."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Dense, Pooling, Transformer

    longest, d = min(_LONGEST, base.max_tokens), base.vector_size
    # it makes a pooler, which nothing reads, and says so
    with TemporaryDirectory() as folder, quiet_transformers():
        base.model.save_pretrained(folder)
        base.tokenizer.save_pretrained(folder)
        transformer = Transformer(folder, max_seq_length=longest)
    modules = [transformer, Pooling(d, pooling_mode=base.pooling)]
    if head:
        modules.append(Dense(d, d))
    return SentenceTransformer(modules=modules), transformer.auto_model


def _trainer(loss: Any, **arguments: Any) -> Any:
    """Make a trainer whose checkpoints have what the loss learns, such as a classifier, too."""
    from safetensors.torch import load_file, save_file
    from sentence_transformers import SentenceTransformerTrainer

    class KeepsLoss(SentenceTransformerTrainer):
        def add_model_card_callback(self, default_args_dict: dict[str, Any]) -> None:
            """Write no model card: of a short training it would take half of the time."""

        def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
            folder = str(output_dir or self.args.output_dir)
            self.model.save_pretrained(folder, create_model_card=False)
            weights = loss.state_dict().items()
            own = {name: value for name, value in weights if not name.startswith("model.")}
            save_file(own, Path(folder) / _LOSS)

        def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
            super()._load_from_checkpoint(resume_from_checkpoint)
            loss.load_state_dict(load_file(Path(resume_from_checkpoint) / _LOSS), strict=False)

    return KeepsLoss(loss=loss, **arguments)
