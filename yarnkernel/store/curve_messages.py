"""What clients and the store outside YARN say to each other, as ZeroMQ's frames.

A request is an id of the client's own, a verb and its arguments; an answer is that id, how it
went, and perhaps a value. CurveZMQ encrypts it, and lets both sides know each other
(https://rfc.zeromq.org/spec/26/).
"""

from __future__ import annotations

#: Verbs, with their arguments: ``GET key``, ``PUT key value``, ``DELETE key``, ``END diagnostics``,
#: and ``WATCH key seconds``, which is answered for each value from now on.
GET, PUT, DELETE, WATCH, END = (b"get", b"put", b"delete", b"watch", b"end")
#: How it went: a value follows, there is none, or the words of a refusal.
VALUE, NOTHING, REFUSED = (b"value", b"nothing", b"refused")
#: Bytes of a message at most.
LARGEST = 1 << 24
