"""The dashboard: the control panel and the researchers' HTTP API. It holds no state of its own."""

from disio.dashboard.service import DashboardConfig, serve

__all__ = ["DashboardConfig", "serve"]
