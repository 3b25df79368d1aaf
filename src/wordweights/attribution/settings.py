"""What a contribution depends on besides its sentence: the name under which results are kept."""

from __future__ import annotations

import operator
from dataclasses import asdict, dataclass
from typing import Any

from wordweights.attribution.baselines import BASELINES, neutral_token
from wordweights.attribution.gradients import NORMS
from wordweights.attribution.plan import QUADRATURES, one_of, whole
from wordweights.attribution.probes import ALL_PROBES
from wordweights.encoders import Encoder
from wordweights.errors import WordweightsError

METHOD = "integrated-gradients/5"
"""Version of the method: raised by any change that changes results, so old ones are not read."""

AUTO_PROBES = "auto"


@dataclass(frozen=True)
class Settings:
    """Everything a contribution depends on besides the sentence.

    Attributes
    ----------
    method : str
        Version of the method.
    encoder : str
        SHA-256 of the encoder's configuration and weights.
    pooling : str
        How the sentence vector is read.
    dtype : str
        Floating-point type of the passes.
    norm : str
        How attributions are reduced to a contribution.
    baseline : str
        What the words are replaced by at the start of the path.
    neutral_id : int | None
        The token whose embedding the baseline takes, if it takes one.
    n_steps : int | None
        Nodes of the quadrature; None when chosen by the tolerance.
    tolerance : float
        Relative residual to reach.
    max_steps : int
        Most nodes to try.
    quadrature : str
        How nodes are placed.
    probes : int | str
        Number of random orthogonal probes, ``"auto"`` or ``"all"``.
    max_error : float
        Relative standard error to reach with ``"auto"``.
    seed : int
        Of the probes.
    vectors : bool
        Whether the words' vectors are kept.
    bfloat16 : bool
        Whether the gradients are computed in bfloat16; forward mode never is.
    """

    method: str
    encoder: str
    pooling: str
    dtype: str
    norm: str
    baseline: str
    neutral_id: int | None
    n_steps: int | None
    tolerance: float
    max_steps: int
    quadrature: str
    probes: int | str
    max_error: float
    seed: int
    vectors: bool
    bfloat16: bool

    def content(self) -> dict[str, Any]:
        """List the settings that matter: those that could not change the result are left out.

        Returns
        -------
        dict[str, Any]
            JSON-able.
        """
        content = asdict(self)
        idle = set()
        if self.n_steps is not None:
            idle |= {"tolerance", "max_steps"}
        if self.norm == "vector":
            idle |= {"probes", "max_error", "seed", "bfloat16"}
        if self.probes == ALL_PROBES:
            idle |= {"max_error", "seed"}
        if self.probes != AUTO_PROBES:
            idle |= {"max_error"}
        return {name: value for name, value in content.items() if name not in idle}


def make_settings(encoder: Encoder, **options: Any) -> Settings:
    """Check options against one another and name the encoder by its weights.

    Parameters
    ----------
    encoder : Encoder
        Whose contributions.
    **options : Any
        The remaining fields of :class:`Settings`.

    Returns
    -------
    Settings
        Complete.

    Raises
    ------
    WordweightsError
        For options that are unknown or contradict one another.
    """
    one_of("norm", options["norm"], NORMS)
    one_of("baseline", options["baseline"], BASELINES)
    one_of("quadrature", options["quadrature"], QUADRATURES)
    if options["vectors"] and options["norm"] != "vector":
        raise WordweightsError(
            "vectors=True needs norm='vector': only that norm gives each word a vector of its own."
        )
    if options["bfloat16"] and encoder.embedding_matrix.element_size() != 4:
        raise WordweightsError(
            f"bfloat16=True needs float32 weights, and those of {encoder.name!r} are "
            f"{encoder.dtype}; leave it out, or load the encoder in float32."
        )
    for name in ("tolerance", "max_error"):
        options[name] = _share(name, options[name])
    options["max_steps"] = whole("max_steps", options["max_steps"])
    options["seed"] = whole("seed", options["seed"], least=0)
    if options["n_steps"] is not None:
        options["n_steps"] = whole("n_steps", options["n_steps"])
    if options["probes"] not in (ALL_PROBES, AUTO_PROBES):
        options["probes"] = _probes(options["probes"], encoder.hidden_size)
    return Settings(
        method=METHOD,
        encoder=encoder.digest,
        pooling=encoder.pooling,
        dtype=str(encoder.dtype).removeprefix("torch."),
        neutral_id=neutral_token(encoder, options["baseline"]),
        **options,
    )


def _share(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1:
        raise WordweightsError(
            f"{name} is {value!r}; it is a relative size, a number between 0 and 1."
        )
    return float(value)


def _probes(value: Any, n_outputs: int) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        number = 0
    if isinstance(value, bool) or not 1 <= number <= n_outputs:
        raise WordweightsError(
            f"probes is {value!r}; it must be {ALL_PROBES!r}, {AUTO_PROBES!r}, or a whole number "
            f"from 1 to the number of output dimensions, {n_outputs}."
        )
    return number
