"""Who pays, and what relief was granted."""

from booking.fees.payer import Payer, Relief, Scope, best_of


def test_factors_concern_those_they_name() -> None:
    assert Payer("general").factor_kinds == ()
    assert Payer("general", is_out_of_town=True).factor_kinds == ("out_of_town",)
    assert Payer("general", is_commercial=True).factor_kinds == ("commercial",)
    assert Payer("general", True, True).factor_kinds == ("out_of_town", "commercial")


def test_a_decision_becomes_percent_by_item() -> None:
    assert Relief.of_decision(Scope.FULL, None) == Relief(100, 100)
    assert Relief.of_decision(Scope.BASE_ONLY, None) == Relief(100, 0)
    assert Relief.of_decision(Scope.PERCENT, 30) == Relief(30, 30)
    assert Relief.of_decision(Scope.PERCENT, None) == Relief(0, 0)
    relief = Relief(70, 20)
    assert [relief.percent_of(item) for item in ("base", "lighting", "heating")] == [70, 20, 20]


def test_of_several_grants_the_better_counts_item_by_item() -> None:
    assert best_of([]) is None
    assert best_of([Relief(30, 40)]) == Relief(30, 40)
    assert best_of([Relief(100, 0), Relief(50, 50)]) == Relief(100, 50)
    assert best_of([Relief(1, 2), Relief(3, 1), Relief(2, 5)]) == Relief(3, 5)
