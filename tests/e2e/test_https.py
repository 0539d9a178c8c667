"""HTTPS: behind nginx with the configuration that the documents give, and by the distributor itself."""

import asyncio
import contextlib
import os
import re
import shutil
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme

from disio.assets import asset
from disio.testing import VOLUNTEERING, Grid, open_browser, open_site
from disio.testing.ports import free_port
from disio.wire.api import Task

from .test_survival import LOOPS, assert_all_right, until_accepted

pytestmark = pytest.mark.browser

NGINX_CONF = Path(__file__).parents[2] / "docs" / "deploy" / "nginx.conf"
COUNT = 600
BROWSER_FLAGS = ("--ignore-certificate-errors",)
"""The certificates are this test's own; the HTTP client below does check them."""


@dataclass
class Certificate:
    """A certificate for 127.0.0.1 with its key, and who trusts it."""

    certificate: Path
    key: Path
    trust: ssl.SSLContext


@pytest.fixture
def certificate(tmp_path: Path) -> Certificate:
    """A certificate of a certificate authority made for this test."""
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1", "localhost")
    paths = tmp_path / "cert.pem", tmp_path / "cert.key"
    for blob in issued.cert_chain_pems:
        blob.write_to_path(paths[0], append=True)
    issued.private_key_pem.write_to_path(paths[1])
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    return Certificate(*paths, trust)


async def get(http: httpx.AsyncClient, path: str, encoding: str = "identity") -> httpx.Response:
    """A file in one encoding."""
    response = await http.get(path, headers={"Accept-Encoding": encoding})
    assert response.status_code == 200, f"{path}: {response.status_code}"
    return response


async def file_of(http: httpx.AsyncClient) -> str:
    """The path of a file that never changes: one of the bundle's."""
    manifest: dict[str, Any] = (await get(http, "/bundle.json")).json()
    return f"/files/{manifest['files']['pyodide-lock.json']['sha256']}"


