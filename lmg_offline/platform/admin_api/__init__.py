"""
The Admin API: REST for the people who run a property.

`routes.py` is the table of endpoints: path, handler, roles, schemas. `endpoints.py`
serves it, `openapi.py` describes it, `access.py` says who is who. Start with `routes.py`.
"""

from lmg_offline.platform.admin_api.routes import routes

__all__ = ["routes"]
