"""Packages that checkmodule and semodule_package have made, kept as the seeds of fuzzing."""

from pathlib import Path

SEEDS = Path(__file__).parent.parent.parent / "fuzz" / "seeds" / "package"


def seed(name: str) -> bytes:
    """Return a package by what it holds: ``module-21``, ``module-4``, ``base-21``, ``small`` …"""
    return (SEEDS / f"taken-{name}.pp").read_bytes()
