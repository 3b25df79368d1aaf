"""What the notebooks declare as parameters, and values that fit."""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from wordweights.errors import WordweightsError
from wordweights.pipeline.profiles import Profile, close_names, known_chapters


@dataclass(frozen=True)
class Parameter:
    """A parameter that a notebook declares.

    Attributes
    ----------
    annotation : str
        Its type, as the notebook writes it; empty when it writes none.
    default : Any
        Its value when nothing else is given.
    """

    annotation: str
    default: Any


def declared_parameters(path: Path) -> dict[str, Parameter]:
    """Read the parameters that a notebook declares in its cell tagged ``parameters``.

    papermill's own inspection does not see an annotation with a ``|``.

    Parameters
    ----------
    path : Path
        A notebook.

    Returns
    -------
    dict[str, Parameter]
        By name, in the order of the cell.

    Raises
    ------
    WordweightsError
        For a notebook that cannot be read, and a default that is not a plain value.
    """
    import nbformat

    try:
        notebook = nbformat.read(path, as_version=4)
        cells = [c for c in notebook.cells if "parameters" in c.metadata.get("tags", [])]
        statements = [node for cell in cells for node in ast.parse(cell.source).body]
    except (OSError, ValueError, SyntaxError, nbformat.validator.ValidationError) as error:
        reason = " ".join(str(error).split())[:300]
        raise WordweightsError(f"The notebook {path} cannot be read: {reason}.") from None
    found = {}
    for node in statements:
        match node:
            case ast.AnnAssign(
                target=ast.Name(id=name), annotation=kind, value=ast.expr() as value
            ):
                found[name] = Parameter(ast.unparse(kind), _literal(path, name, value))
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                found[name] = Parameter("", _literal(path, name, value))
            case _:
                pass
    return found


def read_values(
    root: Path,
    profile: Profile,
    overrides: Mapping[str, Any],
    declared: Mapping[str, Mapping[str, Parameter]],
) -> dict[str, Any]:
    """Check the values of a profile and of a command against what the notebooks declare.

    Parameters
    ----------
    root : Path
        The checkout. A profile may set whatever any of its notebooks declares.
    profile : Profile
        With values of their final type, but for floats such as ``1e-4``, which YAML reads as text.
    overrides : Mapping[str, Any]
        Values that replace those of the profile; text is read by the declared type.
    declared : Mapping[str, Mapping[str, Parameter]]
        The parameters of each chapter to be run; an override must be among them.

    Returns
    -------
    dict[str, Any]
        The values of all parameters that are given.

    Raises
    ------
    WordweightsError
        For a parameter that no chapter declares, with the names that are close, and for a value
        of another type.
    """
    folder = root / "notebooks"
    everywhere = {n: declared_parameters(folder / f"{n}.ipynb") for n in known_chapters(root)}
    values: dict[str, Any] = {}
    for given, chapters, place in (
        (profile.parameters, everywhere, f"Profile {profile.name!r}: "),
        (overrides, declared, ""),
    ):
        types = {name: p for parameters in chapters.values() for name, p in parameters.items()}
        for name, value in given.items():
            if name not in types:
                raise WordweightsError(
                    f"{place}no chapter declares a parameter {name!r}{close_names(name, types)}. "
                    f"Parameters of {', '.join(chapters)}: {', '.join(sorted(types))}."
                )
            annotation = types[name].annotation
            read = _read_value(value, annotation) if given is overrides else value
            values[name] = _read_float(read, annotation)
            if not _fits(values[name], annotation):
                raise WordweightsError(
                    f"{place}parameter {name!r} is {value!r}, which is not of its type "
                    f"{annotation}. Values are read as YAML: 7, null, '[one, two]'."
                )
    return values


def _literal(path: Path, name: str, value: ast.expr) -> Any:
    try:
        return ast.literal_eval(value)
    except ValueError:
        raise WordweightsError(
            f"The notebook {path} gives its parameter {name!r} the default {ast.unparse(value)}; "
            f"a default must be a plain value: text, a number, None, a list of these."
        ) from None


def _read_value(value: Any, annotation: str) -> Any:
    """Read what a command gives as text: as it is for text, else as YAML."""
    if not isinstance(value, str) or annotation == "str":
        return value
    try:
        read = yaml.safe_load(value)
    except yaml.YAMLError:
        return value
    # one name in place of a list of names
    return [value] if annotation == "list[str]" and not isinstance(read, list) else read


def _read_float(value: Any, annotation: str) -> Any:
    """Read what YAML takes for text, because it has no point, though a float is asked for: 1e-4."""
    if not isinstance(value, str) or not annotation:
        return value
    asked = ast.walk(ast.parse(annotation, mode="eval"))
    if not any(isinstance(node, ast.Name) and node.id == "float" for node in asked):
        return value
    try:
        number = float(value)
    except ValueError:
        return value
    # "nan" and "infinity" are words: YAML has .nan and .inf for who means them
    return number if math.isfinite(number) else value


def _fits(value: Any, annotation: str) -> bool:
    """Check a value against an annotation such as ``int | None`` or ``list[str]``."""
    if not annotation:
        return True
    return _matches(value, ast.parse(annotation, mode="eval").body)


def _matches(value: Any, node: ast.expr) -> bool:
    plain: dict[str, tuple[type, ...]] = {
        "int": (int,),
        "str": (str,),
        "bool": (bool,),
        "float": (int, float),
    }
    match node:
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _matches(value, left) or _matches(value, right)
        case ast.Constant(value=None) | ast.Name(id="None"):
            return value is None
        case ast.Subscript(value=ast.Name(id="list"), slice=inner):
            return isinstance(value, list) and all(_matches(item, inner) for item in value)
        case ast.Name(id=name) if name in plain:
            return isinstance(value, plain[name]) and (name == "bool") == isinstance(value, bool)
        case _:
            return True
