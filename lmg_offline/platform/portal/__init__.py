"""
The portal: pages for the people who run a property, made on the server.

`routes.py` lists the pages, `access.py` lets a request in, `views/` holds one
file a part, `templates/` what they look like. Views ask the functions that the
Admin API asks, and hold no rules of their own. Start with `routes.py`.
"""

from lmg_offline.platform.portal.pages import error_page
from lmg_offline.platform.portal.routes import routes

__all__ = ["error_page", "routes"]
