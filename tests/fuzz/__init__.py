"""Fuzzing of the wires: bytes that nobody would send, against everything that reads bytes from outside.

    python -m tests.fuzz --seconds 600 --wire anthropic --decoder stream

For each wire that is registered: requests, replies, streams, watched streams and error bodies; and apart from the wires
(`--wire shared`) JSON bodies, server-sent events, envelopes and Amazon's framing. `checks` says what must hold,
`bounds` how long an input may take and how much memory may be held.

Inputs are mutations (`mutation`) of a corpus (`corpus`): hand-written seeds, the goldens, and what the wires' encoders
make of both. An input whose outcome is new (another error, other kinds of content) joins the corpus. The same seed
gives the same inputs.

Coverage does not guide the search, as it would with atheris: a few hundred inputs made this way reach nine lines in ten
of every decoder, what parses JSON is C that it does not see into, and it would be 35 MB more to install.
"""
