"""Integrated Gradients of any vector-valued model, by captum's conventions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from captum.attr import GradientAttribution
from torch import Tensor

from wordweights.attribution.methods import IntegratedGradients, make_method
from wordweights.attribution.path import UNBOUNDED, StraightPath
from wordweights.encoders import Encoder
from wordweights.errors import WordweightsError


class WordAttribution(GradientAttribution):
    """Contribution of each input row (a wordpiece's embedding) to a vector-valued output.

    The method of :class:`~wordweights.attribution.IntegratedGradients`, over every pair of input
    column j and output k,

        IG(i, j, k) = (W_ij - B_ij) * integral over alpha in [0, 1] of
                      d s_k / d W_ij at B + alpha (W - B).

    captum asks for one scalar target per call; here all outputs share the forward passes, and a few
    random orthogonal probes can stand for all of them.

    Parameters
    ----------
    forward_func : Callable[..., Tensor]
        Maps inputs of shape (batch, rows, columns) to outputs of shape (batch, outputs), each
        example by itself: an :class:`~wordweights.Encoder`, which brings fast derivatives, or any
        model. Gradients must then flow from outputs to inputs, and forward-mode derivatives must be
        implemented (transformers: ``attn_implementation="eager"``).

    Examples
    --------
    The model may be any that maps rows to a vector; of a linear one, the answer is known:

    >>> import torch
    >>> from wordweights import WordAttribution
    >>> linear = torch.nn.Linear(3, 2).double()
    >>> inputs = torch.ones(1, 4, 3, dtype=torch.double)
    >>> attribution = WordAttribution(lambda x: linear(x.sum(dim=1)))
    >>> contributions, gap = attribution.attribute(inputs, return_convergence_delta=True)
    >>> contributions.allclose(linear.weight.norm())  # of each row
    True
    >>> bool(gap.abs().max() < 1e-9)
    True
    """

    def __init__(self, forward_func: Callable[..., Tensor]) -> None:
        super().__init__(forward_func)

    def has_convergence_delta(self) -> bool:
        """Say that the attribution can report its completeness gap (a captum convention).

        Returns
        -------
        bool
            True.

        Examples
        --------
        >>> import torch
        >>> from wordweights import WordAttribution
        >>> WordAttribution(torch.nn.Identity()).has_convergence_delta()
        True
        """
        return True

    def attribute(
        self,
        inputs: Tensor,
        baselines: Tensor | float | None = None,
        additional_forward_args: Any = None,
        *,
        internal_batch_size: int | None = None,
        return_convergence_delta: bool = False,
        **settings: Any,
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
        internal_batch_size : int | None
            Bound on the points of the path in memory; None sets none.
        return_convergence_delta : bool
            Also return the completeness gap.
        **settings : Any
            Of :class:`~wordweights.attribution.IntegratedGradients`, such as ``n_nodes=20`` or
            ``probes=16``. Without any, all outputs are carried: ``probes="all"``.

        Returns
        -------
        Tensor | tuple[Tensor, Tensor]
            Contributions, shape (batch, rows), and on request the gap
            sum_ij IG(i, j, k) - (s(W) - s(B))[k], shape (batch, outputs).

        Raises
        ------
        WordweightsError
            For settings out of range, and inputs or outputs of another shape.

        Examples
        --------
        >>> from wordweights import WordAttribution, load_encoder
        >>> encoder = load_encoder("mini SBERT (MEAN)")
        >>> ids = encoder.tokenizer("a dog runs .", return_tensors="pt")["input_ids"]
        >>> pads = ids.clone()
        >>> pads[:, 1:-1] = encoder.tokenizer.pad_token_id
        >>> rows = WordAttribution(encoder).attribute(
        ...     encoder.embed(ids), encoder.embed(pads), norm="vector"
        ... )
        >>> rows.shape == ids.shape
        True
        >>> rows[0, [0, -1]].tolist()  # special tokens are their own baseline
        [0.0, 0.0]
        """
        method = _method(settings)
        contributions = torch.zeros(inputs.shape[:2]).to(inputs)
        gaps: dict[int, Tensor] = {}
        for example, weights, gap in self._rows(
            method, inputs, baselines, additional_forward_args, internal_batch_size
        ):
            contributions[example] = torch.from_numpy(weights.contribution).to(inputs)
            gaps[example] = gap
        if not return_convergence_delta:
            return contributions
        return contributions, torch.stack([gaps[example] for example in range(len(inputs))])

    def vectors(
        self,
        inputs: Tensor,
        baselines: Tensor | float | None = None,
        additional_forward_args: Any = None,
        *,
        internal_batch_size: int | None = None,
        **settings: Any,
    ) -> Tensor:
        """Split the change of the output vector into one vector per row.

        v_i = sum_j IG(i, j, .) = integral of J_i(alpha) (W_i - B_i), by one forward-mode pass per
        row, without probes. The vectors sum to s(W) - s(B), up to the completeness gap.

        Parameters
        ----------
        inputs : Tensor
            As for :meth:`attribute`.
        baselines : Tensor | float | None
            As for :meth:`attribute`.
        additional_forward_args : Any
            As for :meth:`attribute`.
        internal_batch_size : int | None
            As for :meth:`attribute`.
        **settings : Any
            As for :meth:`attribute`.

        Returns
        -------
        Tensor
            Shape (batch, rows, outputs).

        Examples
        --------
        >>> from wordweights import WordAttribution, load_encoder
        >>> encoder = load_encoder("mini SBERT (MEAN)")
        >>> ids = encoder.tokenizer("a dog runs .", return_tensors="pt")["input_ids"]
        >>> vectors = WordAttribution(encoder).vectors(encoder.embed(ids))
        >>> vectors.shape == (*ids.shape, encoder.vector_size)
        True
        """
        method = _method({**settings, "norm": "vector", "vectors": True})
        found = {
            example: torch.from_numpy(np.asarray(weights.vectors)).to(inputs)
            for example, weights, _ in self._rows(
                method, inputs, baselines, additional_forward_args, internal_batch_size
            )
        }
        return torch.stack([found[example] for example in range(len(inputs))])

    def _rows(
        self,
        method: IntegratedGradients,
        inputs: Tensor,
        baselines: Tensor | float | None,
        arguments: Any,
        points_at_once: int | None,
    ) -> Any:
        """Give each example with what its rows weigh, and its gap."""
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
        path = StraightPath(
            forward,
            inputs.detach(),
            base.detach(),
            arguments=given,
            batched=tuple(
                isinstance(value, Tensor) and value.ndim > 0 and len(value) == len(inputs)
                for value in given
            ),
            points_at_once=points_at_once or UNBOUNDED,
            bfloat16=method.bfloat16,
        )
        one_per_row = [np.eye(inputs.shape[1])] * len(inputs)
        seeds = [[method.seed, example] for example in range(len(inputs))]
        for found, weights in method.along(path, one_per_row, seeds):
            yield from zip(found.examples, weights, found.gap, strict=True)


def _method(settings: dict[str, Any]) -> IntegratedGradients:
    method = make_method(IntegratedGradients.name, **{"probes": "all", **settings})
    assert isinstance(method, IntegratedGradients)
    return method
