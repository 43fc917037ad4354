"""Keys of staff: who has which code, who keeps which door open."""
