"""ProfileService: who people are to others, and how they want things shown."""

from dataclasses import dataclass

from fitnesshub.user.v1 import profile_service_pb2 as pb
from fitnesshub.user.v1.events_pb2 import PreferencesUpdated, ProfileUpdated
from fitnesshub.user.v1.profile_pb2 import Preferences, Profile

from chassis.call import Call, Wire
from chassis.clock import Clock
from chassis.db import Database, ForeignKeyViolation, UniqueViolation, write_conflict
from chassis.errors import Aborted, AlreadyExists, Violation
from chassis.masks import apply_update
from chassis.pages import PageTokens, page_size
from chassis.wire import repeated_field, string_field
from services.user.domain import profiles as rules
from services.user.domain import search
from services.user.domain.users import not_found
from services.user.store import profiles as store

CHANGE_ATTEMPTS = 5
"""Times a change is merged when others come first. Each time one of them wins, and all are devices of one person."""


@dataclass(frozen=True)
class ProfileApi:
    """Answers the RPCs of ProfileService."""

    db: Database
    clock: Clock
    page_tokens: PageTokens

    async def get_profile(self, _request: pb.GetProfileRequest, call: Call) -> Wire:
        """The stored bytes, untouched."""
        wire = await store.get_profile(self.db, call.user_id)
        if wire is None:
            raise not_found(call.user_id)
        return Wire(wire)

    async def update_profile(self, request: pb.UpdateProfileRequest, call: Call) -> Wire:
        """Merges the change into the stored profile; merges again when another change came first."""
        merged = Profile()
        try:
            async with self.db.write(call) as tx:
                for _ in range(CHANGE_ATTEMPTS):
                    stored = await store.read_profile(tx, call.user_id)
                    if stored is None:
                        raise not_found(call.user_id)
                    sent_etag = request.profile.etag or call.if_match
                    if sent_etag and sent_etag != stored.profile.etag:
                        raise Aborted(
                            "PROFILE_ETAG_MISMATCH",
                            f"the profile has changed; its etag is now {stored.profile.etag}",
                            etag=stored.profile.etag,
                        )
                    merged.CopyFrom(stored.profile)
                    changed = apply_update(merged, request.profile, request.update_mask, rules.PROFILE_UPDATABLE)
                    rules.settle(merged)
                    if merged == stored.profile:
                        return tx.answer(merged)
                    now = self.clock.now()
                    rules.check_profile(merged, changed, now)
                    merged.etag = rules.profile_etag(call.user_id, stored.version + 1)
                    merged.update_time.FromDatetime(now)
                    wire = merged.SerializeToString()
                    if await store.save_profile(tx, merged, wire, stored, rules.search_keys(merged)):
                        event = ProfileUpdated(profile=merged)
                        tx.emit("profile", call.user_id, stored.version + 1, event, call.user_id)
                        return tx.answer(Wire(wire))
                raise write_conflict()
        except UniqueViolation:
            raise AlreadyExists(
                "USERNAME_TAKEN",
                f"somebody else has the username {merged.username}",
                violations=[Violation("profile.username", "somebody else has it")],
                username=merged.username,
            ) from None
        except ForeignKeyViolation:
            raise not_found(call.user_id) from None

    async def get_public_profile(self, request: pb.GetPublicProfileRequest, call: Call) -> Wire:
        """The stored bytes, untouched; the same failure whether nobody is there or nobody may see them."""
        viewer = call.identity.user_id if call.identity else ""
        wire = await store.get_public_profile(self.db, request.user_id, viewer, self.clock.now())
        if wire is None:
            raise not_found(request.user_id)
        return Wire(wire)

    async def search_profiles(self, request: pb.SearchProfilesRequest, call: Call) -> Wire:
        """The stored bytes of a page, joined."""
        after = store.Position()
        if request.page_token:
            kind, key, user_id = self.page_tokens.decode(call.method, request, request.page_token)
            after = store.Position(search.Kind(int(kind)), key, user_id)
        wires, end = await store.search_profiles(
            self.db, search.query(request.query), after, page_size(request.page_size), self.clock.now()
        )
        token = ""
        if end is not None:
            token = self.page_tokens.encode(call.method, request, (str(end.kind.value), end.key, end.user_id))
        return Wire(
            repeated_field(pb.SearchProfilesResponse.PROFILES_FIELD_NUMBER, wires)
            + string_field(pb.SearchProfilesResponse.NEXT_PAGE_TOKEN_FIELD_NUMBER, token)
        )

    async def get_preferences(self, _request: pb.GetPreferencesRequest, call: Call) -> Preferences:
        """What was chosen over the defaults: merged here, as Envoy's transcoder refuses a field that comes twice."""
        chosen = await store.get_preferences(self.db, call.user_id)
        if chosen is None:
            raise not_found(call.user_id)
        return rules.with_defaults(chosen)

    async def update_preferences(self, request: pb.UpdatePreferencesRequest, call: Call) -> Wire:
        """Merges the change into what was chosen; merges again when another change came first."""
        merged = Preferences()
        try:
            async with self.db.write(call) as tx:
                for _ in range(CHANGE_ATTEMPTS):
                    stored = await store.read_preferences(tx, call.user_id)
                    if stored is None:
                        raise not_found(call.user_id)
                    sent_etag = request.preferences.etag or call.if_match
                    if sent_etag and sent_etag != stored.preferences.etag:
                        raise Aborted(
                            "PREFERENCES_ETAG_MISMATCH",
                            f"the preferences have changed; their etag is now {stored.preferences.etag}",
                            etag=stored.preferences.etag,
                        )
                    merged.CopyFrom(stored.preferences)
                    apply_update(merged, request.preferences, request.update_mask, rules.PREFERENCES_UPDATABLE)
                    if merged == stored.preferences:
                        return tx.answer(rules.with_defaults(merged))
                    merged.etag = rules.preferences_etag(call.user_id, stored.version + 1)
                    merged.update_time.FromDatetime(self.clock.now())
                    if await store.save_preferences(tx, call.user_id, merged, stored.version):
                        answer = rules.with_defaults(merged)
                        event = PreferencesUpdated(user_id=call.user_id, preferences=answer)
                        tx.emit("preferences", call.user_id, stored.version + 1, event, call.user_id)
                        return tx.answer(answer)
                raise write_conflict()
        except ForeignKeyViolation:
            raise not_found(call.user_id) from None
