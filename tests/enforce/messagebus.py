"""A client of a message bus, in a few lines: run as a program in a box, by the tests of real object managers.

    python3 messagebus.py ADDRESS serve NAME      take a name, say `ready`, and answer one call after another
    python3 messagebus.py ADDRESS call NAME       call a service by its name, and say what comes back

Source: the D-Bus specification.
"""

import os
import socket
import struct
import sys

CALL, RETURN, ERROR = 1, 2, 3
PATH, INTERFACE, MEMBER, ERROR_NAME, REPLY_SERIAL, DESTINATION, SENDER, SIGNATURE = range(1, 9)
SIGNATURES = {PATH: "o", ERROR_NAME: "s", REPLY_SERIAL: "u", SIGNATURE: "g"}


class Bus:
    def __init__(self, path: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.socket.sendall(b"\0AUTH EXTERNAL " + str(os.getuid()).encode().hex().encode() + b"\r\n")
        if not self.socket.recv(200).startswith(b"OK"):
            raise SystemExit("the bus knows nobody of this user")
        self.socket.sendall(b"BEGIN\r\n")
        self.serial = 0
        self.call("org.freedesktop.DBus", "Hello")

    def send(self, kind: int, fields: dict[int, str | int], body: bytes = b"") -> None:
        self.serial += 1
        array = b""
        for code, value in fields.items():
            array += bytes(-len(array) % 8)
            signature = SIGNATURES.get(code, "s")
            array += struct.pack("<BB", code, 1) + signature.encode() + b"\0"
            if isinstance(value, int):
                array += struct.pack("<I", value)
            elif signature == "g":
                array += bytes([len(value)]) + value.encode() + b"\0"
            else:
                array += bytes(-len(array) % 4) + text(value)
        head = struct.pack("<cBBBIII", b"l", kind, 0, 1, len(body), self.serial, len(array)) + array
        self.socket.sendall(head + bytes(-len(head) % 8) + body)

    def receive(self) -> tuple[int, dict[int, str | int], bytes]:
        """Return type, header fields and body of the next message."""
        fixed = self._exactly(16)
        _, kind, _, _, size, serial, length = struct.unpack("<cBBBIII", fixed)
        array = self._exactly(length + -length % 8)
        fields: dict[int, str | int] = {0: serial}
        position = 0
        while position < length:
            position += -position % 8
            code, signature = array[position], chr(array[position + 2])
            position += 4
            if signature == "g":
                size_of_text, start = array[position], position + 1
            else:
                position += -position % 4
                (number,) = struct.unpack_from("<I", array, position)
                if signature == "u":
                    fields[code] = number
                    position += 4
                    continue
                size_of_text, start = number, position + 4
            fields[code] = array[start : start + size_of_text].decode()
            position = start + size_of_text + 1
        return kind, fields, self._exactly(size)

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            piece = self.socket.recv(size - len(data))
            if not piece:
                raise SystemExit("the bus hung up")
            data += piece
        return data

    def call(self, destination: str, member: str, signature: str = "", body: bytes = b"") -> str:
        """Call a method, and return the first text of what comes back; of an error, its name."""
        fields: dict[int, str | int] = {PATH: "/", INTERFACE: destination, MEMBER: member, DESTINATION: destination}
        self.send(CALL, fields | ({SIGNATURE: signature} if signature else {}), body)
        sent = self.serial
        while True:
            kind, fields, answer = self.receive()
            if fields.get(REPLY_SERIAL) == sent:
                if kind == ERROR:
                    return str(fields[ERROR_NAME])
                return answer[4:].partition(b"\0")[0].decode() if fields.get(SIGNATURE) == "s" else "done"


def text(value: str) -> bytes:
    return struct.pack("<I", len(value.encode())) + value.encode() + b"\0"


def serve(bus: Bus, name: str) -> None:
    body = text(name)
    took = bus.call("org.freedesktop.DBus", "RequestName", "su", body + bytes(-len(body) % 4) + struct.pack("<I", 4))
    print("ready" if took == "done" else took, flush=True)
    while took == "done":
        kind, fields, _ = bus.receive()
        if kind == CALL:
            reply: dict[int, str | int] = {REPLY_SERIAL: fields[0], DESTINATION: fields[SENDER], SIGNATURE: "s"}
            bus.send(RETURN, reply, text("at your service"))


if __name__ == "__main__":
    _, address, verb, service = sys.argv
    if verb == "serve":
        serve(Bus(address), service)
    else:
        print(Bus(address).call(service, "Serve"))
