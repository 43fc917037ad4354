"""`kaiho after-restore`: once for each restore, said in a sentence."""

from tests.integration.app.command_line import CommandLine


def test_a_restore_counts_once_under_its_name(small_line: CommandLine) -> None:
    small_line.plant()
    small_line.add_lock("--facility", "福生東小学校")
    first = small_line.ok("after-restore", "2026-11-21-morning")
    assert first.strip().endswith("code groups raised, every lock has a new version")
    assert small_line.ok("after-restore", "2026-11-21-morning").strip() == "done before, nothing changed"
    assert small_line.ok("after-restore", "2026-11-21-evening", "--times", "2") == first


def test_a_restore_without_a_name_is_refused(small_line: CommandLine) -> None:
    assert "bad_input" in small_line.refused("after-restore", "x" * 65)
