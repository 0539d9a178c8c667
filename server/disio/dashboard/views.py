"""From what managers say to what the HTTP API and the pages show."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

import msgspec

from disio.errors import CodecError
from disio.unit import codec
from disio.wire import api, grid


def readable(data: bytes) -> Any:
    """An encoded value as plain JSON, for people; says so if the bytes are no value."""
    try:
        return codec.to_jsonable(data)
    except CodecError as error:
        return {"unreadable": str(error)}


def task(view: grid.TaskView, *, reachable: bool = True) -> api.Task:
    """A task as the API shows it."""
    return api.Task(
        id=view.task,
        manager=view.manager,
        name=view.name,
        filename=view.filename,
        description=view.description,
        unit=view.unit,
        params=readable(view.params),
        params_encoded=api.to_base64(view.params),
        state=view.state,
        error=view.error,
        created=view.created,
        finished=view.finished,
        priority=view.priority,
        timeout=view.timeout,
        version=view.version,
        split_done=view.split_done,
        payloads=view.payloads,
        ready=view.ready,
        leased=view.leased,
        accepted=view.accepted,
        failed=view.failed,
        executions=view.executions,
        volunteers=view.volunteers,
        mean_ms=view.mean_ms,
        rate=view.rate,
        has_answer=view.has_answer,
        reachable=reachable,
        open=view.open,
        owner=view.owner,
        sites=view.sites,
        warnings=view.warnings,
        checked=view.checked,
        disagreements=view.disagreements,
        blacklisted=view.blacklisted,
        suspects=view.suspects,
        doubt=view.doubt,
        shortage=view.shortage,
    )


def deletion(view: grid.Deletion) -> api.Deletion:
    """A deletion as the API shows it."""
    return api.Deletion(id=view.task, freed=view.freed, done=view.done)


def ballot(view: grid.BallotView) -> api.Ballot:
    """The votes for a payload as the API shows them."""
    return msgspec.convert(view, api.Ballot, from_attributes=True)


def result(view: grid.ResultView) -> api.ResultLine:
    """An accepted result as the API shows it."""
    return api.ResultLine(
        index=view.index,
        payload=readable(view.payload),
        result=readable(view.data),
        encoded=api.to_base64(view.data),
        payload_encoded=api.to_base64(view.payload),
        ms=view.ms,
        volunteer=view.volunteer,
        log=view.log,
        settled=view.settled,
        votes=view.votes,
    )


def outcome(view: grid.OutcomeView) -> api.OutcomeLine:
    """A settled payload as the API shows it."""
    line = api.OutcomeLine(
        index=view.index,
        settled=view.settled,
        accepted=view.accepted,
        ms=view.ms,
        volunteer=view.volunteer,
        log=view.log,
        votes=view.votes,
    )
    if view.payload:
        line.payload, line.payload_encoded = readable(view.payload), api.to_base64(view.payload)
    if view.accepted:
        line.result, line.encoded = readable(view.data), api.to_base64(view.data)
    else:
        line.failure = msgspec.json.decode(view.data)
    return line


def event(view: grid.EventView) -> api.EventLine:
    """What a unit told, as the API shows it."""
    told, encoded = readable(view.data), api.to_base64(view.data)
    return api.EventLine(at=view.at, index=view.index, event=told, encoded=encoded, volunteer=view.volunteer)


def failure(view: grid.FailureView) -> api.FailureLine:
    """A payload that was set aside, as the API shows it."""
    return api.FailureLine(
        index=view.index,
        payload=readable(view.payload),
        payload_encoded=api.to_base64(view.payload),
        kind=view.kind,
        message=view.message,
        traceback=view.traceback,
        log=view.log,
        volunteers=view.volunteers,
        browsers=view.browsers,
    )


def script_tag(url: str) -> str:
    """What a site owner adds to a page to take part by this distributor."""
    return f'<script async src="{quote(url, safe=":/[]%@")}/disio.js"></script>'


def whole_grid(managers: list[api.Manager], views: Iterable[grid.GridView]) -> api.Grid:
    """All managers' views of the grid as one: each distributor and each volunteer once."""
    distributors: dict[str, api.Distributor] = {}
    volunteers: dict[str, api.Volunteer] = {}
    for view in views:
        for seen in view.distributors:
            known = distributors.get(seen.distributor)
            if known is None:
                distributors[seen.distributor] = api.Distributor(
                    id=seen.distributor,
                    url=seen.url,
                    managers=[view.manager],
                    volunteers=seen.volunteers,
                    since=seen.since,
                    script=script_tag(seen.url),
                )
            else:
                known.managers.append(view.manager)
                known.volunteers = max(known.volunteers, seen.volunteers)
                known.since = min(known.since, seen.since)
        for one in view.volunteers:
            _add_volunteer(volunteers, one)
    return api.Grid(
        managers=managers,
        distributors=sorted(distributors.values(), key=lambda one: one.since),
        volunteers=sorted(volunteers.values(), key=lambda one: one.since),
    )


def _add_volunteer(volunteers: dict[str, api.Volunteer], seen: grid.VolunteerView) -> None:
    known = volunteers.get(seen.volunteer)
    if known is None:
        volunteers[seen.volunteer] = api.Volunteer(
            id=seen.volunteer,
            distributor=seen.distributor,
            site=seen.site,
            browser=seen.browser,
            workers=seen.workers,
            task=seen.task,
            leased=seen.leased,
            answered=seen.answered,
            failed=seen.failed,
            since=seen.since,
        )
        return
    known.task = known.task or seen.task
    known.leased += seen.leased
    known.answered += seen.answered
    known.failed += seen.failed
    known.since = min(known.since, seen.since)


def files(view: grid.FilesView) -> api.FilesState:
    """How much of some files a manager has."""
    return api.FilesState(manager=view.manager, received=view.received)
