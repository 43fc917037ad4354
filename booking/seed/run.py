"""`kaiho seed`: the sample town of Yonago. Running it again changes nothing."""

from datetime import datetime

from sqlalchemy.orm import Session

from booking.seed.issuer import plant_issuer
from booking.seed.people import plant_people
from booking.seed.policies import plant_policies
from booking.seed.town import plant_town
from core.secrets import Keyring


def seed(
    session: Session,
    keyring: Keyring,  # noqa: ARG001 - access points take the one given to the database
    *,
    sample_password: str,
    now: datetime,
) -> int:
    """Plant what is missing of the sample data; the municipality's id.

    Access points are made, locks are not: `kaiho lock add` shows a lock's secrets once, to its installer.
    """
    municipality_id = plant_town(session, now=now)
    plant_policies(session, municipality_id)
    plant_people(session, municipality_id, sample_password=sample_password, now=now)
    plant_issuer(session, municipality_id)
    return municipality_id
