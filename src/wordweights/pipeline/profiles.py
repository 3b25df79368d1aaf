"""The checkout, its notebooks, and profiles: which chapters to run with which parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wordweights.errors import WordweightsError, did_you_mean
from wordweights.files import expand_home, project_root
from wordweights.pipeline.parameters import notebook_parameters, read_value, read_yaml


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
        Given to every chapter that has them.
    """

    name: str
    chapters: tuple[str, ...]
    parameters: Mapping[str, Any] = field(default_factory=dict)


def find_root() -> Path:
    """Find the checkout that holds the notebooks and the book."""
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
    path = expand_home(name_or_path)
    if path.suffix not in (".yml", ".yaml"):
        path = folder / f"{name_or_path}.yml"
    if not path.is_file():
        known = sorted(p.stem for p in folder.glob("*.yml"))
        raise WordweightsError(
            f"There is no profile {str(name_or_path)!r} ({path} is not a file)"
            f"{did_you_mean(str(name_or_path), known)}. Known profiles: {', '.join(known)}; or "
            f"give the path of a file that ends in .yml."
        )
    try:
        content = read_yaml(path.read_text("utf-8"), f"Profile {path}") or {}
    except (OSError, UnicodeDecodeError) as error:
        raise WordweightsError(
            f"Profile {path} cannot be read ({getattr(error, 'strerror', None) or error}): give a "
            f"file in UTF-8 that you may read."
        ) from None
    kinds = {"chapters": list, "parameters": dict}
    if not isinstance(content, dict) or not all(
        key in kinds and isinstance(value, kinds[key] | None) for key, value in content.items()
    ):
        raise WordweightsError(
            f"Profile {path} must be a mapping with the keys 'chapters' (a list of names, such as "
            f"[03_correlations]) and 'parameters' (a mapping from names to values), and no others."
        )
    chapters = [str(name) for name in content.get("chapters") or known_chapters(root)]
    return Profile(
        name=path.stem if path.parent == folder else str(name_or_path),
        chapters=tuple(choose_chapters(root, chapters)),
        parameters=content.get("parameters") or {},
    )


def known_chapters(root: Path) -> list[str]:
    """Name all notebooks without their ending, in the order of their numbers."""
    return sorted(path.stem for path in (root / "notebooks").glob("[0-9]*.ipynb"))


def choose_chapters(root: Path, names: Sequence[str]) -> list[str]:
    """Name chapters in their order, given as ``03_correlations``, ``03`` or ``3``."""
    known = known_chapters(root)
    chosen = set()
    for name in names:
        stem = Path(name).stem
        number = stem.lstrip("0")  # YAML reads 03 as a number
        found = [c for c in known if stem == c or number == c.split("_")[0].lstrip("0")]
        if not found:
            raise WordweightsError(
                f"There is no chapter {name!r}{did_you_mean(stem, known)}. "
                f"Chapters: {', '.join(known)}."
            )
        chosen.update(found)
    return sorted(chosen)


def chapter_values(
    root: Path, profile: Profile, overrides: Mapping[str, Any] | None = None
) -> dict[str, dict[str, Any]]:
    """Find the value of every parameter of each chapter of a profile, defaults included.

    The profile may set a parameter of any notebook, `overrides` only those of its own chapters.
    """
    folder = root / "notebooks"
    everywhere = {n: notebook_parameters(folder / f"{n}.ipynb") for n in known_chapters(root)}
    chosen = {name: everywhere[name] for name in profile.chapters}
    given: dict[str, Any] = {}
    for values, chapters, place in (
        (profile.parameters, everywhere, f"Profile {profile.name!r}: "),
        (overrides or {}, chosen, ""),
    ):
        known = {name: p for parameters in chapters.values() for name, p in parameters.items()}
        for name, value in values.items():
            if name not in known:
                raise WordweightsError(
                    f"{place}No chapter has a parameter {name!r}{did_you_mean(str(name), known)}. "
                    f"Parameters of {', '.join(chapters)}: {', '.join(sorted(known))}."
                )
            try:
                given[name] = read_value(name, value, known[name].annotation)
            except WordweightsError as error:
                raise WordweightsError(f"{place}{error}") from None
    return {
        chapter: {name: given.get(name, p.default) for name, p in parameters.items()}
        for chapter, parameters in chosen.items()
    }
