"""The error for a refusal by a key-value store's server, or for a missing answer."""

from __future__ import annotations

from yarnkernel.errors import YarnKernelError


class RemoteError(YarnKernelError):
    """An error from a server.

    Parameters
    ----------
    code : str
        Kind of error: the name of a gRPC status, such as ``"UNAVAILABLE"``.
    details : str
        The server's text.
    """

    def __init__(self, code: str, details: str) -> None:
        super().__init__(details or code)
        self.code = code
        self.details = details

    @property
    def unanswered(self) -> bool:
        """Whether no server answered, so that a later request may succeed."""
        return self.code in ("UNAVAILABLE", "DEADLINE_EXCEEDED")

    @property
    def other_credentials(self) -> bool:
        """Whether the two sides do not accept each other's certificates."""
        return any(
            words in self.details
            # The second one, if the server's certificate was signed by another one of the same
            # name.
            for words in ("CERTIFICATE_VERIFY_FAILED", "certificate signature failure")
        )

    @property
    def other_application(self) -> bool:
        """Whether the server has proved that it is another application's."""
        return "Hostname Verification Check failed" in self.details
