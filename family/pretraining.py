"""Masked language modelling (Devlin et al., NAACL 2019), without next sentences."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save
from transformers import (
    BertConfig,
    BertForMaskedLM,
    BertModel,
    DataCollatorForLanguageModeling,
    PreTrainedTokenizerBase,
    Trainer,
    TrainingArguments,
    default_data_collator,
    set_seed,
)
from transformers.modeling_outputs import MaskedLMOutput

from family.embeddings import cooccurrences, ppmi_embeddings
from family.recipe import Pretraining
from family.vocabulary import SPECIAL_TOKENS
from wordweights.encoders import Encoder
from wordweights.errors import WordweightsError
from wordweights.files import write_atomically
from wordweights.training.runs import Run, finished, shared_arguments, train

METHOD = "pre-training/1"
"""Changes whenever the same text and settings would give other weights."""

HEAD = "head.safetensors"
"""The file of the head beside the snapshots, see :func:`head_state`."""

_NAME = "pre-training"
_WINDOW = 4  # of the co-occurrences that embeddings begin with
_DROPOUT = 0.1  # of the model when it is fine-tuned; none here, where no text is read often
_NORM = 1.0  # of the first embeddings of words and positions; LayerNorm makes any number do
_POSITION_BASE = 1000  # wavelengths from 2 pi to nearly 2 pi times this; Vaswani et al.: 10,000
_SHARPER = 4.0  # times the usual size, of the first queries and keys
_LINEAR = 3.0  # where GELU is nearly the identity
_ENCODED = 10_000  # sentences at one time


class OnlyMasked(BertForMaskedLM):
    """Guesses masked wordpieces alone: for all, the output would be most of the work."""

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
    ) -> MaskedLMOutput:
        """Compute the loss over the wordpieces that have a label, ids of shape (batch, tokens)."""
        assert labels is not None
        hidden = self.bert(input_ids, attention_mask=attention_mask).last_hidden_state
        masked = labels != -100  # (batch, tokens)
        logits = self.cls(hidden[masked])  # (masked, vocabulary)
        return MaskedLMOutput(loss=torch.nn.functional.cross_entropy(logits, labels[masked]))


def pretrain(
    tokenizer: PreTrainedTokenizerBase,
    sentences: Sequence[str],
    settings: Pretraining,
    seed: int,
    folder: Path,
) -> Run:
    """Train a BERT as a masked language model, or read the run that did."""
    set_seed(seed)
    model = new_model(len(tokenizer), settings)
    like = Encoder(_NAME, "cls", tokenizer, _encoder_model(model))
    if done := finished(folder, _NAME, like):
        return done
    stream = encode_stream(tokenizer, sentences)
    examples = pack(stream, settings.positions, tokenizer.cls_token_id)
    if len(examples) < settings.batch:
        raise WordweightsError(
            f"The text makes {len(examples)} examples of {settings.positions} wordpieces, less "
            f"than a batch of {settings.batch}: give more text or a smaller batch."
        )
    start_from_counts(model, stream, seed)
    mask = DataCollatorForLanguageModeling(tokenizer, mlm_probability=settings.masked)

    class MasksLate(Trainer):
        """Masks a batch in its own step: loaded one step ahead, a resumed run would mask others."""

        def training_step(self, model: Any, inputs: Any, *rest: Any) -> torch.Tensor:
            rows = [{"input_ids": ids} for ids in inputs["input_ids"].cpu()]
            return super().training_step(model, mask(rows), *rest)

    trainer = MasksLate(
        model=model,
        args=TrainingArguments(
            **shared_arguments(
                folder, settings.steps, settings.batch, settings.learning_rate, seed
            ),
            weight_decay=0.01,
            adam_beta2=0.98,
            remove_unused_columns=False,
        ),
        train_dataset=[{"input_ids": ids} for ids in torch.from_numpy(examples).long()],
        data_collator=default_data_collator,
    )

    def weights() -> dict[str, Any]:
        # the head that guesses goes beside the snapshots: the last one is that of the last step
        write_atomically(folder / HEAD, save(head_state(model)))
        return model.bert.state_dict()

    return train(trainer, weights, settings.snapshots, _NAME, like)


def head_state(model: BertForMaskedLM) -> dict[str, torch.Tensor]:
    """Copy what turns hidden states into guesses, less the word embeddings, which both share."""
    state = model.cls.predictions.state_dict()
    return {
        name: value.detach().cpu().clone()
        for name, value in state.items()
        if not name.startswith("decoder.")
    }


def encode_stream(
    tokenizer: PreTrainedTokenizerBase, sentences: Sequence[str]
) -> NDArray[np.int32]:
    """Encode sentences as one stream of wordpieces, each sentence closed by [SEP]."""
    parts = [np.zeros(0, np.int32)]
    for start in range(0, len(sentences), _ENCODED):
        some = list(sentences[start : start + _ENCODED])
        encoded = tokenizer(some, add_special_tokens=False, verbose=False)["input_ids"]
        closed = [piece for ids in encoded for piece in (*ids, tokenizer.sep_token_id)]
        parts.append(np.array(closed, dtype=np.int32))
    return np.concatenate(parts)


def pack(stream: NDArray[np.int32], length: int, first: int) -> NDArray[np.int32]:
    """Cut a stream into examples of equal length, so that no computation goes into padding."""
    rows = len(stream) // (length - 1)
    body = stream[: rows * (length - 1)].reshape(rows, length - 1)
    return np.concatenate([np.full((rows, 1), first, np.int32), body], axis=1)


def new_model(size: int, settings: Pretraining) -> OnlyMasked:
    """Make a BERT with random weights and without dropout."""
    config = BertConfig(
        vocab_size=size,
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
    dropout = {"hidden_dropout_prob": _DROPOUT, "attention_probs_dropout_prob": _DROPOUT}
    settings = {**model.config.to_dict(), **dropout}
    config = BertConfig.from_dict(settings, attn_implementation="eager")
    copied = BertModel(config, add_pooling_layer=False)
    copied.load_state_dict(model.bert.state_dict())
    return copied


def start_from_counts(model: BertForMaskedLM, stream: NDArray[np.int32], seed: int) -> None:
    """Begin where a small model would arrive only after a long time on a plateau.

    From random weights alone the loss stays at that of word frequencies, for the model must find
    out at once what words mean and which places are near. So words begin as their co-occurrences
    (:func:`ppmi_embeddings`), places as :func:`sinusoids` of the same length, attention less
    uniform than by default; and the output layer, which no encoder keeps, guesses at first by
    frequency and by what it is given.
    """
    config, ignored = model.config, len(SPECIAL_TOKENS)
    counts = cooccurrences(stream, config.vocab_size, _WINDOW, ignored)
    rows = torch.from_numpy(ppmi_embeddings(counts, config.hidden_size, _NORM, seed))
    places = _NORM * sinusoids(config.max_position_embeddings, config.hidden_size)
    seen = np.bincount(stream, minlength=config.vocab_size).astype(np.float64) + 1
    embeddings, head = model.bert.embeddings, model.cls.predictions
    with torch.no_grad():
        embeddings.word_embeddings.weight[ignored:] = rows[ignored:]
        embeddings.word_embeddings.weight[SPECIAL_TOKENS.index("[MASK]")] = 0
        embeddings.position_embeddings.weight.copy_(torch.from_numpy(places))
        for layer in model.bert.encoder.layer:
            for linear in (layer.attention.self.query, layer.attention.self.key):
                linear.weight.mul_(_SHARPER)
        head.transform.dense.weight.copy_(torch.eye(config.hidden_size))
        head.transform.dense.bias.fill_(_LINEAR)
        head.bias.copy_(torch.from_numpy(np.log(seen / seen.sum())))


def sinusoids(n: int, width: int) -> NDArray[np.float32]:
    """Embed positions as sines and cosines of geometrically growing wavelengths, rows of length 1.

    Row t has sin(t / b^(2i / width)) for i below width / 2, then the cosines, all divided by
    sqrt(width / 2). The base b is 1000, so the wavelengths go from 2 pi to nearly 2000 pi, in a
    model of 64 positions. Vaswani et al. (2017), whose idea it is, have b = 10,000, sines and
    cosines in turn, and rows of length sqrt(width / 2).
    """
    angles = np.arange(n)[:, None] / _POSITION_BASE ** (np.arange(0, width, 2) / width)
    rows = np.concatenate([np.sin(angles), np.cos(angles)], axis=1)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
