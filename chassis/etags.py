"""Etags of resources that have a version: what a client holds to say which version it has seen."""

import base64
import hashlib

_BYTES = 9
"""72 bits: two versions of one resource practically never share an etag, and 12 characters stay short."""


def version_etag(resource: str, version: int) -> str:
    """The etag of one version of a resource; a hash, so that nobody counts on how versions run.

    resource: its id; with a word before it where several resources share one.
    """
    digest = hashlib.blake2b(f"{resource}/{version}".encode(), digest_size=_BYTES).digest()
    return base64.urlsafe_b64encode(digest).decode()
