"""Who shares a client, and what clients are made from. No client here calls anything, so no socket is opened."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiobotocore.config import AioConfig
from botocore import UNSIGNED
from botocore.loaders import create_loader
from botocore.regions import EndpointResolver
from lean_fakes import aws_environ

from loafer.adapters.aws import session
from loafer.adapters.aws.sdk_data import data_loader
from loafer.adapters.aws.sdk_http import BoundedSession
from loafer.adapters.aws.sdk_parser import Parsers
from loafer.adapters.aws.session import create_client, polling, settling, shared_client, shared_session

__all__ = ["aws_environ"]


@pytest.fixture
def clients(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is created and closed, in order."""
    events: list[str] = []

    @asynccontextmanager
    async def create(service: str, region: str | None, _: object) -> AsyncIterator[str]:
        await asyncio.sleep(0)
        if region == "nowhere":
            raise ValueError(region)
        name = f"{service} in {region}"
        events.append(f"open {name}")
        yield name
        events.append(f"close {name}")

    monkeypatch.setattr(session, "create_client", create)
    return events


async def test_the_consumers_of_a_region_share_a_client_until_the_last_one_closes(clients: list[str]) -> None:
    async with AsyncExitStack() as first, AsyncExitStack() as second:
        entered = await asyncio.gather(
            *(stack.enter_async_context(shared_client("sqs", "a")) for stack in (first, second))
        )
        assert entered == ["sqs in a", "sqs in a"]
        await first.aclose()
        assert clients == ["open sqs in a"]
    assert clients == ["open sqs in a", "close sqs in a"]


async def test_regions_have_clients_of_their_own(clients: list[str]) -> None:
    async with shared_client("sqs", "a"), shared_client("sqs", None):
        assert clients == ["open sqs in a", "open sqs in None"]


async def test_after_the_last_one_closed_there_is_a_new_client(clients: list[str]) -> None:
    for _ in range(2):
        async with shared_client("sqs", "a"):
            pass
    assert clients == ["open sqs in a", "close sqs in a"] * 2


async def test_a_client_that_could_not_be_created_leaves_nothing_behind(clients: list[str]) -> None:
    for _ in range(2):
        with pytest.raises(ValueError, match="nowhere"):
            async with shared_client("sqs", "nowhere"):
                pass
    assert not session._shared


def test_event_loops_have_clients_of_their_own(clients: list[str]) -> None:
    async def use() -> None:
        async with shared_client("sqs", "a"):
            await asyncio.to_thread(asyncio.run, use_again())

    async def use_again() -> None:
        async with shared_client("sqs", "a"):
            assert clients == ["open sqs in a", "open sqs in a"]

    asyncio.run(use())


def test_sessions_read_the_data_of_the_sdk_by_the_loader_that_all_threads_share() -> None:
    assert shared_session().get_component("data_loader") is data_loader(None)


@pytest.mark.parametrize("name", ["partitions", "sqs/2012-11-05/service-2", "sqs/2012-11-05/paginators-1"])
def test_it_reads_what_the_loader_of_the_sdk_reads(name: str) -> None:
    fresh = data_loader.__wrapped__(None)  # the SDK fills in defaults where it has read them
    assert fresh.load_data(name) == create_loader().load_data(name)


def test_it_reads_of_all_endpoints_those_that_are_called() -> None:
    read, whole = (loader.load_data("endpoints") for loader in (data_loader.__wrapped__(None), create_loader()))
    for partition, full in zip(read["partitions"], whole["partitions"], strict=True):
        called = {name: full["services"][name] for name in partition["services"]}
        assert partition == {**full, "services": called}


@pytest.mark.parametrize("service", ["sqs", "sns", "sts", "oidc", "portal.sso", "signin"])
def test_what_it_reads_leads_to_the_same_endpoints(service: str) -> None:
    ours, theirs = (
        EndpointResolver(loader.load_data("endpoints")) for loader in (data_loader.__wrapped__(None), create_loader())
    )
    for partition in theirs.get_available_partitions():
        regions = theirs.get_available_endpoints(service, partition, allow_non_regional=True)
        assert ours.get_available_endpoints(service, partition, allow_non_regional=True) == regions
        for region in [*regions, "eu-west-1", "eu-nowhere-7"]:
            assert ours.construct_endpoint(service, region) == theirs.construct_endpoint(service, region)


def test_it_finds_the_same_services() -> None:
    assert data_loader(None).list_available_services("service-2") == create_loader().list_available_services(
        "service-2"
    )


@pytest.mark.parametrize("packed", [False, True])
def test_it_also_looks_where_the_environment_says(tmp_path: Path, packed: bool) -> None:
    data: dict[str, Any] = {"it": "is here"}
    text = json.dumps(data).encode()
    file = tmp_path / ("further.json.gz" if packed else "further.json")
    file.write_bytes(gzip.compress(text) if packed else text)
    assert data_loader(str(tmp_path)).load_data("further") == data


@pytest.mark.usefixtures("aws_environ")
@pytest.mark.parametrize("service", ["sqs", "sns", "sts"])
async def test_every_client_is_kept_to_its_endpoint_those_for_credentials_too(service: str) -> None:
    for config in (polling(1, 1), settling(), AioConfig(signature_version=UNSIGNED)):
        async with create_client(service, "eu-west-1", config) as client:
            assert isinstance(client._endpoint.http_session, BoundedSession)
            assert isinstance(client._endpoint._response_parser_factory, Parsers)
