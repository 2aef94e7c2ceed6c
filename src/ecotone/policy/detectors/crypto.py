"""Addresses of crypto currencies, with the checks that they carry."""

import hashlib
import re
from collections.abc import Iterator

from ecotone.policy.detectors.detector import Context, Detector
from ecotone.policy.findings import Finding

KIND = "crypto_address"

_BITCOIN_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_RIPPLE_ALPHABET = "rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz"
_BECH32_ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_BECH32_FINALS = (1, 0x2BC830A3)  # BIP 173, BIP 350
_BECH32_GENERATORS = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)

_BASE58 = r"[1-9A-HJ-NP-Za-km-z]"
_BEFORE, _AFTER = r"(?<![A-Za-z0-9])", r"(?![A-Za-z0-9])"
# Bitcoin, Litecoin, Dogecoin, Dash, Zcash, Tron and Ripple begin with these.
_CHECKED_BASE58 = re.compile(rf"{_BEFORE}[123mnLMDAX9tTr]{_BASE58}{{24,34}}{_AFTER}")
_BECH32 = re.compile(rf"{_BEFORE}(?i:bc|tb|bcrt|ltc|addr|cosmos|osmo|zs)1[02-9ac-hj-np-zAC-HJ-NP-Z]{{6,110}}{_AFTER}")
_ETHEREUM = re.compile(rf"{_BEFORE}0x[0-9a-fA-F]{{40}}{_AFTER}")
_MONERO = re.compile(rf"{_BEFORE}[48][0-9AB]{_BASE58}{{93}}{_AFTER}")
_STELLAR = re.compile(rf"{_BEFORE}G[A-D][A-Z2-7]{{54}}{_AFTER}")
_SOLANA = re.compile(rf"{_BEFORE}{_BASE58}{{32,44}}{_AFTER}")
_SOLANA_CONTEXT = Context("solana", r"sol\b", "phantom", "wallet", before_chars=40)


def base58check(written: str) -> bool:
    """Whether the last four bytes are the double SHA-256 of those before (Bitcoin's Base58Check)."""
    alphabet = _RIPPLE_ALPHABET if written[0] == "r" else _BITCOIN_ALPHABET
    number = 0
    for character in written:
        digit = alphabet.find(character)
        if digit < 0:
            return False
        number = number * 58 + digit
    zeros = len(written) - len(written.lstrip(alphabet[0]))
    raw = bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")
    if len(raw) not in (25, 26):
        return False
    return hashlib.sha256(hashlib.sha256(raw[:-4]).digest()).digest()[:4] == raw[-4:]


def bech32(written: str) -> bool:
    """Whether the checksum of BIP 173 or BIP 350 holds."""
    if written not in (written.lower(), written.upper()):
        return False
    prefix, _, data = written.lower().rpartition("1")
    values = [ord(character) >> 5 for character in prefix] + [0] + [ord(character) & 31 for character in prefix]
    values += [_BECH32_ALPHABET.find(character) for character in data]
    checksum = 1
    for value in values:
        if value < 0:
            return False
        top = checksum >> 25
        checksum = (checksum & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate(_BECH32_GENERATORS):
            if top >> bit & 1:
                checksum ^= generator
    return checksum in _BECH32_FINALS


def _find(text: str, begin: int, stop: int) -> Iterator[Finding]:
    for found in _CHECKED_BASE58.finditer(text, begin, stop):
        if base58check(found[0]):
            yield Finding(*found.span(), KIND, "base58check")
    for found in _BECH32.finditer(text, begin, stop):
        if bech32(found[0]):
            yield Finding(*found.span(), KIND, "bech32")
    for name, shape in (("ethereum", _ETHEREUM), ("monero", _MONERO), ("stellar", _STELLAR)):
        for found in shape.finditer(text, begin, stop):
            yield Finding(*found.span(), KIND, name)
    for found in _SOLANA.finditer(text, begin, stop):
        if _SOLANA_CONTEXT.near(text, *found.span()):
            yield Finding(*found.span(), KIND, "context")


DETECTOR = Detector(
    (KIND,),
    (rf"[123mnLMDAX9tTrG48]{_BASE58}{{24}}", r"(?i:bc|tb|rt|ltc|addr|mos|osmo|zs)1[0-9A-Za-z]{6}", r"0x[0-9a-fA-F]{40}",
     rf"(?i:solana|sol\b|phantom|wallet)(?s:.){{0,40}}{_BASE58}{{32}}"),
    _find,
    120,
)  # fmt: skip
