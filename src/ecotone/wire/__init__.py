"""Wire formats: what travels between clients, Ecotone and the models, one subject a file.

Everything here is pure: bytes and values in, bytes and values out; no I/O, no clock, no logging. A wire serves both
roles. Towards clients it offers `decode_request`, `encode_reply`, `EventEncoder`, `encode_error` and
`encode_error_event`; towards upstreams `encode_request`, `decode_reply`, `EventDecoder` and `decode_error`. Both meet
in the values, so N wires give N x N directions. What a target cannot express is declared in `losses`.

`openai_chat` is OpenAI's Chat Completions, the common tongue of open model servers. `fast_lane` passes a request and
its reply through when client and upstream both speak it, and only watches.
"""
