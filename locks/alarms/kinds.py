"""What staff are alarmed about. The Japanese words for it live with the pages and mails that show them."""

from enum import StrEnum


class AlarmKind(StrEnum):
    """Names after the Matter Door Lock cluster where it has one, as the lock's own alarms are named."""

    LATE = "late"
    """No contact for 90 minutes after the lock's turn."""
    LOST = "lost"
    """No counted hello for 26 hours."""
    BATTERY_LOW = "battery_low"
    """It says so, or by its last weeks it is empty within 30 days."""
    BATTERY_CRITICAL = "battery_critical"
    CLOCK_MARGIN = "clock_margin"
    """Its clock drifts or is off by more than its windows bear."""
    LOCK_JAMMED = "lock_jammed"
    DOOR_FORCED_OPEN = "door_forced_open"
    DOOR_AJAR = "door_ajar"
    """Open although nobody's window is running."""
    WRONG_CODE_ENTRY_LIMIT = "wrong_code_entry_limit"
    TAMPER = "tamper"
    CANCELLED_OPENING = "cancelled_opening"
    """A cancelled holder's code opened; subject: the holder."""
    EMERGENCY_USED = "emergency_used"
    """subject: the code's gid."""
    STALE_DESIRED = "stale_desired"
    DESIRED_CONFLICT = "desired_conflict"
    EVENT_LOSS = "event_loss"
    """A range of its log is gone."""
    LOG_OVERFLOW = "log_overflow"
    START_UNREACHED = "start_unreached"
    """24 hours before it the lock does not know a start that was sold; subject: the grant's id."""
    REPROVISION_NEEDED = "reprovision_needed"
    VENDOR_REFUSED = "vendor_refused"


ONCE = frozenset(
    {
        AlarmKind.DOOR_FORCED_OPEN,
        AlarmKind.WRONG_CODE_ENTRY_LIMIT,
        AlarmKind.TAMPER,
        AlarmKind.CANCELLED_OPENING,
        AlarmKind.EMERGENCY_USED,
        AlarmKind.EVENT_LOSS,
        AlarmKind.LOG_OVERFLOW,
    }
)
"""What only happens, and is over once somebody has seen it; the others last until their cause is over."""

URGENT = frozenset(
    {
        AlarmKind.LOST,
        AlarmKind.BATTERY_CRITICAL,
        AlarmKind.LOCK_JAMMED,
        AlarmKind.DOOR_FORCED_OPEN,
        AlarmKind.DOOR_AJAR,
        AlarmKind.TAMPER,
        AlarmKind.CANCELLED_OPENING,
        AlarmKind.EMERGENCY_USED,
        AlarmKind.START_UNREACHED,
        AlarmKind.REPROVISION_NEEDED,
    }
)
"""What somebody should look at now; the others can wait for the next round."""
