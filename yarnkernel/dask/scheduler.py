"""A scheduler whose pages are found only by who knows a word: they ask nobody who he is."""

from __future__ import annotations

import secrets
from typing import Any

from distributed import Scheduler
from tornado import web


class HiddenScheduler(Scheduler):  # type: ignore[misc]  # not typed
    """The same, with all of its pages below an address that cannot be guessed.

    Parameters
    ----------
    **options
        Those of ``distributed.Scheduler``.

    Attributes
    ----------
    word : str
        The first part of its pages' addresses.
    """

    def __init__(self, **options: Any) -> None:
        self.word = secrets.token_urlsafe(16)
        super().__init__(http_prefix=f"/{self.word}/", **options)

    def start_http_server(self, *arguments: Any, **options: Any) -> None:
        """Begin to serve the pages."""
        super().start_http_server(*arguments, **options)
        # Dask tells the addresses of its pages at / and at /sitemap.json.
        application = self.http_application
        find = application.find_handler

        def find_below(request: Any, **known: Any) -> Any:
            if request.path.startswith("/statics/"):  # as pages of Dask's name what tells nothing
                request.path = f"/{self.word}{request.path}"
            if request.path.startswith(f"/{self.word}/"):
                return find(request, **known)
            gone = {"status_code": 404}
            return application.get_handler_delegate(request, web.ErrorHandler, gone)

        application.find_handler = find_below
