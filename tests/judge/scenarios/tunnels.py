"""Network tunnels are made, taken over by another domain, and queues attached to them."""

import fcntl
import os
import struct
import subprocess

from tests.judge.stage import Stage, attempt

DOMAINS = "maker heir stranger poor"
OBJECTS = "door"
RULES = """
(typeattribute digger) (typeattributeset digger (maker heir stranger poor))
(allow digger .device_t (dir (search getattr)))
(allow door .device_t (filesystem (associate)))
(allow digger door (chr_file (read write open getattr ioctl)))
(allow maker maker (capability (net_admin)))
(allow stranger stranger (capability (net_admin)))
(allow maker maker (tun_socket (create attach_queue)))
(allow heir maker (tun_socket (relabelfrom)))
(allow heir heir (tun_socket (relabelto)))
(allow stranger maker (tun_socket (relabelfrom)))
"""
SET_DEVICE, SET_QUEUE, PERSIST = 0x400454CA, 0x400454D9, 0x400454CB
TUN, MULTI_QUEUE, ATTACH, DETACH = 0x1, 0x100, 0x200, 0x400
NAME = b"judged0"


def scenario(stage: Stage) -> None:
    shell("modprobe tun")  # a module, where it is not built in
    stage.label("/dev/net/tun", "door")
    stage.run("poor", dig)
    stage.run("stranger", dig)
    stage.run("maker", dig, stage)
    stage.run("stranger", dig)
    stage.run("heir", dig)
    stage.run("heir", dig)
    shell(f"ip link del {NAME.decode()}")


def shell(command: str) -> None:
    subprocess.run(["/bin/sh", "-c", command], check=False, capture_output=True)


def change(tunnel: int, number: int, flags: int) -> None:
    fcntl.ioctl(tunnel, number, struct.pack("=16sH22x", NAME, flags))


def dig(stage: Stage | None = None) -> None:
    tunnel = os.open("/dev/net/tun", os.O_RDWR)
    attempt("a device", change, tunnel, SET_DEVICE, TUN | MULTI_QUEUE)
    attempt("take the queue off", change, tunnel, SET_QUEUE, DETACH)
    attempt("attach it", change, tunnel, SET_QUEUE, ATTACH)
    attempt("another device", change, tunnel, SET_DEVICE, TUN | MULTI_QUEUE)
    if stage is not None:
        attempt("make it last", fcntl.ioctl, tunnel, PERSIST, 1)
