"""The web application in memory: its own routes by HTTP, its worker's on a queue in memory."""

from httpx import ASGITransport, AsyncClient
from mail_api import web, worker_app

from loafer.testing import in_memory


async def test_a_mail_that_comes_over_http_is_sent() -> None:
    async with (
        in_memory(worker_app) as world,
        AsyncClient(transport=ASGITransport(web), base_url="http://mail") as http,
    ):
        assert (await http.post("/mails", json={"to": "ada", "text": "hello"})).status_code == 202
        assert (await world.settle()).acknowledged == [{"to": "ada", "text": "hello"}]
        assert (await http.get("/mails")).json() == ["ada"]


async def test_what_is_no_mail_is_refused_before_it_is_queued() -> None:
    async with (
        in_memory(worker_app) as world,
        AsyncClient(transport=ASGITransport(web), base_url="http://mail") as http,
    ):
        answer = await http.post("/mails", json={"to": 7})
        assert answer.status_code == 422
        assert "of another type" in answer.json()["error"]
        assert (await world.settle()).deliveries == ()
