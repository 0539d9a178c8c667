"""Researchers' programs talk to a grid by :class:`Client`, or by :class:`AsyncClient` in asyncio."""

from disio.client.async_task import AsyncTask
from disio.client.asynchronous import AsyncClient
from disio.client.blocking import Client
from disio.client.core import PayloadsFailedError, TaskFailedError, WaitTimeoutError
from disio.client.executor import Executor
from disio.client.models import Event, Failure, Log, Result
from disio.client.task import Task
from disio.wire.api import Ballot, Distributor, Grid, Manager, Volunteer, Vote

__all__ = [
    "AsyncClient",
    "AsyncTask",
    "Ballot",
    "Client",
    "Distributor",
    "Event",
    "Executor",
    "Failure",
    "Grid",
    "Log",
    "Manager",
    "PayloadsFailedError",
    "Result",
    "Task",
    "TaskFailedError",
    "Volunteer",
    "Vote",
    "WaitTimeoutError",
]
