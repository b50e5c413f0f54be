#!/usr/bin/python3 -IS
"""Whether the server of this container answers: `healthcheck http://HOST:PORT/PATH`.

Each container is asked every few seconds, and Python's HTTP clients take three times as long to
import as all of this to run.
"""

import socket
import sys

url = sys.argv[1]
address, _, path = url.removeprefix("http://").partition("/")
host, _, port = address.partition(":")
try:
    with socket.create_connection((host, int(port)), timeout=3) as connection:
        connection.sendall(f"GET /{path} HTTP/1.0\r\nHost: {address}\r\n\r\n".encode())
        answer = connection.makefile("rb").readline(100).decode(errors="replace").strip()
except OSError as exc:
    sys.exit(f"{url}: {exc}")
if answer.split(" ")[1:2] != ["200"]:
    sys.exit(f"{url}: {answer or 'no answer'}")
