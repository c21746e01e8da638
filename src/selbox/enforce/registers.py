"""Registers of a stopped call as the C types that they are."""


def signed(register: int) -> int:
    """Return a register's low half as the C ``int`` that it is."""
    value = register & 0xFFFFFFFF
    return value - (1 << 32) if value >= 1 << 31 else value


def long(register: int) -> int:
    """Return a register as the C ``long`` that it is."""
    return register - (1 << 64) if register >> 63 else register
