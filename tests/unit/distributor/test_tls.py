"""A certificate given on the command line: usable, or a clear word why not."""

from pathlib import Path

import pytest
import trustme

from disio.distributor.tls import Tls
from disio.errors import UsageError


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate and its key."""
    issued = trustme.CA().issue_cert("127.0.0.1")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    issued.private_key_pem.write_to_path(tmp_path / "cert.key")
    return tmp_path / "cert.pem", tmp_path / "cert.key"


def test_nothing_given_is_plain_http() -> None:
    """Without options there is no TLS."""
    assert Tls.given(None, None, http3=False) is None


def test_a_certificate_with_its_key(files: tuple[Path, Path]) -> None:
    """Both files together are taken."""
    assert Tls.given(*files, http3=False) == Tls(*files)


def test_one_without_the_other_is_refused(files: tuple[Path, Path]) -> None:
    """A certificate without key, a key without certificate, HTTP/3 without both."""
    for certificate, key, http3 in ((files[0], None, False), (None, files[1], False), (None, None, True)):
        with pytest.raises(UsageError, match="--tls-cert FILE and --tls-key FILE"):
            Tls.given(certificate, key, http3=http3)


def test_files_that_are_not_there_or_do_not_fit_are_refused(files: tuple[Path, Path], tmp_path: Path) -> None:
    """The message names the file that is missing, or says that the two do not belong together."""
    with pytest.raises(UsageError, match=r"there is no file .*nowhere\.key"):
        Tls.given(files[0], tmp_path / "nowhere.key", http3=False)
    other = tmp_path / "other.key"
    trustme.CA().issue_cert("127.0.0.1").private_key_pem.write_to_path(other)
    with pytest.raises(UsageError, match="no certificate with its key"):
        Tls.given(files[0], other, http3=False)
    other.write_text("nonsense")
    with pytest.raises(UsageError, match="no certificate with its key"):
        Tls.given(files[0], other, http3=False)
