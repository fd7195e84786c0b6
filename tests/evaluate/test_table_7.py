"""Table 7 of publication E from its counts: what agrees, and the two figures that cannot."""

from __future__ import annotations

from breastcad.evaluate.table_7 import MAMMOGRAPHY, ULTRASOUND, derived, explanation, tables_that_fit


def test_one_table_alone_gives_the_shares_of_each_modality() -> None:
    assert tables_that_fit(ULTRASOUND) == [ULTRASOUND.counts] == [(27, 5, 18, 28)]
    assert tables_that_fit(MAMMOGRAPHY) == [MAMMOGRAPHY.counts] == [(28, 31, 118, 33)]


def test_every_printed_figure_is_derived_or_said_not_to_be() -> None:
    assert all(one.agrees for one in derived(ULTRASOUND))
    found = {one.name: one for one in derived(MAMMOGRAPHY)}
    assert [name for name, one in found.items() if not one.agrees] == ["agreement", "kappa"]
    assert (round(found["agreement"].derived, 1), round(found["kappa"].derived, 3)) == (71.0, 0.299)


def test_the_explanation_names_truth_turned_codes_and_what_does_not_fit() -> None:
    text = explanation()
    for said in (
        "54 of 78 ROIs are benign (69.2 %); here 45 of 78 (57.7 %) count as such",
        "165 of 212 ROIs are benign (77.8 %); here 146 of 210 (69.5 %) count as such",
        "As the counts stand, kappa is -0.212",
        "kappa would be 0.294 as printed, but agreement 70.8 %",
        "Kappa 0.426 is moderate",
    ):
        assert said in text
    assert text.count("cannot be had from these counts") == 2
