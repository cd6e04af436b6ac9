"""Run in a network namespace of its own: `serve` there, its first paper, and what its health says, as JSON.

`python without_network.py DATA TOKEN`
"""

import errno
import fcntl
import json
import socket
import struct
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent.parent), str(Path(__file__).parent.parent.parent)]

from test_L4_all_printing import FONTS, Server  # noqa: E402

_SIOCSIFFLAGS, _UP = 0x8914, 0x1

with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:  # only what is on this machine answers
    fcntl.ioctl(one, _SIOCSIFFLAGS, struct.pack("16sh", b"lo", _UP))
try:
    socket.create_connection(("192.0.2.1", 443), timeout=5).close()
    unreachable = ""
except OSError as error:
    unreachable = errno.errorcode[error.errno or 0]

server = Server(Path(sys.argv[1]), sys.argv[2])
try:
    server.paper(look=FONTS)
    status, text, _ = server.get("/healthz?full", server.token)
    page = server.get("/parties", server.token)[0]
finally:
    server.process.terminate()
    server.process.wait(40)
print(json.dumps({"unreachable": unreachable, "page": page, "health": json.loads(text), "log": server.log.read_text()}))
