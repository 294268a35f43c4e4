"""The certificate with which a browser in the local network speaks to this machine alone."""

from __future__ import annotations

import hashlib
import ipaddress
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

from assistant import durable
from assistant.errors import ConfigError

DAYS = 820
"""Some phones accept no certificate that is good for longer."""

RENEW = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Files:
    """Where certificate and key are, as PEM."""

    folder: Path

    @property
    def certificate(self) -> Path:
        """Everybody may read it."""
        return self.folder / "certificate.pem"

    @property
    def key(self) -> Path:
        """Only the server may read it."""
        return self.folder / "key.pem"


def ready(files: Files, names: Iterable[str] = ()) -> None:
    """Make certificate and key unless there are some that are good for a while.

    Raises:
        ConfigError: if they cannot be written.
    """
    if (until := _good_until(files)) is not None and until > datetime.now(timezone.utc) + RENEW:
        return
    certificate, key = _made(names)
    try:
        durable.folder(files.folder)
        durable.write(files.key, key)
        durable.write(files.certificate, certificate, mode=0o644)
    except OSError as error:
        raise ConfigError(
            f"Cannot write the certificate into {files.folder}: {error.strerror}. Set web.folder "
            "to a folder in which you may write."
        ) from None


def fingerprint(files: Files) -> str | None:
    """SHA-256 of the certificate as browsers show it; ``None``: there is none yet."""
    from cryptography import x509  # noqa: PLC0415 - only the network needs it

    try:
        found = x509.load_pem_x509_certificate(files.certificate.read_bytes())
    except (OSError, ValueError):
        return None
    from cryptography.hazmat.primitives.serialization import Encoding  # noqa: PLC0415

    digits = hashlib.sha256(found.public_bytes(Encoding.DER)).hexdigest().upper()
    return ":".join(digits[place : place + 2] for place in range(0, len(digits), 2))


def _good_until(files: Files) -> datetime | None:
    from cryptography import x509  # noqa: PLC0415

    try:
        if not files.key.read_bytes():
            return None
        found = x509.load_pem_x509_certificate(files.certificate.read_bytes())
    except (OSError, ValueError):
        return None
    return found.not_valid_after_utc


def _made(names: Iterable[str]) -> tuple[bytes, bytes]:
    """A certificate that this machine signs itself, and its key."""
    from cryptography import x509  # noqa: PLC0415
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415
        Encoding,
        NoEncryption,
        PrivateFormat,
    )
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID  # noqa: PLC0415

    own = socket.gethostname()
    hosts = list(dict.fromkeys((own, f"{own}.local", "localhost", *names)))
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Attune on {own}"[:64])])
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(timezone.utc)
    alternatives = [
        *(x509.DNSName(host) for host in hosts if host.isascii()),
        x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
    ]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))  # a phone's clock may be behind
        .not_valid_after(now + timedelta(days=DAYS))
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return certificate.public_bytes(Encoding.PEM), secret
