"""Markup that is escaped by construction: what is not `Markup` becomes text, whatever it holds."""

from collections.abc import Iterable
from html import escape

Attribute = str | int | float | None


class Markup(str):
    """Text that is markup already. Only `tag`, `void`, `joined` and constants in our own code make it."""

    __slots__ = ()

    def __html__(self) -> "Markup":
        """Templates that escape take it as it is."""
        return self


def tag(name: str, /, *children: str, **attributes: Attribute) -> Markup:
    """An element with its children. `class_` is written `class`, `stroke_width` is written `stroke-width`; an attribute
    that is None is left out, and one that is "" stands without a value's meaning (`hidden=""`).
    """
    return Markup(f"<{name}{_attributes(attributes)}>{joined(children)}</{name}>")


def void(name: str, /, **attributes: Attribute) -> Markup:
    """An element that has no children: `<meta ... />` in HTML, a shape in SVG."""
    return Markup(f"<{name}{_attributes(attributes)}/>")


def joined(children: Iterable[str], separator: str = "") -> Markup:
    """All children in a row; those that are not markup are escaped."""
    return Markup(separator.join(child if isinstance(child, Markup) else text(child) for child in children))


def text(words: str) -> Markup:
    """The words, escaped; characters that no XML or HTML document may hold become the replacement character."""
    return Markup(escape("".join(letter if _allowed(letter) else "�" for letter in words)))


def _attributes(attributes: dict[str, Attribute]) -> str:
    return "".join(
        f' {name.rstrip("_").replace("_", "-")}="{text(number(value) if isinstance(value, float) else str(value))}"'
        for name, value in attributes.items()
        if value is not None
    )


def number(value: float) -> str:
    """A coordinate to a hundredth, without needless zeros, so that the same drawing is the same text everywhere."""
    written = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if written == "-0" else written


def _allowed(letter: str) -> bool:
    """Char of XML 1.0, section 2.2."""
    code = ord(letter)
    return code in (0x9, 0xA, 0xD) or 0x20 <= code <= 0xD7FF or 0xE000 <= code <= 0xFFFD or code >= 0x10000
