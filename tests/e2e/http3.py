"""One GET by HTTP/3."""

import asyncio
import ssl
from typing import Any

from aioquic.asyncio.client import connect
from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.h3.connection import H3_ALPN, H3Connection
from aioquic.h3.events import DataReceived, H3Event, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import QuicEvent


class _Http3(QuicConnectionProtocol):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._http = H3Connection(self._quic)
        self._headers: dict[bytes, bytes] = {}
        self._body = b""
        self._done: asyncio.Future[tuple[int, bytes]] = asyncio.get_running_loop().create_future()

    async def get(self, authority: str, path: str) -> tuple[int, bytes]:
        stream = self._quic.get_next_available_stream_id()
        names = (b":method", b":scheme", b":authority", b":path")
        values = (b"GET", b"https", authority.encode(), path.encode())
        self._http.send_headers(stream, list(zip(names, values, strict=True)), end_stream=True)
        self.transmit()
        return await self._done

    def quic_event_received(self, event: QuicEvent) -> None:
        for part in self._http.handle_event(event):
            self._take(part)

    def _take(self, part: H3Event) -> None:
        if isinstance(part, HeadersReceived):
            self._headers.update(part.headers)
        elif isinstance(part, DataReceived):
            self._body += part.data
        if isinstance(part, HeadersReceived | DataReceived) and part.stream_ended and not self._done.done():
            self._done.set_result((int(self._headers[b":status"]), self._body))


async def get(host: str, port: int, path: str, trust: ssl.SSLContext) -> tuple[int, bytes]:
    """Status and body of one file, uncompressed; the certificate is checked by this context's authorities."""
    configuration = QuicConfiguration(is_client=True, alpn_protocols=H3_ALPN)
    configuration.load_verify_locations(cadata=b"".join(map(_pem, trust.get_ca_certs(binary_form=True))))
    async with asyncio.timeout(20), connect(host, port, configuration=configuration, create_protocol=_Http3) as client:
        assert isinstance(client, _Http3)
        return await client.get(f"{host}:{port}", path)


def _pem(certificate: bytes) -> bytes:
    return ssl.DER_cert_to_PEM_cert(certificate).encode()
