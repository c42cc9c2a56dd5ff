"""Makes a certificate authority and what it signs, with the program `openssl`."""

import subprocess
from pathlib import Path


def make_authority(folder: Path, name: str) -> None:
    """`<name>.crt` and `<name>.key` of a new authority."""
    _openssl(folder, "req", "-x509", *_key(name), "-subj", f"/CN={name}", "-days", "2", "-out", f"{name}.crt")


def sign(folder: Path, authority: str, name: str, *, common_name: str, address: str | None = None) -> None:
    """`<name>.crt` and `<name>.key`, signed by an authority in the same folder; `address` is the server's own."""
    _openssl(folder, "req", *_key(name), "-subj", f"/CN={common_name}", "-out", f"{name}.csr")
    (folder / f"{name}.ext").write_text(f"subjectAltName=IP:{address}\n" if address else "basicConstraints=CA:FALSE\n")
    signer = ("-CA", f"{authority}.crt", "-CAkey", f"{authority}.key", "-CAcreateserial")
    how = ("-days", "2", "-extfile", f"{name}.ext")
    _openssl(folder, "x509", "-req", "-in", f"{name}.csr", *signer, *how, "-out", f"{name}.crt")


def _key(name: str) -> tuple[str, ...]:
    return ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{name}.key")


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)
