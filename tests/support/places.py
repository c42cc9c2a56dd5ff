"""What a place means, as the statement that reads events must have it: the definition that properties check against."""

from runbell.core.events import EventKey
from runbell.core.places import Place


def passes(place: Place, key: EventKey) -> bool:
    """Does this place lie beyond the event, given that the event is visible by now?"""
    if place.position.sees(key.xid):
        return True
    return place.upper is not None and place.last is not None and place.upper.sees(key.xid) and key <= place.last
