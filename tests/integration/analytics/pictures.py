"""What every chart must be: an SVG document that says in words what it shows, light and dark."""

from xml.etree import ElementTree as ET

from google.api.httpbody_pb2 import HttpBody

SVG = "{http://www.w3.org/2000/svg}"


def read(answer: HttpBody) -> ET.Element:
    """The chart, which is as charts must be."""
    assert answer.content_type == "image/svg+xml"
    root = ET.fromstring(answer.data)
    assert (root.tag, root.get("role")) == (f"{SVG}svg", "img")
    named = root.get("aria-labelledby", "").split()
    assert [each.get("id") for each in root[:2]] == named
    assert all(each.text for each in root[:2])
    assert "prefers-color-scheme:dark" in (root.findtext(f"{SVG}style") or "")
    return root


def title(root: ET.Element) -> str:
    return root.findtext(f"{SVG}title") or ""


def description(root: ET.Element) -> str:
    return root.findtext(f"{SVG}desc") or ""


def told(root: ET.Element, shape: str) -> list[str]:
    """What the shapes of a kind say when one points at them: `rect` or `circle`."""
    return [text for each in root.iter(f"{SVG}{shape}") if (text := each.findtext(f"{SVG}title"))]
