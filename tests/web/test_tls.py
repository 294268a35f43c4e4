"""Beyond this machine everything is encrypted, with a certificate that it makes itself."""

from __future__ import annotations

import hashlib
import ipaddress
import socket
import ssl
import stat
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from cryptography import x509

from assistant.config import WebSettings
from assistant.control.client import Client
from assistant.errors import ConfigError
from assistant.web import certificate
from assistant.web.certificate import DAYS, RENEW, Files, fingerprint, ready
from assistant.web.server import serve
from tests.waiting import WAIT_S, until
from tests.web.browsing import Browser, raw, rest
from tests.web.helped import Helped
from tests.web.served import Web, serving_pages


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path / "web")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("web")


@pytest.fixture(scope="module")
def web(place: Path, folder: Path) -> Iterator[Web]:
    with serving_pages(place, folder, address="0.0.0.0") as web:  # noqa: S104 - what is tested
        yield web


def read(files: Files) -> x509.Certificate:
    return x509.load_pem_x509_certificate(files.certificate.read_bytes())


def test_a_certificate_is_made_once(files: Files) -> None:
    assert fingerprint(files) is None
    ready(files, ["attune.home"])
    first, key = files.certificate.read_bytes(), files.key.read_bytes()
    ready(files, ["attune.home"])
    assert (files.certificate.read_bytes(), files.key.read_bytes()) == (first, key)
    names = read(files).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    hosts = names.get_values_for_type(x509.DNSName)
    assert {"attune.home", "localhost", socket.gethostname()} <= set(hosts)
    assert names.get_values_for_type(x509.IPAddress) == [ipaddress.ip_address("127.0.0.1")]
    usage = read(files).extensions.get_extension_for_class(x509.BasicConstraints).value
    assert not usage.ca, "it vouches for nothing else"


def test_only_the_server_may_read_its_key(files: Files) -> None:
    ready(files)
    assert stat.S_IMODE(files.key.stat().st_mode) == 0o600
    assert stat.S_IMODE(files.certificate.stat().st_mode) == 0o644


def test_it_is_good_for_as_long_as_phones_accept(files: Files) -> None:
    ready(files)
    found = read(files)
    assert found.not_valid_after_utc - found.not_valid_before_utc <= timedelta(days=825)
    assert found.not_valid_before_utc < datetime.now(timezone.utc)


@pytest.mark.parametrize("days", [RENEW.days - 1, RENEW.days + 2])
def test_it_is_renewed_before_its_end(
    days: int, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(certificate, "DAYS", days)
    ready(files)
    before = fingerprint(files)
    monkeypatch.setattr(certificate, "DAYS", DAYS)
    ready(files)
    assert (fingerprint(files) != before) is (days < RENEW.days)


@pytest.mark.parametrize("broken", ["certificate", "key"])
def test_a_broken_one_is_replaced(broken: str, files: Files) -> None:
    ready(files)
    before = fingerprint(files)
    getattr(files, broken).write_bytes(b"" if broken == "key" else b"nonsense")
    ready(files)
    assert fingerprint(files) not in (None, before)


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ConfigError, match=r"Cannot write the certificate .*web\.folder"):
        ready(Files(tmp_path / "file"))


def test_a_browser_sees_the_fingerprint_that_was_shown(web: Web, folder: Path) -> None:
    anybody = ssl.create_default_context(cafile=str(Files(folder).certificate))
    with (
        socket.create_connection(("127.0.0.1", web.port), WAIT_S) as plain,
        anybody.wrap_socket(plain, server_hostname="localhost") as encrypted,
    ):
        seen = encrypted.getpeercert(binary_form=True) or b""
        assert encrypted.version() in ("TLSv1.2", "TLSv1.3")
    digits = hashlib.sha256(seen).hexdigest().upper()
    shown = fingerprint(Files(folder)) or ""
    assert shown.replace(":", "") == digits
    assert len(shown.split(":")) == 32


def test_old_encryption_is_not_spoken(web: Web) -> None:
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    with (
        socket.create_connection(("127.0.0.1", web.port), WAIT_S) as plain,
        pytest.raises((ssl.SSLError, ConnectionError)),
    ):
        old.wrap_socket(plain)


def test_nothing_is_answered_without_encryption(web: Web) -> None:
    answer = raw(web.port, b"GET /pair HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert b"HTTP/" not in answer


def test_the_cookie_goes_back_encrypted_only(web: Web, helped: Helped) -> None:
    assert web.address.startswith("https://")
    phone = Browser(web.port, encrypted=True)
    answer = phone.pair(helped.invite())
    assert "secure" in {part.strip().lower() for part in answer.headers["Set-Cookie"].split(";")}
    assert phone.get("/").status == 200
    assert phone.post("/say", text="hello").status == 303
    assert helped.done[-1] == ("say", "hello")


def test_an_address_that_is_taken_is_told(web: Web, place: Path, tmp_path: Path) -> None:
    settings = WebSettings.model_validate({"port": web.port, "folder": tmp_path})
    with pytest.raises(ConfigError, match=r"Cannot serve the page .* in use.* Set web\.address"):
        serve(Client(place), settings)


def test_who_never_begins_to_encrypt_is_hung_up_on(place: Path, tmp_path: Path) -> None:
    with (
        serving_pages(place, tmp_path, address="0.0.0.0", server__HEAD_S=1.0) as web,  # noqa: S104
        socket.create_connection(("127.0.0.1", web.port), WAIT_S) as silent,
    ):
        assert rest(silent) == b""


def test_those_who_do_not_encrypt_yet_are_counted(place: Path, tmp_path: Path) -> None:
    limits = {"server__HEAD_S": 600.0, "server__ALL": 3}
    with serving_pages(place, tmp_path, address="0.0.0.0", **limits) as web:  # noqa: S104
        silent = [socket.create_connection(("127.0.0.1", web.port), WAIT_S) for _ in range(3)]
        try:
            with socket.create_connection(("127.0.0.1", web.port), WAIT_S) as one_too_many:
                assert rest(one_too_many) == b""
            silent.pop().close()
            until(lambda: answers(web))
        finally:
            for each in silent:
                each.close()


def answers(web: Web) -> bool:
    with suppress(ConnectionError, ssl.SSLError):  # turned away
        return Browser(web.port, encrypted=True).get("/pair").status == 200
    return False
