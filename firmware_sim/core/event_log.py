"""What the lock remembers until the server has stored it (lock protocol section 4, events)."""

CAPACITY = 400
FEWEST = 3
MAJOR = 2
COALESCE_S = 600
BATCH = 50


class EventLog:
    """Records in order of `seq`; `sent` is the highest seq that left in a hello."""

    def __init__(self) -> None:
        self.records: list[dict[str, object]] = []
        self.next_seq = 1
        self.sent = 0

    def copy(self) -> "EventLog":
        twin = EventLog()
        twin.records = self.records[:]
        twin.next_seq = self.next_seq
        twin.sent = self.sent
        return twin

    def first_seq(self) -> int:
        """The oldest unconfirmed record, or the seq that the next one will have."""
        return seq_of(self.records[0]) if self.records else self.next_seq

    def last_seq(self) -> int:
        return self.next_seq - 1

    def append(self, at: int, clock_quality: str, kind: str, members: dict[str, object]) -> None:
        record: dict[str, object] = {
            "seq": self.next_seq,
            "at": at,
            "clock_quality": clock_quality,
            "kind": kind,
        }
        for name in members:
            record[name] = members[name]
        self.next_seq += 1
        self.records.append(record)
        if len(self.records) > CAPACITY:
            self.make_room(at, clock_quality)

    def append_error(self, at: int, clock_quality: str, error: str) -> None:
        """An entry error; an equal one of the last 10 minutes, not yet told, counts up instead."""
        for index in range(len(self.records) - 1, -1, -1):
            record = self.records[index]
            if record["kind"] == "lock_operation_error" and record.get("error") == error:
                if seq_of(record) > self.sent and abs(at - int(str(record["at"]))) <= COALESCE_S:
                    counted = dict(record)
                    counted["count"] = int(str(record["count"])) + 1
                    self.records[index] = counted
                    return
                break
        self.append(at, clock_quality, "lock_operation_error", {"error": error, "count": 1})

    def batch(self) -> list[dict[str, object]]:
        """Up to 50 oldest records, for a hello."""
        return self.records[:BATCH]

    def acknowledge(self, seq: int) -> bool:
        """Forget what the server has stored; true when that was anything."""
        kept = [record for record in self.records if seq_of(record) > seq]
        rose = len(kept) < len(self.records)
        self.records = kept
        return rose

    def has_minor(self) -> bool:
        """Whether it holds anything but openings and alarms."""
        return any(_worth(record) < MAJOR for record in self.records)

    def make_room(self, at: int, clock_quality: str) -> bool:
        """Give up the least worthy records and say so; false where hardly any is left."""
        if len(self.records) <= FEWEST:
            return False
        first, last = self._drop_one()
        for index in range(len(self.records) - 1, -1, -1):
            record = self.records[index]
            if record.get("alarm") == "log_overflow" and seq_of(record) > self.sent:
                known = _range_of(record)
                told = dict(record)
                told["range"] = [min(known[0], first), max(known[1], last)]
                self.records[index] = told
                return True
        second = self._drop_one()
        lost = [min(first, second[0]), max(last, second[1])]
        self.append(at, clock_quality, "door_lock_alarm", {"alarm": "log_overflow", "range": lost})
        return True

    def _drop_one(self) -> tuple[int, int]:
        victim = 0
        for index in range(len(self.records)):
            if _worth(self.records[index]) < _worth(self.records[victim]):
                victim = index
        lost = self.records[victim]
        self.records = self.records[:victim] + self.records[victim + 1 :]
        return _range_of(lost)


def seq_of(record: dict[str, object]) -> int:
    return int(str(record["seq"]))


def _range_of(record: dict[str, object]) -> tuple[int, int]:
    told = record.get("range")
    if record.get("alarm") == "log_overflow" and isinstance(told, list):
        return int(str(told[0])), int(str(told[1]))
    return seq_of(record), seq_of(record)


def _worth(record: dict[str, object]) -> int:
    """What a full log drops first: errors; last: openings and alarms."""
    kind = record["kind"]
    if kind == "lock_operation_error":
        return 0
    if kind == "door_lock_alarm" or (kind == "lock_operation" and record.get("operation") == "unlock"):
        return MAJOR
    return 1
