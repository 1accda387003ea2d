"""SessionService: where the caller is signed in, and signing out there."""

from dataclasses import dataclass

from fitnesshub.user.v1 import session_service_pb2 as pb
from fitnesshub.user.v1.events_pb2 import SESSION_END_CAUSE_REVOKED
from google.protobuf.empty_pb2 import Empty

from chassis.call import Call, Wire
from chassis.clock import Clock
from chassis.db import Database
from chassis.errors import NotFound
from chassis.pages import PageTokens, page_size
from services.user.clients.ended_sessions import EndedSessionsFeed
from services.user.store import sessions


@dataclass(frozen=True)
class SessionApi:
    """Lists and ends the caller's sessions."""

    db: Database
    ended_sessions: EndedSessionsFeed
    clock: Clock
    page_tokens: PageTokens

    async def list_sessions(self, request: pb.ListSessionsRequest, call: Call) -> pb.ListSessionsResponse:
        """One page of the sessions that are alive."""
        bound_to = f"{call.method} {call.user_id}"
        after = ""
        if request.page_token:
            (after,) = self.page_tokens.decode(bound_to, request, request.page_token)
        current = call.identity.session_id if call.identity else ""
        page, end = await sessions.list_alive(self.db, call.user_id, current, after, page_size(request.page_size))
        token = self.page_tokens.encode(bound_to, request, (end,)) if end else ""
        return pb.ListSessionsResponse(sessions=page, next_page_token=token)

    async def revoke_session(self, request: pb.RevokeSessionRequest, call: Call) -> Wire:
        """Ends one session, if it is the caller's and alive; the caller's own one, too."""
        now = self.clock.now()
        async with self.db.write(call) as tx:
            ended = await sessions.end(
                tx, sessions.END_THIS_SESSION, SESSION_END_CAUSE_REVOKED, call.user_id, request.session_id, now
            )
            if not ended:
                raise NotFound(
                    "SESSION_NOT_FOUND",
                    f"no session of yours has the id {request.session_id}, or it has ended",
                    sessionId=request.session_id,
                )
            answer = tx.answer(Empty())
        await self.ended_sessions.announce(ended, now)
        return answer
