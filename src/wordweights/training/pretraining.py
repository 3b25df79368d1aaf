"""Masked language modelling (Devlin et al., NAACL 2019), without next sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wordweights.encoders import Encoder
from wordweights.errors import WordweightsError
from wordweights.training.embeddings import cooccurrences, ppmi_embeddings
from wordweights.training.runs import (
    Recorder,
    Run,
    finished,
    shared_arguments,
    snapshot_steps,
    train,
)
from wordweights.training.vocabulary import SPECIAL_TOKENS

if TYPE_CHECKING:
    import torch
    from transformers import BertForMaskedLM, PreTrainedTokenizerBase

_WINDOW = 4  # of the co-occurrences that embeddings begin with
_DROPOUT = 0.1  # of the model when it is fine-tuned; none here, where no text is read often
_NORM = 1.0  # of the first embeddings of words and positions; LayerNorm makes any number do
_SHARPER = 4.0  # times the usual size, of the first queries and keys
_LINEAR = 3.0  # where GELU is nearly the identity
_ENCODED = 10_000  # sentences at one time


@dataclass(frozen=True)
class Pretraining:
    """How a BERT is pre-trained.

    Attributes
    ----------
    layers : int
        Of the transformer.
    width : int
        Of its hidden states.
    heads : int
        Of its attention.
    positions : int
        Wordpieces of a sentence, at most, and of a training example.
    steps : int
        Updates.
    batch : int
        Examples of an update.
    learning_rate : float
        Its peak, after a twentieth of the steps.
    masked : float
        Share of the wordpieces that are to be guessed.
    snapshots : int
        Looks at the model on the way.
    seed : int
        Of everything that is random.
    """

    layers: int = 4
    width: int = 128
    heads: int = 4
    positions: int = 64
    steps: int = 6000
    batch: int = 64
    learning_rate: float = 2.5e-3
    masked: float = 0.25
    snapshots: int = 20
    seed: int = 0


def pretrain(
    tokenizer: PreTrainedTokenizerBase,
    sentences: Sequence[str],
    settings: Pretraining,
    folder: Path,
    name: str = "pre-training",
) -> Run:
    """Train a BERT as a masked language model, or read the run that did.

    Word embeddings begin as those of :func:`ppmi_embeddings`, positions as :func:`sinusoids`, the
    output layer (which no encoder keeps) at word frequencies; the layers are random. From random
    embeddings the loss of a small model stays at that of word frequencies for a very long time.

    Parameters
    ----------
    tokenizer : PreTrainedTokenizerBase
        BERT's, of any vocabulary.
    sentences : Sequence[str]
        Text.
    settings : Pretraining
        Size, steps and the like.
    folder : Path
        Of the run; it belongs to these arguments alone.
    name : str
        Of the run.

    Returns
    -------
    Run
        Its snapshots are read at [CLS].

    Raises
    ------
    WordweightsError
        For too little text for a batch.
    """
    import torch
    from transformers import DataCollatorForLanguageModeling, Trainer, TrainingArguments, set_seed

    set_seed(settings.seed)
    model = _masked_language_model(tokenizer, settings)
    like = Encoder(name, "cls", tokenizer, _encoder_model(model))
    if done := finished(folder, name, like):
        return done
    stream = encode_stream(tokenizer, sentences)
    examples = pack(stream, settings.positions, tokenizer.cls_token_id)
    if len(examples) < settings.batch:
        raise WordweightsError(
            f"The text makes {len(examples)} examples of {settings.positions} wordpieces, less "
            f"than a batch of {settings.batch}: give more text or a smaller batch."
        )
    _start_from_counts(model, stream, settings)
    special = torch.tensor(tokenizer.all_special_ids)

    class Examples(torch.utils.data.Dataset[dict[str, torch.Tensor]]):
        def __len__(self) -> int:
            return len(examples)

        def __getitem__(self, i: int) -> dict[str, torch.Tensor]:
            ids = torch.from_numpy(examples[i].astype(np.int64))
            return {"input_ids": ids, "special_tokens_mask": torch.isin(ids, special).long()}

    arguments = TrainingArguments(
        **shared_arguments(folder, settings.steps, settings.seed),
        per_device_train_batch_size=settings.batch,
        learning_rate=settings.learning_rate,
        weight_decay=0.01,
        adam_beta2=0.98,
        remove_unused_columns=False,
    )
    trainer = Trainer(
        model=model,
        args=arguments,
        train_dataset=Examples(),
        data_collator=DataCollatorForLanguageModeling(tokenizer, mlm_probability=settings.masked),
    )
    steps = snapshot_steps(settings.steps, settings.snapshots)
    return train(trainer, Recorder(folder, model.bert.state_dict, steps, name), like)


def encode_stream(
    tokenizer: PreTrainedTokenizerBase, sentences: Sequence[str]
) -> NDArray[np.int32]:
    """Encode sentences as one stream of wordpieces, each sentence closed by [SEP].

    Parameters
    ----------
    tokenizer : PreTrainedTokenizerBase
        BERT's.
    sentences : Sequence[str]
        Text.

    Returns
    -------
    NDArray[np.int32]
        Shape (wordpieces,).
    """

    def parts() -> Iterator[NDArray[np.int32]]:
        for start in range(0, len(sentences), _ENCODED):
            some = list(sentences[start : start + _ENCODED])
            encoded = tokenizer(some, add_special_tokens=False, verbose=False)["input_ids"]
            closed = [piece for ids in encoded for piece in (*ids, tokenizer.sep_token_id)]
            yield np.array(closed, dtype=np.int32)

    return np.concatenate([np.zeros(0, np.int32), *parts()])


def pack(stream: NDArray[np.int32], length: int, first: int) -> NDArray[np.int32]:
    """Cut a stream into examples of equal length, so that no computation goes into padding.

    Parameters
    ----------
    stream : NDArray[np.int32]
        Wordpieces, shape (wordpieces,).
    length : int
        Of an example.
    first : int
        The id of [CLS], which every example begins with.

    Returns
    -------
    NDArray[np.int32]
        Shape (examples, length); a rest that is too short is left out.
    """
    rows = len(stream) // (length - 1)
    body = stream[: rows * (length - 1)].reshape(rows, length - 1)
    return np.concatenate([np.full((rows, 1), first, np.int32), body], axis=1)


def _masked_language_model(tokenizer: Any, settings: Pretraining) -> BertForMaskedLM:
    from transformers import BertConfig, BertForMaskedLM
    from transformers.modeling_outputs import MaskedLMOutput

    class OnlyMasked(BertForMaskedLM):
        """Guesses masked wordpieces alone: for all, the output would be most of the work."""

        def forward(
            self,
            input_ids: torch.Tensor,
            attention_mask: torch.Tensor | None = None,
            labels: torch.Tensor | None = None,
        ) -> MaskedLMOutput:
            import torch

            assert labels is not None
            hidden = self.bert(input_ids, attention_mask=attention_mask).last_hidden_state
            masked = labels != -100  # (batch, tokens)
            logits = self.cls(hidden[masked])  # (masked, vocabulary)
            return MaskedLMOutput(loss=torch.nn.functional.cross_entropy(logits, labels[masked]))

    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=settings.width,
        num_hidden_layers=settings.layers,
        num_attention_heads=settings.heads,
        intermediate_size=4 * settings.width,
        max_position_embeddings=settings.positions,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    return OnlyMasked(config)


def _encoder_model(model: BertForMaskedLM) -> Any:
    """Copy the encoder of a language model, as it will be fine-tuned and attributed."""
    from transformers import BertConfig, BertModel

    config = BertConfig.from_dict(
        {
            **model.config.to_dict(),
            "hidden_dropout_prob": _DROPOUT,
            "attention_probs_dropout_prob": _DROPOUT,
        },
        attn_implementation="eager",
    )
    copied = BertModel(config, add_pooling_layer=False)
    copied.load_state_dict(model.bert.state_dict())
    return copied


def _start_from_counts(
    model: BertForMaskedLM, stream: NDArray[np.int32], settings: Pretraining
) -> None:
    """Begin where a small model would arrive only after a long time on a plateau.

    From random weights alone the loss stays at that of word frequencies, for the model must find
    out at once what words mean and which places are near. So words begin as their co-occurrences,
    places as sinusoids of the same length, attention less uniform than by default; and the output
    guesses, at first, by frequency and by what it is given.
    """
    import torch

    size, ignored = model.config.vocab_size, len(SPECIAL_TOKENS)
    counts = cooccurrences(stream, size, _WINDOW, ignored)
    rows = torch.from_numpy(ppmi_embeddings(counts, settings.width, _NORM, settings.seed))
    places = _NORM * torch.from_numpy(sinusoids(settings.positions, settings.width))
    seen = np.bincount(stream, minlength=size).astype(np.float64) + 1
    embeddings, head = model.bert.embeddings, model.cls.predictions
    with torch.no_grad():
        embeddings.word_embeddings.weight[ignored:] = rows[ignored:]
        embeddings.word_embeddings.weight[SPECIAL_TOKENS.index("[MASK]")] = 0
        embeddings.position_embeddings.weight.copy_(places)
        for layer in model.bert.encoder.layer:
            for linear in (layer.attention.self.query, layer.attention.self.key):
                linear.weight.mul_(_SHARPER)
        head.transform.dense.weight.copy_(torch.eye(settings.width))
        head.transform.dense.bias.fill_(_LINEAR)
        head.bias.copy_(torch.from_numpy(np.log(seen / seen.sum())))


def sinusoids(n: int, width: int) -> NDArray[np.float32]:
    """Embed positions as Vaswani et al. (2017) do, with rows of length 1.

    Parameters
    ----------
    n : int
        Positions.
    width : int
        Dimensions, an even number.

    Returns
    -------
    NDArray[np.float32]
        Shape (n, width).
    """
    angles = np.arange(n)[:, None] / 1000 ** (np.arange(0, width, 2) / width)
    rows = np.concatenate([np.sin(angles), np.cos(angles)], axis=1)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
