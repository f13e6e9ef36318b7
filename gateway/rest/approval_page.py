"""The page behind a signed approval link. Looking at it changes nothing; its buttons say yes or no."""

from typing import Annotated
from urllib.parse import parse_qs

from fastapi import APIRouter, Path, Request
from fastapi.responses import HTMLResponse

from core.rollouts.commands import ApproveRollout
from gateway.approval_links import ApprovalLink
from gateway.auth import Principal, require
from gateway.dependencies import Gateway
from gateway.errors import ApiError
from gateway.idempotency import single_id
from gateway.rest.approval_html import approval_page, message_page
from gateway.rest.rollout_lookup import rollout_document, rollout_target
from gateway.state import GatewayState
from gateway.writes import Undecided, Write
from projections.queries.rollout_types import RolloutDetail

router = APIRouter(tags=["approvals"])
TokenPart = Annotated[str, Path(max_length=1000)]
_FORM_BYTES = 16 << 10
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'"
_HEADERS = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "Content-Security-Policy": _POLICY}


@router.get("/approve/{token}", include_in_schema=False)
async def show_approval(token: TokenPart, gateway: Gateway) -> HTMLResponse:
    try:
        link = await _opened(gateway, token)
        person, rollout = await _parties(gateway, link)
    except ApiError as error:
        return _page(message_page("This link can't be used", error.detail), error.status)
    return _page(approval_page(rollout, person.name), 200)


@router.post("/approve/{token}", include_in_schema=False)
async def approve_by_link(token: TokenPart, request: Request, gateway: Gateway) -> HTMLResponse:
    try:
        link = await _opened(gateway, token)
        person, rollout = await _parties(gateway, link)
        approve, comment = await _choice(request)
        await _vote(gateway, request, person, rollout, approve, comment)
    except ApiError as error:
        return _page(message_page("That could not be done", error.detail), error.status)
    except Undecided:
        return _page(message_page("Not decided yet", "Your answer is in the log and will be decided."), 202)
    word = "approved" if approve else "rejected"
    what = f"{rollout.release.id} for {rollout.app}/{rollout.environment}"
    return _page(message_page(f"You {word} it", f"{person.name} {word} release {what}."), 200)


async def _opened(gateway: GatewayState, token: str) -> ApprovalLink:
    return gateway.services.links.read(token, gateway.services.clock.now())


async def _parties(gateway: GatewayState, link: ApprovalLink) -> tuple[Principal, RolloutDetail]:
    """Who, as they are now, and what."""
    person = await gateway.services.person(link.person, link.token_id)
    if person is None:
        detail = f"{link.person} is not known any more, or the token that asked for this link was revoked."
        raise ApiError(403, "approval-link-revoked", detail)
    require(person, "approver")
    return person, await rollout_document(gateway, link.rollout_id)


async def _choice(request: Request) -> tuple[bool, str]:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _FORM_BYTES:
            raise ApiError(413, "body-too-large", f"The form is larger than {_FORM_BYTES} bytes.")
    form = parse_qs(body.decode(errors="replace"), keep_blank_values=True)
    choice = form.get("choice", [""])[0]
    if choice not in ("approve", "reject"):
        raise ApiError(422, "input-invalid", "The form says neither 'approve' nor 'reject'.")
    return choice == "approve", form.get("comment", [""])[0][:2000].replace("\x00", "")


async def _vote(
    gateway: GatewayState, request: Request, person: Principal, rollout: RolloutDetail, approve: bool, comment: str
) -> None:
    command_id = single_id(gateway.services.random_text(32))
    write = Write(gateway, person.name, request.state.correlation_id, command_id, None)
    command = ApproveRollout(by=person.name, groups=person.groups, approve=approve, comment=comment)
    await write.decide(await rollout_target(gateway, rollout.id), command)


def _page(html: str, status: int) -> HTMLResponse:
    return HTMLResponse(html, status, _HEADERS)
