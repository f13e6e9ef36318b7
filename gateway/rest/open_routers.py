"""The routes that need no token; a signed link is one of its own."""

from gateway.rest import approval_page, health, reference

OPEN_ROUTERS = (health.router, reference.router, approval_page.router)
