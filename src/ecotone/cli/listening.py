"""Where a gateway listens, and at which addresses others reach it."""

import errno
import socket
from contextlib import suppress

from ecotone.upstream.http import is_loopback
from ecotone.values.errors import SetupError

_ANYWHERE = {"0.0.0.0": socket.AF_INET, "::": socket.AF_INET6}  # noqa: S104 - compared with, not bound to
# Addresses for documentation (RFC 5737, RFC 3849), which nobody has: where would packets to another network leave?
_ELSEWHERE = {socket.AF_INET: "192.0.2.1", socket.AF_INET6: "2001:db8::1"}
_HOSTS = "--host takes an address of this machine: 127.0.0.1 for itself alone, 0.0.0.0 for its networks, too"
_FIXES = {
    errno.EADDRINUSE: "is another gateway running? Choose a free port with --port, or --port 0 for any",
    errno.EADDRNOTAVAIL: _HOSTS,
    errno.EACCES: "ports below 1024 are for the administrator; choose another with --port",
}


def listen(host: str, port: int) -> socket.socket:
    """A bound socket. Raises SetupError, which says what to do."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except (OSError, UnicodeError) as error:
        number = error.errno if isinstance(error, OSError) and not isinstance(error, socket.gaierror) else None
        fix = _FIXES.get(number or 0, _HOSTS)
        reason = getattr(error, "strerror", None) or error
        raise SetupError(f"cannot listen on {host} port {port}: {reason}; {fix}") from None
    return listener


def local_url(listener: socket.socket) -> str:
    """An address at which this machine reaches the listener."""
    host, port = listener.getsockname()[:2]
    return _url("127.0.0.1" if host in _ANYWHERE else host, port)


def network_urls(listener: socket.socket) -> list[str]:
    """Addresses at which other machines reach the listener, as far as this machine can tell; none on loopback."""
    host, port = listener.getsockname()[:2]
    if is_loopback(host):
        return []
    if host not in _ANYWHERE:
        return [_url(host, port)]
    names = [socket.gethostname()]
    for family in dict.fromkeys((socket.AF_INET, _ANYWHERE[host])):
        with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((_ELSEWHERE[family], 9))  # sends nothing
            names.append(probe.getsockname()[0])
    return [_url(name, port) for name in dict.fromkeys(names) if not is_loopback(name)]


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
