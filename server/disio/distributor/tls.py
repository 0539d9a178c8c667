"""HTTPS by the distributor itself, where no proxy does it: HTTP/2, and HTTP/3 if its extra is installed."""

import importlib.util
import ssl
from dataclasses import dataclass
from pathlib import Path

from hypercorn.config import Config

from disio.errors import UsageError


@dataclass(frozen=True, slots=True)
class Tls:
    """A certificate with its private key, both PEM files.

    Attributes:
        certificate: the certificate, followed by those that vouch for it.
        key: its private key, without a passphrase.
        http3: whether HTTP/3 is served too, on the UDP port of the same number.
    """

    certificate: Path
    key: Path
    http3: bool = False

    @classmethod
    def given(cls, certificate: Path | None, key: Path | None, *, http3: bool) -> "Tls | None":
        """From options of the command line; None: plain HTTP.

        Raises:
            UsageError: one of the two files is missing, unreadable, or not the other's; or HTTP/3 cannot be served.
        """
        if certificate is None or key is None:
            if certificate is not None or key is not None or http3:
                raise UsageError("HTTPS takes a certificate and its key: give --tls-cert FILE and --tls-key FILE")
            return None
        try:
            ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(certificate, key, password="")
        except FileNotFoundError:
            missing = certificate if not certificate.exists() else key
            raise UsageError(f"there is no file {missing}; --tls-cert and --tls-key name PEM files") from None
        except (ssl.SSLError, OSError) as error:
            raise UsageError(f"{certificate} and {key} are no certificate with its key ({error})") from None
        if http3 and importlib.util.find_spec("aioquic") is None:
            raise UsageError("HTTP/3 needs an extra: pip install 'disio[http3]'")
        return cls(certificate, key, http3)

    def apply(self, config: Config, host: str, port: int) -> None:
        """Have Hypercorn serve with it; ``port`` is the one that it listens on."""
        config.certfile, config.keyfile = str(self.certificate), str(self.key)
        if self.http3:
            config.quic_bind = [f"[{host}]:{port}" if ":" in host else f"{host}:{port}"]
