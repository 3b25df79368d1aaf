"""Integrated Gradients of every output by every input dimension, reduced to a number per word.

From top to bottom: a pilot of forward passes shows how the sentence vector moves along the path;
nodes are placed where it moves; forward mode at the nodes certifies them, by completeness; and the
integral that is certified is reduced to a norm per word, by probes or by forward mode.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from wordweights.attribution.alignment import TokenisedSentence
from wordweights.attribution.methods.jacobian import JacobianMethod
from wordweights.attribution.methods.method import Row, one_of, share, whole
from wordweights.attribution.norms import Weights
from wordweights.attribution.quadrature import (
    Rule,
    choose_rule,
    gauss_legendre,
    path_moments,
    pilot_nodes,
)
from wordweights.encoders import Encoder
from wordweights.errors import WordweightsError

if TYPE_CHECKING:
    from torch import Tensor

    from wordweights.attribution.integral import Integral
    from wordweights.attribution.path import StraightPath

Array = NDArray[np.float64]

QUADRATURES = ("adaptive", "gauss-legendre")

_LADDER = (4, 6, 8, 10, 12, 14, 16, 20, 24, 32, 40, 50, 64, 80, 100)
_SMOOTH = 32  # nodes of one rule: where they do not suffice, the path is divided
_FAR = 3.0  # times the tolerance
# times the tolerance: how far a part of the path may be from complete where the whole of it is. On
# 64 sentences by five encoders that do not jump it was at most 1.2 times (P_1 and P_2).
_EVEN = 3.0
_TYPICAL_NODES = 12  # of a sentence whose rule is chosen by the tolerance


@dataclass(frozen=True)
class Certified:
    """Examples with their integral, and by how much it misses completeness, in all and in parts.

    Attributes
    ----------
    examples : list[int]
        Their positions in the batch.
    integral : Integral
        Of these.
    gap : Tensor
        sum_ij IG(i, j, k) - (s(W) - s(B))[k], shape (examples, outputs).
    residual : list[float]
        Per example the gap's norm relative to that of s(W) - s(B).
    even : list[bool]
        Per example whether parts of the path are complete, too: what misses in one place may be
        made up in another, and then the whole says nothing about the words.
    """

    examples: list[int]
    integral: Integral
    gap: Tensor
    residual: list[float]
    even: list[bool]


@dataclass(frozen=True, kw_only=True)
class IntegratedGradients(JacobianMethod):
    """Integrated Gradients from a baseline (Sundararajan et al. 2017), for a vector of outputs.

    c(w) = sqrt(sum over the rows i of w, the columns j and the outputs k of IG(i, j, k)^2), the
    measure of Kurita et al. (NLP2023).

    Attributes
    ----------
    n_nodes : int | None
        Nodes of the quadrature; None chooses them for every sentence by `tolerance`.
    tolerance : float
        Relative completeness residual to reach.
    max_nodes : int
        Most nodes to try when `n_nodes` is None; a sentence that needs more is flagged.
    quadrature : str
        ``"adaptive"`` places nodes where a forward-only pilot shows the path moving,
        ``"gauss-legendre"`` does not look.
    bfloat16 : bool
        Compute the gradients with matrix products in bfloat16. The residual is that of the nodes in
        full precision, and does not see the error that this adds; ``norm="vector"`` needs no
        gradients, so it stays as it is.

    Examples
    --------
    >>> from wordweights import attribute, load_encoder
    >>> from wordweights.attribution import IntegratedGradients
    >>> encoder = load_encoder("mini SBERT (MEAN)")
    >>> method = IntegratedGradients(probes="all", tolerance=0.005)
    >>> words = attribute(encoder, ["a dog runs ."], method, progress=False)
    >>> bool((words["standard_error"] == 0).all() and (words["residual"] <= 0.005).all())
    True
    """

    name: ClassVar[str] = "integrated-gradients"
    version: ClassVar[int] = 10
    certificate: ClassVar[Mapping[str, type]] = {
        "residual": float,
        "n_nodes": int,
        "converged": bool,
    }
    complete: ClassVar[bool] = True

    n_nodes: int | None = None
    tolerance: float = 0.01
    max_nodes: int = 256
    quadrature: str = "adaptive"
    bfloat16: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("quadrature", self.quadrature, QUADRATURES)
        if self.n_nodes is not None:
            self._take("n_nodes", whole("n_nodes", self.n_nodes))
        self._take("max_nodes", whole("max_nodes", self.max_nodes))
        self._take("tolerance", share("tolerance", self.tolerance))

    def check(self, encoder: Encoder) -> None:
        """Refuse an encoder that does not fit the settings, by a WordweightsError."""
        super().check(encoder)
        if self.bfloat16 and encoder.embedding_matrix.element_size() != 4:
            raise WordweightsError(
                f"bfloat16=True needs float32 weights, and those of {encoder.name!r} are "
                f"{encoder.dtype}; leave it out, or load the encoder in float32."
            )

    def weigh(
        self, encoder: Encoder, sentences: Sequence[TokenisedSentence], memory: int
    ) -> list[Row]:
        """Weigh words; see :class:`Method`."""
        from wordweights.attribution.path import lay_path

        path = lay_path(encoder, sentences, self.baseline, memory, bfloat16=self.bfloat16)
        memberships = [sentence.membership for sentence in sentences]
        rows: dict[int, Row] = {}
        for found, weights in self.along(path, memberships, self.seeds(sentences)):
            for example, words, residual, even in zip(
                found.examples, weights, found.residual, found.even, strict=True
            ):
                rows[example] = {
                    **self.row(words),
                    "residual": residual,
                    "n_nodes": found.integral.n_nodes,
                    "converged": residual <= self.tolerance and even,
                }
        return [rows[example] for example in range(len(sentences))]

    def along(
        self,
        path: StraightPath,
        memberships: Sequence[NDArray[np.float64]],
        seeds: Sequence[list[int]],
    ) -> Iterator[tuple[Certified, list[Weights]]]:
        """Certify the examples of a path, and measure their words.

        Parameters
        ----------
        path : StraightPath
            A batch.
        memberships : Sequence[NDArray[np.float64]]
            Per example 1 where a row belongs to a word, shape (rows, words).
        seeds : Sequence[list[int]]
            Per example the seed words of its probes.

        Yields
        ------
        tuple[Certified, list[Weights]]
            Some of the examples, and what their words weigh; each example once.
        """
        for found in self.certify(path):
            chosen = [memberships[i] for i in found.examples]
            yield found, self.measure(found.integral, chosen, [seeds[i] for i in found.examples])

    def certify(self, path: StraightPath) -> Iterator[Certified]:
        """Choose the nodes of every example, and show how nearly they are complete.

        The sum over i, j of IG(i, j, k) is the integral of the path derivative of output k, which
        one forward-mode pass per node gives for all outputs. So the certificate costs no gradient:
        an example climbs to more nodes until its own residual is within the tolerance. The same
        passes, weighted by P_1 and P_2, tell whether what one part misses is made up in another.

        Parameters
        ----------
        path : StraightPath
            A batch.

        Yields
        ------
        Certified
            Some of the examples, as many as fit into memory; each example once.

        Raises
        ------
        WordweightsError
            For a model that gives no vector.
        """
        import torch

        from wordweights.attribution.integral import Integral

        batch, adaptive = len(path.inputs), self.quadrature == "adaptive"
        alphas = pilot_nodes() if adaptive else np.array([0.0, 1.0])
        pilot = path.outputs(np.tile(alphas, (batch, 1)))  # (batch, points, outputs)
        if pilot.ndim != 3:
            raise WordweightsError(
                f"forward_func gave shape {tuple(pilot.shape[2:])} for an example; expected one "
                f"vector: outputs of shape (batch, outputs)."
            )
        self.check_outputs(pilot.shape[-1])
        change = pilot[:, -1] - pilot[:, 0]  # (batch, outputs)
        curves = pilot.double().cpu().numpy()
        expected = torch.from_numpy(path_moments(curves)).to(pilot) if adaptive else None
        left, jumping = list(range(batch)), list[int]()
        for n in self._ladder(adaptive):
            last = n in (self.max_nodes, self.n_nodes)
            rules: dict[int, Rule] = {}
            for example in left:
                rule, foreseen = (
                    choose_rule(curves[example], n) if adaptive else (gauss_legendre(n), 0.0)
                )
                # what the pilot already sees failing needs no certificate
                if last or foreseen <= self.tolerance:
                    rules[example] = rule
            chosen, in_pass = list(rules), max(1, path.points_in_pass // n)
            size = max(1, path.points_kept // n // in_pass) * in_pass  # whole passes
            for group in (chosen[start : start + size] for start in range(0, len(chosen), size)):
                integral = Integral(
                    path.select(group), tuple(rules[i] for i in group), change.shape[-1]
                )
                moments = np.stack([rules[i].moments for i in group], axis=1)
                found = integral.along(integral.path.step[None], moments)[:, 0]
                gap = found[0] - change[group]
                residual = _relative(gap, change[group]).tolist()
                even = [True] * len(group)
                if expected is not None:
                    uneven = _relative(
                        found[1:] - expected[group, 1:].transpose(0, 1), change[group]
                    )
                    even = (~(uneven > _EVEN * self.tolerance).any(dim=0)).tolist()
                # one that is not a number is yielded too: no rule will mend it
                met = [
                    i
                    for i, (r, e) in enumerate(zip(residual, even, strict=True))
                    if last or (e and not r > self.tolerance)
                ]
                if met:
                    examples = [group[i] for i in met]
                    left = [example for example in left if example not in examples]
                    integral = integral.select(met)  # the memory of the others is free
                    certified = integral, gap[met], [residual[i] for i in met]
                    yield Certified(examples, *certified, [even[i] for i in met])
                # where forward mode sees far more missing than the pilot, or too much in one part
                # and too little in another, the path jumps between the points of the pilot, and
                # more nodes of one rule will not find it
                jumping += [
                    group[i]
                    for i, (r, e) in enumerate(zip(residual, even, strict=True))
                    if adaptive and not last and (r > _FAR * self.tolerance or not e)
                ]
            left = [example for example in left if example not in jumping]
        for example in sorted([*left, *jumping]):
            alone = path.select([example])
            yield self._divided(example, alone, alphas, curves[example], change[[example]])

    def _ladder(self, adaptive: bool) -> list[int]:
        """How many nodes a rule for a whole path is tried with."""
        if self.n_nodes is not None:
            return [self.n_nodes]
        if adaptive:
            return [n for n in _LADDER if n <= min(_SMOOTH, self.max_nodes)] or [self.max_nodes]
        return [n for n in _LADDER if n < self.max_nodes] + [self.max_nodes]

    def _divided(
        self, example: int, path: StraightPath, alphas: Array, curve: Array, change: Tensor
    ) -> Certified:
        """Divide the path of an example, which it has alone, where it is not complete."""
        import torch

        from wordweights.attribution.division import divide
        from wordweights.attribution.integral import Integral

        rule, missed, even = divide(
            path, alphas, curve, self.tolerance, self.max_nodes, even=_EVEN * self.tolerance
        )
        gap = torch.from_numpy(missed).to(change)[None]
        integral = Integral(path, (rule,), change.shape[-1])
        return Certified([example], integral, gap, _relative(gap, change).tolist(), [even])

    def passes(self, tokens: int, outputs: int) -> int:
        """Estimate the passes per sentence."""
        return self.directions(tokens, outputs) * (self.n_nodes or _TYPICAL_NODES)


def _relative(gap: Tensor, change: Tensor) -> Tensor:
    import torch

    size, scale = (torch.linalg.vector_norm(v, dim=-1) for v in (gap, change))
    # an input equal to its baseline moves nothing, and leaves no gap either; NaN stays NaN
    return torch.where(size == 0, torch.zeros_like(size), size / scale)
