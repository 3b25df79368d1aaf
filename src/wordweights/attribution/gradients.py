"""Integrated Gradients of a vector-valued model, reduced to one contribution a row of the input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from captum.attr import GradientAttribution
from torch import Tensor

from wordweights.attribution.integral import Integral
from wordweights.attribution.path import UNBOUNDED, StraightPath
from wordweights.attribution.plan import MAX_STEPS, integrate, one_of
from wordweights.attribution.probes import ALL_PROBES, estimate_norms, probe_directions, project
from wordweights.encoders import Encoder
from wordweights.errors import WordweightsError

NORMS = ("frobenius", "vector")


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
        example by itself: an :class:`~wordweights.Encoder`, which brings fast derivatives, or any
        model. Gradients must then flow from outputs to inputs, and forward-mode derivatives must be
        implemented (transformers: ``attn_implementation="eager"``).
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
            Bound on the points of the path in one pass; None sets none.
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
        one_of("norm", norm, NORMS)  # before anything is computed
        path = self._path(inputs, baselines, additional_forward_args, internal_batch_size)

        def frobenius(integral: Integral, examples: list[int]) -> list[Tensor]:
            seeds = [[seed, example] for example in examples]
            squares = project(integral, probe_directions(probes, integral.outputs, seeds))
            norms = torch.from_numpy(estimate_norms(squares, integral.outputs)[0])
            return list(norms.to(inputs))

        outcomes = integrate(
            path,
            _lengths if norm == "vector" else frobenius,
            n_steps=n_steps,
            tolerance=tolerance,
            max_steps=max_steps,
            quadrature=quadrature,
        )
        contributions = torch.stack([outcome.value for outcome in outcomes])
        if not return_convergence_delta:
            return contributions
        return contributions, torch.stack([outcome.gap for outcome in outcomes])

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
        outcomes = integrate(
            self._path(inputs, baselines, additional_forward_args, internal_batch_size),
            _vectors,
            n_steps=n_steps,
            tolerance=tolerance,
            max_steps=max_steps,
            quadrature=quadrature,
        )
        return torch.stack([outcome.value for outcome in outcomes])

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
        forward = self.forward_func
        if isinstance(forward, Encoder) and arguments is None:
            forward = forward.as_stack() or forward
        return StraightPath(
            forward,
            inputs.detach(),
            base.detach(),
            arguments=given,
            batched=tuple(
                isinstance(value, Tensor) and value.ndim > 0 and len(value) == len(inputs)
                for value in given
            ),
            points_at_once=points_at_once or UNBOUNDED,
        )


def _vectors(integral: Integral, _: list[int]) -> list[Tensor]:
    return list(integral.rows())


def _lengths(integral: Integral, _: list[int]) -> list[Tensor]:
    return list(torch.linalg.vector_norm(integral.rows(), dim=-1))
