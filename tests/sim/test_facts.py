"""The carried facts are sound: every recorded example fits the carried schema, and the helpers do refuse."""

import re
from typing import Any

import pytest

from tests.facts import examples, validate_command, validate_frame, validate_reply, validate_request

REST = examples()["rest"]
NOT_IN_SCHEMA = re.compile(r"/(api_keys|portfolio/(subaccounts|deposits|withdrawals|summary)|multivariate)")


def _split(name: str) -> tuple[str, str]:
    method, path = name.split(" ")[:2]
    return method, path.partition("?")[0]


@pytest.mark.parametrize("name", [n for n in REST if not NOT_IN_SCHEMA.search(n)])
def test_recorded_replies_fit(name: str) -> None:
    validate_reply(*_split(name), REST[name]["status"], REST[name]["body"])


@pytest.mark.parametrize("name", examples()["rest_requests"])
def test_recorded_requests_fit(name: str) -> None:
    validate_request(*_split(name), examples()["rest_requests"][name])


@pytest.mark.parametrize("error", examples()["errors"].values())
def test_recorded_refusals_fit(error: Any) -> None:
    validate_reply("GET", "/markets", error["status"], error["body"])


def test_recorded_frames_and_commands_fit() -> None:
    for frame in [*examples()["ws"]["responses"].values(), *examples()["ws"]["messages"].values()]:
        validate_frame(frame)
    for command in examples()["ws"]["commands"].values():
        validate_command(command)


def test_wrong_shapes_are_refused() -> None:
    body = REST["GET /portfolio/balance"]["body"]
    for wrong in ({**body, "balance": "1"}, {k: v for k, v in body.items() if k != "updated_ts"}):
        with pytest.raises(AssertionError):
            validate_reply("GET", "/portfolio/balance", 200, wrong)
    with pytest.raises(AssertionError):
        validate_reply("POST", "/portfolio/events/orders", 200, {})
    with pytest.raises(AssertionError):
        validate_reply("GET", "/markets", 500, {"oops": 1})
    with pytest.raises(AssertionError):
        validate_frame({"type": "orderbook_delta", "sid": 1, "msg": {}})
    order = examples()["rest_requests"]["POST /portfolio/events/orders"]
    with pytest.raises(AssertionError):
        validate_request("POST", "/portfolio/events/orders", {**order, "type": "limit"})
