"""Requests, replies, events and errors: plain immutable values, without I/O, clocks or ids."""
