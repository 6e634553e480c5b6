"""Where a process listens, over TLS or not."""

import ssl
from pathlib import Path

import httpx2
import pytest
import trustme
from msgspec.structs import replace

from tests.system.server import Server
from tidemill.errors import BadRequest
from tidemill.serve.hiding import hidden
from tidemill.serve.listening import is_loopback, tls
from tidemill.settings import Settings, WebSettings


def with_files(cert: Path | str = "", key: Path | str = "") -> Settings:
    return replace(Settings(), web=WebSettings(tls_cert=str(cert), tls_key=str(key)))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """The certificate of an authority, one of 127.0.0.1 by it, and the key of that."""
    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    names = [folder / name for name in ("authority.pem", "server.pem", "server.key")]
    authority.cert_pem.write_to_path(str(names[0]))
    issued.cert_chain_pems[0].write_to_path(str(names[1]))
    issued.private_key_pem.write_to_path(str(names[2]))
    return names[0], names[1], names[2]


@pytest.mark.parametrize(
    ("url", "loopback"),
    [
        *(
            (url, True)
            for url in ("http://127.0.0.1:8000", "https://127.1.2.3", "http://[::1]:1", "http://localhost")
        ),
        *((url, False) for url in ("http://10.0.0.1", "http://[::]:1", "https://ci.example.com", "", "x")),
        *(
            (url, False)
            for url in ("http://127.evil.example.com", "http://localhost.example.com", "http://0.0.0.0")
        ),
    ],
)
def test_what_only_this_machine_reaches(url: str, loopback: bool) -> None:
    """By its address, not by how its name begins."""
    assert is_loopback(url) is loopback


def test_certificates_that_cannot_be_used(files: tuple[Path, Path, Path], tmp_path: Path) -> None:
    """Each is one error that says which files; without any there is no TLS."""
    _, certificate, key = files
    nonsense = tmp_path / "nonsense"
    nonsense.write_text("no certificate")
    assert tls(with_files()) is None
    for cert_file, key_file in [(certificate, ""), ("", key)]:
        with pytest.raises(BadRequest, match="go together"):
            tls(with_files(cert_file, key_file))
    for cert_file, key_file in [(tmp_path / "none", key), (nonsense, key), (certificate, nonsense)]:
        with pytest.raises(BadRequest, match="cannot use the certificate"):
            tls(with_files(cert_file, key_file))


def test_no_task_reads_the_key(files: tuple[Path, Path, Path], tmp_path: Path) -> None:
    """T42: it is hidden from every pod."""
    _, certificate, key = files
    assert key in hidden(with_files(certificate, key), tmp_path, None, [])


def test_a_server_over_tls(files: tuple[Path, Path, Path], tmp_path: Path) -> None:
    """It says where it is, serves nobody in clear, and has browsers stay with TLS."""
    authority, certificate, key = files
    environment = {"TIDEMILL_WEB_TLS_CERT": str(certificate), "TIDEMILL_WEB_TLS_KEY": str(key)}
    server = Server(
        tmp_path / "data",
        components="configstore,runservice,gitserver,gateway,notification",
        environment=environment | {"TIDEMILL_SERVICE_TOKEN": "shared"},
    ).start()
    try:
        assert server.url.startswith("https://127.0.0.1:")
        with httpx2.Client(
            base_url=server.url, verify=ssl.create_default_context(cafile=authority), timeout=30
        ) as http:
            answer = http.get("/api/v1alpha/version")
            assert (answer.status_code, answer.http_version) == (200, "HTTP/1.1")
            assert answer.headers["strict-transport-security"] == "max-age=31536000"
        with pytest.raises(httpx2.HTTPError):
            httpx2.get(server.url.replace("https:", "http:") + "/livez", timeout=30)
        with pytest.raises(httpx2.ConnectError, match="certificate"):
            httpx2.get(f"{server.url}/livez", timeout=30)
    finally:
        assert server.stop() == 0
