"""Usernames that nobody may have, because they would speak for the platform or are words of its addresses."""

RESERVED = frozenset(
    """
    about abuse account accounts admin administrator administrators admins ads ai analytics announcement announcements
    anonymous api app apps audit auth bill billing blog bot bots challenge challenges coach contact copyright dashboard
    data demo developer developers docs editor email everybody everyone example feed feedback file files fitnesshub
    fitnesshubofficial fitnesshubsupport fitnesshubteam follow followers following group groups guest guests gym gyms
    health help helpdesk home host hostmaster info legal login logout mail mailer maintenance manager master me media
    mention mentions metrics mod moderation moderator moderators mods myself news newsletter nobody noreply notification
    notifications null official operator owner owners password payment payments postmaster press pricing privacy
    profile profiles public register root routine routines sale sales search security self server service session
    sessions settings shop signin signout signup social somebody someone staff static stats status store subscribe
    superadmin superuser support sysadmin system systems team teams terms test tester testing trainer trainers trust
    trustandsafety undefined unknown user username users verified verify webhook webhooks webmaster website welcome
    workout workouts www you yourself
    """.split()  # noqa: SIM905 - two hundred quoted literals would be harder to read and to add to
)
"""Without dots and underscores."""


def is_reserved(username: str) -> bool:
    """Whether nobody may have this username, nor one that only dots and underscores tell from it."""
    return username.replace(".", "").replace("_", "") in RESERVED
