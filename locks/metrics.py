"""Counters of the lock traffic; every label set is closed."""

from prometheus_client import Counter, Gauge

RESULTS = (
    "ok",
    "replayed",
    "unknown_lock",
    "unknown_topic",
    "too_large",
    "bad_envelope",
    "bad_payload",
    "foreign",
    "unsupported",
    "late",
    "error",
)
"""What became of a message from a lock; `ok` and `replayed` were stored. `late` waited here longer than its
lock does, and was dropped: the lock tells it again. The others are in quarantine or a bug.
"""

MESSAGES = Counter("kaiho_lock_messages_total", "Messages received from locks", ["result"])
EVENTS = Counter("kaiho_lock_events_total", "Events of locks stored")
EVENTS_LOST = Counter("kaiho_lock_events_lost_total", "Events that are gone from a lock's log for good")
BUILT = Counter("kaiho_lock_desired_built_total", "Desired states built")
SHORTENED = Counter(
    "kaiho_lock_desired_shortened_total", "Desired states that did not fit and were shortened", ["what"]
)
PUBLISHED = Counter("kaiho_lock_desired_published_total", "Desired states that the broker has taken")
ANSWERED = Counter("kaiho_lock_hellos_answered_total", "Welcomes handed to the broker")
CONNECTED = Gauge("kaiho_lock_gateway_connected", "1 while this gateway is connected to the broker")

for _result in RESULTS:
    MESSAGES.labels(_result)
for _what in ("horizon", "lease", "omitted", "short_lease"):
    SHORTENED.labels(_what)
