"""Ecotone: open-weight and closed AI models behind one address, under your own rules."""

__all__ = ["__version__"]

__version__ = "0.1.0"
