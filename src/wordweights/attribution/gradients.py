"""Integrated Gradients of a vector-valued model, reduced to one contribution a row of the input."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from captum.attr import GradientAttribution
from numpy.typing import NDArray
from torch import Tensor

from wordweights.attribution.path import StraightPath
from wordweights.attribution.plan import MAX_STEPS, Plan, one_of, plan_nodes, stack
from wordweights.attribution.probes import estimate_norms, orthonormal_probes
from wordweights.errors import WordweightsError
from wordweights.quadrature import Rule

ALL_PROBES = "all"
NORMS = ("frobenius", "vector")

POINTS = 192
"""Points of a path in one pass: enough to fill the matrix products."""

_PROBE_BLOCK_BYTES = 256 * 2**20  # gradients kept while a path is cut into several forward passes


@dataclass(frozen=True)
class ProbeSquares:
    """What the backward passes over a batch leave, before it is reduced to norms.

    Attributes
    ----------
    squares : NDArray[np.float64]
        Sum over input columns j of (sum_k r_p[k] IG(row[j], s[k]))^2 for every orthonormal probe
        r_p, shape (probes, batch, rows). With all probes they are the unit vectors.
    outputs : int
        Number of output dimensions d.
    """

    squares: NDArray[np.float64]
    outputs: int


class WordAttribution(GradientAttribution):
    """Contribution of each input row (a wordpiece's embedding) to a vector-valued output.

    Integrated Gradients (Sundararajan et al. 2017) over every pair of input column j and output k,

        IG(i, j, k) = (W_ij - B_ij) * integral over alpha in [0, 1] of
                      d s_k / d W_ij at B + alpha (W - B),

    reduced by the Frobenius norm c_i = sqrt(sum_jk IG(i, j, k)^2), the measure of Kurita et al.
    (NLP2023). captum asks for one scalar target a call; here all outputs share the forward passes,
    and a few random orthogonal probes can stand for all of them.

    Parameters
    ----------
    forward_func : Callable[..., Tensor]
        Maps inputs of shape (batch, rows, columns) to outputs of shape (batch, outputs), each
        example by itself. Gradients must flow from outputs to inputs, and forward-mode derivatives
        must be implemented (transformers: ``attn_implementation="eager"``).
    """

    def __init__(self, forward_func: Callable[..., Tensor]) -> None:
        super().__init__(forward_func)

    def has_convergence_delta(self) -> bool:
        """Say that the attribution can report its completeness gap (a captum convention).

        Returns
        -------
        bool
            True.
        """
        return True

    def attribute(
        self,
        inputs: Tensor,
        baselines: Tensor | float | None = None,
        additional_forward_args: Any = None,
        *,
        norm: str = "frobenius",
        n_steps: int | None = None,
        tolerance: float = 0.01,
        max_steps: int = MAX_STEPS,
        quadrature: str = "adaptive",
        probes: int | str = ALL_PROBES,
        seed: int = 0,
        internal_batch_size: int | None = None,
        return_convergence_delta: bool = False,
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Attribute the output vector to the input rows.

        Parameters
        ----------
        inputs : Tensor
            W, shape (batch, rows, columns).
        baselines : Tensor | float | None
            B, broadcast against `inputs`; None is zero.
        additional_forward_args : Any
            Passed on to `forward_func` after the inputs: one value or a tuple. A tensor whose
            first dimension is the batch is repeated along the path, as captum does.
        norm : str
            ``"frobenius"`` is sqrt(sum_jk IG(i, j, k)^2). ``"vector"`` is the length of row i's
            own share of the output, ||sum_j IG(i, j, .)||_2: see :meth:`vectors`.
        n_steps : int | None
            Nodes of the quadrature; None chooses them for every example by `tolerance`.
        tolerance : float
            Relative completeness residual to reach when `n_steps` is None.
        max_steps : int
            Most nodes to try then.
        quadrature : str
            ``"adaptive"`` places nodes where a forward-only pilot shows the path moving;
            ``"gauss-legendre"`` does not look.
        probes : int | str
            For the Frobenius norm: ``"all"`` is exact, one backward pass for each output; a number
            m estimates from m random orthogonal probes.
        seed : int
            Of the probes.
        internal_batch_size : int | None
            Points of the path in one pass; None chooses.
        return_convergence_delta : bool
            Also return the completeness gap.

        Returns
        -------
        Tensor | tuple[Tensor, Tensor]
            Contributions, shape (batch, rows), and on request the gap
            sum_ij IG(i, j, k) - (s(W) - s(B))[k], shape (batch, outputs).

        Raises
        ------
        WordweightsError
            For settings out of range, and inputs or outputs of another shape.
        """
        one_of("norm", norm, NORMS)  # before the plan costs anything
        path = self._path(inputs, baselines, additional_forward_args, internal_batch_size)
        plan = plan_nodes(
            path,
            n_steps=n_steps,
            tolerance=tolerance,
            max_steps=max_steps,
            quadrature=quadrature,
        )
        if norm == "vector":
            contributions = torch.linalg.vector_norm(row_vectors(path, plan.rules), dim=-1)
        else:
            seeds = [[seed, example] for example in range(len(inputs))]
            result = probe_squares(path, plan, probes, seeds)
            contributions = torch.from_numpy(estimate_norms(result.squares, result.outputs)[0])
        contributions = contributions.to(inputs)
        return (contributions, plan.delta) if return_convergence_delta else contributions

    def vectors(
        self,
        inputs: Tensor,
        baselines: Tensor | float | None = None,
        additional_forward_args: Any = None,
        *,
        n_steps: int | None = None,
        tolerance: float = 0.01,
        max_steps: int = MAX_STEPS,
        quadrature: str = "adaptive",
        internal_batch_size: int | None = None,
    ) -> Tensor:
        """Split the change of the output vector into one vector a row.

        v_i = sum_j IG(i, j, .) = integral of J_i(alpha) (W_i - B_i), by one forward-mode pass a
        row, without probes. The vectors sum to s(W) - s(B), up to the completeness gap.

        Parameters
        ----------
        inputs : Tensor
            As in :meth:`attribute`.
        baselines : Tensor | float | None
            As in :meth:`attribute`.
        additional_forward_args : Any
            As in :meth:`attribute`.
        n_steps : int | None
            As in :meth:`attribute`.
        tolerance : float
            As in :meth:`attribute`.
        max_steps : int
            As in :meth:`attribute`.
        quadrature : str
            As in :meth:`attribute`.
        internal_batch_size : int | None
            As in :meth:`attribute`.

        Returns
        -------
        Tensor
            Shape (batch, rows, outputs).
        """
        path = self._path(inputs, baselines, additional_forward_args, internal_batch_size)
        plan = plan_nodes(
            path,
            n_steps=n_steps,
            tolerance=tolerance,
            max_steps=max_steps,
            quadrature=quadrature,
        )
        return row_vectors(path, plan.rules)

    def _path(
        self,
        inputs: Tensor,
        baselines: Tensor | float | None,
        arguments: Any,
        points_at_once: int | None,
    ) -> StraightPath:
        if inputs.ndim != 3:
            raise WordweightsError(
                f"inputs have shape {tuple(inputs.shape)}; expected (batch, rows, columns)."
            )
        base = torch.zeros_like(inputs) if baselines is None else baselines
        base = torch.as_tensor(base, dtype=inputs.dtype, device=inputs.device).expand_as(inputs)
        given = () if arguments is None else arguments
        given = given if isinstance(given, tuple) else (given,)
        return StraightPath(
            self.forward_func,
            inputs.detach(),
            base.detach(),
            arguments=given,
            batched=tuple(
                isinstance(value, Tensor) and value.ndim > 0 and len(value) == len(inputs)
                for value in given
            ),
            points_at_once=points_at_once or POINTS,
        )


def probe_squares(
    path: StraightPath,
    plan: Plan,
    probes: int | str,
    seeds: list[list[int]],
    skip: int = 0,
) -> ProbeSquares:
    """Run the backward passes of a batch and keep the squares of every probe.

    Parameters
    ----------
    path : StraightPath
        A batch.
    plan : Plan
        Its nodes.
    probes : int | str
        ``"all"``, or a number of random orthonormal probes.
    seeds : list[list[int]]
        Seed words of the probes, for every example: its probes then do not depend on the batch that
        it happens to be in.
    skip : int
        Leave out so many of the probes, which an earlier call has passed already.

    Returns
    -------
    ProbeSquares
        With shape (probes - skip, batch, rows).

    Raises
    ------
    WordweightsError
        For a number of probes out of range.
    """
    n_outputs = plan.delta.shape[-1]
    directions = _directions(probes, n_outputs, seeds)[skip:].to(path.inputs)
    shape = (len(directions), *path.inputs.shape[:2])
    squares = np.empty(shape)
    for examples in by_length(plan.rules, path.points_at_once):
        part = path.select(examples)
        nodes, weights = stack([plan.rules[example] for example in examples])
        squares[:, examples] = _accumulate(part, nodes, weights, directions[:, examples])
    return ProbeSquares(squares, n_outputs)


def row_vectors(path: StraightPath, rules: list[Rule]) -> Tensor:
    """Integrate each row's own share of the output, by one forward-mode pass a row.

    Parameters
    ----------
    path : StraightPath
        A batch.
    rules : list[Rule]
        One an example.

    Returns
    -------
    Tensor
        Shape (batch, rows, outputs); rows that equal their baseline have exactly zero.
    """
    batch, rows = path.inputs.shape[:2]
    moving = (path.step != 0).any(dim=-1)  # (batch, rows)
    vectors: Tensor | None = None
    for examples in by_length(rules, path.points_at_once):
        part = path.select(examples)
        nodes, weights = stack([rules[example] for example in examples])
        for row in range(rows):
            if not moving[examples, row].any():
                continue
            direction = torch.zeros_like(part.step)
            direction[:, row] = part.step[:, row]
            values = part.integrated_derivative(nodes, weights, direction)
            if vectors is None:
                vectors = torch.zeros(batch, rows, values.shape[-1]).to(values)
            vectors[examples, row] = values
    if vectors is None:  # nothing moves at all
        n_outputs = path.outputs(np.zeros((batch, 1))).shape[-1]
        return torch.zeros(batch, rows, n_outputs).to(path.inputs)
    return vectors


def by_length(rules: list[Rule], points: int) -> list[list[int]]:
    """Group examples that share passes: rules of equally many nodes, that fit in one pass.

    Parameters
    ----------
    rules : list[Rule]
        One an example.
    points : int
        Bound on the points in one pass.

    Returns
    -------
    list[list[int]]
        Positions, group by group.
    """
    groups: dict[int, list[int]] = {}
    for example, rule in enumerate(rules):
        groups.setdefault(len(rule.nodes), []).append(example)
    return [
        groups[n][start : start + max(1, points // n)]
        for n in sorted(groups)
        for start in range(0, len(groups[n]), max(1, points // n))
    ]


def _accumulate(
    path: StraightPath,
    nodes: NDArray[np.float64],
    weights: NDArray[np.float64],
    directions: Tensor,
) -> NDArray[np.float64]:
    """Integrate the gradient of every probe: squared norms over columns, (probes, batch, rows)."""
    step = path.step
    cuts = path.cuts(nodes)
    # A path in one piece needs no memory for unfinished gradients; a cut one holds those of a block
    # of probes, so that memory is bounded whatever the sentence's length.
    size = step.numel() * step.element_size()
    block = len(directions) if len(cuts) == 1 else max(1, _PROBE_BLOCK_BYTES // size)
    squares: list[Tensor] = []
    for chosen in directions.split(block):
        if len(cuts) == 1:
            integrals: Any = path.gradients(nodes, weights, chosen)
        else:
            integrals = torch.zeros(len(chosen), *step.shape).to(step)
            for cut in cuts:
                parts = path.gradients(nodes[:, cut], weights[:, cut], chosen)
                for p, part in enumerate(parts):
                    integrals[p] += part
        # IG projected on the probe, (batch, rows, columns), in float64 for the sum of squares
        squares += [(integral * step).double().square().sum(dim=-1).cpu() for integral in integrals]
    return torch.stack(squares).numpy()


def _directions(probes: int | str, n_outputs: int, seeds: list[list[int]]) -> Tensor:
    """Probe directions, shape (probes, batch, outputs)."""
    if probes == ALL_PROBES:
        return torch.eye(n_outputs, dtype=torch.float64)[:, None].expand(-1, len(seeds), -1)
    if isinstance(probes, bool) or not isinstance(probes, int) or not 1 <= probes <= n_outputs:
        raise WordweightsError(
            f"probes is {probes!r}; it must be {ALL_PROBES!r} or a whole number from 1 to the "
            f"number of output dimensions, {n_outputs}."
        )
    drawn = np.stack([orthonormal_probes(probes, n_outputs, seed) for seed in seeds], axis=1)
    return torch.from_numpy(drawn)
