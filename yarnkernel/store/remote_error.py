"""What a key-value store's server answers when it refuses, or does not answer at all."""

from __future__ import annotations

from yarnkernel.errors import YarnKernelError


class RemoteError(YarnKernelError):
    """An answer of a server that is an error.

    Parameters
    ----------
    code : str
        What kind: the name of a gRPC status, such as ``"UNAVAILABLE"``.
    details : str
        The server's text.
    """

    def __init__(self, code: str, details: str) -> None:
        super().__init__(details or code)
        self.code = code
        self.details = details

    @property
    def unanswered(self) -> bool:
        """Whether no server answered, so that it may do so later."""
        return self.code in ("UNAVAILABLE", "DEADLINE_EXCEEDED")

    @property
    def other_credentials(self) -> bool:
        """Whether the two sides do not accept each other's certificates."""
        return any(
            words in self.details
            # The second, when a certificate of the same name has signed the server's.
            for words in ("CERTIFICATE_VERIFY_FAILED", "certificate signature failure")
        )

    @property
    def other_application(self) -> bool:
        """Whether the server has proved to be another one."""
        return "Hostname Verification Check failed" in self.details
