"""Who is let in to the console, and who is not."""

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, expect

from tests.console.house import SMALL, House, house


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, browser: Browser, smollm2_path: Path) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("sign-in"), browser, SMALL.format(path=smollm2_path)) as made:
        yield made


def asked(
    home: House, method: str, path: str, headers: dict[str, str] | None = None, body: str | None = None
) -> tuple[int, dict[str, str], str]:
    """One request, sent exactly so."""
    parts = urlsplit(home.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=30)
    connection.request(method, path, body, {"host": parts.netloc, **(headers or {})})
    answer = connection.getresponse()
    text = answer.read().decode()
    told = {name.lower(): value for name, value in answer.getheaders()}
    connection.close()
    return answer.status, told, text


def test_the_first_start_prints_a_link_that_opens_signed_in(home: House) -> None:
    line = home.heard("console: ")
    page = home.page(signed_in=False)
    page.goto(line.split("console: ")[1].split()[0])
    expect(page).to_have_url(f"{home.url}/console/")
    expect(page.get_by_role("navigation", name="Pages")).to_be_visible()
    page.context.close()


def test_the_command_makes_another_link(home: House) -> None:
    told = json.loads(home.command("console", "--name", "grace", "--json").stdout)
    assert told["name"] == "grace"
    assert told["link"].startswith(f"{home.url}/console/sign-in?token=")
    page = home.page(signed_in=False)
    page.goto(told["link"])
    page.goto("/console/design")
    expect(page.get_by_text("grace", exact=True)).to_be_visible()
    page.context.close()


def test_a_link_works_once(home: House) -> None:
    link = home.link()
    first = home.page(signed_in=False)
    first.goto(link)
    expect(first).to_have_url(f"{home.url}/console/")
    path = link.removeprefix(home.url)
    status, _, text = asked(home, "GET", path)
    assert status == 403
    assert "used before" in text
    first.context.close()


def test_without_a_session_pages_lead_to_the_sign_in_and_the_api_says_so(home: House) -> None:
    status, headers, _ = asked(home, "GET", "/console/rules?x=1")
    assert (status, headers["location"]) == (303, "/console/sign-in?next=/console/rules%3Fx%3D1")
    status, _, text = asked(home, "GET", "/control/v1/openapi.json")
    assert status == 401
    assert "ecotone console" in json.loads(text)["error"]["message"]


def test_a_part_of_a_page_has_no_page_in_its_place(home: House) -> None:
    part = {"hx-request": "true"}
    status, _, text = asked(home, "GET", "/console/home/live", part)
    assert (status, "Sign in first" in text, "<" in text) == (401, True, False)
    signed_in = {**part, "authorization": f"Bearer {home.token()}"}
    status, told, text = asked(home, "GET", "/console/models/state/nobody", signed_in)
    assert (status, told["content-type"].partition(";")[0], "nobody" in text) == (404, "text/plain", True)


def test_signing_in_leads_back_to_the_page_but_to_no_other_site(home: House) -> None:
    for target in (
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "/console/..//evil.example",
        "/v1/models",
        "javascript:alert(1)",
        "/console/\nSet-Cookie: a=b",
    ):
        token = home.link().partition("token=")[2]
        body = f"token={token}&next={target}"
        status, headers, _ = asked(
            home, "POST", "/console/sign-in", {"content-type": "application/x-www-form-urlencoded"}, body
        )
        assert (status, headers["location"]) == (303, "/console/")
    token = home.link().partition("token=")[2]
    status, headers, _ = asked(home, "GET", f"/console/sign-in?token={token}&next=/console/design")
    assert (status, headers["location"]) == (303, "/console/design")
    cookie = headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie


def test_a_session_is_good_at_its_host_alone(home: House) -> None:
    token = home.token()
    bearer = {"authorization": f"Bearer {token}"}
    assert asked(home, "GET", "/control/v1/openapi.json", bearer)[0] == 200
    port = urlsplit(home.url).port
    assert asked(home, "GET", "/control/v1/openapi.json", {**bearer, "host": f"localhost:{port}"})[0] == 401


def test_a_page_that_a_name_was_rebound_to_is_refused(home: House) -> None:
    """DNS rebinding: the browser believes that this is the attacker's own host, and says so."""
    port = urlsplit(home.url).port
    status, _, text = asked(home, "GET", "/console/", {"host": f"evil.example:{port}"})
    assert status == 403
    assert "evil.example" in text


def test_what_changes_something_wants_the_token_of_the_page(home: House) -> None:
    cookie = {"cookie": f"{home.cookie}={home.token()}"}
    status, _, text = asked(home, "POST", "/console/sign-out", cookie)
    assert status == 403
    assert "Load the page again" in text
    other_site = {**cookie, "origin": "https://evil.example", "sec-fetch-site": "cross-site"}
    assert asked(home, "POST", "/console/sign-out", other_site)[0] == 403
    assert asked(home, "GET", "/console/design", cookie)[0] == 200, "nobody was signed out"


def test_a_link_from_another_site_may_be_followed_but_nothing_be_read_from_there(home: House) -> None:
    cookie = {"cookie": f"{home.cookie}={home.token()}", "sec-fetch-site": "cross-site"}
    assert asked(home, "GET", "/console/design", {**cookie, "sec-fetch-mode": "navigate"})[0] == 200
    assert asked(home, "GET", "/console/design", {**cookie, "sec-fetch-mode": "no-cors"})[0] == 403
    assert asked(home, "GET", "/control/v1/openapi.json", {**cookie, "sec-fetch-mode": "navigate"})[0] == 403


def test_every_answer_says_what_a_browser_must_not_do_with_it(home: House) -> None:
    for path in ("/console/sign-in", "/console/static/app.js", "/control/v1/openapi.json", "/console/nothing-here"):
        _, headers, _ = asked(home, "GET", path)
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"


def test_signing_out_ends_the_session(home: House) -> None:
    page = home.page()
    page.goto("/console/design")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.goto("/console/design")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.context.close()


def test_the_link_pasted_into_the_form_signs_in(home: House) -> None:
    page = home.page(signed_in=False)
    page.goto("/console/design")
    page.get_by_label("Or paste the link here").fill(home.link())
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="What pages are made of")).to_be_visible()
    page.context.close()
