"""A scheduler with secret URLs, as Dask's pages have no authentication."""

from __future__ import annotations

import secrets
from typing import Any

from distributed import Scheduler
from tornado import web


class HiddenScheduler(Scheduler):  # type: ignore[misc]  # not typed
    """A scheduler whose pages are all below an unguessable path.

    Parameters
    ----------
    **options
        Those of ``distributed.Scheduler``.

    Attributes
    ----------
    word : str
        The first part of the pages' paths.
    """

    def __init__(self, **options: Any) -> None:
        self.word = secrets.token_urlsafe(16)
        super().__init__(http_prefix=f"/{self.word}/", **options)

    def start_http_server(self, *arguments: Any, **options: Any) -> None:
        """Start to serve the pages."""
        super().start_http_server(*arguments, **options)
        # Dask lists the paths of its pages at / and at /sitemap.json.
        application = self.http_application
        find = application.find_handler

        def find_below(request: Any, **known: Any) -> Any:
            if request.path.startswith("/statics/"):  # under the names that Dask uses for pages
                request.path = f"/{self.word}{request.path}"
            if request.path.startswith(f"/{self.word}/"):
                return find(request, **known)
            gone = {"status_code": 404}
            return application.get_handler_delegate(request, web.ErrorHandler, gone)

        application.find_handler = find_below
