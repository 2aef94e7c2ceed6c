"""A page that is used with the keys alone: no click, no focus from a script."""

from typing import Any

from playwright.sync_api import Locator, Page, expect

_STOPS_MAX = 400

# What a person who looks for the focus sees: which element has it, whether a ring is drawn about it or about what
# stands for it (the label of a hidden field, the box about a text), and whether something covers it.
_LOOK = """() => {
  const at = document.activeElement;
  if (!at || at === document.body) return null;
  const drawn = (one) => {
    const style = getComputedStyle(one);
    return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1 && !/, 0\\)$/.test(style.outlineColor);
  };
  const showing = (one) => one.checkVisibility({ opacityProperty: true }) && one.getBoundingClientRect().width > 2;
  const own = showing(at) ? at : at.nextElementSibling;
  const standing = [own, at.closest("label"), at.closest(".composer-box")];
  const ringed = standing.find((one) => one && showing(one) && drawn(one));
  const shown = ringed ?? at;
  const box = shown.getBoundingClientRect();
  const seen = [0.5, 0.1, 0.9].some((down) => [0.5, 0.02, 0.98].some((right) => {
    const hit = document.elementFromPoint(box.left + box.width * right, box.top + box.height * down);
    return hit && (shown.contains(hit) || hit.contains(shown));
  }));
  const text = (at.getAttribute("aria-label") ?? at.textContent).trim().replace(/\\s+/g, " ").slice(0, 60);
  const name = `<${at.localName}${at.id ? ` #${at.id}` : ""}${at.name ? ` ${at.name}` : ""}> ${text}`;
  window.walked ??= new Set();
  const again = window.walked.has(at);
  window.walked.add(at);
  return { name, again, ring: ringed !== undefined, seen, folded: at.matches("details:not([open]) > summary") };
}"""

# What a mouse could use, and the walk has not come to. Of radio buttons that belong together one is enough: the arrow
# keys lead to the others.
_MISSED = """() => {
  const group = (one) => (one.type === "radio" ? `${one.form?.id} ${one.name}` : null);
  const groups = new Set([...window.walked].map(group));
  return [...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex]")]
    .filter((one) => one.tabIndex >= 0 && !one.disabled && one.checkVisibility({ visibilityProperty: true }))
    .filter((one) => !window.walked.has(one) && !(group(one) && groups.has(group(one))))
    .map((one) => one.outerHTML.slice(0, 160));
}"""


class Keyboard:
    """The keys of a page."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def type(self, text: str) -> None:
        self.page.keyboard.type(text)

    def replace(self, text: str) -> None:
        """Write this in place of what the field has."""
        self.press("Control+a")
        self.type(text)

    def to(self, wanted: Locator, *, back: bool = False) -> None:
        """Tab until this has the focus, and see that it can be seen."""
        expect(wanted).to_be_visible() if wanted.count() == 1 else expect(wanted).to_have_count(1)
        for _ in range(_STOPS_MAX):
            if wanted.evaluate("(one) => one === document.activeElement"):
                at = self.page.evaluate(_LOOK)
                assert at["ring"], f"no ring is drawn about {at['name']}"
                if not at["seen"]:
                    # What was only said, at the edge of the page, goes by itself.
                    expect(self.page.locator(".toast:not(.bad)")).to_have_count(0)
                    at = self.page.evaluate(_LOOK)
                assert at["seen"], f"{at['name']} has the focus and is covered"
                return
            self.press("Shift+Tab" if back else "Tab")
        raise AssertionError(f"{wanted} cannot be reached")

    def use(self, wanted: Locator, key: str = "Enter", *, back: bool = False) -> None:
        """Go there and press the key."""
        self.to(wanted, back=back)
        self.press(key)

    def held(self) -> None:
        """The focus is in the page, on something that can be seen."""
        self.page.wait_for_function(
            "() => document.activeElement !== document.body && document.activeElement.checkVisibility()", timeout=3000
        )

    def walk(self, unfold_max: int = 20) -> list[str]:
        """Tab through the whole page, opening what is folded; what is wrong with the way."""
        wrong, unfolded = [], 0
        self.page.evaluate("() => { window.walked = new Set(); }")
        for _ in range(_STOPS_MAX):
            self.press("Tab")
            at: Any = self.page.evaluate(_LOOK)
            if at is None:
                continue  # the browser's own controls
            if at["again"]:
                break
            if not at["ring"]:
                wrong.append(f"no ring: {at['name']}")
            if not at["seen"]:
                wrong.append(f"covered: {at['name']}")
            if at["folded"] and unfolded < unfold_max:
                unfolded += 1
                self.press("Enter")
        missed: list[str] = self.page.evaluate(_MISSED)
        return wrong + [f"not reached: {one}" for one in missed]
