"""Measures of how much each word weighs in a sentence vector, one per file."""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
from dataclasses import fields
from typing import Any

from wordweights.attribution.methods.embedding_distance import EmbeddingDistance
from wordweights.attribution.methods.gradient_times_input import GradientTimesInput
from wordweights.attribution.methods.integrated_gradients import IntegratedGradients
from wordweights.attribution.methods.method import Method, one_of
from wordweights.attribution.methods.occlusion import Alone, Occlusion
from wordweights.attribution.methods.shapley import Shapley
from wordweights.attribution.methods.token_norm import TokenNorm
from wordweights.errors import WordweightsError

METHODS: dict[str, type[Method]] = {
    member.name: member
    for file in pkgutil.iter_modules(__path__)
    for member in vars(importlib.import_module(f"{__name__}.{file.name}")).values()
    if inspect.isclass(member) and issubclass(member, Method) and hasattr(member, "name")
}
"""By name, whatever the files of this folder define: a new one is a file beside these."""


def make_method(method: Method | str, **settings: Any) -> Method:
    """Take a method, or make one of its name and settings.

    Parameters
    ----------
    method : Method | str
        Such as ``IntegratedGradients(probes="all")``, or a name of :data:`METHODS`.
    **settings : Any
        Fields of the method, where it is given by its name.

    Returns
    -------
    Method
        Checked.

    Raises
    ------
    WordweightsError
        For an unknown name or setting, a value out of range, and settings beside an instance.

    Examples
    --------
    >>> from wordweights.attribution import make_method
    >>> make_method("occlusion", baseline="mask")
    Occlusion(baseline='mask', vectors=False)
    >>> make_method("occlusion", probes=16)
    Traceback (most recent call last):
        ...
    wordweights.errors.WordweightsError: The method 'occlusion' has no setting 'probes'; ...
    """
    if isinstance(method, Method):
        if settings:
            raise WordweightsError(
                f"The method is given with its settings, and so are {', '.join(settings)}: set "
                f"them in {type(method).__name__}(...), or give the name {method.name!r}."
            )
        return method
    one_of("method", method, list(METHODS))
    known = [field.name for field in fields(METHODS[method])]
    for name in settings:
        if name not in known:
            raise WordweightsError(
                f"The method {method!r} has no setting {name!r}; it has {', '.join(known)}."
            )
    return METHODS[method](**settings)


def pick_method(method: str, **settings: Any) -> Method:
    """Make a method from those of some settings that it has.

    Parameters
    ----------
    method : str
        A name of :data:`METHODS`, which more settings may follow, each as NAME=VALUE in JSON or
        plain text, such as ``"integrated-gradients tolerance=0.002 norm=vector"``.
    **settings : Any
        Of any method: what this one lacks, such as probes for occlusion, is left out.

    Returns
    -------
    Method
        Checked as by :func:`make_method`.

    Raises
    ------
    WordweightsError
        As by :func:`make_method`; for a setting in the text that is no NAME=VALUE, and for one that
        is given beside the text, too.

    Examples
    --------
    >>> from wordweights.attribution import pick_method
    >>> pick_method("occlusion", baseline="mask", probes=16)
    Occlusion(baseline='mask', vectors=False)
    >>> pick_method("occlusion vectors=true", baseline="mask")
    Occlusion(baseline='mask', vectors=True)
    """
    name, *given = method.split() or [""]
    one_of("method", name, list(METHODS))
    known = {field.name for field in fields(METHODS[name])}
    own: dict[str, Any] = {}
    for setting in given:
        key, equals, text = setting.partition("=")
        if not equals or key in own or key in settings:
            raise WordweightsError(
                f"The method {method!r}: {setting!r} is "
                + ("set twice, here and as a parameter." if equals else "no setting NAME=VALUE.")
            )
        try:
            own[key] = json.loads(text)
        except ValueError:
            own[key] = text
    return make_method(name, **own, **{k: v for k, v in settings.items() if k in known})


__all__ = [
    "METHODS",
    "Alone",
    "EmbeddingDistance",
    "GradientTimesInput",
    "IntegratedGradients",
    "Method",
    "Occlusion",
    "Shapley",
    "TokenNorm",
    "make_method",
    "pick_method",
]
