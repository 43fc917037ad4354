"""What goes wrong around the town: outages, power cuts, unruly channels, processes that die."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.simulation.town import SimulatedTown


@dataclass(frozen=True, slots=True)
class Climate:
    """How bad it gets. Rates are per call, message or process step; outages per day."""

    name: str
    days: float
    bookings: int
    message_faults: float = 0.0
    stripe_faults: float = 0.0
    crashes: float = 0.0
    interleaving: float = 0.0
    lock_outages: float = 0.0
    longest_outage_h: float = 12.0
    power_cuts: float = 0.0
    server_outages: float = 0.0


CLIMATES = (
    Climate("calm", days=2, bookings=25, interleaving=0.1),
    Climate(
        "unruly",
        days=2,
        bookings=25,
        message_faults=0.08,
        stripe_faults=0.1,
        interleaving=0.15,
        lock_outages=1.0,
        power_cuts=0.4,
        server_outages=1.0,
    ),
    Climate(
        "crashing",
        days=2,
        bookings=25,
        message_faults=0.03,
        stripe_faults=0.05,
        crashes=0.12,
        interleaving=0.1,
        lock_outages=0.5,
        power_cuts=0.3,
        server_outages=0.5,
    ),
    Climate(
        "cut off",
        days=4,
        bookings=22,
        message_faults=0.03,
        stripe_faults=0.03,
        crashes=0.03,
        interleaving=0.1,
        lock_outages=0.6,
        longest_outage_h=110.0,
        power_cuts=0.1,
        server_outages=0.3,
    ),
    Climate(
        "long silence",
        days=16,
        bookings=16,
        message_faults=0.02,
        interleaving=0.1,
        lock_outages=0.12,
        longest_outage_h=380.0,
        server_outages=0.05,
    ),
)


class Weather:
    """Brings faults by chance until `heal`."""

    def __init__(self, town: "SimulatedTown", climate: Climate) -> None:
        self._town, self._climate = town, climate
        self._is_healed = False
        self.is_worker_up = True
        self.is_gateway_up = True
        self._money_healthy_since = town.clock.now()

    def money_healthy_since(self) -> datetime:
        """Since when Stripe has answered and a worker has run; now, while one is away."""
        if self._town.stripe.is_down or not self.is_worker_up:
            self._money_healthy_since = self._town.clock.now()
        return self._money_healthy_since

    def begin(self) -> None:
        """Plan the outages of the whole run."""
        town, climate = self._town, self._climate
        town.channel.fault_rate = climate.message_faults
        town.stripe.fault_rate = town.mail.fault_rate = climate.stripe_faults
        town.stripe.kill_rate = climate.crashes / 3
        for name in sorted(town.doors):
            self._sow(climate.lock_outages, f"outage {name}", lambda name=name: self._cut_off(name))
            self._sow(climate.power_cuts, f"power {name}", lambda name=name: self._cut_power(name))
        for hours in range(5, int(climate.days * 24), 5):
            town.agenda.after(hours * 3600, "banks", town.stripe.finish_refunds)
        for what in (self._stripe_away, self._worker_away, self._gateway_away, self._broker_away):
            self._sow(climate.server_outages / 2, what.__name__, what)

    def heal(self) -> None:
        """No faults from here on, and everything comes back."""
        town = self._town
        self._is_healed = True
        town.channel.fault_rate = town.stripe.fault_rate = town.mail.fault_rate = town.stripe.kill_rate = 0.0
        town.channel.cut_off.clear()
        town.channel.is_broker_up = self.is_worker_up = self.is_gateway_up = True
        town.stripe.is_down = False
        town.agenda.after(3600, "banks", lambda: town.stripe.finish_refunds(all_well=True))
        town.work.gateway_is_back()

    def is_crash_due(self) -> bool:
        """Whether the process that begins now will die."""
        return not self._is_healed and self._town.random.random() < self._climate.crashes

    def lets_others_in(self) -> bool:
        """Whether something else happens while a call to Stripe is under way."""
        return self._town.random.random() < self._climate.interleaving

    def _sow(self, a_day: float, name: str, strike: object) -> None:
        random, days = self._town.random, self._climate.days
        count = int(a_day * days) + (random.random() < a_day * days % 1)
        for _ in range(count):
            self._town.agenda.after(random.uniform(1200, days * 86400), name, strike)  # type: ignore[arg-type]

    def _until(self, hours: float, name: str, over: object) -> None:
        def end() -> None:
            if not self._is_healed:
                over()  # type: ignore[operator]

        self._town.agenda.after(hours * 3600, f"{name} over", end)

    def _cut_off(self, name: str) -> None:
        town = self._town
        if self._is_healed:
            return
        door = town.doors[name]
        hours = town.random.choice(
            (town.random.uniform(0.1, 3), town.random.uniform(1, self._climate.longest_outage_h))
        )
        town.coverage["lock_cut_off_over_26h" if hours > 26 else "lock_cut_off"] += 1
        town.channel.cut(door)
        self._until(hours, name, lambda: town.channel.cut_off.discard(door.lock))

    def _cut_power(self, name: str) -> None:
        town, door = self._town, self._town.doors[name]
        if self._is_healed:
            return
        if town.random.random() < 0.5:
            town.coverage["power_cut_at_a_flash_write"] += 1
            door.cut_at_write = town.random.randrange(4)
        else:
            town.coverage["power_cut"] += 1
            door.cut_power(is_clock_kept=town.random.random() < 0.7)

    def _stripe_away(self) -> None:
        if not self._is_healed:
            self._town.coverage["stripe_away"] += 1
            self._town.stripe.is_down = True
            self._until(self._town.random.uniform(0.1, 6), "stripe", self._stripe_back)

    def _stripe_back(self) -> None:
        self.money_healthy_since()
        self._town.stripe.is_down = False

    def _worker_away(self) -> None:
        if not self._is_healed:
            self._town.coverage["worker_away"] += 1
            self.is_worker_up = False
            self._until(self._town.random.uniform(0.1, 8), "worker", self._worker_back)

    def _worker_back(self) -> None:
        self.money_healthy_since()
        self.is_worker_up = True

    def _gateway_away(self) -> None:
        if not self._is_healed:
            self._town.coverage["gateway_away"] += 1
            self.is_gateway_up = False
            self._until(self._town.random.uniform(0.1, 8), "gateway", self._gateway_back)

    def _gateway_back(self) -> None:
        self.is_gateway_up = True
        self._town.work.gateway_is_back()

    def _broker_away(self) -> None:
        town = self._town
        if self._is_healed:
            return
        town.coverage["broker_away"] += 1
        town.channel.is_broker_up = False
        if town.random.random() < 0.5:
            town.channel.wipe()
        self._until(town.random.uniform(0.05, 4), "broker", self._broker_back)

    def _broker_back(self) -> None:
        self._town.channel.is_broker_up = True
        self._town.work.gateway_is_back()
