"""The loops a worker runs; each does a bounded batch and returns how many rows it touched.

Running one twice, or in several workers at once, changes nothing. They are the repair tool as well: what a
crash leaves behind is a row that one of them picks up.
"""

from payments.refund_loops import poll_refunds, send_refunds
from payments.sessions import expire_sessions, settle, settle_one

__all__ = ["expire_sessions", "poll_refunds", "send_refunds", "settle", "settle_one"]
