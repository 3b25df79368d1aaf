"""A WordPiece vocabulary of one's own, in which chosen words stay whole."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from wordweights.errors import WordweightsError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")

_ALPHABET = 200  # characters; rarer ones are unknown


def learn_vocabulary(sentences: Iterable[str], size: int, whole: Sequence[str]) -> list[str]:
    """Learn wordpieces as BERT's vocabulary has them: lower case, without accents.

    Parameters
    ----------
    sentences : Iterable[str]
        Text.
    size : int
        Number of wordpieces, the special tokens among them.
    whole : Sequence[str]
        Words that must be wordpieces, however rare they are; those that were not learned take the
        places of the pieces that were learned last.

    Returns
    -------
    list[str]
        In the order of their ids.

    Raises
    ------
    WordweightsError
        When the words that must stay whole leave no room for others.
    """
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

    learner = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    learner.normalizer = normalizers.BertNormalizer(lowercase=True)
    learner.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(
        vocab_size=size,
        special_tokens=list(SPECIAL_TOKENS),
        limit_alphabet=_ALPHABET,
        show_progress=False,
    )
    learner.train_from_iterator(sentences, trainer)
    ids = learner.get_vocab()
    learned = sorted(ids, key=ids.__getitem__)
    missing = sorted(set(whole).difference(learned))
    letters = sum(len(piece.removeprefix("##")) == 1 for piece in learned)
    room = size - len(SPECIAL_TOKENS) - letters
    if len(missing) > room:
        raise WordweightsError(
            f"A vocabulary of {size} wordpieces has room for {max(room, 0)} words beside its "
            f"letters, but {len(missing)} more must stay whole: give a larger vocabulary."
        )
    kept = set(whole) | set(learned[: len(SPECIAL_TOKENS) + letters])
    last = [piece for piece in reversed(learned) if piece not in kept]
    dropped = set(last[: max(0, len(learned) + len(missing) - size)])
    return [*(piece for piece in learned if piece not in dropped), *missing]


def make_tokenizer(vocabulary: Sequence[str], longest: int) -> PreTrainedTokenizerBase:
    """Make BERT's tokenizer of a vocabulary.

    Parameters
    ----------
    vocabulary : Sequence[str]
        Wordpieces in the order of their ids.
    longest : int
        Wordpieces of a sentence with its special tokens, at most.

    Returns
    -------
    PreTrainedTokenizerBase
        A fast tokenizer.
    """
    from transformers import BertTokenizer

    ids = {piece: i for i, piece in enumerate(vocabulary)}
    return BertTokenizer(vocab=ids, do_lower_case=True, model_max_length=longest)


def save_tokenizer(tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    """Save BERT's tokenizer in its small form: the vocabulary as lines, and what is to be done.

    Parameters
    ----------
    tokenizer : PreTrainedTokenizerBase
        From :func:`make_tokenizer`.
    folder : Path
        Of the checkpoint.
    """
    tokenizer.save_pretrained(folder)
    ids = tokenizer.get_vocab()
    lines = "".join(f"{piece}\n" for piece in sorted(ids, key=ids.__getitem__))
    (folder / "vocab.txt").write_text(lines, "utf-8", newline="\n")
    (folder / "tokenizer.json").unlink()  # four times as long, and made from the other two
