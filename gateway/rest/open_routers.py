"""The routes that need no token."""

from gateway.rest import health, reference

OPEN_ROUTERS = (health.router, reference.router)
