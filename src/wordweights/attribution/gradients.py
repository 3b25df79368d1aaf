"""Integrated Gradients of a vector-valued model, reduced to one contribution a row of the input."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from captum.attr import GradientAttribution
from numpy.typing import NDArray
from torch import Tensor

from wordweights.attribution.activations import GeluSlopesKept
from wordweights.attribution.probes import estimate_norms, orthonormal_probes
from wordweights.errors import WordweightsError
from wordweights.quadrature import Rule, choose_rules, gauss_legendre, pilot_nodes

QUADRATURES = ("adaptive", "gauss-legendre")
ALL_PROBES = "all"

_ROWS = 192  # path points in one forward pass: enough to fill the matrix products, small in memory
_PROBE_BLOCK_BYTES = 256 * 2**20  # gradients kept while a path is cut into several forward passes


@dataclass(frozen=True)
class ProbeSquares:
    """What the passes over a batch leave, before it is reduced to norms.

    Attributes
    ----------
    squares : NDArray[np.float64]
        Sum over input columns j of (sum_k r_p[k] IG(row[j], s[k]))^2 for every orthonormal probe
        r_p, shape (probes, batch, rows). With all probes they are the unit vectors.
    delta : Tensor
        Completeness gap sum_ij IG(i, j, k) - (s(W) - s(B))[k], shape (batch, outputs).
    residual : Tensor
        The gap's norm relative to that of s(W) - s(B), shape (batch,).
    outputs : int
        Number of output dimensions d.
    """

    squares: NDArray[np.float64]
    delta: Tensor
    residual: Tensor
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
        example by itself. Gradients must be able to flow from outputs to inputs, and forward-mode
        derivatives must be implemented when `probes` is a number (transformers:
        ``attn_implementation="eager"``).
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
        n_steps: int = 50,
        quadrature: str = "gauss-legendre",
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
        n_steps : int
            Nodes of the quadrature.
        quadrature : str
            ``"gauss-legendre"``, or ``"adaptive"``: the same number of nodes, placed for every
            example where a forward-only pilot shows the path moving.
        probes : int | str
            ``"all"`` is exact, one backward pass for each output; a number m estimates from m
            random orthogonal probes.
        seed : int
            Of the probes.
        internal_batch_size : int | None
            Points of the path in one forward pass; None chooses.
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
            For an unknown quadrature, a number of probes or steps out of range, and inputs or
            outputs of another shape.
        """
        if inputs.ndim != 3:
            raise WordweightsError(
                f"inputs have shape {tuple(inputs.shape)}; expected (batch, rows, columns)."
            )
        base = torch.zeros_like(inputs) if baselines is None else baselines
        base = torch.as_tensor(base, dtype=inputs.dtype, device=inputs.device).expand_as(inputs)
        result = self.probe_squares(
            inputs,
            base,
            additional_forward_args,
            n_steps=n_steps,
            quadrature=quadrature,
            probes=probes,
            seeds=[[seed, example] for example in range(len(inputs))],
            internal_batch_size=internal_batch_size,
        )
        norms, _ = estimate_norms(result.squares, result.outputs)
        contributions = torch.from_numpy(norms).to(inputs)
        return (contributions, result.delta) if return_convergence_delta else contributions

    def probe_squares(
        self,
        inputs: Tensor,
        baselines: Tensor,
        additional_forward_args: Any = None,
        *,
        n_steps: int,
        quadrature: str,
        probes: int | str,
        seeds: list[list[int]],
        internal_batch_size: int | None = None,
    ) -> ProbeSquares:
        """Run the passes of :meth:`attribute` and keep the squares of every probe.

        Parameters
        ----------
        inputs : Tensor
            W, shape (batch, rows, columns).
        baselines : Tensor
            B, of the same shape.
        additional_forward_args : Any
            As in :meth:`attribute`.
        n_steps : int
            As in :meth:`attribute`.
        quadrature : str
            As in :meth:`attribute`.
        probes : int | str
            As in :meth:`attribute`.
        seeds : list[list[int]]
            Seed words of the probes, for every example: its probes then do not depend on the
            batch that it happens to be in.
        internal_batch_size : int | None
            As in :meth:`attribute`.

        Returns
        -------
        ProbeSquares
            Squares, gap and residual.
        """
        rows = internal_batch_size or _ROWS
        path = _Path(
            self.forward_func, inputs.detach(), baselines.detach(), additional_forward_args
        )
        with torch.no_grad():
            ends = path.outputs(np.tile([0.0, 1.0], (len(inputs), 1)), rows)
        if ends.ndim != 3:
            raise WordweightsError(
                f"forward_func gave shape {tuple(ends.shape[1:])} for an example; expected one "
                f"vector: outputs of shape (batch, outputs)."
            )
        n_outputs = ends.shape[-1]
        change = ends[:, 1] - ends[:, 0]  # (batch, outputs)
        directions = _directions(probes, n_outputs, seeds).to(inputs)  # (probes, batch, outputs)
        nodes, weights = _stack(self._rules(path, n_steps, quadrature, rows))
        squares, sums = _accumulate(path, nodes, weights, directions, rows)
        if probes == ALL_PROBES:  # probe k is output k, so the sums are the outputs' completeness
            total = sums.transpose(0, 1)  # (batch, outputs)
        else:
            total = path.integrated_derivative(nodes, weights, rows)
        delta = total - change
        gap, scale = (torch.linalg.vector_norm(v, dim=-1) for v in (delta, change))
        return ProbeSquares(
            squares=squares.cpu().numpy(),
            delta=delta,
            # an input equal to its baseline moves nothing, and leaves no gap either
            residual=torch.where(gap > 0, gap / scale, torch.zeros_like(gap)),
            outputs=n_outputs,
        )

    def _rules(self, path: _Path, n_steps: int, quadrature: str, rows: int) -> list[Rule]:
        batch = len(path.baselines)
        if quadrature == "gauss-legendre":
            return [gauss_legendre(n_steps)] * batch
        if quadrature != "adaptive":
            raise WordweightsError(
                f"quadrature {quadrature!r} is not known; use one of "
                f"{', '.join(map(repr, QUADRATURES))}."
            )
        gauss_legendre(n_steps)  # refuses a bad number of steps before the pilot costs anything
        with torch.no_grad():
            pilot = path.outputs(np.tile(pilot_nodes(), (batch, 1)), rows)
        return choose_rules(pilot.double().cpu().numpy(), n_steps)[0]


