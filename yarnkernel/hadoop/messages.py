"""Hadoop's protobuf messages.

``messages.pb`` holds their descriptors, taken from Hadoop 3.5.0 by
``scripts/dump-descriptors``. Classes are built from them when they are used: code
that a protoc generates demands the protobuf of that protoc, while skein's demands
none. Tried with protobuf 3.19.6 to 7.36.2.
"""

from __future__ import annotations

import threading
from functools import cache
from importlib import resources
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

#: Two threads that begin at once must not make two classes of one message.
_LOCK = threading.Lock()


@cache
def _pool() -> Any:
    # One of its own: other packages may have Hadoop's messages too (snakebite, pyarrow).
    pool = descriptor_pool.DescriptorPool()
    content = resources.files(__package__).joinpath("messages.pb").read_bytes()
    for file in descriptor_pb2.FileDescriptorSet.FromString(content).file:
        pool.AddSerializedFile(file.SerializeToString())
    return pool


def message_class(name: str) -> Any:
    """Return a message's class.

    Parameters
    ----------
    name : str
        With its package, such as ``"hadoop.yarn.ApplicationIdProto"``.
    """
    with _LOCK:
        return _make_class(name)


@cache
def _make_class(name: str) -> Any:
    descriptor = _pool().FindMessageTypeByName(name)
    if hasattr(message_factory, "GetMessageClass"):  # protobuf 4.22
        return message_factory.GetMessageClass(descriptor)
    return message_factory.MessageFactory(_pool()).GetPrototype(descriptor)


@cache
def enum_name(enum: str, number: int) -> str:
    """Return the name of an enumeration's value, as ``enum`` spells it."""
    with _LOCK:
        pool = _pool()
    return str(pool.FindEnumTypeByName(enum).values_by_number[number].name)
