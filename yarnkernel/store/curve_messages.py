"""Messages between clients and the store outside YARN, as ZeroMQ frames.

A request is an id chosen by the client, a verb and its arguments; an answer is that id, the result,
and perhaps a value. CurveZMQ encrypts them and authenticates both sides
(https://rfc.zeromq.org/spec/26/).
"""

from __future__ import annotations

#: Verbs, with their arguments: ``GET key``, ``PUT key value``, ``DELETE key``, ``END diagnostics``,
#: and ``WATCH key seconds``, which is answered with each value from then on.
GET, PUT, DELETE, WATCH, END = (b"get", b"put", b"delete", b"watch", b"end")
#: Results: a value follows, there is none, or the reason for a refusal follows.
VALUE, NOTHING, REFUSED = (b"value", b"nothing", b"refused")
#: Most bytes of a message.
LARGEST = 1 << 24
