"""The web application in memory: its own routes by HTTP, its worker's on a queue in memory."""

from httpx import ASGITransport, AsyncClient
from shop_api import Order, web, worker_app

from loafer.testing import in_memory


async def test_an_order_that_comes_over_http_is_handled() -> None:
    async with (
        in_memory(worker_app) as world,
        AsyncClient(transport=ASGITransport(web), base_url="http://shop") as http,
    ):
        assert (await http.post("/orders", json={"id": 1, "total": 5})).status_code == 202
        result = await world.settle()
        assert result.acknowledged == [Order(1, 5)]
        assert (await http.get("/orders/1")).json() == {"id": 1, "total": 5}
        assert (await http.get("/orders/2")).status_code == 404


async def test_a_negative_order_is_rejected() -> None:
    async with in_memory(worker_app) as world:
        world.publish("orders", {"id": 2, "total": -1})
        assert (await world.settle()).rejected == [Order(2, -1)]


async def test_liveness_is_that_of_the_worker() -> None:
    async with (
        in_memory(worker_app) as world,
        AsyncClient(transport=ASGITransport(web), base_url="http://shop") as http,
    ):
        web.state.worker = world.worker
        assert (await http.get("/livez")).status_code == 200
        world.worker.stop()
        await world.worker.ended()
        assert (await http.get("/livez")).status_code == 503
