"""IP addresses as text.

Source: ``inet_ntop`` of the C library, which writes IPv4 addresses within IPv6 ones with dots. (Python's ``ipaddress``
does so from 3.13 on, and for one of the two kinds only.)
"""

_MAPPED = bytes(10) + b"\xff\xff"
_COMPATIBLE = bytes(12)


def address_text(packed: bytes) -> str:
    """Return the text of an address of 4 or 16 bytes in network order."""
    from ipaddress import ip_address  # only policies that label the network pay for this import

    if len(packed) == 16:
        end = str(ip_address(packed[12:]))
        if packed.startswith(_MAPPED):
            return f"::ffff:{end}"
        if packed.startswith(_COMPATIBLE) and packed[12:14] != b"\0\0":
            return f"::{end}"
    return str(ip_address(packed))
