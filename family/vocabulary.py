"""A WordPiece vocabulary of one's own, in which chosen words stay whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import BertTokenizer, PreTrainedTokenizerBase

from wordweights.encoders import load_encoder
from wordweights.errors import WordweightsError
from wordweights.words.sentences import filter_sentences, load_sentences

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")

_ALPHABET = 200  # characters; rarer ones are unknown
_WORDPIECES_OF = "all-MiniLM-L6-v2"  # BERT-base-uncased's vocabulary, in an installed package
_NORMALIZER = normalizers.BertNormalizer(lowercase=True)
_SPLIT = pre_tokenizers.BertPreTokenizer()


def split_words(text: str) -> list[str]:
    """Split text as BERT does before it looks for wordpieces: lower case, without accents."""
    return [word for word, _ in _SPLIT.pre_tokenize_str(_NORMALIZER.normalize_str(text))]


def whole_words(sets: Sequence[str]) -> list[str]:
    """List the words of sentences that pass the paper's filter by BERT's own vocabulary."""
    tokenizer = load_encoder(_WORDPIECES_OF).tokenizer
    tables = (filter_sentences(load_sentences(name), [tokenizer]) for name in sets)
    return sorted({word for table in tables for s in table["sentence"] for word in split_words(s)})


def learn_vocabulary(sentences: Sequence[str], size: int, whole: Sequence[str]) -> list[str]:
    """Learn wordpieces as BERT's vocabulary has them: lower case, without accents."""
    learner = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    learner.normalizer, learner.pre_tokenizer = _NORMALIZER, _SPLIT
    alphabet, inner = _letters(sentences)
    given = [*SPECIAL_TOKENS, *(f"##{letter}" for letter in inner)]
    trainer = trainers.WordPieceTrainer(
        vocab_size=size,
        # Pairs of equal frequency are joined in the order of the ids of their parts. The library
        # numbers inner letters as it meets them, in another order each time, unless they are given.
        special_tokens=given,
        initial_alphabet=alphabet,
        limit_alphabet=len(alphabet),
        show_progress=False,
    )
    learner.train_from_iterator(sentences, trainer)
    ids = learner.get_vocab()
    learned = sorted(ids, key=ids.__getitem__)
    missing = sorted(set(whole).difference(learned))
    room = size - len(given) - len(alphabet)
    if len(missing) > room:
        raise WordweightsError(
            f"A vocabulary of {size} wordpieces has room for {max(room, 0)} words beside its "
            f"letters, but {len(missing)} more must stay whole: give a larger vocabulary."
        )
    kept = {*whole, *given, *alphabet}
    last = [piece for piece in reversed(learned) if piece not in kept]
    dropped = set(last[: max(0, len(learned) + len(missing) - size)])
    return [*(piece for piece in learned if piece not in dropped), *missing]


def _letters(sentences: Sequence[str]) -> tuple[list[str], list[str]]:
    """List the most frequent letters, and those that occur within words, in a fixed order."""
    pieces = Counter(piece for sentence in sentences for piece in sentence.split())
    seen: Counter[str] = Counter()
    inner: set[str] = set()
    for piece, count in pieces.items():
        for word in split_words(piece):
            for letter in word:
                seen[letter] += count
            inner.update(word[1:])
    alphabet = sorted(seen, key=lambda letter: (-seen[letter], letter))[:_ALPHABET]
    return alphabet, sorted(inner.intersection(alphabet))


def make_tokenizer(vocabulary: Sequence[str], longest: int) -> PreTrainedTokenizerBase:
    """Make BERT's tokenizer of a vocabulary."""
    ids = {piece: i for i, piece in enumerate(vocabulary)}
    return BertTokenizer(vocab=ids, do_lower_case=True, model_max_length=longest)


def save_tokenizer(tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    """Save BERT's tokenizer in its small form: the vocabulary as lines, and what is to be done."""
    tokenizer.save_pretrained(folder)
    ids = tokenizer.get_vocab()
    lines = "".join(f"{piece}\n" for piece in sorted(ids, key=ids.__getitem__))
    (folder / "vocab.txt").write_text(lines, "utf-8", newline="\n")
    (folder / "tokenizer.json").unlink()  # four times as long, and made from the other two
