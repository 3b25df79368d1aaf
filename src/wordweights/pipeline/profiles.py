"""The checkout, its notebooks, and profiles: which chapters to run with which parameters."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from wordweights.errors import WordweightsError
from wordweights.files import project_root


@dataclass(frozen=True)
class Profile:
    """Which chapters to run, with which parameters.

    Attributes
    ----------
    name : str
        Name of the profile, or the path of its file.
    chapters : tuple[str, ...]
        Names of notebooks, in the order of their numbers.
    parameters : Mapping[str, Any]
        Given to every chapter that declares them.
    """

    name: str
    chapters: tuple[str, ...]
    parameters: Mapping[str, Any] = field(default_factory=dict)


def find_root() -> Path:
    """Find the checkout that holds the notebooks and the book.

    Returns
    -------
    Path
        Its folder.

    Raises
    ------
    WordweightsError
        Outside a checkout.
    """
    root = project_root()
    if root is None:
        raise WordweightsError(
            f"No folder from {Path.cwd()} upwards holds _config.yml and notebooks/. Run this "
            f"inside a checkout of wordweights: the notebooks and the book are not part of the "
            f"installed package."
        )
    return root


def load_profile(root: Path, name_or_path: str | Path) -> Profile:
    """Read a profile by its name in ``notebooks/profiles`` or by its path.

    Parameters
    ----------
    root : Path
        The checkout.
    name_or_path : str | Path
        Such as ``embedded``, or a YAML file.

    Returns
    -------
    Profile
        With every notebook, when the file names no chapters.

    Raises
    ------
    WordweightsError
        For an unknown name, a file that is no profile, and chapters that do not exist.
    """
    folder = root / "notebooks" / "profiles"
    path = Path(name_or_path)
    if path.suffix not in (".yml", ".yaml"):
        path = folder / f"{name_or_path}.yml"
    if not path.is_file():
        known = sorted(p.stem for p in folder.glob("*.yml"))
        raise WordweightsError(
            f"There is no profile {str(name_or_path)!r} ({path} is not a file)"
            f"{close_names(str(name_or_path), known)}. Known profiles: {', '.join(known)}; or give "
            f"the path of a file that ends in .yml."
        )
    try:
        content = yaml.safe_load(path.read_text("utf-8")) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise WordweightsError(f"Profile {path} is not valid YAML: {reason}.") from None
    except OSError as error:
        raise WordweightsError(
            f"Profile {path} cannot be read ({error.strerror}): give a file that you may read."
        ) from None
    if not isinstance(content, dict) or set(content) - {"chapters", "parameters"}:
        raise WordweightsError(
            f"Profile {path} must be a mapping with the keys 'chapters' (a list) and 'parameters' "
            f"(a mapping), and no others."
        )
    chapters = content.get("chapters") or known_chapters(root)
    parameters = content.get("parameters") or {}
    if not isinstance(chapters, list) or not isinstance(parameters, dict):
        raise WordweightsError(
            f"Profile {path}: 'chapters' must be a list of names, such as [03_correlations], and "
            f"'parameters' a mapping from names to values."
        )
    return Profile(
        name=path.stem if path.parent == folder else str(name_or_path),
        chapters=tuple(choose_chapters(root, [str(name) for name in chapters])),
        parameters=parameters,
    )


def known_chapters(root: Path) -> list[str]:
    """Name all notebooks, in the order of their numbers.

    Parameters
    ----------
    root : Path
        The checkout.

    Returns
    -------
    list[str]
        Names without their ending.
    """
    return sorted(path.stem for path in (root / "notebooks").glob("[0-9]*.ipynb"))


def choose_chapters(root: Path, names: Sequence[str]) -> list[str]:
    """Resolve names or numbers of chapters.

    Parameters
    ----------
    root : Path
        The checkout.
    names : Sequence[str]
        Such as ``03_correlations``, ``03`` or ``3``.

    Returns
    -------
    list[str]
        Names, in the order of their numbers, each once.

    Raises
    ------
    WordweightsError
        For a name that no notebook has.
    """
    known = known_chapters(root)
    chosen = set()
    for name in names:
        stem = Path(name).stem
        number = stem.lstrip("0")  # YAML reads 03 as a number
        found = [c for c in known if stem == c or number == c.split("_")[0].lstrip("0")]
        if not found:
            raise WordweightsError(
                f"There is no chapter {name!r}{close_names(stem, known)}. "
                f"Chapters: {', '.join(known)}."
            )
        chosen.update(found)
    return sorted(chosen)


def close_names(name: str, known: Iterable[str]) -> str:
    """Suggest what a wrong name may have meant.

    Parameters
    ----------
    name : str
        As it was given.
    known : Iterable[str]
        The right ones.

    Returns
    -------
    str
        A clause to append, or nothing when none is close.
    """
    found = difflib.get_close_matches(name, list(known), n=3, cutoff=0.5)
    return f"; did you mean {' or '.join(map(repr, found))}?" if found else ""
