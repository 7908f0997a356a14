"""Signatures: what is accepted, and the recorded bodies for what is not."""

import base64
from typing import Any

import aiohttp
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from core.domain.amounts import dollars
from core.sim.server import Endpoint
from tests.facts import examples
from tests.sim.support import Client, running

BALANCE = "/trade-api/v2/portfolio/balance"
ERRORS = examples()["errors"]


async def ask(client: Client, headers: dict[str, str]) -> tuple[int, Any]:
    return await client.raw("GET", "/portfolio/balance?subaccount=0", headers=headers)


def recorded(name: str) -> tuple[int, Any]:
    return ERRORS[name]["status"], ERRORS[name]["body"]


async def test_recorded_failures_have_the_recorded_bodies() -> None:
    async with running() as (_server, client):
        good = client.headers("GET", BALANCE)
        assert (await ask(client, good))[0] == 200
        signature = "KALSHI-ACCESS-SIGNATURE"
        unsigned = {k: v for k, v in good.items() if k != signature}
        assert await ask(client, unsigned) == recorded("401 signature header missing")
        assert await ask(client, {}) == recorded("401 signature header missing")
        stranger = {**good, "KALSHI-ACCESS-KEY": "5c44b5b0-37ec-54ef-b8e1-ef540906947a"}
        assert await ask(client, stranger) == recorded("401 unknown key id")
        for wrong in (
            client.headers("POST", BALANCE),
            client.headers("GET", BALANCE + "?subaccount=0"),
            client.headers("GET", "/portfolio/balance"),
            {**good, signature: base64.b64encode(b"no").decode()},
            {**good, signature: "%%%"},
        ):
            assert await ask(client, wrong) == recorded("401 bad signature")


@pytest.mark.parametrize(("skew_s", "status"), [(-5, 200), (5, 200), (50, 200), (-30, 401), (300, 401), (-300, 401)])
async def test_the_clock_window_is_ten_seconds_back_and_a_minute_ahead(skew_s: int, status: int) -> None:
    async with running() as (_server, client):
        got = await ask(client, client.headers("GET", BALANCE, skew_ms=skew_s * 1000))
        assert got[0] == status
        assert status == 200 or got == recorded("401 timestamp outside window")


@pytest.mark.parametrize("stamp", ["", "now", "-1", "1e12", "٣", "9" * 60])
async def test_a_timestamp_that_is_none_is_outside_the_window(stamp: str) -> None:
    async with running() as (_server, client):
        headers = client.headers("GET", BALANCE) | {"KALSHI-ACCESS-TIMESTAMP": stamp}
        assert (await ask(client, headers))[0] == 401


async def test_any_salt_length_is_accepted() -> None:
    async with running() as (_server, client):
        for salt in (0, 32, 222):
            assert (await ask(client, client.headers("GET", BALANCE, salt=salt)))[0] == 200


async def test_ed25519_keys_work_and_accounts_are_apart() -> None:
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    async with running() as (server, client):
        server.add_account("second", pem, dollars(5))
        own = client.endpoint
        endpoint = Endpoint(own.rest_url, own.ws_url, "second", pem, own.exchange_id)
        other = Client(endpoint, client.http)
        assert (await other.call("GET", "/portfolio/balance"))["balance"] == 500
        assert (await client.call("GET", "/portfolio/balance"))["balance"] == 100_000


async def test_public_endpoints_need_no_signature_and_ignore_a_bad_one() -> None:
    async with running() as (_server, client):
        for path in (
            "/exchange/status",
            "/markets",
            "/events",
            "/series",
            "/markets/trades",
            "/account/endpoint_costs",
        ):
            assert (await client.raw("GET", path, headers={}))[0] == 200
            assert (await client.raw("GET", path, headers={"KALSHI-ACCESS-KEY": "x"}))[0] == 200


async def test_the_stream_is_refused_with_401_on_the_upgrade() -> None:
    async with running() as (_server, client):
        for headers in ({}, client.headers("GET", BALANCE)):
            with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
                await client.http.ws_connect(client.endpoint.ws_url, headers=headers)
            assert caught.value.status == 401


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "", "192.168.1.5", "[2001:db8::1]:80"])
async def test_other_host_names_are_refused(host: str) -> None:
    async with running() as (_server, client):
        status, body = await client.raw("GET", "/exchange/status", headers={"Host": host})
        assert (status, body["error"]["code"]) == (403, "forbidden")


def test_keys_never_show_in_the_endpoint() -> None:
    shown = repr(Endpoint("r", "w", "k", b"-----BEGIN SECRET", "x"))
    assert "SECRET" not in shown
