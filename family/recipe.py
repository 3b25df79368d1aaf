"""The recipe of a family of encoders: data, sizes and steps, as a file."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    model_validator,
)

from wordweights.errors import WordweightsError
from wordweights.files import DATA_VARIABLE

RECIPE_FILE = Path(__file__).with_name("recipe.toml")
"""What the shipped family was trained by."""

BASE = "mini-BERT"
"""What is pre-trained; its two names say a pooling, too."""


class _Entry(BaseModel):
    """A part of a recipe, in which an unknown name is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Training(_Entry):
    """What all trainings have."""

    steps: PositiveInt
    batch: PositiveInt
    learning_rate: PositiveFloat  # its peak, after a twentieth of the steps
    snapshots: int = Field(default=20, ge=2)


class Pretraining(Training):
    """How a BERT is pre-trained."""

    layers: PositiveInt
    width: int = Field(gt=0, multiple_of=2)  # of the hidden states
    heads: PositiveInt
    positions: int = Field(ge=3)  # wordpieces of a sentence, at most, and of a training example
    masked: float = Field(gt=0, lt=1)  # share of the wordpieces that are to be guessed

    @model_validator(mode="after")
    def _share(self) -> Pretraining:
        if self.width % self.heads:
            raise ValueError(f"a width of {self.width} cannot be shared by {self.heads} heads")
        return self


class Text(_Entry):
    """A corpus."""

    name: str
    corpus: str  # as for wordweights.training.read_sentences
    licence: str
    similarity: bool = False  # whether unsupervised fine-tuning reads it, too


class Pairs(_Entry):
    """NLI pairs."""

    name: str
    pairs: str  # as for wordweights.training.read_nli
    licence: str


class Member(Training):
    """A fine-tuned encoder."""

    encoder: str  # its registered name
    folder: str  # of its checkpoint
    base: Literal["mini-BERT (CLS)", "mini-BERT (MEAN)"]  # which says its pooling
    objective: Literal["unsup-simcse", "sup-simcse", "sbert"]


class Recipe(_Entry):
    """All that a family depends on."""

    seed: int  # of everything that is random
    seeds: tuple[int, ...] = ()  # further ones, to see how far results depend on chance
    vocabulary: PositiveInt  # wordpieces
    whole: tuple[str, ...]  # sets of sentences, as for load_sentences, whose words stay whole
    pretraining: Pretraining
    texts: tuple[Text, ...]
    nli: Pairs  # for fine-tuning with labels; their sentences are text, too
    finetunings: tuple[Member, ...]

    @model_validator(mode="after")
    def _tell_apart(self) -> Recipe:
        several: tuple[list[str], ...] = (
            [f"{BASE} (CLS)", f"{BASE} (MEAN)", *(m.encoder for m in self.finetunings)],
            [BASE.lower(), *(member.folder for member in self.finetunings)],
            [member.objective for member in self.finetunings],
            [*(text.name for text in self.texts), self.nli.name],
        )
        for values in several:
            if twice := [value for value in values if values.count(value) > 1]:
                raise ValueError(
                    f"{twice[0]!r} stands for two: each text has a name of its own, and each "
                    f"member an encoder, a folder and an objective"
                )
        if len({self.seed, *self.seeds}) <= len(self.seeds):
            raise ValueError(f"seeds {list(self.seeds)} repeat one, or the seed {self.seed}")
        return self

    def sources(self) -> dict[str, str]:
        """Find each text and the pairs, in the folder of ``WORDWEIGHTS_DATA`` if a path says so."""
        named = {text.name: text.corpus for text in self.texts} | {self.nli.name: self.nli.pairs}
        variable, folder = f"${DATA_VARIABLE}", os.environ.get(DATA_VARIABLE)
        for path in named.values():
            if variable in path and not folder:
                raise WordweightsError(
                    f"{path} is part of the recipe, and {DATA_VARIABLE} is not set: let it name "
                    f"the folder with that file, or write a recipe with texts of your own."
                )
        return {name: path.replace(variable, folder or "") for name, path in named.items()}


def read_recipe(path: Path) -> Recipe:
    """Read a recipe from a TOML file, with ``$WORDWEIGHTS_DATA`` as it stands there."""
    try:
        return Recipe.model_validate(tomllib.loads(path.read_text("utf-8")))
    except OSError as error:
        reason = error.strerror or str(error)
    except ValidationError as error:
        found = [(".".join(map(str, e["loc"])), e["msg"]) for e in error.errors()]
        reason = "; ".join(f"{place}: {what}" if place else what for place, what in found)
    except ValueError as error:  # no TOML, no UTF-8
        reason = str(error)
    raise WordweightsError(
        f"The recipe {path} cannot be read: {reason}. {RECIPE_FILE.name} in the folder family has "
        f"all that a recipe needs."
    )
