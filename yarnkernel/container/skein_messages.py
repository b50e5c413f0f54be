"""skein's messages, without the rest of skein."""

from __future__ import annotations

from skein.proto import skein_pb2 as messages

__all__ = ["messages"]