# ---- nginx -----------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def nginx(folder: Path, certificate: Certificate, port: int, upstreams: list[int]) -> AsyncIterator[None]:
    """Run nginx with the documented configuration; only addresses, ports and paths are put in."""
    program = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
    if program is None:
        pytest.skip("no nginx was found; install it with `apt-get install nginx`")
    text = NGINX_CONF.read_text()
    for documented, here in {
        "listen 443 ssl http2;": f"listen 127.0.0.1:{port} ssl http2;",
        "server 127.0.0.1:7701 ": f"server 127.0.0.1:{upstreams[0]} ",
        "server 127.0.0.1:7711 ": f"server 127.0.0.1:{upstreams[1]} ",
        "server_name compute.example.org;": "server_name 127.0.0.1;",
        "/etc/ssl/compute.example.org.pem": str(certificate.certificate),
        "/etc/ssl/compute.example.org.key": str(certificate.key),
        "/var/cache/nginx/disio": str(folder / "cache"),
    }.items():
        assert text.count(documented) == 1, f"the documented configuration has no {documented!r}"
        text = text.replace(documented, here)
    (folder / "disio.conf").write_text(text)
    own = f"{folder}/nginx"
    temporary = "".join(
        f"{kind}_temp_path {own}-{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;" if os.geteuid() == 0 else ""  # the test's folders are its own user's
    (folder / "nginx.conf").write_text(
        f"{user} daemon off; worker_processes 1; pid {own}.pid; error_log {own}.log; events {{}}\n"
        f"http {{ access_log off; {temporary} include {folder}/disio.conf; }}\n"
    )
    child = await asyncio.create_subprocess_exec(program, "-e", f"{own}.log", "-c", str(folder / "nginx.conf"))
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            child.terminate()
        await child.wait()


@pytest.fixture
async def proxied(tmp_path: Path, certificate: Certificate) -> AsyncIterator[tuple[Grid, str]]:
    """A grid of two distributors behind nginx; and the address that browsers know."""
    port = free_port()
    url = f"https://127.0.0.1:{port}"
    options = ("--url", url, "--trusted-proxy", "127.0.0.1")
    async with (
        Grid(tmp_path, distributors=2, distributor_options=options) as grid,
        nginx(tmp_path, certificate, port, [each.port for each in grid.distributors]),
        httpx.AsyncClient(base_url=url, verify=certificate.trust) as http,
    ):
        async with asyncio.timeout(20):
            while True:
                with contextlib.suppress(httpx.TransportError):
                    if (await http.get("/health")).status_code == 200:
                        break
                await asyncio.sleep(0.05)
        yield grid, url


async def test_files_come_right_through_nginx(proxied: tuple[Grid, str], certificate: Certificate) -> None:
    """By HTTP/2; in the encoding that was asked for, from its cache the second time, the same bytes in every form."""
    _, url = proxied
    async with httpx.AsyncClient(base_url=url, verify=certificate.trust, http2=True) as http:
        loader = await get(http, "/disio.js", "br")
        assert (loader.http_version, loader.headers["content-encoding"]) == ("HTTP/2", "br")
        path = await file_of(http)
        plain = await get(http, path)
        assert "content-encoding" not in plain.headers
        for encoding in ("zstd", "br", "gzip"):
            asked = f"{encoding}, deflate"
            first, second = await get(http, path, asked), await get(http, path, asked)
            assert first.headers["content-encoding"] == second.headers["content-encoding"] == encoding
            assert second.headers["x-cache"] == "HIT"
            assert "immutable" in second.headers["cache-control"]
            assert first.content == second.content == plain.content
        assert (await http.get("/metrics")).status_code == 403
        for asked, sent in {
            "br;q=0, gzip": "gzip",
            "gzip; q=0.0, zstd ; q=0 ,br;q=0.5": "br",
            "gzip;q=0": None,
        }.items():
            assert (await get(http, path, asked)).headers.get("content-encoding") == sent, asked
        part = await http.get(path, headers={"Accept-Encoding": "identity", "Range": "bytes=-5"})
        assert (part.status_code, part.content) == (206, plain.content[-5:])
        bridge = await get(http, "/bridge.html")
        (connect,) = re.findall(r"connect-src ([^;]*)", bridge.headers["content-security-policy"])
        assert sorted(connect.split()) == sorted({url, url.replace("http", "ws")})


async def test_a_browser_computes_behind_nginx_while_a_distributor_dies(proxied: tuple[Grid, str], units: Path) -> None:
    """Chromium's WebSocket goes through nginx; when the distributor behind it dies it goes on with the other one."""
    grid, url = proxied
    # Behind a proxy nobody is taken for this machine's own volunteer: its answers would wait for others to agree.
    unchecked = {"error_rate": 1.0}
    task: Task = await grid.client.submit(units / "squares.py", {"count": COUNT, "loops": LOOPS}, checking=unchecked)
    async with open_site(url, attributes=VOLUNTEERING) as site, open_browser(site, flags=BROWSER_FLAGS):
        await until_accepted(grid, task, 60)
        [volunteer] = (await grid.client.grid()).volunteers
        [serving] = [each for each in grid.distributors if each.ready["id"] == volunteer.distributor]
        await serving.kill()
        await assert_all_right(grid, task)


# ---- the distributor itself ------------------------------------------------------------------


@pytest.fixture
async def secured(tmp_path: Path, certificate: Certificate) -> AsyncIterator[Grid]:
    """A grid whose distributor serves HTTPS itself, HTTP/3 included."""
    options = ("--tls-cert", str(certificate.certificate), "--tls-key", str(certificate.key), "--http3")
    async with Grid(tmp_path, distributor_options=options) as grid:
        yield grid


async def test_a_distributor_serves_https_itself(secured: Grid, certificate: Certificate, units: Path) -> None:
    """HTTP/2 with a checked certificate, word of HTTP/3, and a browser that computes."""
    assert secured.url.startswith("https://")
    async with httpx.AsyncClient(base_url=secured.url, verify=certificate.trust, http2=True) as http:
        loader = await get(http, "/disio.js", "gzip")
        assert (loader.http_version, loader.headers["content-encoding"]) == ("HTTP/2", "gzip")
        assert f'h3=":{secured.distributors[0].port}"' in loader.headers["alt-svc"]
    task: Task = await secured.client.submit(units / "squares.py", {"count": 50})
    async with (
        open_site(secured.url, attributes=VOLUNTEERING) as site,
        open_browser(site, flags=BROWSER_FLAGS),
    ):
        assert (await secured.client.wait(task.id, timeout=60)).state == "finished"


async def test_http3(secured: Grid, certificate: Certificate) -> None:
    """A script comes by QUIC, byte for byte."""
    h3 = pytest.importorskip("tests.e2e.http3", reason="HTTP/3 needs aioquic: pip install 'disio[http3]'")
    status, body = await h3.get("127.0.0.1", secured.distributors[0].port, "/worker/messages.js", certificate.trust)
    assert status == 200
    assert body == (asset("worker") / "messages.js").read_bytes()
