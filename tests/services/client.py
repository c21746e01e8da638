#!/usr/bin/python3 -I
"""Says something to a server and prints its answer, or why there is none.

``client.py PORT|PATH TEXT``; in TEXT, escapes are those of Python. Boxes run copies of it that are labelled as programs
of one service or another, so that it comes into their domains.
"""

import errno
import socket
import sys

place, text = sys.argv[1:]
try:
    if place.isdigit():
        peer = socket.create_connection(("127.0.0.1", int(place)), 60)
    else:
        peer = socket.socket(socket.AF_UNIX)
        peer.connect(place)
    peer.settimeout(60)
    peer.sendall(text.encode("latin-1").decode("unicode_escape").encode("latin-1"))
    print(peer.recv(4096).decode("latin-1").splitlines()[0])
except OSError as error:
    print(errno.errorcode.get(error.errno or 0, str(error)))
