"""A certificate that the appliance signs itself, for trying out TLS."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from appliance.config import Config

_VALID = timedelta(days=397)  # browsers refuse longer ones
_RENEW_BEFORE = timedelta(days=30)


def certificate_names(config: Config) -> list[str]:
    """Host names and addresses of this instance, wildcards for notebooks included."""
    names = ["localhost", "*.localhost", "127.0.0.1", "::1", socket.gethostname(), *config.names]
    if config.host not in ("0.0.0.0", "::"):
        names.append(config.host)
    if config.domain:
        names += [config.domain, f"*.{config.domain}"]
    return list(dict.fromkeys(name.strip("[]") for name in names))


def ensure_self_signed(
    folder: Path, names: Iterable[str], now: datetime | None = None
) -> tuple[Path, Path]:
    """Certificate and key, made unless there are some with these names that last.

    folder: closed to others. now: the present moment if None.
    """
    cert_path, key_path = folder / "self.crt", folder / "self.key"
    now, general = now or datetime.now(timezone.utc), _general_names(names)
    if not (key_path.is_file() and _still_good(cert_path, general, now)):
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _sign(key, general, now)
        pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        _write(cert_path, certificate.public_bytes(pem), 0o644)
        _write(key_path, key.private_bytes(pem, pkcs8, serialization.NoEncryption()), 0o600)
    return cert_path, key_path


def _sign(
    key: ec.EllipticCurvePrivateKey, names: list[x509.GeneralName], now: datetime
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Appliance, signed by itself")])
    builder = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + _VALID)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    )
    return builder.sign(key, hashes.SHA256())


def _still_good(path: Path, names: list[x509.GeneralName], now: datetime) -> bool:
    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
        covered = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (FileNotFoundError, ValueError, x509.ExtensionNotFound):
        return False
    return set(names) <= set(covered) and certificate.not_valid_after_utc - now > _RENEW_BEFORE


def _general_names(names: Iterable[str]) -> list[x509.GeneralName]:
    found: list[x509.GeneralName] = []
    for name in names:
        try:
            found.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            found.append(x509.DNSName(name))
    return found


def _write(path: Path, content: bytes, mode: int) -> None:
    part = path.with_suffix(path.suffix + ".part")
    part.unlink(missing_ok=True)
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
    part.replace(path)
