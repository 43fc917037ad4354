"""Ways in which a lock goes wrong, at its edges and never in its core: flash, clock, battery, iron, radio.

Every fault draws from the seed of the plan and the lock's id, so the same trouble can be made again.
"""
