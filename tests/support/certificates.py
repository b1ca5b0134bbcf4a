"""Certificates for servers of tests that must speak TLS."""

from __future__ import annotations

import datetime
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes


def certificate_of(key: CertificateIssuerPrivateKeyTypes) -> x509.Certificate:
    """A certificate for 127.0.0.1 that vouches for itself."""
    # A name of its own: of two trusted certificates with one name OpenSSL looks at the first only.
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, f"127.0.0.1 {x509.random_serial_number()}"[:60])])
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )


def pem_of(key: CertificateIssuerPrivateKeyTypes) -> bytes:
    """A private key as files hold it, not encrypted."""
    form, unlocked = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, form, unlocked)


def write_certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that vouches for itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    paths = folder / "cert.pem", folder / "key.pem"
    paths[0].write_bytes(certificate_of(key).public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(pem_of(key))
    return paths
