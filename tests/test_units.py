"""The units agree with one another; each is a whole number, so that nothing is lost in a product."""

from __future__ import annotations

from submitter import units


def test_units_agree() -> None:
    assert units.NS_PER_MS * units.MS_PER_S == units.NS_PER_S
    assert units.US_PER_MS * units.MS_PER_S == units.US_PER_S
    assert units.S_PER_MIN**2 == units.S_PER_H
    assert units.BYTES_PER_KIB**2 == units.BYTES_PER_MIB
    assert units.BYTES_PER_KIB**3 == units.BYTES_PER_GIB
    assert 1000 * units.BYTES_PER_MB == units.BYTES_PER_GB


def test_units_are_whole_numbers() -> None:
    constants = [value for name, value in vars(units).items() if name.isupper()]
    assert set(map(type, constants)) == {int}
