"""What a browser downloads, over real HTTP: the right bytes, headers and encodings, and nothing else."""

import asyncio
import contextlib
import hashlib
import html
import re
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
import zstandard
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from disio.assets import asset
from disio.distributor import DistributorConfig, serve
from disio.errors import BundleError, StoreError, UsageError
from disio.wire import grid, volunteer
from disio.wire.volunteer import Credit

from .conftest import Distributor, ScriptedManager, wasm


async def test_loader(http: httpx.AsyncClient) -> None:
    """The loader is checked for changes on every visit, loadable from any site."""
    answer = await http.get("/disio.js")
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert answer.headers["x-content-type-options"] == "nosniff"
    again = await http.get("/disio.js", headers={"if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["content-type"].startswith("text/javascript"), "the cached script would be blocked from now on"
    changed = await http.get("/disio.js", headers={"if-none-match": '"other"'})
    assert changed.status_code == 200


async def test_every_script_is_served(http: httpx.AsyncClient) -> None:
    """Each module, style and word list is there under its name, readable from the cell's opaque origin."""
    folder = asset("worker")
    for path in (*folder.glob("*.js"), *folder.glob("*.css"), *folder.glob("words/*.json")):
        answer = await http.get(f"/worker/{path.relative_to(folder)}")
        assert answer.content == path.read_bytes()
        assert answer.headers["access-control-allow-origin"] == "*"
        assert answer.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("frame", ["/bridge.html", "/cell.html"])
async def test_frames_load_scripts_that_browsers_keep(http: httpx.AsyncClient, frame: str) -> None:
    """A frame names its release's scripts, kept for ever; for another release there is what is here now, not kept."""
    text = (await http.get(frame)).text
    addresses = re.findall(r'"(/worker/[^"]+)"', text)
    assert len(addresses) > 5
    for address in addresses:
        answer = await http.get(address)
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "public, max-age=31536000, immutable")
    _, _, release, name = addresses[-1].split("/")
    gone = "0" * len(release)
    answer = await http.get(f"/worker/{gone}/{name}")
    assert (answer.content, answer.headers["cache-control"]) == ((asset("worker") / name).read_bytes(), "no-cache")
    for bad in (f"/worker/{release}/{gone}/{name}", f"/worker/{release}/", f"/worker/{release}/package.json"):
        assert (await http.get(bad)).status_code == 404, bad


async def test_cell_can_reach_nothing(http: httpx.AsyncClient, distributor: Distributor) -> None:
    """The cell's policy has no connect-src, is sandboxed by itself, and names the distributor's origin."""
    policy = (await http.get("/cell.html")).headers["content-security-policy"]
    directives = {part.split()[0]: part.split()[1:] for part in policy.split("; ")}
    assert directives["default-src"] == ["'none'"]
    assert "connect-src" not in directives
    assert directives["script-src"] == [distributor.url, "blob:", "'wasm-unsafe-eval'"]
    assert directives["worker-src"] == ["blob:"]
    assert directives["sandbox"] == ["allow-scripts"]


async def test_bridge_talks_to_the_distributor_only(http: httpx.AsyncClient, distributor: Distributor) -> None:
    """The bridge connects to its own origin, by HTTP and WebSocket."""
    answer = await http.get("/bridge.html")
    directives = {part.split()[0]: part.split()[1:] for part in answer.headers["content-security-policy"].split("; ")}
    assert directives["connect-src"] == [distributor.url, distributor.url.replace("http", "ws")]
    assert directives["script-src"] == [distributor.url]


@pytest.mark.parametrize("frame", ["/bridge.html", "/cell.html"])
async def test_frames_appear_on_isolated_sites(http: httpx.AsyncClient, frame: str) -> None:
    """A frame has an embedder policy, not the one with which WebKit starts no workers in the cell."""
    assert (await http.get(frame)).headers["cross-origin-embedder-policy"] == "credentialless"


async def test_origins_are_not_taken_from_a_bad_host(http: httpx.AsyncClient) -> None:
    """A Host header cannot smuggle anything into a policy."""
    for host in ("evil; script-src *", "a b", "x'"):
        answer = await http.get("/cell.html", headers={"host": host})
        assert "evil" not in answer.headers.get("content-security-policy", "")
        assert "x'" not in answer.headers.get("content-security-policy", "")


async def test_bundle(http: httpx.AsyncClient) -> None:
    """Bundle files come by hash, immutable, in the encoding that the browser likes best."""
    manifest = (await http.get("/bundle.json")).json()
    sha256, size = wasm()
    assert manifest["files"]["pyodide.asm.wasm"]["sha256"] == sha256
    plain = await http.get(f"/files/{sha256}")
    assert (len(plain.content), hashlib.sha256(plain.content).hexdigest()) == (size, sha256)
    assert plain.headers["content-type"] == "application/wasm"
    assert plain.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert plain.headers["vary"] == "Accept-Encoding"
    assert int(plain.headers["content-length"]) == size


@pytest.mark.parametrize(
    ("accepted", "sent"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("gzip, zstd", "zstd"),
        ("gzip, br;q=0.5", "gzip"),
        ("gzip;q=0, br;q=0", None),
        ("br;q=0, *", "zstd"),
        ("", None),
    ],
)
async def test_encodings(http: httpx.AsyncClient, accepted: str, sent: str | None) -> None:
    """Content negotiation follows the quality values; ties go to the one that is smallest."""
    sha256, size = wasm()
    answer = await http.head(f"/files/{sha256}", headers={"accept-encoding": accepted})
    assert answer.headers.get("content-encoding") == sent
    assert (int(answer.headers["content-length"]) < size) == (sent is not None)
    assert answer.content == b""


async def test_nothing_there(http: httpx.AsyncClient) -> None:
    """A person is shown a small page under our own page's policy, a program a line of text; a wrong method is told."""
    page = await http.get("/nowhere", headers={"accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert page.status_code == 404
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "There is no such file or page" in page.text
    line = await http.get(f"/files/{'0' * 64}")
    assert (line.status_code, line.headers["content-type"]) == (404, "text/plain; charset=utf-8")
    assert line.text == "There is no such file or page on this distributor.\n"
    wrong = await http.post("/health")
    assert wrong.status_code == 405
    assert "GET" in wrong.headers["allow"]


async def test_encoded_bytes_are_the_same(http: httpx.AsyncClient) -> None:
    """Every encoding decodes to the file."""
    sha256, _ = wasm()
    for encoding in ("br", "gzip"):
        answer = await http.get(f"/files/{sha256}", headers={"accept-encoding": encoding})
        assert hashlib.sha256(answer.content).hexdigest() == sha256
    async with http.stream("GET", f"/files/{sha256}", headers={"accept-encoding": "zstd"}) as answer:
        raw = b"".join([part async for part in answer.aiter_raw()])
    assert hashlib.sha256(zstandard.ZstdDecompressor().decompressobj().decompress(raw)).hexdigest() == sha256


@pytest.mark.parametrize(
    "path",
    [
        "/worker/package.json",
        "/worker/cell.html",
        "/worker/words/../package.json",
        "/worker/words/xx.json",
        "/worker/%2e%2e%2fpyproject.toml",
        "/worker/../../pyproject.toml",
        "/worker/",
        "/files/",
        "/files/..%2fbundle.json",
        "/files/" + "0" * 64,
        "/files/passwd",
        "/static/x",
        "/volunteer",
    ],
)
async def test_nothing_else_is_there(http: httpx.AsyncClient, path: str) -> None:
    """Names that are not in the table are not found."""
    assert (await http.get(path)).status_code in (400, 404, 405)


async def test_unit_source(manager: ScriptedManager, distributor: Distributor, http: httpx.AsyncClient) -> None:
    """A unit's source is fetched from its manager when its task is described, and served while it is away."""
    source = b"def run(payload): return payload + 1\n" * 20
    sha256 = hashlib.sha256(source).hexdigest()
    async with distributor.browser() as browser:
        await browser.hello()
        await browser.say(Credit(1))
        await manager.saw(grid.Want)
        await manager.describe(5, source=source)
        await manager.saw(grid.GetFile)
        await manager.grant(browser.id, 1, number=5)
        task, _ = await browser.hear(volunteer.Task)
        assert task.unit == sha256
        first = await http.get(f"/files/{sha256}")
        assert first.content == source
        assert "immutable" in first.headers["cache-control"]
        await manager.__aexit__()
        assert (await http.get(f"/files/{sha256}", headers={"accept-encoding": "br"})).content == source


async def test_unit_with_a_wrong_hash(
    manager: ScriptedManager, distributor: Distributor, http: httpx.AsyncClient
) -> None:
    """A file that does not fit its hash is never served."""
    async with distributor.browser() as browser:
        await browser.hello()
        await manager.saw(grid.Joined)
        manager.lie = b"import os"
        await manager.describe(5, source=b"def run(payload): pass")
        await manager.saw(grid.GetFile)
        sha256 = hashlib.sha256(b"def run(payload): pass").hexdigest()
        assert (await http.get(f"/files/{sha256}")).status_code == 404


async def test_files_of_a_kit(manager: ScriptedManager, distributor: Distributor, http: httpx.AsyncClient) -> None:
    """Shared data of many pieces is fetched ahead, served whole, in ranges and compressed, and kept on disk."""
    data = b"".join(b"%d\n" % number for number in range(500_000))
    address = f"/files/{hashlib.sha256(data).hexdigest()}"
    async with distributor.browser() as browser:
        await browser.hello()
        await manager.saw(grid.Joined)
        await manager.describe(5, data=data)
        await manager.saw(grid.GetFile, lambda wanted: wanted.offset > 2_000_000)
        whole = await http.get(address, headers={"accept-encoding": "identity"})
        assert whole.content == data
        assert "immutable" in whole.headers["cache-control"]
        part = await http.get(address, headers={"range": "bytes=100-199", "accept-encoding": "gzip"})
        assert (part.status_code, part.content) == (206, data[100:200])
        assert part.headers["content-range"] == f"bytes 100-199/{len(data)}"
        assert (await http.get(address, headers={"range": "bytes=99999999-"})).status_code == 416
        await manager.__aexit__()
        answer = whole
        while "content-encoding" not in answer.headers:  # it is compressed meanwhile
            answer = await http.get(address, headers={"accept-encoding": "gzip"})
        assert answer.content == data


@pytest.mark.parametrize("path", ["/", "/volunteer/", "/nothing", "/files/0"])
async def test_no_websocket_elsewhere(
    distributor: Distributor, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], path: str
) -> None:
    """Who opens a WebSocket where there is none is refused in a line, without a traceback in the log."""
    with pytest.raises(InvalidStatus) as refused:
        await connect(distributor.url.replace("http", "ws", 1) + path, proxy=None)
    assert refused.value.response.status_code == 404
    assert "Traceback" not in capfd.readouterr().err
    assert not [record for record in caplog.records if record.exc_info]


async def test_own_page(http: httpx.AsyncClient, distributor: Distributor) -> None:
    """Anyone can volunteer at the distributor itself; consent by address is honoured from this machine only."""
    page = (await http.get("/")).text
    assert '<script src="/disio.js"' in page
    assert f"{distributor.url}/disio.js" in page
    assert "data-consent" not in page
    assert 'data-consent="granted"' in (await http.get("/?consent=granted")).text
    forwarded = await http.get("/?consent=granted", headers={"x-forwarded-for": "203.0.113.9"})
    assert "data-consent" not in forwarded.text
    assert 'data-workers="3"' in (await http.get("/?consent=granted&workers=3")).text
    assert 'data-workers="1"' in (await http.get("/?consent=granted&workers=x")).text


async def test_own_page_names_the_public_address(
    make_distributor: Callable[..., Distributor], manager: ScriptedManager
) -> None:
    """The tag to copy has the URL that the operator gave, whatever Host a request names, with or without a slash."""
    distributor = make_distributor(manager, url="https://compute.example.org/")
    await distributor.start()
    port = distributor.ready["port"]
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http:
            page = await http.get("/", headers={"host": "other.example"})
            assert 'src="https://compute.example.org/disio.js"' in html.unescape(page.text)
            assert "other.example" not in page.text
            assert "script-src https://compute.example.org;" in page.headers["content-security-policy"]
    finally:
        await distributor.stop()


async def test_nobody_keeps_what_is_of_the_moment(http: httpx.AsyncClient) -> None:
    """Health and metrics are stored by no cache."""
    for path in ("/health", "/metrics"):
        assert (await http.get(path)).headers["cache-control"] == "no-store"


async def test_health_and_metrics(manager: ScriptedManager, distributor: Distributor, http: httpx.AsyncClient) -> None:
    """Health and metrics tell who is there."""
    async with distributor.browser() as browser:
        await browser.hello()
        await manager.saw(grid.Joined)
        health = (await http.get("/health")).json()
        assert (health["status"], health["managers"], health["volunteers"]) == ("ok", ["mgr001"], 1)
        metrics = (await http.get("/metrics")).text
        for line in ("disio_volunteers 1.0", "disio_managers_up 1.0", "disio_received_frames_total 1.0"):
            assert line in metrics


async def start(config: DistributorConfig) -> None:
    """Serve until ready, or until it raises."""
    ready = asyncio.Event()
    serving = asyncio.create_task(serve(config, lambda _: ready.set()))
    waiting = asyncio.create_task(ready.wait())
    await asyncio.wait((serving, waiting), return_when=asyncio.FIRST_COMPLETED)
    failure = serving.exception() if serving.done() else None
    for task in (serving, waiting):
        task.cancel()
    await asyncio.gather(serving, waiting, return_exceptions=True)
    if failure is not None:
        raise failure


async def test_bundle_missing(tmp_path: Path) -> None:
    """Without a bundle a distributor does not start, and says how to get one."""
    with pytest.raises(BundleError, match="disio bundle build"):
        await start(DistributorConfig(data=tmp_path, port=0, bundle=tmp_path / "nowhere", discover=False))


async def test_bundle_altered(tmp_path: Path) -> None:
    """With a bundle that was altered a distributor does not start, and says which file it is."""
    copy = tmp_path / "bundle"
    (copy / "files").mkdir(parents=True)
    for path in asset("bundle").glob("**/*"):
        if path.is_file():
            (copy / path.relative_to(asset("bundle"))).hardlink_to(path)
    sha256, size = wasm()
    altered = copy / "files" / sha256
    altered.unlink()
    altered.write_bytes(bytes(size))
    with pytest.raises(BundleError, match=r"pyodide\.asm\.wasm"):
        await start(DistributorConfig(data=tmp_path / "data", port=0, bundle=copy, discover=False))


async def test_port_in_use(distributor: Distributor, tmp_path: Path) -> None:
    """A port in use is a clear error."""
    port = int(distributor.url.rpartition(":")[2])
    with pytest.raises(UsageError, match=f"port {port} on 127.0.0.1 is in use"):
        await start(DistributorConfig(data=tmp_path / "other", port=port, discover=False))


async def test_data_in_use(distributor: Distributor) -> None:
    """A second distributor with the same data directory is refused."""
    with pytest.raises(StoreError, match="another process"):
        await start(DistributorConfig(data=distributor.config.data, port=0, discover=False))


async def test_bad_addresses(tmp_path: Path) -> None:
    """An address that is none is named, the manager's as well as its own."""
    with pytest.raises(UsageError, match="no manager address"):
        await start(DistributorConfig(data=tmp_path, port=0, managers=("nonsense",), discover=False))
    for url in ("foo", "ftp://a.example", "https://a.example/path", "https://", "https://a.example?x=1"):
        with pytest.raises(UsageError, match="no address that browsers could reach"):
            await start(DistributorConfig(data=tmp_path, port=0, url=url, discover=False))
    with pytest.raises(UsageError, match="cannot listen"):
        await start(DistributorConfig(data=tmp_path, port=0, host="203.0.113.7", discover=False))
    assert not list(tmp_path.iterdir()), "nothing is begun that cannot be gone on with"


async def test_unreachable_manager(make_distributor: Callable[..., Distributor], manager: ScriptedManager) -> None:
    """A manager that is not there yet does not hinder the start; when it comes it is linked."""
    port = manager.port
    await manager.__aexit__()
    distributor = make_distributor(manager)
    await distributor.start()
    with contextlib.suppress(httpx.HTTPError):
        assert (await distributor.health())["managers"] == []
    async with ScriptedManager(port=port) as late:
        await late.saw(grid.DistributorHello)
    await distributor.stop()
