"""
The Admin API: REST for the people who run a property.

`routes.py` lists the endpoints, `access.py` decides who may, `paging.py` holds
cursors and problem replies. Start with `routes.py`.
"""

from lmg_offline.platform.admin_api.routes import routes

__all__ = ["routes"]
