"""``disio distributor``."""

from pathlib import Path
from typing import Annotated

import typer

from disio.cli.serving import (
    DiscoverOption,
    HostOption,
    KeyOption,
    ManagersOption,
    QuietOption,
    ReadyJsonOption,
    VerboseOption,
    WithParentOption,
    data_directory,
    read_key,
    run_process,
)
from disio.distributor import DistributorConfig, serve
from disio.distributor.addresses import NETWORK_PREFIX, Prefix
from disio.distributor.limits import Limits
from disio.distributor.tls import Tls


def distributor(
    *,
    data: Annotated[
        Path | None, typer.Option(help="Directory of its identity and spool.", show_default="user data")
    ] = None,
    host: HostOption = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.", min=0, max=65535)] = 7701,
    public_url: Annotated[
        str, typer.Option("--url", help="Where browsers reach it.", show_default="from host and port")
    ] = "",
    managers: ManagersOption = None,
    discover: DiscoverOption = True,
    key: KeyOption = None,
    hold: Annotated[
        float, typer.Option("--hold", min=0, help="Seconds of work kept ready for times without a manager.")
    ] = 10.0,
    bundle: Annotated[
        Path | None, typer.Option(help="Directory of the bundle to serve.", show_default="the built one")
    ] = None,
    tls_cert: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Certificate (PEM), to serve HTTPS without a proxy.")
    ] = None,
    tls_key: Annotated[Path | None, typer.Option(metavar="FILE", help="The certificate's private key (PEM).")] = None,
    http3: Annotated[bool, typer.Option("--http3", help="Serve HTTP/3 too, by UDP on the same port.")] = False,
    trusted_proxies: Annotated[
        list[str] | None,
        typer.Option(
            "--trusted-proxy",
            metavar="ADDRESS[/BITS]",
            help="A proxy that is believed when it names its clients (X-Forwarded-For, Forwarded); may be repeated.",
        ),
    ] = None,
    hosts: Annotated[
        list[str] | None,
        typer.Option("--allow-host", metavar="NAME", help="Answer to this Host only; may be repeated. Default: any."),
    ] = None,
    limits: Annotated[
        list[str] | None,
        typer.Option(
            "--limit",
            metavar="NAME=NUMBER",
            envvar="DISIO_LIMITS",
            help="What volunteers and others may do (docs: distributor.md); may be repeated.",
        ),
    ] = None,
    network_prefix: Annotated[
        str,
        typer.Option(metavar="BITS/BITS|off", help="How much of an address is one network (IPv4/IPv6)."),
    ] = NETWORK_PREFIX,
    volunteer_keys: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Keys of your own volunteers (see `disio keys volunteer`).")
    ] = None,
    trust_loopback: Annotated[
        bool, typer.Option("--trust-loopback", help="Count volunteers on this machine as your own.")
    ] = False,
    as_json: ReadyJsonOption = False,
    verbose: VerboseOption = False,
    quiet: QuietOption = False,
    with_parent: WithParentOption = False,
) -> None:
    """Run a distributor: volunteers connect to it.

    Examples:
      disio distributor
      disio distributor --host 0.0.0.0 --url https://compute.example.org --manager 10.0.0.5:7702 --key grid.key
      disio distributor --limit connections_per_address=200 --limit requests_per_second=20
    """
    config = DistributorConfig(
        data=data_directory(data, "distributor"),
        host=host,
        port=port,
        url=public_url,
        managers=tuple(managers or ()),
        discover=discover,
        key=read_key(key),
        hold_seconds=hold,
        tls=Tls.given(tls_cert, tls_key, http3=http3),
        bundle=bundle,
        trusted_proxies=tuple(trusted_proxies or ()),
        hosts=tuple(hosts or ()),
        limits=Limits.given(limits or ()),
        network_prefix=Prefix.parse(network_prefix),
        volunteer_keys=volunteer_keys,
        trust_loopback=trust_loopback,
    )
    run_process(
        lambda on_ready: serve(config, on_ready),
        lambda facts: f"Distributor {facts['id']}: browsers reach it at {facts['url']}",
        as_json=as_json,
        verbose=verbose,
        quiet=quiet,
        with_parent=with_parent,
    )
