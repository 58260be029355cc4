# SPDX-License-Identifier: Apache-2.0
"""Certificates for a loopback host, made with the openssl command: a root and what it has signed."""

import dataclasses
import pathlib
import subprocess

KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]


@dataclasses.dataclass(frozen=True)
class Authority:
    """A root certificate (PEM files) that signs server certificates."""

    certificate: str
    key: str
    folder: pathlib.Path

    @classmethod
    def create(cls, folder: pathlib.Path, name: str) -> "Authority":
        """Makes a self-signed root in `folder`."""
        root = cls(str(folder / f"{name}.pem"), str(folder / f"{name}.key"), folder)
        usage = ["-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign"]
        _openssl("req", "-x509", "-days", "2", "-subj", f"/CN={name}", *usage, *KEY, "-keyout", root.key, "-out", root.certificate)
        return root

    def sign(self, host: str) -> tuple[str, str]:
        """Returns (certificate, key) files for a server named `host`."""
        base = self.folder / f"{pathlib.Path(self.certificate).stem}-{host}"
        request, certificate, key, extensions = (f"{base}.{end}" for end in ("csr", "pem", "key", "ext"))
        pathlib.Path(extensions).write_text(f"subjectAltName=DNS:{host}\nextendedKeyUsage=serverAuth\nbasicConstraints=CA:FALSE\n")
        _openssl("req", "-new", "-subj", f"/CN={host}", *KEY, "-keyout", key, "-out", request)
        signer = ["-CA", self.certificate, "-CAkey", self.key, "-CAcreateserial"]
        _openssl("x509", "-req", "-in", request, *signer, "-days", "2", "-extfile", extensions, "-out", certificate)
        return certificate, key


def _openssl(*arguments: str) -> None:
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True)
    assert done.returncode == 0, f"openssl {arguments[0]}: {done.stderr}"
