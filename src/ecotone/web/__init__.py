"""The gateway's face: HTTP in, HTTP out. Thin handlers; what happens is decided in `ecotone.gateway`."""
