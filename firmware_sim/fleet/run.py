"""The locks of a file, started one after the other, and what they do as numbers twice a second."""

import asyncio
import json
import logging
from pathlib import Path

from firmware_sim.edge import mono_s
from firmware_sim.fleet.meter import cpu_s, resident_kib
from firmware_sim.fleet.pace import Pace
from firmware_sim.fleet.sleeper import Sleeper, Surroundings
from firmware_sim.fleet.visitors import Street
from firmware_sim.fleet.weather import PLANS, Weather
from firmware_sim.provision import Provision

log = logging.getLogger("firmware_sim")

PICTURE_S = 0.5


class Fleet:
    """Sleepers on one event loop."""

    def __init__(
        self,
        provisions: list[Provision],
        pace: Pace,
        *,
        faults: str,
        seed: str,
        spread_s: float,
        visits: float,
        picture: Path,
    ) -> None:
        """`spread_s`: town seconds over which the locks are first powered; `visits`: share of the grants
        that are used.
        """
        self._empty_kib = resident_kib()
        self.around = Surroundings(pace, Weather(PLANS[faults], seed), seed)
        self.sleepers = [Sleeper(provision, self.around) for provision in provisions]
        self._street = Street(self.sleepers, self.around, share=visits)
        self._spread_s = spread_s
        self._picture = picture
        self._began = mono_s()

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`."""
        installing = asyncio.create_task(self._power_up_all())
        while not stop.is_set():
            self.draw()
            self._street.look()
            try:
                async with asyncio.timeout(PICTURE_S):
                    await stop.wait()
            except TimeoutError:
                continue
        installing.cancel()
        for sleeper in self.sleepers:
            sleeper.stop()
        self.draw()

    async def _power_up_all(self) -> None:
        count = len(self.sleepers)
        for place, sleeper in enumerate(self.sleepers):
            due_s = self._spread_s * place / count
            wait_s = (due_s - self.around.pace.town_s()) / self.around.pace.speed
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            elif place % 50 == 0:
                await asyncio.sleep(0)
            sleeper.power_up()

    def ask_all(self) -> None:
        """Everybody speaks at once, as after a common outage."""
        self.around.tally.asked(mono_s())
        for sleeper in self.sleepers:
            sleeper.ask()

    async def ask_in_turn(self, count: int = 200) -> None:
        """One after the other, each once the one before sleeps again."""
        self.around.tally.asked(mono_s())
        for sleeper in self.sleepers[:count]:
            sleeper.ask()
            while sleeper.state.contact is not None:
                await asyncio.sleep(0.001)

    def picture(self) -> dict[str, object]:
        """The process in numbers."""
        resident = resident_kib()
        versions = [sleeper.state.desired.version for sleeper in self.sleepers]
        return {
            "locks": len(self.sleepers),
            "town_s": round(self.around.pace.town_s(), 1),
            "host_s": round(mono_s() - self._began, 2),
            "cpu_s": round(cpu_s(), 2),
            "resident_kib": resident,
            "octets_a_lock": (resident - self._empty_kib) * 1024 // max(1, len(self.sleepers)),
            "told": sum(version > 0 for version in versions),
            **self.around.tally.as_json(),
        }

    def draw(self) -> None:
        """Write the picture; whoever reads the file finds the last one or this one, whole."""
        draft = self._picture.with_suffix(".draft")
        draft.write_text(json.dumps(self.picture()))
        draft.replace(self._picture)
