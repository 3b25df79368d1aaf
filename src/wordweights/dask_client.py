"""The connection to a cluster of Dask, whatever is computed there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from wordweights.errors import WordweightsError

if TYPE_CHECKING:
    from distributed import Client

CONNECT = 20.0
"""Seconds that a scheduler may take to answer."""

WAIT = 60.0
"""Seconds for the first worker to join it."""


@contextmanager
def connected(cluster: Client | str) -> Iterator[Client]:
    """Use a client, or make one for an address and close it afterwards.

    Parameters
    ----------
    cluster : Client | str
        A client, or the address of a scheduler.

    Yields
    ------
    Client
        Not the one that Dask takes by default, unless it was before.

    Raises
    ------
    WordweightsError
        For a scheduler that does not answer, and a client whose results nobody can wait for.
    """
    from distributed import Client

    if isinstance(cluster, Client):
        if cluster.asynchronous:
            raise WordweightsError(
                "cluster is an asynchronous client, and its results are waited for here: give one "
                "made without asynchronous=True, or the address of its scheduler."
            )
        yield cluster
        return
    try:
        client = Client(cluster, timeout=CONNECT, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise WordweightsError(
            f"There is no Dask scheduler at {cluster!r} ({error}). Start one with 'dask "
            f"scheduler', which prints its address, and workers with 'dask worker ADDRESS "
            f"--nthreads 1'."
        ) from None
    with client:
        yield client


def await_workers(client: Client) -> dict[str, dict[str, Any]]:
    """Wait for a worker: without one, what is sent to a cluster waits for ever.

    Parameters
    ----------
    client : Client
        Connected to a scheduler.

    Returns
    -------
    dict[str, dict[str, Any]]
        What the scheduler knows of each worker that is there, by its address.

    Raises
    ------
    WordweightsError
        When none joins.
    """
    from distributed import TimeoutError as LateError

    try:
        client.wait_for_workers(1, timeout=WAIT)
    except (LateError, TimeoutError):
        raise WordweightsError(
            f"No worker has joined the scheduler {client.scheduler.address} within {WAIT:g} s. "
            f"Start some with 'dask worker {client.scheduler.address} --nthreads 1'."
        ) from None
    return dict(client.scheduler_info()["workers"])
