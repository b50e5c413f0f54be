"""The key-value store of an application, as skein's ApplicationMaster keeps it.

It follows ApplicationMaster.java of skein 0.8.2, down to the messages. A store belongs to one event
loop; requests are atomic.
"""

from __future__ import annotations

import itertools
import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from yarnkernel.container.skein_messages import messages

if TYPE_CHECKING:
    from collections.abc import Callable

    #: Returns why a ContainerInstance cannot own a key; empty if it can.
    OwnerCheck = Callable[[Any], str]

#: Java's bytes are signed, and skein compares values as Java does.
_SIGNED = bytes(value ^ 0x80 for value in range(256))
_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "EQUAL": operator.eq,
    "NOT_EQUAL": operator.ne,
    "LESS": operator.lt,
    "LESS_EQUAL": operator.le,
    "GREATER": operator.gt,
    "GREATER_EQUAL": operator.ge,
}


class StoreError(Exception):
    """A request that was refused as a whole.

    Parameters
    ----------
    code : str
        Name of the gRPC status.
    details : str
        Why.
    """

    def __init__(self, code: str, details: str) -> None:
        super().__init__(details)
        self.code = code


@dataclass(frozen=True)
class _Watch:
    start: str
    end: str
    event_types: tuple[str, ...]
    tell: Callable[[Any], None]


def _in_range(key: str, start: str, end: str) -> bool:
    """Return whether a key is in [``start``, ``end``); an empty bound does not count."""
    return (start == "\0" or start <= key) and (not end or key < end)


class KeyValueStore:
    """Keys with their values and owners.

    Parameters
    ----------
    check_owner : callable
        Called with a ContainerInstance before it becomes the owner of a key.
    """

    def __init__(self, check_owner: OwnerCheck) -> None:
        self._check_owner = check_owner
        self._pairs: dict[str, Any] = {}
        self._watches: dict[int, _Watch] = {}
        self._ids = itertools.count()

    def get_range(self, request: Any) -> Any:
        """Carry out a GetRangeRequest."""
        return self._answer(messages.GetRangeResponse, request, self._select(request))

    def delete_range(self, request: Any) -> Any:
        """Carry out a DeleteRangeRequest."""
        selected = self._select(request)
        self._delete([pair.key for pair in selected])
        return self._answer(messages.DeleteRangeResponse, request, selected)

    def put_key(self, request: Any) -> Any:
        """Carry out a PutKeyRequest.

        Raises
        ------
        StoreError
            When the request is contradictory or the owner is invalid.
        """
        self._check_put(request)
        previous: Any = self._pairs.get(request.key)
        source = previous if request.ignore_value else request
        pair = messages.KeyValue(key=request.key, value=source.value)
        owner = previous if request.ignore_owner else request
        if owner is not None and owner.HasField("owner"):
            pair.owner.CopyFrom(owner.owner)
        self._pairs[request.key] = pair
        self._tell("PUT", [pair])
        answer = messages.PutKeyResponse(return_previous=request.return_previous)
        if request.return_previous and previous is not None:
            answer.previous.CopyFrom(previous)
        return answer

    def transaction(self, request: Any) -> Any:
        """Carry out a TransactionRequest: all of its operations or none.

        Raises
        ------
        StoreError
            See :meth:`put_key`.
        """
        succeeded = all(map(self._holds, request.condition))
        operations = request.on_success if succeeded else request.on_failure
        for operation in operations:
            if operation.HasField("put_key"):
                self._check_put(operation.put_key)
        answer = messages.TransactionResponse(succeeded=succeeded)
        for operation in operations:
            name = operation.WhichOneof("request")
            result = getattr(self, name)(getattr(operation, name))
            getattr(answer.result.add(), name).CopyFrom(result)
        return answer

    def watch(self, request: Any, tell: Callable[[Any], None]) -> int:
        """Report changes from now on.

        Parameters
        ----------
        request : WatchCreateRequest
            The keys to watch.
        tell : callable
            Called with a WatchResponse.

        Returns
        -------
        int
            The watch's id, for :meth:`forget`.
        """
        event_type = messages.WatchCreateRequest.Type.Name(request.event_type)
        types = ("PUT", "DELETE") if event_type == "ALL" else (event_type,)
        watch_id = next(self._ids)
        self._watches[watch_id] = _Watch(request.start, request.end, types, tell)
        return watch_id

    def forget(self, watch_id: int) -> None:
        """End a watch; idempotent."""
        self._watches.pop(watch_id, None)

    def disown(self, owner: Any) -> None:
        """Delete the keys of a container that has ended, a ContainerInstance."""
        owned = [k for k, p in self._pairs.items() if p.HasField("owner") and p.owner == owner]
        for key in owned:
            self._delete([key])

    def _select(self, request: Any) -> list[Any]:
        keys = sorted(key for key in self._pairs if _in_range(key, request.start, request.end))
        return [self._pairs[key] for key in keys]

    def _delete(self, keys: list[str]) -> None:
        for key in keys:
            del self._pairs[key]
        self._tell("DELETE", [messages.KeyValue(key=key) for key in keys])

    @staticmethod
    def _answer(kind: Any, request: Any, selected: list[Any]) -> Any:
        answer = kind(count=len(selected), result_type=request.result_type)
        wanted = type(request).ResultType.Name(request.result_type)
        if wanted == "KEYS":
            selected = [messages.KeyValue(key=pair.key) for pair in selected]
        if wanted != "NONE":
            answer.result.extend(selected)
        return answer

    def _check_put(self, request: Any) -> None:
        if request.ignore_value and request.ignore_owner:
            details = "ignore_value & ignore_owner can't both be true"
            raise StoreError("INVALID_ARGUMENT", details)
        if request.ignore_value and request.key not in self._pairs:
            details = "ignore_value=True & key isn't already set"
            raise StoreError("FAILED_PRECONDITION", details)
        if not request.ignore_owner and request.HasField("owner"):
            problem = self._check_owner(request.owner)
            if problem:
                raise StoreError("INVALID_ARGUMENT", problem)

    def _holds(self, condition: Any) -> bool:
        pair = self._pairs.get(condition.key)
        rhs = condition.WhichOneof("rhs")
        if condition.field == messages.Condition.VALUE:
            left = None if pair is None else pair.value.translate(_SIGNED)
            right = condition.value.translate(_SIGNED) if rhs == "value" else None
        else:
            left = _order(pair.owner) if pair is not None and pair.HasField("owner") else None
            right = _order(condition.owner) if rhs == "owner" else None
        name = messages.Condition.Operator.Name(condition.operator)
        if (left is None or right is None) and name not in ("EQUAL", "NOT_EQUAL"):
            return False  # a missing value is neither less nor greater
        return bool(_COMPARISONS[name](left, right))

    def _tell(self, event_type: str, pairs: list[Any]) -> None:
        for watch_id, watch in list(self._watches.items()):
            events = [pair for pair in pairs if _in_range(pair.key, watch.start, watch.end)]
            if events and event_type in watch.event_types:
                watch.tell(messages.WatchResponse(type=event_type, watch_id=watch_id, event=events))


def _order(owner: Any) -> tuple[str, int]:
    return owner.service_name, owner.instance
