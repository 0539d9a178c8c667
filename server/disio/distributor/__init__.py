"""The hub: serves the browser's files, streams payloads to volunteers, carries results back.

``serve`` runs a distributor as ``DistributorConfig`` says.
"""

from disio.distributor.config import DistributorConfig
from disio.distributor.service import serve

__all__ = ["DistributorConfig", "serve"]