@dataclass(frozen=True)
class _Path:
    """The straight path from baselines to inputs, and the model along it."""

    forward: Callable[..., Tensor]
    inputs: Tensor  # (batch, rows, columns)
    baselines: Tensor  # (batch, rows, columns)
    arguments: Any

    def outputs(self, alphas: NDArray[np.float64], rows: int) -> Tensor:
        """Model outputs at alphas of shape (batch, points): shape (batch, points, outputs)."""
        return torch.cat(
            [self._call(*self._points(alphas[:, cut])) for cut in self._cuts(alphas, rows)], dim=1
        )

    def integrated_derivative(
        self, nodes: NDArray[np.float64], weights: NDArray[np.float64], rows: int
    ) -> Tensor:
        """Quadrature of the path derivative, one forward-mode pass: shape (batch, outputs)."""
        total = torch.zeros(())
        for cut in self._cuts(nodes, rows):
            points, arguments = self._points(nodes[:, cut])
            batch, n = points.shape[:2]
            step = (self.inputs - self.baselines).unsqueeze(1).expand_as(points)
            with torch.no_grad():
                derivative = torch.func.jvp(
                    lambda x: self.forward(x, *arguments),  # noqa: B023 - called before it changes
                    (points.flatten(0, 1),),
                    (step.flatten(0, 1),),
                )[1]
            w = torch.as_tensor(weights[:, cut]).to(derivative)
            part = torch.einsum("bn,bnk->bk", w, derivative.reshape(batch, n, -1))
            total = total.to(part) + part
        return total

    def gradients(
        self,
        nodes: NDArray[np.float64],
        weights: NDArray[np.float64],
        directions: Tensor,
    ) -> Iterator[Tensor]:
        """Yield, for every probe, the weighted sum over nodes of its gradient: (batch, rows, cols).

        All probes share one forward pass over all the nodes of all the sentences.
        """
        points, arguments = self._points(nodes)
        batch, n = points.shape[:2]
        w = torch.as_tensor(weights).to(points)
        with torch.enable_grad():
            x = points.flatten(0, 1).requires_grad_()
            with GeluSlopesKept():
                s = self.forward(x, *arguments)  # (batch * n, outputs)
            last = len(directions) - 1
            for p, direction in enumerate(directions):  # (batch, outputs)
                cotangent = (w.unsqueeze(-1) * direction.unsqueeze(1)).flatten(0, 1)
                (gradient,) = torch.autograd.grad(s, x, cotangent, retain_graph=p < last)
                yield gradient.reshape(batch, n, *x.shape[1:]).sum(dim=1)

    def _points(self, alphas: NDArray[np.float64]) -> tuple[Tensor, tuple[Any, ...]]:
        """Points of the path, shape (batch, points, rows, columns), and arguments to match."""
        a = torch.as_tensor(alphas).to(self.inputs)[:, :, None, None]
        base = self.baselines.unsqueeze(1)
        points = base + a * (self.inputs - self.baselines).unsqueeze(1)
        given = self.arguments if isinstance(self.arguments, tuple) else (self.arguments,)
        repeated = tuple(
            value.repeat_interleave(alphas.shape[1], dim=0)
            if isinstance(value, Tensor) and value.ndim and len(value) == len(self.inputs)
            else value
            for value in given
            if self.arguments is not None
        )
        return points, repeated

    def _call(self, points: Tensor, arguments: tuple[Any, ...]) -> Tensor:
        batch, n = points.shape[:2]
        return self.forward(points.flatten(0, 1), *arguments).unflatten(0, (batch, n))

    def _cuts(self, alphas: NDArray[np.float64], rows: int) -> Iterator[slice]:
        """Cut the points of a path so that no pass sees more than about `rows` of them."""
        batch, n = alphas.shape
        step = max(1, rows // batch)
        for start in range(0, n, step):
            yield slice(start, min(n, start + step))


def _accumulate(
    path: _Path,
    nodes: NDArray[np.float64],
    weights: NDArray[np.float64],
    directions: Tensor,
    rows: int,
) -> tuple[Tensor, Tensor]:
    """Integrate the gradient of every probe.

    Returns squared norms over columns, (probes, batch, rows), in float64, and the sums over rows
    and columns, (probes, batch).
    """
    step = path.inputs - path.baselines
    cuts = list(path._cuts(nodes, rows))
    # A path in one piece needs no memory for unfinished gradients; a cut one holds those of a block
    # of probes, so that memory is bounded whatever the sentence's length.
    size = step.numel() * step.element_size()
    block = len(directions) if len(cuts) == 1 else max(1, _PROBE_BLOCK_BYTES // size)
    squares, sums = [], []
    for chosen in directions.split(block):
        if len(cuts) == 1:
            integrals: Any = path.gradients(nodes, weights, chosen)
        else:
            integrals = torch.zeros(len(chosen), *step.shape).to(step)
            for cut in cuts:
                parts = path.gradients(nodes[:, cut], weights[:, cut], chosen)
                for p, part in enumerate(parts):
                    integrals[p] += part
        for integral in integrals:
            attribution = integral * step  # IG projected on the probe: (batch, rows, columns)
            squares.append(attribution.double().square().sum(dim=-1))
            sums.append(attribution.sum(dim=(-2, -1)))
    return torch.stack(squares), torch.stack(sums)


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


def _stack(rules: list[Rule]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Nodes and weights of a batch, each of shape (batch, n)."""
    return np.stack([rule.nodes for rule in rules]), np.stack([rule.weights for rule in rules])
