"""The sample issuer of papers: every word of it says that it is one."""

from sqlalchemy.orm import Session

from booking.papers.issuers import issuers
from booking.papers.models import Issuer
from booking.papers.registration import SAMPLE
from booking.seed.town import SAMPLE_CONTACT, VALID_FROM

CONDITIONS = (
    "許可された場所、日時、目的のほかに使用しないでください。",
    "使用する権利を、ほかの人や団体に譲ったり貸したりしないでください。",
    "準備と片付けは、許可された時間の中で済ませてください。",
    "火気を使わないでください。敷地内は禁煙です。",
    "退出するときは、清掃、消灯、施錠を確かめてください。",
    "施設や備品を壊したときは、すぐに窓口に連絡してください。",
    "災害や学校行事のため、許可を取り消すことがあります。このときの使用料は全額をお返しします。",
)


def plant_issuer(session: Session, municipality_id: int) -> None:
    """Add the sample issuer where nobody stands on papers yet."""
    if issuers(session, municipality_id=municipality_id):
        return
    session.add(
        Issuer(
            municipality_id=municipality_id,
            valid_from=VALID_FROM,
            name="見本市（見本の発行者）",
            department=SAMPLE_CONTACT.partition("（")[0],
            address="見本県見本市見本町1番地",
            telephone="0859-00-0000",
            registration_number=SAMPLE,
            permit_conditions="\n".join(CONDITIONS),
        )
    )
    session.flush()
