"""Contextual surprisal: how little a masked language model expects a word where it stands."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wordweights.attribution.alignment import tokenise
from wordweights.encoders import Encoder
from wordweights.errors import WordweightsError

MASKED_AT_ONCE = 16  # sentences: each has a number for every entry of the vocabulary


def surprisal(
    encoder: Encoder,
    language_model: Any,
    sentences: Sequence[str],
    words: Sequence[str] | None = None,
) -> NDArray[np.float64]:
    """Compute -ln P(word | the rest of its sentence), one word masked at a time.

    All wordpieces of the word are masked together, and its surprisal is the sum of theirs: they are
    guessed independently of each other, given the rest (Salazar et al. 2020 mask one wordpiece at a
    time, which makes the rest of a long word give it away).

    Parameters
    ----------
    encoder : Encoder
        Whose tokenizer reads the sentences, and which words it has.
    language_model : Any
        A masked language model of the same tokenizer, such as
        :func:`wordweights.encoders.heads.load_language_model` loads: from ids to logits.
    sentences : Sequence[str]
        Texts.
    words : Sequence[str] | None
        The words that another encoder has in these sentences, which must be those of this one; None
        asks for none.

    Returns
    -------
    NDArray[np.float64]
        Shape (words of all sentences,), in nats, in the order of :func:`wordweights.attribute`; NaN
        for a word that no wordpiece stands for.

    Raises
    ------
    WordweightsError
        For a tokenizer without [MASK], sentences that cannot be tokenised, and other words.
    """
    import torch

    mask = encoder.tokenizer.mask_token_id
    if mask is None:
        raise WordweightsError(
            f"Encoder {encoder.name!r} has no [MASK] token, so no word of its sentences can be "
            f"hidden and guessed."
        )
    device = next(language_model.parameters()).device
    found = [np.zeros(0)]
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # attribute() names the words without a wordpiece
        tokenised = tokenise(encoder, sentences)
        own_words = [word for sentence in tokenised for word in sentence.words]
        if words is not None and own_words != list(words):
            pairs = zip_longest(own_words, words)
            own_word, word = next((a, b) for a, b in pairs if a != b)
            raise WordweightsError(
                f"Encoder {encoder.name!r} has other words in these sentences: its wordpieces join "
                f"or part them otherwise, such as {own_word!r} where another has {word!r}."
            )
        for sentence in tokenised:
            ids = torch.tensor(sentence.ids, device=device)
            hidden = torch.tensor(sentence.membership.T, device=device) > 0  # (words, wordpieces)
            masked = torch.where(hidden, mask, ids)
            nats = torch.cat(
                [
                    # of the true wordpieces: the others' are many
                    -language_model(input_ids=rows)
                    .logits.double()
                    .log_softmax(dim=-1)
                    .gather(2, ids.expand(len(rows), -1).unsqueeze(-1))
                    .squeeze(-1)
                    for rows in masked.split(MASKED_AT_ONCE)
                ]
            )  # (words, wordpieces)
            own = (nats * hidden).sum(dim=1).cpu().numpy()  # of its own wordpieces alone
            own[list(sentence.missing)] = np.nan
            found.append(own)
    return np.concatenate(found)
