"""What a contribution depends on besides its sentence: the name under which results are kept."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from wordweights.attribution.gradients import ALL_PROBES, NORMS
from wordweights.encoders import Encoder
from wordweights.errors import WordweightsError

METHOD = "integrated-gradients/2"
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
        SHA-256 of the encoder's weights.
    pooling : str
        How the sentence vector is read.
    dtype : str
        Floating-point type of the passes.
    norm : str
        How attributions are reduced to a contribution.
    baseline : str
        What the words are replaced by at the start of the path.
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
        Whether the backward passes use bfloat16.
    """

    method: str
    encoder: str
    pooling: str
    dtype: str
    norm: str
    baseline: str
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
    if options["norm"] not in NORMS:
        raise WordweightsError(
            f"norm {options['norm']!r} is not known; use one of {', '.join(map(repr, NORMS))}."
        )
    if options["vectors"] and options["norm"] != "vector":
        raise WordweightsError(
            "vectors=True needs norm='vector': only that norm gives each word a vector of its own."
        )
    if not 0 < options["max_error"] < 1:
        raise WordweightsError(
            f"max_error is {options['max_error']!r}; it is a relative error, between 0 and 1."
        )
    return Settings(
        method=METHOD,
        encoder=encoder.digest,
        pooling=encoder.pooling,
        dtype=str(encoder.dtype).removeprefix("torch."),
        **options,
    )
