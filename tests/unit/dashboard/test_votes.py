"""What a task's page tells of checked answers, with strangers for volunteers, one of whom lies."""

import asyncio
import re
from pathlib import Path

import httpx
import msgspec

from disio.testing import Grid
from disio.testing.volunteer import PythonVolunteer
from disio.unit.codec import encode
from disio.wire.volunteer import ANSWERED, ResultItem

DOUBLE = '"""Doubles."""\ndef run(payload):\n    return payload * 2\n'
LIMIT = 90.0


def lie(items: list[ResultItem], _: bytes) -> tuple[list[ResultItem], bytes]:
    """The same wrong answer to everything."""
    wrong = encode(-1)
    return [msgspec.structs.replace(item, outcome=ANSWERED, size=len(wrong)) for item in items], wrong * len(items)


def figures(page: str) -> dict[str, str]:
    """The figures of a task's page, by their labels, without tags."""
    found = re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", page)
    return {label: re.sub(r"<.*?>", " ", value) for label, value in found}


async def test_a_page_tells_what_checking_found(tmp_path: Path) -> None:
    """Executions, disagreements, blacklisted volunteers, the share of wrong answers, and each vote of an answer."""
    async with Grid(tmp_path, trust_loopback=False, distributor_options=("--network-prefix", "off")) as grid:
        assert grid.dashboard is not None
        liar = PythonVolunteer(grid.url, window=4, tamper=lie)
        checking = {"error_rate": 1e-3, "assume_bad": 0.1, "stint": 5}
        task = await grid.client.submit(source=DOUBLE, params={"stop": 30}, checking=checking)
        running = [asyncio.create_task(liar.run())]
        async with asyncio.timeout(LIMIT):
            seen = task
            while seen.executions < 3:
                seen = await grid.client.task(task.id, since=seen.version, wait=5)
        running += [asyncio.create_task(PythonVolunteer(grid.url, window=4).run()) for _ in range(6)]
        async with httpx.AsyncClient(base_url=grid.dashboard.ready["url"], timeout=40) as http:
            done = await grid.client.wait(task.id, timeout=LIMIT)
            assert (done.state, done.accepted, done.blacklisted) == ("finished", 30, 1)
            shown = figures((await http.get(f"/tasks/{task.id}")).text)
            assert shown["Executions"] == f"{done.executions} {done.executions_each:.2f} a payload "
            assert shown["Disagreements"] == str(done.disagreements) != "0"
            assert shown["Blacklisted"].split()[0] == "1"
            assert 0 < float(shown["Wrong answers"].split()[0]) <= 1e-3
            assert "estimated share, at most" in shown["Wrong answers"]
            results = (await http.get(f"/tasks/{task.id}/results")).text
            assert f'hx-get="/tasks/{task.id}/votes?index=3"' in results
            ballots = [await grid.client.votes(task.id, index) for index in range(30)]
            lied_about = next(b for b in ballots if liar.volunteer in {vote.volunteer for vote in b.votes})
            part = (await http.get(f"/tasks/{task.id}/votes", params={"index": lied_about.index})).text
            assert f"<b>Payload {lied_about.index}.</b> Accepted: " in part
            rows = re.findall(r"<tr><td>(.*?)</tr>", part, re.DOTALL)
            assert len(rows) == len(lied_about.votes)
            for vote, row in zip(lied_about.votes, rows, strict=True):
                assert vote.volunteer in row
                assert ("<b>accepted</b>" in row) == vote.stands == (vote.volunteer != liar.volunteer)
                assert ("blacklisted" in row) == (vote.volunteer == liar.volunteer)
            for index, says in (("30", "has no payload 30"), ("", "Write the index"), ("-1", "Write the index")):
                assert says in (await http.get(f"/tasks/{task.id}/votes", params={"index": index})).text
        for one in running:
            one.cancel()
        await asyncio.gather(*running, return_exceptions=True)
