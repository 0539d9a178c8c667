"""Researchers' programs talk to a grid by :class:`Client`, or by :class:`AsyncClient` in asyncio."""

from disio.client.asynchronous import AsyncClient
from disio.client.blocking import Client
from disio.client.core import WaitTimeoutError
from disio.client.models import Failure, Result
from disio.wire.api import Distributor, Grid, Manager, Task, Volunteer

__all__ = [
    "AsyncClient",
    "Client",
    "Distributor",
    "Failure",
    "Grid",
    "Manager",
    "Result",
    "Task",
    "Volunteer",
    "WaitTimeoutError",
]
