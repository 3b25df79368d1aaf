"""The recipe of a family of encoders: data, sizes and steps, as a file."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from wordweights.attribution.plan import one_of
from wordweights.errors import WordweightsError
from wordweights.files import DATA_VARIABLE
from wordweights.training.finetuning import OBJECTIVES, FineTuning
from wordweights.training.pretraining import Pretraining

BASE = "mini-BERT"
"""What is pre-trained; its two names say a pooling, too."""


@dataclass(frozen=True)
class Text:
    """A corpus of a recipe.

    Attributes
    ----------
    name : str
        What it is, for people.
    corpus : str
        As for :func:`wordweights.training.read_sentences`.
    licence : str
        Under which it may be used.
    similarity : bool
        Whether unsupervised fine-tuning reads it, too.
    """

    name: str
    corpus: str
    licence: str
    similarity: bool = False


@dataclass(frozen=True)
class Pairs:
    """The NLI pairs of a recipe.

    Attributes
    ----------
    name : str
        What they are, for people.
    pairs : str
        As for :func:`wordweights.training.read_nli`.
    licence : str
        Under which they may be used.
    """

    name: str
    pairs: str
    licence: str


@dataclass(frozen=True)
class Member:
    """A fine-tuned encoder of a family.

    Attributes
    ----------
    encoder : str
        Its registered name.
    folder : str
        Of its checkpoint.
    base : str
        The registered name of what it is fine-tuned from, which says its pooling.
    settings : FineTuning
        How.
    """

    encoder: str
    folder: str
    base: str
    settings: FineTuning


@dataclass(frozen=True)
class Recipe:
    """All that a family depends on.

    Attributes
    ----------
    seed : int
        Of everything that is random.
    vocabulary : int
        Wordpieces.
    whole : tuple[str, ...]
        Sets of sentences, as for :func:`wordweights.load_sentences`, whose words stay whole.
    pretraining : Pretraining
        Of the base.
    texts : tuple[Text, ...]
        What it reads.
    nli : Pairs
        For fine-tuning with labels.
    members : tuple[Member, ...]
        What is fine-tuned from it.
    """

    seed: int
    vocabulary: int
    whole: tuple[str, ...]
    pretraining: Pretraining
    texts: tuple[Text, ...]
    nli: Pairs
    members: tuple[Member, ...]


def read_recipe(path: Path) -> Recipe:
    """Read a recipe.

    Parameters
    ----------
    path : Path
        A TOML file; the package's ``data/family/recipe.toml`` is an example.

    Returns
    -------
    Recipe
        With ``$WORDWEIGHTS_DATA`` as it stands in the file; :func:`at_hand` resolves it.

    Raises
    ------
    WordweightsError
        For a file that cannot be read, for entries that are missing or unknown, and for members
        that cannot be trained, or not told apart.
    """
    try:
        content = tomllib.loads(path.read_text("utf-8"))
        seed = content["seed"]
        members = []
        for entry in content.pop("finetunings"):
            names = {name: entry.pop(name) for name in ("encoder", "folder", "base")}
            members.append(Member(**names, settings=FineTuning(**entry, seed=seed)))
        _check_members(members)
        return Recipe(
            pretraining=Pretraining(**content.pop("pretraining"), seed=seed),
            texts=tuple(Text(**entry) for entry in content.pop("texts")),
            nli=Pairs(**content.pop("nli")),
            whole=tuple(content.pop("whole")),
            members=tuple(members),
            **content,
        )
    except OSError as error:
        reason = error.strerror or str(error)
    except KeyError as error:
        reason = f"{error} is missing"
    except WordweightsError as error:
        reason = str(error).removesuffix(".")
    except (tomllib.TOMLDecodeError, TypeError, AttributeError, UnicodeDecodeError) as error:
        reason = str(error).replace("__init__()", "an entry")
    raise WordweightsError(
        f"The recipe {path} cannot be read: {reason}. data/family/recipe.toml of the package has "
        f"all that a recipe needs."
    )


def _check_members(members: list[Member]) -> None:
    """Find now what would else be found after the pre-training."""
    known = [f"{BASE} (CLS)", f"{BASE} (MEAN)"]
    folders: list[str] = [BASE.lower()]
    objectives: list[str] = []
    for member in members:
        objective = member.settings.objective
        one_of("the base of a member", member.base, known)
        one_of("the objective of a member", objective, OBJECTIVES)
        for value, seen in (
            (member.encoder, known),
            (member.folder, folders),
            (objective, objectives),
        ):
            if value in seen:
                raise WordweightsError(
                    f"{value!r} stands for two: each member has an encoder, a folder and an "
                    f"objective of its own"
                )
            seen.append(value)


def at_hand(recipe: Recipe) -> Recipe:
    """Put the folder of real data into the paths of a recipe.

    Parameters
    ----------
    recipe : Recipe
        From :func:`read_recipe`.

    Returns
    -------
    Recipe
        Whose paths can be opened.

    Raises
    ------
    WordweightsError
        When a path needs WORDWEIGHTS_DATA and it is not set.
    """
    texts = tuple(replace(text, corpus=_resolve(text.corpus)) for text in recipe.texts)
    return replace(recipe, texts=texts, nli=replace(recipe.nli, pairs=_resolve(recipe.nli.pairs)))


def _resolve(path: str) -> str:
    variable = f"${DATA_VARIABLE}"
    if variable not in path:
        return path
    folder: Any = os.environ.get(DATA_VARIABLE)
    if not folder:
        raise WordweightsError(
            f"{path} is part of the recipe, and {DATA_VARIABLE} is not set: let it name the folder "
            f"with that file, or write a recipe with texts of your own."
        )
    return path.replace(variable, folder)
