"""`kaiho demo`: a town that stays until Ctrl-C, and says where to look."""

import fcntl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from booking.demo.town import Town
from core.errors import Refused

_WELCOME = """
  Kaihō が動いています（見本データ・この機械の中だけ）

    予約のページ      {web}/
    電子錠のキーパッド {doors}/
    届いたメール      {web}/demo/mails

    利用者   mihon-shimin@example.jp   （見本団体01 の代表者）
    利用者   mihon-hitori@example.jp   （団体に入っていない人）
    管理者   mihon-kanri@example.jp
             mihon-kanri2@example.jp  （二人目の承認に）
    パスワード（どれも同じ）  {password}
    カード   4242 4242 4242 4242 は成功、4000 0000 0000 0002 は拒否、4000 0027 6000 3184 は本人認証

  終わるときは Ctrl-C。記録は {folder} にあります。
"""


class AlreadyRunning(Refused):
    """A town lives in this folder already; two of them would take each other's locks and mails."""

    code = "already_running"
    sentence = "このフォルダーの町はもう動いています。止めるか、--folder で別の場所を選んでください。"


def run_town(folder: Path, *, port: int, listen: str, stop: threading.Event) -> None:
    """Start the town in `folder` and keep it until `stop`.

    Raises:
        AlreadyRunning: somebody else keeps a town there.
    """
    with _only_one(folder):
        town = Town(folder, web_port=port, listen=listen)
        if port and town.at.web != port:
            click.echo(f"ポート {port} は使われています。代わりに {town.at.web} を使います。")
        click.echo("町を起こしています…")
        try:
            town.start()
            click.echo(
                _WELCOME.format(
                    web=town.pages_url,
                    doors=town.at.doors_url,
                    password=town.sample_password,
                    folder=town.folder,
                )
            )
            stop.wait()
        finally:
            click.echo("町を休ませています…")
            town.stop()


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "running").open("w") as held:
        try:
            # Let go by the kernel when this process ends, however it ends.
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning(str(folder)) from None
        yield
