"""Prints the number of every class and the bit of every permission that are named on the input, as libsepol has them.

Run as a program of its own, for libsepol keeps one policy for the whole process. The first argument is a binary
policy; lines of the input are a class and its permissions.
"""

import ctypes
import sys


def main() -> None:
    libc = ctypes.CDLL(None)
    libc.fopen.restype = ctypes.c_void_p
    sepol = ctypes.CDLL("libsepol.so.2")
    stream = ctypes.c_void_p(libc.fopen(sys.argv[1].encode(), b"rb"))
    if sepol.sepol_set_policydb_from_file(stream) != 0:
        sys.exit("libsepol cannot read the policy")
    for line in sys.stdin:
        object_class, *permissions = line.split()
        number = ctypes.c_uint16()
        sepol.sepol_string_to_security_class(object_class.encode(), ctypes.byref(number))
        bits = []
        for permission in permissions:
            vector = ctypes.c_uint32()
            sepol.sepol_string_to_av_perm(number, permission.encode(), ctypes.byref(vector))
            bits.append(str(vector.value))
        sys.stdout.write(f"{object_class} {number.value} {' '.join(bits)}\n")


if __name__ == "__main__":
    main()
