"""Parameters of notebooks: their types, their defaults, and the values that a user gives them.

Text means the same wherever it comes from: ``wordweights run -p``, papermill's ``-p``, a profile.
What papermill's ``-y`` and ``-f`` hold, it has read itself, as YAML 1.1.
"""

from __future__ import annotations

import ast
import inspect
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wordweights.errors import WordweightsError

_NOTHING = ("None", "null", "Null", "NULL", "~")  # papermill's word, and those of YAML
_WORDS = {
    "int": "a whole number",
    "float": "a finite number",
    "bool": "true or false",
    "str": "text (digits between quotes, or by papermill's -r)",
    "list[str]": "a list of text such as '[one, two]', or one item; none of it blank",
    "None": "null",
}


@dataclass(frozen=True)
class Parameter:
    """A parameter of a notebook.

    Attributes
    ----------
    annotation : str
        Its type, as the notebook writes it.
    default : Any
        Its value when no other is given.
    """

    annotation: str
    default: Any


def read_parameters(namespace: Mapping[str, Any]) -> dict[str, Any]:
    """Read the parameters of a running notebook, which may have come as text.

    Parameters
    ----------
    namespace : Mapping[str, Any]
        The notebook's ``globals()``: the parameters are its annotated names.

    Returns
    -------
    dict[str, Any]
        The parameters, each of its type, by :func:`read_value`.

    Raises
    ------
    WordweightsError
        For a value of another type.
    """
    kinds = namespace.get("__annotations__", {})
    return {n: read_value(n, namespace[n], kind) for n, kind in kinds.items() if n in namespace}


def read_value(name: str, value: Any, annotation: Any) -> Any:
    """Read a value by the type of its parameter.

    Text is, whichever of these fits the type first: nothing (``None``, ``null``, ``~``); what it
    says in YAML 1.2, where that is a number, true, false or a list in brackets; the text itself;
    the only item of a list. So ``[a dog] is here .`` is a sentence, and ``[a dog]`` a list. Nothing
    else is converted but a whole number to a float: True is not 1, and 7.0 is not 7.

    Parameters
    ----------
    name : str
        Of the parameter, for the message.
    value : Any
        As it was given.
    annotation : Any
        A type such as ``int | None``, or its text.

    Returns
    -------
    Any
        The value; reading it again gives the same. A repeated item of a list counts once.

    Raises
    ------
    WordweightsError
        For a value of another type, and for an empty list or one with a blank item.
    """
    from pydantic import ConfigDict, PydanticUserError, TypeAdapter, ValidationError

    kind = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    try:
        adapter = TypeAdapter(annotation, config=ConfigDict(strict=True, allow_inf_nan=False))
        adapter.rebuild()  # text of a type that is not known is an error here, not at first use
    except (PydanticUserError, NameError):
        raise WordweightsError(
            f"Parameter {name!r} is of the type {kind}: take one of {', '.join(_WORDS)}, or "
            f"several with | between them."
        ) from None
    for meaning in _meanings(value) if isinstance(value, str) else [value]:
        try:
            found = adapter.validate_python(meaning)
        except ValidationError:
            continue
        if not isinstance(found, list):
            return found
        if found and all(str(item).strip() for item in found):
            return [item for i, item in enumerate(found) if item not in found[:i]]
    wanted = " or ".join(_WORDS.get(part, part) for part in kind.split(" | "))
    raise WordweightsError(
        f"Parameter {name!r} is {value!r} ({type(value).__name__}), which is not of its type "
        f"{kind}: give {wanted}."
    )


def read_yaml(text: str, place: str) -> Any:
    """Read YAML 1.2, in which JSON is included: ``010`` is ten, ``1:30`` and ``no`` are text."""
    from ruamel.yaml import YAML, YAMLError

    try:
        return json.loads(text)  # has escapes beyond YAML's
    except ValueError:
        pass
    try:
        return YAML(typ="safe", pure=True).load(text)
    except (YAMLError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise WordweightsError(f"{place} is not valid YAML: {reason}.") from None


def notebook_parameters(path: Path) -> dict[str, Parameter]:
    """Find the parameters of a notebook: the annotated names in its cell tagged ``parameters``."""
    import nbformat

    # papermill's own inspection does not see an annotation with a "|"
    found = {}
    try:
        cells = nbformat.read(path, as_version=4).cells
        tagged = [cell.source for cell in cells if "parameters" in cell.metadata.get("tags", [])]
        for node in ast.parse("\n".join(tagged)).body:
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
                default = ast.literal_eval(node.value)
                found[node.target.id] = Parameter(ast.unparse(node.annotation), default)
    except (OSError, ValueError, SyntaxError, nbformat.validator.ValidationError) as error:
        reason = " ".join(str(error).split())[:300]
        raise WordweightsError(
            f"The parameters of the notebook {path} cannot be read: {reason}. Their cell gives "
            f"each a type and a plain value, such as n_words: int | None = 7."
        ) from None
    return found


def _meanings(text: str) -> Iterator[Any]:
    """List what a text may say, the likeliest first."""
    if text in _NOTHING:
        yield None
        return
    bracketed = text.lstrip().startswith("[")
    try:
        read = read_yaml(text, "")
    except WordweightsError:
        read = None
    if isinstance(read, int | float) or (bracketed and isinstance(read, list)):
        yield read
    yield text
    if not (bracketed and isinstance(read, list)):
        yield [text]
